//! The histograms of `tmkms harness bench` as an SVG file: one panel for each type of message over a common logarithmic
//! axis, with the bound as a line. Nothing in it comes from the signer.

use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::bench::{Measured, Series};
use crate::text::count::count;

/// Bars for each doubling of the time.
const BARS: i32 = 8;
/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 20.0;
const PANEL: f64 = 96.0;
const BAR: f64 = 62.0;
const TOP: f64 = 40.0;

/// From which to which time the axis goes, in doublings of a nanosecond.
struct Axis {
    first: i32,
    last: i32,
}

impl Axis {
    fn of(measured: &Measured, bound: Duration) -> Self {
        let all = measured
            .series
            .iter()
            .filter(|series| !series.times.is_empty());
        let low = all
            .clone()
            .map(|series| series.times.min())
            .min()
            .unwrap_or(1);
        let high = all.map(|series| series.times.max()).max().unwrap_or(1);
        Self {
            first: doublings(low.max(1) as f64).floor() as i32,
            last: doublings(high.max(1) as f64)
                .max(doublings(bound.as_nanos() as f64))
                .ceil() as i32,
        }
    }

    fn x(&self, doublings: f64) -> f64 {
        let span = f64::from((self.last - self.first).max(1));
        LEFT + (doublings - f64::from(self.first)) / span * (WIDTH - 2.0 * LEFT)
    }

    /// 1, 2 and 5 of each power of ten that is on the axis.
    fn ticks(&self) -> Vec<f64> {
        let decades = (0..12).map(|power| 10_f64.powi(power));
        let all = decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
        let on = f64::from(self.first)..=f64::from(self.last);
        all.filter(|nanos| on.contains(&doublings(*nanos)))
            .collect()
    }
}

fn doublings(nanos: f64) -> f64 {
    nanos.max(1.0).log2()
}

/// The whole file.
pub(super) fn svg(measured: &Measured, bound: Duration) -> String {
    let axis = Axis::of(measured, bound);
    let height = TOP + PANEL * measured.series.len() as f64 + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">Answers of the signer, {}; the line is the bound of {} ms</text>\n",
        count(measured.requests(), "request"),
        bound.as_secs_f64() * 1000.0
    );
    let mut y = TOP;
    for series in &measured.series {
        panel(&mut text, series, &axis, y);
        y += PANEL;
    }
    let x = axis.x(doublings(bound.as_nanos() as f64));
    let _ = writeln!(
        text,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{y:.1}\" stroke=\"#c0392b\" stroke-dasharray=\"4 3\"/>"
    );
    for nanos in axis.ticks() {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            axis.x(doublings(nanos)),
            y + 16.0,
            label(nanos)
        );
    }
    text.push_str("</svg>\n");
    text
}

fn panel(text: &mut String, series: &Series, axis: &Axis, top: f64) {
    let bars: Vec<(f64, u64)> = (axis.first * BARS..axis.last * BARS)
        .map(|step| {
            let from = f64::from(step) / f64::from(BARS);
            let to = from + 1.0 / f64::from(BARS);
            let (low, high) = (from.exp2().ceil() as u64, to.exp2().ceil() as u64);
            let count = match high > low {
                true => series.times.count_between(low, high - 1),
                false => 0,
            };
            (from, count)
        })
        .collect();
    let most = bars
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(0)
        .max(1);
    let base = top + PANEL - 10.0;
    let width = axis.x(f64::from(axis.first) + 1.0 / f64::from(BARS)) - LEFT;
    for (from, count) in bars.into_iter().filter(|(_, count)| *count > 0) {
        let height = BAR * count as f64 / most as f64;
        let _ = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"#2e6f9e\"/>",
            axis.x(from),
            base - height,
            (width - 0.5).max(0.5)
        );
    }
    let at = |share| label(series.quantile(share).as_nanos() as f64);
    let _ = writeln!(
        text,
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{base}\" y2=\"{base}\" stroke=\"#888\"/>\n\
         <text x=\"{LEFT}\" y=\"{:.1}\">{}: p50 {}, p90 {}, p99 {}, p99.9 {}, max {}</text>",
        WIDTH - LEFT,
        top + 12.0,
        series.kind.as_str(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// A time with its unit.
fn label(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.0} ns"),
        nanos if nanos < 1e4 => format!("{} µs", (nanos / 1e2).round() / 10.0),
        nanos if nanos < 1e6 => format!("{:.0} µs", nanos / 1e3),
        nanos if nanos < 1e7 => format!("{} ms", (nanos / 1e5).round() / 10.0),
        nanos if nanos < 1e9 => format!("{:.0} ms", nanos / 1e6),
        nanos => format!("{:.1} s", nanos / 1e9),
    }
}
