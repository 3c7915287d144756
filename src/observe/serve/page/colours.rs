//! The colours of the page as people see them who do not see all colours: pure arithmetic over `page.css`.

use std::collections::BTreeMap;

use super::style::STYLE;
use crate::observe::stats::heights::HeightOutcome;

type Colour = [f64; 3];

/// How colours are seen: Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
const SIGHTS: [(&str, [Colour; 3]); 4] = [
    ("all", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "no red",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "no green",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "no blue",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

/// Distances in CIELAB; 2.3 is what a trained eye notices side by side.
const APART: f64 = 10.0;
/// WCAG 2, level AA, for text.
const READABLE: f64 = 4.5;

/// Background and text of the classes that have both, on a light and on a dark screen.
fn rules(dark: bool) -> BTreeMap<&'static str, (Colour, Colour)> {
    let (light, rest) = STYLE.split_once("@media (max-width").unwrap();
    let text = match dark {
        false => light,
        true => rest.split("@media").nth(1).unwrap(),
    };
    let mut rules = BTreeMap::new();
    for line in text.lines() {
        let Some((name, body)) = line
            .trim()
            .strip_prefix('.')
            .and_then(|l| l.split_once(" {"))
        else {
            continue;
        };
        let value = |property: &str| {
            let part = body.split([';', '}']).map(str::trim);
            let mut found = part.filter_map(|part| part.strip_prefix(property));
            found.next_back().and_then(linear)
        };
        if let (Some(back), Some(front)) = (value("background: "), value("color: ")) {
            rules.insert(name, (back, front));
        }
    }
    rules
}

/// `#rrggbb` in linear RGB.
fn linear(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let part = |at: usize| {
        let value = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        let value = f64::from(value) / 255.0;
        Some(match value <= 0.040_45 {
            true => value / 12.92,
            false => ((value + 0.055) / 1.055).powf(2.4),
        })
    };
    Some([part(0)?, part(2)?, part(4)?])
}

fn seen(matrix: &[Colour; 3], colour: Colour) -> Colour {
    let row = |row: &Colour| row.iter().zip(colour).map(|(m, c)| m * c).sum::<f64>();
    [row(&matrix[0]), row(&matrix[1]), row(&matrix[2])].map(|part| part.clamp(0.0, 1.0))
}

fn luminance(colour: Colour) -> f64 {
    0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
}

fn contrast(one: Colour, two: Colour) -> f64 {
    let (one, two) = (luminance(one) + 0.05, luminance(two) + 0.05);
    one.max(two) / one.min(two)
}

fn lab(colour: Colour) -> Colour {
    let [r, g, b] = colour;
    let x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.950_47;
    let y = luminance(colour);
    let z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.088_83;
    let f = |t: f64| match t > 0.008_856 {
        true => t.cbrt(),
        false => 7.787 * t + 16.0 / 116.0,
    };
    [
        116.0 * f(y) - 16.0,
        500.0 * (f(x) - f(y)),
        200.0 * (f(y) - f(z)),
    ]
}

fn distance(one: Colour, two: Colour) -> f64 {
    let parts = lab(one).into_iter().zip(lab(two));
    parts.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn outcomes_differ_in_colour_for_everybody() {
    for dark in [false, true] {
        let rules = rules(dark);
        for (sight, matrix) in &SIGHTS {
            for one in HeightOutcome::ALL {
                for two in HeightOutcome::ALL.into_iter().filter(|two| *two != one) {
                    let back = |outcome: HeightOutcome| seen(matrix, rules[outcome.word()].0);
                    let apart = distance(back(one), back(two));
                    assert!(
                        apart >= APART,
                        "{one:?} and {two:?}, {sight}, dark {dark}: {apart}"
                    );
                }
            }
        }
    }
}

#[test]
fn whatever_has_a_colour_has_a_shape_of_its_own_that_can_be_read() {
    let outcomes = HeightOutcome::ALL.map(HeightOutcome::word);
    for group in [&outcomes[..], &["good", "warn", "bad", "double"]] {
        let mut shapes = BTreeMap::new();
        for name in group {
            let rule = format!(".{name}::before {{ content: \"");
            let shape = STYLE.split(&rule).nth(1).unwrap();
            let shape = shape.split('"').next().unwrap();
            assert_eq!(shapes.insert(shape, name), None, "{name}");
            for dark in [false, true] {
                let (back, front) = rules(dark)[name];
                for (sight, matrix) in &SIGHTS {
                    let contrast = contrast(seen(matrix, back), seen(matrix, front));
                    assert!(
                        contrast >= READABLE,
                        "{name}, {sight}, dark {dark}: {contrast}"
                    );
                }
            }
        }
    }
}
