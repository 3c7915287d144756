//! The status page in a real headless Chromium, as wide as a telephone and as a screen. Skipped where none is installed.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::support::browser::{Colour, Screen, picture};
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::maker;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::Listener;

const SIGNED: Colour = [0x1f, 0x9d, 0x6b];
const NIL: Colour = [0x4a, 0xa8, 0xe8];
const MISSED: Colour = [0xc8, 0x28, 0x1c];
const CONFLICT: Colour = [0x7d, 0x2f, 0xd0];
const BACKGROUND: Colour = [0xf6, 0xf7, 0xf9];
const CARD: Colour = [0xff, 0xff, 0xff];

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
    // 100 heights: 3 of them missed, one with a nil vote, one with a conflict.
    for height in 1..=100 {
        if height == 80 {
            let nil = node.ask(&Ask::Sign(maker().prevote(height, 0, None, height)));
            assert!(matches!(nil.unwrap(), Answer::Signed { .. }));
        } else if ![40, 41, 70].contains(&height) {
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
    for (width, height, across) in [(390, 1_200, 25), (1_200, 900, 48)] {
        let screen = Screen {
            width,
            height,
            dark: false,
        };
        let Some(rows) = picture(folder.path(), url, &screen) else {
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
        for wanted in [SIGNED, NIL, MISSED, CONFLICT, BACKGROUND, CARD] {
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
