//! The status page in a real headless Chromium, as wide as a telephone and as a screen. Skipped where none is installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::home::{Home, PATIENCE, sign};
use tmkms::harness::Listener;

type Colour = [u8; 3];

const SIGNED: Colour = [0x2f, 0xa3, 0x5c];
const MISSED: Colour = [0xd4, 0x35, 0x2a];
const CONFLICT: Colour = [0x7d, 0x2f, 0xd0];
const BACKGROUND: Colour = [0xf6, 0xf7, 0xf9];
const CARD: Colour = [0xff, 0xff, 0xff];

/// The rows of pixels of a page at a width and height.
fn shoot(folder: &Path, url: &str, width: usize, height: usize) -> Option<Vec<Vec<Colour>>> {
    let picture = folder.join(format!("{width}.png"));
    let done = Command::new("chromium")
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
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match done {
        Err(_) => return None,
        Ok(status) => assert!(status.success(), "chromium: {status}"),
    }
    if let Some(keep) = std::env::var_os("KEEP_SCREENSHOTS") {
        let name = format!("status-page-{width}.png");
        std::fs::copy(&picture, Path::new(&keep).join(name)).unwrap();
    }
    let file = std::io::BufReader::new(std::fs::File::open(&picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let bytes = match info.color_type {
        png::ColorType::Rgb => 3,
        png::ColorType::Rgba => 4,
        other => panic!("{other:?}"),
    };
    let rows = pixels.chunks(info.width as usize * bytes);
    Some(
        rows.map(|row| {
            row.chunks(bytes)
                .map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect()
        })
        .collect(),
    )
}

/// How many pieces of a colour there are in the row with most of them: cells of the strip.
fn cells(rows: &[Vec<Colour>], colour: Colour) -> usize {
    let pieces = |row: &Vec<Colour>| {
        let starts = row.windows(2);
        starts
            .filter(|two| two[0] != colour && two[1] == colour)
            .count()
    };
    rows.iter().map(pieces).max().unwrap()
}

#[test]
fn the_page_is_readable_on_a_telephone_and_on_a_screen() {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    home.configure(&format!(
        "[metrics]\nlisten = \"127.0.0.1:0\"\n{}",
        home.config()
    ));
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    // 100 heights: 3 of them missed, one with a conflict.
    for height in 1..=100 {
        if ![40, 41, 70].contains(&height) {
            assert!(sign(&mut node, &home.key, height, 1));
        }
    }
    assert!(!sign(&mut node, &home.key, 100, 2));
    let words = "a status page at ";
    service.wait_for_log(words);
    let log = service.log();
    let url = log.split(words).nth(1).unwrap().lines().next().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    for (width, height, across) in [(390, 1_000, 25), (1_200, 900, 48)] {
        let Some(rows) = shoot(folder.path(), url, width, height) else {
            assert!(
                std::env::var_os("TMKMS_NEEDS_CHROMIUM").is_none(),
                "chromium is not installed"
            );
            eprintln!("chromium is not installed, nothing was looked at");
            return;
        };
        let mut colours: BTreeMap<Colour, usize> = BTreeMap::new();
        for pixel in rows.iter().flatten() {
            *colours.entry(*pixel).or_default() += 1;
        }
        for wanted in [SIGNED, MISSED, CONFLICT, BACKGROUND, CARD] {
            assert!(colours.contains_key(&wanted), "{wanted:?} at {width}");
        }
        assert_eq!(cells(&rows, SIGNED), across, "cells across at {width}");
        // Nothing is cut off at the right: the margin is empty.
        for (line, row) in rows.iter().enumerate() {
            assert!(
                row[row.len() - 8..]
                    .iter()
                    .all(|pixel| *pixel == BACKGROUND),
                "row {line} at {width} reaches the edge"
            );
        }
    }
    eprintln!("{:?} for two pictures", began.elapsed());
}
