//! One chain on the page.

use maud::{Markup, html};

use crate::observe::stats::heights::HeightOutcome;
use crate::observe::status::{
    ChainStatus, DeviceStatus, History, LastError, LinkPhase, LinkStatus, humanize,
};

use super::view::PageView;
use super::words::{AGAIN, Tone, condition_name, outcome_name, tone_of};

pub(super) fn section(chain: &ChainStatus, view: PageView) -> Markup {
    html! {
        section id=(chain.id) class=(tone_of(chain).frame()) {
            h2 { (chain.id) }
            p class=(tone_of(chain).class()) { (condition_name(chain)) }
            @if let Some(why) = &chain.not_ready { p.why { (why) } }
            @if let Some(paused) = &chain.paused { p.told { (paused.line()) } }
            @for conflict in &chain.conflicts {
                p.told { span.double { "double sign refused" } " " (conflict.line()) }
            }
            (heights(&chain.history))
            dl {
                @for (name, value) in facts(chain) { dt { (name) } dd { (value) } }
                @for device in &chain.devices { dt { "device" } dd { (device_line(device)) } }
            }
            (latency(&chain.history, view))
            ul { @for link in &chain.links { (item(link)) } }
        }
    }
}

fn device_line(device: &DeviceStatus) -> Markup {
    let tone = if device.up { Tone::Good } else { Tone::Warn };
    html! { span class=(tone.class()) {} " " (device.title()) " " (device.line()) }
}

/// Each with its name, in the order of the page.
fn facts(chain: &ChainStatus) -> Vec<(&'static str, String)> {
    let history = &chain.history;
    let last = history.last_signed_seconds_ago.map_or_else(
        || "nothing yet".to_owned(),
        |ago| format!("{} ago", humanize(ago)),
    );
    let totals = format!(
        "{} signed, {} replayed, {} refused, {} heights missed",
        history.signed, history.replayed, history.refused, history.missed_heights
    );
    let mut facts = vec![
        ("last signature", last),
        ("watermark", chain.watermark_in_words().to_owned()),
        ("since the start", totals),
    ];
    let votes = history.votes.lines();
    facts.extend(votes.into_iter().map(|line| ("votes", line)));
    facts.push(("key", chain.key.clone()));
    let rpc = chain.rpc.iter().flat_map(|rpc| rpc.lines());
    facts.extend(rpc.map(|line| ("chain", line)));
    facts.extend(
        chain
            .keys
            .iter()
            .map(|key| ("one of several keys", key.line())),
    );
    let shared = chain.shared.iter().flat_map(|shared| shared.lines());
    facts.extend(shared.map(|line| ("shared", line)));
    let cosigners = chain.cosigners.iter().flat_map(|seen| seen.lines());
    facts.extend(cosigners.map(|line| ("cosigners", line)));
    facts.extend(chain.served.iter().map(|served| ("serves", served.line())));
    facts.extend(chain.backup.clone().map(|backup| ("backup", backup)));
    facts.extend(chain.address.clone().map(|address| ("address", address)));
    facts
}

fn heights(history: &History) -> Markup {
    let (heights, newest) = (&history.heights, history.newest_height);
    let count = |wanted: HeightOutcome| heights.iter().filter(|found| **found == wanted).count();
    let missed = count(HeightOutcome::Missed);
    let refused = count(HeightOutcome::Refused) + count(HeightOutcome::Conflict);
    let nil = count(HeightOutcome::Nil);
    let again = history.rounds.iter().filter(|round| **round > 0).count();
    let oldest = newest.saturating_sub(i64::try_from(heights.len()).unwrap_or(0)) + 1;
    let lost = match count(HeightOutcome::Uncommitted) {
        0 => String::new(),
        lost => format!(", {lost} signed and not in the commit"),
    };
    let sums =
        format!("{missed} missed, {refused} refused, {nil} nil, {again} above round 0{lost}");
    let label = format!("the last {} heights up to {newest}: {sums}", heights.len());
    // A service of before tells no rounds.
    let rounds = history.rounds.iter().copied().chain(std::iter::repeat(0));
    html! {
        div.strip role="img" aria-label=(label) {
            @for ((height, outcome), round) in (oldest..=newest).zip(heights).zip(rounds) {
                @if round > 0 {
                    i class={ (outcome.word()) " " (AGAIN) } title={ (height) " " (outcome_name(*outcome)) ", round " (round) } {}
                } @else {
                    i class=(outcome.word()) title={ (height) " " (outcome_name(*outcome)) } {}
                }
            }
        }
        @if !heights.is_empty() {
            p.quiet {
                "heights up to " (newest) ", the newest last: " (sums)
            }
        }
    }
}

fn latency(history: &History, view: PageView) -> Markup {
    let bound = |milliseconds: Option<f64>| {
        milliseconds.map_or_else(|| "> 5 s".to_owned(), |time| format!("\u{2264} {time} ms"))
    };
    html! {
        details open[view.latency] {
            summary { "latency" }
            table {
                tr { th { "stage" } th { "median" } th { "99 %" } }
                @for stage in history.latency.iter().filter(|stage| stage.count > 0) {
                    tr { td { (stage.stage) } td { (bound(stage.median_ms)) } td { (bound(stage.p99_ms)) } }
                }
            }
        }
    }
}

fn item(link: &LinkStatus) -> Markup {
    let tone = match link.state {
        LinkPhase::Up => Tone::Good,
        LinkPhase::Dialling | LinkPhase::Unknown => Tone::Warn,
        LinkPhase::Down => Tone::Bad,
    };
    html! {
        li {
            span class=(tone.class()) { (link.state) } " " (link.addr)
            " for " (humanize(link.since_seconds)) ", " (link.connects) " connects"
            @if let Some(line) = link.node_line() { p.told { (line) } }
            @for told in [&link.trouble, &link.last_refusal].into_iter().flatten() { (told_line(told)) }
        }
    }
}

/// What is over is grey and has its date; what is not is red.
fn told_line(told: &LastError) -> Markup {
    let class = if told.over { "over" } else { "why" };
    html! {
        p class=(class) {
            @if told.over { "over: " }
            (told.message) " (" (told.code)
            @if let Some(time) = &told.time { ", " (time) }
            ", " (humanize(told.seconds_ago)) " ago)"
        }
    }
}
