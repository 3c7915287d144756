//! A real headless Chromium.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// What a page is looked at on.
pub struct Screen {
    pub width: usize,
    pub height: usize,
    pub dark: bool,
}

impl Screen {
    /// Where its picture is.
    pub fn file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{}.png", self.width, self.dark))
    }
}

fn chromium(folder: &Path) -> Command {
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            "--force-color-profile=srgb",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The rows of pixels of a page; `None` where no Chromium is installed.
pub fn picture(folder: &Path, url: &str, screen: &Screen) -> Option<Vec<Vec<Colour>>> {
    let file = screen.file(folder);
    let (width, height) = (screen.width, screen.height);
    // What the person at the screen prefers: 0 is dark, 1 is light.
    let preferred = u8::from(!screen.dark);
    let done = chromium(folder)
        .arg(format!("--blink-settings=preferredColorScheme={preferred}"))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", file.display()))
        .arg(url)
        .status();
    match done {
        Err(_) => return None,
        Ok(status) => assert!(status.success(), "chromium: {status}"),
    }
    Some(read_picture(&file))
}

/// How many sheets of paper a page takes.
pub fn pages_on_paper(folder: &Path, page: &Path) -> usize {
    let file = folder.join("page.pdf");
    let done = chromium(folder)
        .arg(format!("--print-to-pdf={}", file.display()))
        .arg(format!("file://{}", page.display()))
        .status();
    assert!(done.unwrap().success());
    let bytes = std::fs::read(file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.split("/Type /Page")
        .skip(1)
        .filter(|rest| !rest.starts_with('s'))
        .count()
}

/// Keeps a picture in a PNG file, in sixteen steps of each colour, which is a quarter of the bytes.
pub fn write_picture(file: &Path, rows: &[Vec<Colour>]) {
    let size = |length: usize| u32::try_from(length).unwrap();
    let out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    let mut encoder = png::Encoder::new(out, size(rows[0].len()), size(rows.len()));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Best);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let pixels = rows.iter().flatten().flatten();
    let bytes: Vec<u8> = pixels.map(|part| (part >> 4) * 17).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&bytes).unwrap();
}

/// The rows of pixels of a PNG file.
pub fn read_picture(file: &Path) -> Vec<Vec<Colour>> {
    let file = std::io::BufReader::new(std::fs::File::open(file).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let bytes = match info.color_type {
        png::ColorType::Rgb => 3,
        png::ColorType::Rgba => 4,
        other => panic!("{other:?}"),
    };
    let rows = pixels.chunks(info.width as usize * bytes);
    let row = |row: &[u8]| {
        row.chunks(bytes)
            .map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect()
    };
    rows.map(row).collect()
}
