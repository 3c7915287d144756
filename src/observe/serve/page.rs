//! The status page: one page without scripts, with the same facts as `tmkms status`.
//!
//! Whatever stands in it may come from a node, so every text is escaped, and [`POLICY`] forbids the browser to load or
//! run anything.

use crate::observe::status::{ChainStatus, LinkStatus, Status, humanize};

/// The `Content-Security-Policy` that the page is served with.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn render(status: &Status) -> String {
    let ready = status
        .chains
        .iter()
        .filter(|chain| chain.not_ready.is_none())
        .count();
    let all = status.chains.len();
    let class = if ready == all { "good" } else { "bad" };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"5\"><title>{ready}/{all} chains ready - tmkms</title>\
         <style>{STYLE}</style></head><body><header><h1>tmkms</h1>\
         <p class=\"{class}\">{ready} of {all} chains ready</p>\
         <p class=\"quiet\">{version} ({commit}), process {pid}, {config}, up {up}</p></header><main>",
        version = escaped(&status.version),
        commit = escaped(&status.commit),
        pid = status.pid,
        config = escaped(&status.config),
        up = humanize(status.uptime_seconds),
    );
    for chain in &status.chains {
        push_chain(&mut html, chain);
    }
    html.push_str(
        "</main><footer class=\"quiet\">signed <i class=\"signed\"></i> replayed <i class=\"replayed\"></i> \
         refused <i class=\"refused\"></i> conflict <i class=\"conflict\"></i> missed <i class=\"missed\"></i> \
         not known <i class=\"unknown\"></i></footer></body></html>\n",
    );
    html
}

fn push_chain(html: &mut String, chain: &ChainStatus) {
    let (class, word) = match (&chain.not_ready, chain.armed) {
        (None, _) => ("good", "ready"),
        (Some(_), true) => ("bad", "not ready"),
        (Some(_), false) => ("bad", "not armed"),
    };
    html.push_str(&format!(
        "<section><h2>{}</h2><p class=\"{class}\">{word}</p>",
        escaped(&chain.id)
    ));
    if let Some(why) = &chain.not_ready {
        html.push_str(&format!("<p class=\"why\">{}</p>", escaped(why)));
    }
    push_strip(html, chain);
    let history = &chain.history;
    html.push_str("<dl>");
    let last = history.last_signed_seconds_ago.map_or_else(
        || "nothing yet".to_owned(),
        |ago| format!("{} ago", humanize(ago)),
    );
    pair(html, "last signature", &last);
    pair(html, "watermark", chain.watermark_in_words());
    let totals = format!(
        "{} signed, {} replayed, {} refused, {} heights missed",
        history.signed, history.replayed, history.refused, history.missed_heights
    );
    pair(html, "since the start", &totals);
    pair(html, "key", &chain.key);
    for device in &chain.devices {
        pair(
            html,
            "device",
            &format!("{} {}", device.name, device.line()),
        );
    }
    for line in chain.shared.iter().flat_map(|shared| shared.lines()) {
        pair(html, "shared", &line);
    }
    if let Some(backup) = &chain.backup {
        pair(html, "backup", backup);
    }
    if let Some(address) = &chain.address {
        pair(html, "address", address);
    }
    html.push_str(
        "</dl><table><caption>latency</caption><tr><th>stage</th><th>median</th><th>99 %</th></tr>",
    );
    for stage in history.latency.iter().filter(|stage| stage.count > 0) {
        html.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&stage.stage),
            bound(stage.median_ms),
            bound(stage.p99_ms)
        ));
    }
    html.push_str("</table><ul>");
    for link in &chain.links {
        push_link(html, link);
    }
    html.push_str("</ul></section>");
}

fn push_strip(html: &mut String, chain: &ChainStatus) {
    let heights = &chain.history.heights;
    let newest = chain.history.newest_height;
    let count = |fate: &str| heights.iter().filter(|found| *found == fate).count();
    let (missed, refused) = (count("missed"), count("refused") + count("conflict"));
    html.push_str(&format!(
        "<div class=\"strip\" role=\"img\" aria-label=\"the last {} heights up to {newest}: {missed} missed, {refused} refused\">",
        heights.len()
    ));
    let newest_first = (0..).map(|back| newest - back);
    let mut cells: Vec<String> = heights
        .iter()
        .rev()
        .zip(newest_first)
        .map(|(fate, height)| {
            let fate = escaped(fate);
            format!("<i class=\"{fate}\" title=\"{height} {fate}\"></i>")
        })
        .collect();
    cells.reverse();
    html.push_str(&cells.concat());
    html.push_str("</div>");
    if !heights.is_empty() {
        html.push_str(&format!(
            "<p class=\"quiet\">heights up to {newest}, the newest last: {missed} missed, {refused} refused</p>"
        ));
    }
}

fn push_link(html: &mut String, link: &LinkStatus) {
    let class = if link.state == "up" { "good" } else { "bad" };
    html.push_str(&format!(
        "<li><span class=\"{class}\">{}</span> {} for {}, {} connects",
        escaped(&link.state),
        escaped(&link.addr),
        humanize(link.since_seconds),
        link.connects
    ));
    for told in [&link.trouble, &link.last_refusal].into_iter().flatten() {
        html.push_str(&format!(
            "<p class=\"why\">{} ({}, {} ago)</p>",
            escaped(&told.message),
            escaped(&told.code),
            humanize(told.seconds_ago)
        ));
    }
    html.push_str("</li>");
}

fn pair(html: &mut String, name: &str, value: &str) {
    html.push_str(&format!("<dt>{name}</dt><dd>{}</dd>", escaped(value)));
}

fn bound(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "> 5 s".to_owned(), |time| format!("\u{2264} {time} ms"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char if char.is_control() => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::{DeviceStatus, EndpointStatus, History, SharedStatus};

    #[test]
    fn what_a_node_says_stays_text() {
        let evil = "<script>alert(1)</script>\"'&\u{7}";
        let chain = ChainStatus {
            id: evil.to_owned(),
            armed: true,
            held: true,
            trouble: None,
            not_ready: Some(evil.to_owned()),
            stuck_seconds: None,
            key: evil.to_owned(),
            public_key: None,
            address: None,
            watermark: None,
            height: 0,
            state_file: evil.to_owned(),
            links: Vec::new(),
            devices: vec![DeviceStatus {
                name: evil.to_owned(),
                trouble: Some(evil.to_owned()),
                ..DeviceStatus::default()
            }],
            backup: Some(evil.to_owned()),
            shared: Some(SharedStatus {
                endpoints: vec![EndpointStatus {
                    name: evil.to_owned(),
                    trouble: Some(evil.to_owned()),
                }],
                writer: Some(evil.to_owned()),
                ..SharedStatus::default()
            }),
            history: History::default(),
        };
        let html = render(&Status {
            version: "1".to_owned(),
            commit: evil.to_owned(),
            pid: 1,
            uptime_seconds: 0,
            trouble: None,
            config: evil.to_owned(),
            chains: vec![chain],
        });
        assert!(
            !html.contains("<script") && !html.contains('\u{7}'),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    }
}
