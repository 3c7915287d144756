//! The status as text, for people: what is wrong stands first.

use crate::observe::status::{
    ChainStatus, Concern, Condition, LastError, LinkStatus, ServiceStatus, humanize,
};
use crate::remedy::Commands;
use crate::service::NOTICED;
use crate::text::count::count;

/// The whole answer.
pub(super) fn shown(answer: &ServiceStatus, commands: &Commands) -> String {
    let mut text = format!(
        "tmkms {} ({}) runs as process {} for {}, up {}\n",
        answer.version,
        answer.commit,
        answer.pid,
        answer.config,
        humanize(answer.uptime_seconds)
    );
    if !answer.host.is_empty() {
        text.push_str(&format!(
            "on {}, whose clock shows {}\n",
            answer.host, answer.time
        ));
    }
    if let Some(trouble) = &answer.trouble {
        text.push_str(&format!("trouble: {trouble}\n"));
    }
    for identity in &answer.identities {
        text.push_str(&format!("identity: {}\n", identity.line()));
    }
    text.push_str(&format!("{}\n", answer.headline()));
    let chains = answer.worst_first();
    for chain in &chains {
        if let Some(why) = &chain.not_ready {
            text.push_str(&format!("  not ready: {}: {why}\n", chain.id));
        }
        for concern in chain.concerns() {
            text.push_str(&format!("  look at {}: {}\n", chain.id, concern.line()));
            if let Concern::Conflict(conflict) = concern {
                text.push_str(&format!("    {}\n", conflict.remedy));
            }
        }
    }
    for chain in chains {
        text.push_str(&chain_lines(chain, commands));
    }
    text
}

/// The condition in the words of the text.
fn state(chain: &ChainStatus) -> &'static str {
    match (chain.armed, chain.condition) {
        (false, _) => "NOT ARMED",
        (true, Condition::NotReady) => "armed, NOT READY",
        (true, Condition::Attention) if chain.paused_now().is_some() => "armed, PAUSED",
        (true, Condition::Attention) => "armed, ready, look at it",
        (true, Condition::Ready) => "armed, ready",
    }
}

fn chain_lines(chain: &ChainStatus, commands: &Commands) -> String {
    let mut text = format!("\n{}: {}\n", chain.id, state(chain));
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    if let Some(why) = &chain.not_ready {
        line("not ready", why);
    }
    if !chain.armed {
        line("", NOTICED);
    }
    if let Some(paused) = &chain.paused {
        line("pause", &paused.line());
        let resume = commands.line(["resume", &chain.id]);
        line("", &format!("`{resume}` ends that"));
    }
    for conflict in &chain.conflicts {
        line("refused", &format!("double sign: {}", conflict.line()));
    }
    match chain.held {
        true => line("watermark", chain.watermark_in_words()),
        false => line(
            "watermark",
            &format!(
                "{}; `{}` reads the state file",
                chain.watermark_in_words(),
                commands.line(["state", "show", &chain.id])
            ),
        ),
    }
    match (&chain.public_key, &chain.address) {
        (Some(key), Some(address)) => {
            line("key", &format!("{key} (address {address}), {}", chain.key));
        }
        _ => line("key", &chain.key),
    }
    for (at, key) in chain.keys.iter().enumerate() {
        line(if at == 0 { "keys" } else { "" }, &key.line());
    }
    for device in &chain.devices {
        line("device", &format!("{} {}", device.title(), device.line()));
    }
    if let Some(backup) = &chain.backup {
        line("backup", backup);
    }
    line("state", &chain.state_file);
    if let Some(shared) = &chain.shared {
        for (at, part) in shared.lines().iter().enumerate() {
            line(if at == 0 { "shared" } else { "" }, part);
        }
    }
    if let Some(cosigners) = &chain.cosigners {
        for (at, part) in cosigners.lines().iter().enumerate() {
            line(if at == 0 { "cosigners" } else { "" }, part);
        }
    }
    if let Some(rpc) = &chain.rpc {
        for (at, part) in rpc.lines().iter().enumerate() {
            line(if at == 0 { "chain" } else { "" }, part);
        }
    }
    if chain.history.missed_heights > 0 {
        let missed = format!(
            "{} since the start",
            count(chain.history.missed_heights, "height")
        );
        line("missed", &missed);
    }
    if let Some(served) = &chain.served {
        line("serves", &served.line());
    }
    for (at, part) in chain.history.votes.lines().iter().enumerate() {
        line(if at == 0 { "votes" } else { "" }, part);
    }
    for link in &chain.links {
        for (at, part) in link_lines(link).iter().enumerate() {
            line(if at == 0 { "node" } else { "" }, part);
        }
    }
    text
}

fn link_lines(link: &LinkStatus) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {} for {}, {}, {} signed, {} replayed, {} refused, {} failed",
        link.addr,
        link.state,
        humanize(link.since_seconds),
        count(link.connects, "connect"),
        link.signed,
        link.replayed,
        link.refused,
        link.failed
    )];
    if let Some(trouble) = &link.trouble {
        lines.push(format!("why: {}", trouble.message));
    }
    if let Some(last) = &link.last_signed {
        lines.push(format!(
            "last signed {} {} ago in {:.2} ms",
            last.position,
            humanize(last.seconds_ago),
            last.took_ms
        ));
    }
    lines.extend(link.node_line());
    if let Some(last) = &link.last_refusal {
        lines.push(refusal_line(last));
    }
    lines
}

/// One that is over is only a date; nobody needs to act on it.
fn refusal_line(last: &LastError) -> String {
    let ago = humanize(last.seconds_ago);
    let when = match &last.time {
        Some(time) => format!("{time}, {ago} ago"),
        None => format!("{ago} ago"),
    };
    let over = if last.over { "over: " } else { "" };
    format!(
        "{over}last refused ({}) {when}: {}",
        last.code, last.message
    )
}
