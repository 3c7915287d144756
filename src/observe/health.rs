//! `/live` and `/ready`: is the process well, and can each chain answer a node?

use std::time::Duration;

use crate::os::clock::{Clock, SystemClock};
use crate::text::excerpt::brief;

use super::registry::Registry;

/// The longest name of a chain that is said back, in bytes.
const LONGEST_ID: usize = 100;

/// The supervisor takes a turn each second; after so long without one it hangs.
const DEAD: Duration = Duration::from_secs(10);

/// `Err` when the process should be restarted. Trouble with a chain, a disk or a node is not a reason for that.
pub(crate) fn live(registry: &Registry) -> Result<String, String> {
    let since = registry.since_turn();
    if since > DEAD {
        let seconds = since.as_secs();
        return Err(format!("the supervisor has been hanging for {seconds} s\n"));
    }
    Ok("live\n".to_owned())
}

/// `Err` names each chain that cannot answer a node, and why. `expect=one,two` in the query asks for these chains only.
pub(crate) fn ready(registry: &Registry, query: Option<&str>) -> Result<String, String> {
    let expected = query.and_then(expected);
    let now = SystemClock.now();
    let mut failing = String::new();
    let mut count = 0_usize;
    for chain in &registry.chains {
        if expected
            .as_ref()
            .is_some_and(|expected| !expected.contains(&chain.id))
        {
            continue;
        }
        count += 1;
        if let Some(why) = chain.not_ready(&now) {
            failing.push_str(&format!("{}: {why}\n", chain.id));
        }
    }
    for id in expected.iter().flatten() {
        if !registry.chains.iter().any(|chain| chain.id == *id) {
            // The asker's word, not ours.
            let id = id.replace(char::is_control, "?");
            let id = brief(&id, LONGEST_ID);
            failing.push_str(&format!("{id}: no such chain in the configuration\n"));
        }
    }
    match failing.is_empty() {
        true => Ok(format!("ready: {count} chains\n")),
        false => Err(format!("not ready\n{failing}")),
    }
}

/// The chain ids of `expect=` in a query.
fn expected(query: &str) -> Option<Vec<String>> {
    let list = query
        .split('&')
        .find_map(|part| part.strip_prefix("expect="))?;
    let ids = list.split(',').filter(|id| !id.is_empty());
    Some(ids.map(decoded).collect())
}

/// `%41` is `A`; anything else stays as it is.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_named_in_the_query() {
        let ids = |query| expected(query).unwrap();
        assert_eq!(ids("expect=a,b"), ["a", "b"]);
        assert_eq!(ids("x=1&expect=%61%2cb,"), ["a,b"]);
        assert_eq!(ids("expect=100%,%zz,%4"), ["100%", "%zz", "%4"]);
        assert_eq!(expected("x=1"), None);
    }
}
