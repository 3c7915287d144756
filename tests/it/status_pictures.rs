//! The status page as it looked when somebody last looked at it: pictures of one status, wide and on a telephone, light, dark
//! and printed, with a tolerance. `SCREENSHOTS_UPDATE=1 cargo test --test it -- --ignored status_pictures::` takes them again.
//!
//! Each needs Chromium and the font DejaVu Sans, so `.ci/run` has them and `cargo test` does not.

use std::path::{Path, PathBuf};

use tmkms::observe::serve::page::{PageView, render};
use tmkms::observe::status::ServiceStatus;

use crate::support::browser::{Colour, Screen, picture, read_picture, write_picture};

const FOLDER: &str = "tests/status_page";
/// Letters are drawn a little differently by each version, so squares of so many pixels are compared, by their mean colour.
const SQUARE: usize = 16;
/// How far a mean may be off, of 255.
const OFF: usize = 24;
/// How many of a thousand squares may be further off.
const SQUARES_OFF: usize = 5;

fn page() -> String {
    let text = std::fs::read_to_string(format!("{FOLDER}/status.json")).unwrap();
    let status: ServiceStatus = serde_json::from_str(&text).unwrap();
    let html = render(&status.judged(), PageView::default());
    // The font of a system is whatever it is.
    html.replace("system-ui", "'DejaVu Sans'")
}

/// The page on a screen, taken from a file.
fn shoot(folder: &Path, html: &str, screen: &Screen) -> Vec<Vec<Colour>> {
    let file = folder.join("page.html");
    std::fs::write(&file, html).unwrap();
    let url = format!("file://{}", file.display());
    picture(folder, &url, screen).expect("chromium is installed")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{name}.png"))
}

/// The mean colours of all squares.
fn means(rows: &[Vec<Colour>]) -> Vec<[usize; 3]> {
    let mut means = Vec::new();
    for band in rows.chunks(SQUARE) {
        for left in (0..band[0].len()).step_by(SQUARE) {
            let mut sum = [0_usize; 3];
            let mut count = 0;
            for row in band {
                for pixel in row.iter().skip(left).take(SQUARE) {
                    (0..3).for_each(|part| sum[part] += usize::from(pixel[part]));
                    count += 1;
                }
            }
            means.push(sum.map(|part| part / count));
        }
    }
    means
}

/// How many of a thousand squares differ.
fn differing(one: &[Vec<Colour>], two: &[Vec<Colour>]) -> usize {
    assert_eq!((one.len(), one[0].len()), (two.len(), two[0].len()));
    let (one, two) = (means(one), means(two));
    let off =
        |(a, b): &(&[usize; 3], &[usize; 3])| (0..3).any(|part| a[part].abs_diff(b[part]) > OFF);
    one.iter().zip(&two).filter(off).count() * 1_000 / one.len()
}

fn compare(name: &str, html: &str, screen: &Screen) -> Vec<Vec<Colour>> {
    let folder = tempfile::tempdir().unwrap();
    let seen = shoot(folder.path(), html, screen);
    let wanted = fixture(name);
    if std::env::var_os("SCREENSHOTS_UPDATE").is_some() {
        write_picture(&wanted, &seen);
        return seen;
    }
    let differing = differing(&seen, &read_picture(&wanted));
    assert!(
        differing <= SQUARES_OFF,
        "{name}: {differing} of 1000 squares"
    );
    seen
}

/// Nothing is cut off at the right: the margin is empty.
fn has_an_empty_margin(name: &str, seen: &[Vec<Colour>]) {
    let edge = seen[0][seen[0].len() - 1];
    for (line, row) in seen.iter().enumerate() {
        assert!(
            row[row.len() - 8..].iter().all(|pixel| *pixel == edge),
            "{name}, row {line}"
        );
    }
}

#[test]
#[ignore = "needs Chromium"]
fn wide_and_on_a_telephone_light_and_dark() {
    let html = page();
    for (name, width, height, dark) in [
        ("wide-light", 1_200, 2_300, false),
        ("wide-dark", 1_200, 2_300, true),
        ("phone-light", 390, 3_000, false),
        ("phone-dark", 390, 3_000, true),
    ] {
        let screen = Screen {
            width,
            height,
            dark,
        };
        let seen = compare(name, &html, &screen);
        has_an_empty_margin(name, &seen);
    }
}

/// What a printer gets: the style for paper, and pages of which none cuts a chain.
#[test]
#[ignore = "needs Chromium"]
fn on_paper() {
    let html = page();
    let paper = html.replace("@media print", "@media all");
    assert_ne!(paper, html);
    let screen = Screen {
        width: 800,
        height: 1_800,
        dark: false,
    };
    compare("print", &paper, &screen);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let pages = crate::support::browser::pages_on_paper(folder.path(), &file);
    assert!((1..=4).contains(&pages), "{pages} pages");
}

/// What the tolerance does not let pass: a colour, a chain less, a shape.
#[test]
#[ignore = "needs Chromium"]
fn what_looks_otherwise_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen {
        width: 390,
        height: 3_000,
        dark: false,
    };
    let wanted = read_picture(&fixture("phone-light"));
    let html = page();
    for (what, from, to) in [
        ("green for red", "#c8281c", "#1f9d6b"),
        (
            "columns as on a screen",
            "repeat(25, 1fr)",
            "repeat(50, 1fr)",
        ),
        (
            "no frames",
            "border-left-width: 6px",
            "border-left-width: 0; margin-left: 30px",
        ),
        ("the light style on a dark screen", "#fff;", "#1c2024;"),
    ] {
        let other = html.replace(from, to);
        assert_ne!(other, html, "{what}");
        let seen = shoot(folder.path(), &other, &screen);
        let differing = differing(&seen, &wanted);
        eprintln!("{what}: {differing} of 1000 squares");
        assert!(
            differing > SQUARES_OFF,
            "{what}: {differing} of 1000 squares"
        );
    }
}
