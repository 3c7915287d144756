//! The status page: one page without scripts, with the same facts as `tmkms status`.
//!
//! Whatever stands in it may come from a node. The template escapes every text that is put into it, and [`POLICY`] forbids
//! the browser to load or run anything.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::observe::stats::heights::HeightOutcome;
use crate::observe::status::{
    ChainStatus, History, LinkPhase, LinkStatus, ServiceStatus, humanize,
};

/// The `Content-Security-Policy` that the page is served with.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Ours, and the only text that is not escaped.
const STYLE: &str = include_str!("page.css");

/// The page.
pub fn render(status: &ServiceStatus) -> String {
    let chains = &status.chains;
    let ready = chains.iter().filter(|chain| chain.not_ready.is_none());
    let (ready, all) = (ready.count(), chains.len());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="5";
                title { (ready) "/" (all) " chains ready - tmkms" }
                style { (PreEscaped(STYLE.replace('\n', " "))) }
            }
            body {
                header {
                    h1 { "tmkms" }
                    p class=(good_if(ready == all)) { (ready) " of " (all) " chains ready" }
                    p.quiet {
                        (status.version) " (" (status.commit) "), process " (status.pid) ", " (status.config)
                        ", up " (humanize(status.uptime_seconds))
                    }
                }
                main { @for chain in chains { (section(chain)) } }
                footer.quiet {
                    @for outcome in HeightOutcome::ALL {
                        @let name = if outcome == HeightOutcome::Unknown { "not known" } else { outcome.word() };
                        (name) " " i class=(outcome.word()) {} " "
                    }
                }
            }
        }
    };
    // Nothing of the template is a control character, and no text needs one.
    let mut page = page.into_string().replace(char::is_control, "\u{fffd}");
    page.push('\n');
    page
}

fn good_if(good: bool) -> &'static str {
    if good { "good" } else { "bad" }
}

fn section(chain: &ChainStatus) -> Markup {
    let word = match (&chain.not_ready, chain.armed) {
        (None, _) => "ready",
        (Some(_), true) => "not ready",
        (Some(_), false) => "not armed",
    };
    html! {
        section {
            h2 { (chain.id) }
            p class=(good_if(chain.not_ready.is_none())) { (word) }
            @if let Some(why) = &chain.not_ready { p.why { (why) } }
            (heights(&chain.history))
            dl { @for (name, value) in facts(chain) { dt { (name) } dd { (value) } } }
            (latency(&chain.history))
            ul { @for link in &chain.links { (item(link)) } }
        }
    }
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
        ("key", chain.key.clone()),
    ];
    let devices = chain.devices.iter();
    facts.extend(devices.map(|device| ("device", format!("{} {}", device.name, device.line()))));
    let shared = chain.shared.iter().flat_map(|shared| shared.lines());
    facts.extend(shared.map(|line| ("shared", line)));
    facts.extend(chain.backup.clone().map(|backup| ("backup", backup)));
    facts.extend(chain.address.clone().map(|address| ("address", address)));
    facts
}

fn heights(history: &History) -> Markup {
    let (heights, newest) = (&history.heights, history.newest_height);
    let count = |wanted: HeightOutcome| heights.iter().filter(|found| **found == wanted).count();
    let missed = count(HeightOutcome::Missed);
    let refused = count(HeightOutcome::Refused) + count(HeightOutcome::Conflict);
    let oldest = newest.saturating_sub(i64::try_from(heights.len()).unwrap_or(0)) + 1;
    let label = format!(
        "the last {} heights up to {newest}: {missed} missed, {refused} refused",
        heights.len()
    );
    html! {
        div.strip role="img" aria-label=(label) {
            @for (height, outcome) in (oldest..=newest).zip(heights) {
                i class=(outcome.word()) title={ (height) " " (outcome.word()) } {}
            }
        }
        @if !heights.is_empty() {
            p.quiet {
                "heights up to " (newest) ", the newest last: " (missed) " missed, " (refused) " refused"
            }
        }
    }
}

fn latency(history: &History) -> Markup {
    let bound = |milliseconds: Option<f64>| {
        milliseconds.map_or_else(|| "> 5 s".to_owned(), |time| format!("\u{2264} {time} ms"))
    };
    html! {
        table {
            caption { "latency" }
            tr { th { "stage" } th { "median" } th { "99 %" } }
            @for stage in history.latency.iter().filter(|stage| stage.count > 0) {
                tr { td { (stage.stage) } td { (bound(stage.median_ms)) } td { (bound(stage.p99_ms)) } }
            }
        }
    }
}

fn item(link: &LinkStatus) -> Markup {
    html! {
        li {
            span class=(good_if(link.state == LinkPhase::Up)) { (link.state) } " " (link.addr)
            " for " (humanize(link.since_seconds)) ", " (link.connects) " connects"
            @for told in [&link.trouble, &link.last_refusal].into_iter().flatten() {
                p.why { (told.message) " (" (told.code) ", " (humanize(told.seconds_ago)) " ago)" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::{
        DeviceStatus, EndpointStatus, LastError, LastSigned, SharedStatus, StageLatency,
    };

    /// A status whose every text is `text`.
    fn status_of(text: &str) -> ServiceStatus {
        let some = || Some(text.to_owned());
        let told = LastError {
            code: text.to_owned(),
            message: text.to_owned(),
            seconds_ago: 3,
        };
        let link = LinkStatus {
            addr: text.to_owned(),
            state: LinkPhase::Up,
            since_seconds: 200,
            peer: some(),
            trouble: Some(told.clone()),
            connects: 4,
            signed: 0,
            replayed: 0,
            raw_signed: 0,
            refused: 0,
            failed: 0,
            last_signed: Some(LastSigned {
                position: text.to_owned(),
                seconds_ago: 1,
                took_ms: 0.5,
            }),
            last_refusal: Some(told),
        };
        let chain = ChainStatus {
            id: text.to_owned(),
            armed: true,
            held: true,
            trouble: some(),
            not_ready: some(),
            stuck_seconds: None,
            key: text.to_owned(),
            public_key: some(),
            address: some(),
            watermark: some(),
            height: 0,
            state_file: text.to_owned(),
            links: vec![link],
            devices: vec![DeviceStatus {
                name: text.to_owned(),
                trouble: some(),
                ..DeviceStatus::default()
            }],
            backup: some(),
            shared: Some(SharedStatus {
                endpoints: vec![EndpointStatus {
                    name: text.to_owned(),
                    trouble: some(),
                }],
                writer: some(),
                ..SharedStatus::default()
            }),
            history: History {
                signed: 3,
                last_signed_seconds_ago: Some(7),
                newest_height: 12,
                heights: vec![
                    HeightOutcome::Signed,
                    HeightOutcome::Missed,
                    HeightOutcome::Conflict,
                    HeightOutcome::Unknown,
                ],
                latency: vec![StageLatency {
                    stage: text.to_owned(),
                    count: 3,
                    median_ms: Some(0.5),
                    p99_ms: None,
                }],
                ..History::default()
            },
        };
        ServiceStatus {
            version: text.to_owned(),
            commit: text.to_owned(),
            pid: 1,
            uptime_seconds: 0,
            trouble: some(),
            config: text.to_owned(),
            chains: vec![chain],
        }
    }

    #[test]
    fn whatever_a_text_says_it_stays_text() {
        let harmless = render(&status_of("x"));
        for evil in [
            "<script>alert(1)</script>",
            "\"><script>alert(1)</script>",
            "' onmouseover=alert(1) x='",
            "</title></style><img src=x onerror=alert(1)>",
            "&lt;script&gt;",
            "\u{7}\n\r\u{1b}[2J\u{85}",
        ] {
            let html = render(&status_of(evil));
            // The same markup as with a harmless text: no tag, no attribute and no comment more.
            let marks = |html: &str, mark: char| html.matches(mark).count();
            for mark in ['<', '>', '"'] {
                assert_eq!(marks(&html, mark), marks(&harmless, mark), "{evil}: {html}");
            }
            assert_eq!(marks(&html, '\n'), 1, "{evil}: {html}");
            assert_eq!(html.find(|c: char| c.is_control()), Some(html.len() - 1));
        }
        // Nothing is left out either: what was told can be read.
        let html = render(&status_of("<script>"));
        let shown = harmless.matches('x').count() - render(&status_of("")).matches('x').count();
        assert!(shown >= 14, "{shown} texts reach the page");
        assert_eq!(html.matches("&lt;script&gt;").count(), shown);
    }

    #[test]
    fn the_page_says_what_became_of_each_height() {
        let html = render(&status_of("x"));
        let strip = "<i class=\"signed\" title=\"9 signed\"></i><i class=\"missed\" title=\"10 missed\"></i>\
                     <i class=\"conflict\" title=\"11 conflict\"></i><i class=\"unknown\" title=\"12 unknown\"></i>";
        assert!(html.contains(strip), "{html}");
        assert!(html.contains("the last 4 heights up to 12: 1 missed, 1 refused"));
        // A height that a node asked for, and that no chain has.
        let mut status = status_of("x");
        status.chains[0].history.newest_height = i64::MAX;
        let html = render(&status);
        assert!(html.contains(&format!("title=\"{} unknown\"", i64::MAX)));
    }
}
