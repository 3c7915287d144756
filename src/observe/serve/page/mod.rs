//! The status page: one page without scripts, with the same facts as `tmkms status`.
//!
//! Whatever stands in it may come from a node. The template escapes every text that is put into it, and [`POLICY`] forbids
//! the browser to load or run anything.

mod chain;
#[cfg(test)]
mod colours;
mod style;
mod view;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::observe::stats::heights::HeightOutcome;
use crate::observe::status::{ChainStatus, Concern, ServiceStatus, humanize};

use chain::section;
use style::STYLE;
pub use view::PageView;
use words::{AGAIN, Tone, outcome_name, tone_of};

/// The `Content-Security-Policy` that the page is served with.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub fn render(status: &ServiceStatus, view: PageView) -> String {
    let chains = status.worst_first();
    let worst = chains.first().map_or(Tone::Good, |chain| tone_of(chain));
    let headline = status.headline();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="5";
                title { (headline) " - tmkms on " (status.host) }
                style { (PreEscaped(STYLE.replace('\n', " "))) }
            }
            body {
                header {
                    h1 { "tmkms on " (status.host) }
                    p class=(worst.class()) { (headline) }
                    @if let Some(why) = &status.trouble { p.why { (why) } }
                    @for chain in &chains { (alerts(chain)) }
                    p.quiet {
                        (status.time) ", up " (humanize(status.uptime_seconds)) ", "
                        "tmkms " (status.version) " (" (status.commit) "), process " (status.pid) ", " (status.config)
                    }
                    @for identity in &status.identities { p.quiet { "identity: " (identity.line()) } }
                    (legend())
                }
                main { @for chain in &chains { (section(chain, view)) } }
                footer.quiet {
                    @if view.latency { a href="." { "fold latencies" } } @else { a href="?latency" { "unfold latencies" } }
                }
            }
        }
    };
    // Nothing of the template is a control character, and no text needs one.
    let mut page = page.into_string().replace(char::is_control, "\u{fffd}");
    page.push('\n');
    page
}

/// What is wrong with a chain, by its name, before anything else.
fn alerts(chain: &ChainStatus) -> Markup {
    let link = html! { a href={ "#" (chain.id) } { (chain.id) } };
    html! {
        @if let Some(why) = chain.why_not_ready() {
            p.alert { span.bad { "not ready" } " " (link) ": " (why) }
        }
        @for concern in chain.concerns() {
            @match concern {
                Concern::Conflict(conflict) => p.alert {
                    span.double { "double sign refused" } " " (link) ": " (conflict.line())
                    "; " (conflict.remedy)
                }
                _ => p.alert { span.warn { "look at" } " " (link) ": " (concern.line()) }
            }
        }
    }
}

fn legend() -> Markup {
    html! {
        p.legend {
            @for outcome in HeightOutcome::ALL {
                span { i class=(outcome.word()) {} " " (outcome_name(outcome)) } " "
            }
            span { i class={ (HeightOutcome::Signed.word()) " " (AGAIN) } {} " above round 0" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::{
        ConflictStatus, CosignerStatus, CosignersStatus, DeviceStatus, EndpointStatus, History,
        IdentityStatus, LastError, LastSigned, LinkPhase, LinkStatus, RefusedAt, SharedStatus,
        StageLatency, VoteCount, VotesStatus,
    };

    fn shown(status: &ServiceStatus) -> String {
        render(status, PageView::default())
    }

    /// A status whose every text is `text`.
    fn status_of(text: &str) -> ServiceStatus {
        let some = || Some(text.to_owned());
        let told = LastError {
            code: text.to_owned(),
            message: text.to_owned(),
            seconds_ago: 3,
            time: some(),
            over: true,
        };
        let at = || RefusedAt {
            position: text.to_owned(),
            time: text.to_owned(),
            seconds_ago: 4,
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
            height: Some(12),
            heights_behind: Some(2),
            clock_skew_ms: Some(-1_500.0),
            clock_unreadable: 0,
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
            conflicts: vec![ConflictStatus {
                node: text.to_owned(),
                count: 2,
                first: at(),
                last: at(),
                remedy: text.to_owned(),
            }],
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
                serial: Some(format!("{text}1")),
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
            cosigners: Some(CosignersStatus {
                threshold: 1,
                listens: some(),
                deaf: some(),
                others: vec![CosignerStatus {
                    address: text.to_owned(),
                    trouble: some(),
                    ..CosignerStatus::default()
                }],
                ..CosignersStatus::default()
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
                rounds: vec![0, 0, 2, 0],
                votes: VotesStatus {
                    precommits: VoteCount { block: 1, nil: 1 },
                    ..VotesStatus::default()
                },
                latency: vec![StageLatency {
                    stage: text.to_owned(),
                    count: 3,
                    median_ms: Some(0.5),
                    p99_ms: None,
                }],
                ..History::default()
            },
            ..ChainStatus::default()
        };
        ServiceStatus {
            host: text.to_owned(),
            time: text.to_owned(),
            version: text.to_owned(),
            commit: text.to_owned(),
            pid: 1,
            uptime_seconds: 0,
            trouble: some(),
            config: text.to_owned(),
            identities: vec![IdentityStatus {
                source: text.to_owned(),
                peer_id: some(),
                libp2p_peer_id: some(),
                public_key: some(),
                trouble: None,
            }],
            chains: vec![chain],
        }
        .judged()
    }

    #[test]
    fn whatever_a_text_says_it_stays_text() {
        let harmless = shown(&status_of("x"));
        for evil in [
            "<script>alert(1)</script>",
            "\"><script>alert(1)</script>",
            "' onmouseover=alert(1) x='",
            "</title></style><img src=x onerror=alert(1)>",
            "&lt;script&gt;",
            "\u{7}\n\r\u{1b}[2J\u{85}",
        ] {
            let html = shown(&status_of(evil));
            // The same markup as with a harmless text: no tag, no attribute and no comment more.
            let marks = |html: &str, mark: char| html.matches(mark).count();
            for mark in ['<', '>', '"'] {
                assert_eq!(marks(&html, mark), marks(&harmless, mark), "{evil}: {html}");
            }
            assert_eq!(marks(&html, '\n'), 1, "{evil}: {html}");
            assert_eq!(html.find(|c: char| c.is_control()), Some(html.len() - 1));
        }
        // Nothing is left out either: what was told can be read.
        let html = shown(&status_of("<script>"));
        let shown = harmless.matches('x').count() - shown(&status_of("")).matches('x').count();
        assert!(shown >= 14, "{shown} texts reach the page");
        assert_eq!(html.matches("&lt;script&gt;").count(), shown);
    }

    /// A proxy may serve it below a path of its own.
    #[test]
    fn the_page_leads_to_itself_wherever_it_is_served() {
        let status = status_of("x");
        let unfolded = render(&status, PageView { latency: true });
        for (html, link) in [
            (shown(&status), "<a href=\"?latency\">"),
            (unfolded, "<a href=\".\">"),
        ] {
            assert!(html.contains(link), "{html}");
            assert!(!html.contains("=\"/"), "{html}");
        }
    }

    #[test]
    fn the_page_says_what_became_of_each_height() {
        let html = shown(&status_of("x"));
        let strip = "<i class=\"signed\" title=\"9 signed\"></i><i class=\"missed\" title=\"10 missed\"></i>\
                     <i class=\"conflict again\" title=\"11 double sign refused, round 2\"></i><i class=\"unknown\" title=\"12 not known\"></i>";
        assert!(html.contains(strip), "{html}");
        let sums = "1 missed, 1 refused, 0 nil, 1 above round 0";
        assert!(html.contains(&format!("the last 4 heights up to 12: {sums}\"")));
        assert!(html.contains(&format!("the newest last: {sums}</p>")));
        let votes = "nil: 0 of 0 prevotes, 1 of 2 precommits (50.00 %)";
        assert!(html.contains(votes), "{html}");
        let node =
            "at height 12, 2 heights behind what was signed; its clock is 1.5 s behind this host";
        assert!(html.contains(node), "{html}");
        // A service of before tells no rounds.
        let mut status = status_of("x");
        status.chains[0].history.rounds = Vec::new();
        let html = shown(&status);
        assert!(html.contains("title=\"11 double sign refused\"></i>"));
        // A height that a node asked for, and that no chain has.
        let mut status = status_of("x");
        status.chains[0].history.newest_height = i64::MAX;
        let html = shown(&status);
        assert!(html.contains(&format!("title=\"{} not known\"", i64::MAX)));
    }
}
