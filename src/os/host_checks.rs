//! What around a ceremony could keep its secrets or spoil its record: swap, a network, the terminal, the clock.
//!
//! These are warnings, each with its remedy: the person knows the host better. Sources: proc(5) for `/proc/swaps`, the
//! kernel's `fib_trie.c` and `ipv6/route.c` for the two tables of routes. Where there is no `/proc`, only the terminal and
//! the clock are judged.

use std::fs;
use std::time::Duration;

/// 2024-01-01T00:00:00Z: no clock that was set shows an earlier time to this program.
const NOT_SET_BEFORE: Duration = Duration::from_secs(1_704_067_200);
/// Flags of a route, from <linux/route.h>: in use, and one that refuses.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// What the kernel and the environment say of a host, as it is written there.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `/proc/swaps`.
    pub swaps: String,
    /// `/proc/net/route`.
    pub routes: String,
    /// `/proc/net/ipv6_route`.
    pub routes_6: String,
    /// Time since 1970-01-01 UTC.
    pub wall: Duration,
    /// Whether the terminal is that of another host.
    pub remote: bool,
    /// The terminal's kind, or the multiplexer's.
    pub terminal: String,
}

impl Surroundings {
    /// Looks at this host, whose environment `variable` reads.
    pub fn look(wall: Duration, variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let one_of = |names: &[&str]| names.iter().any(|name| variable(name).is_some());
        Self {
            swaps: read("/proc/swaps"),
            routes: read("/proc/net/route"),
            routes_6: read("/proc/net/ipv6_route"),
            wall,
            remote: one_of(&["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]),
            terminal: match (one_of(&["TMUX"]), one_of(&["STY"])) {
                (true, _) => "tmux".to_owned(),
                (_, true) => "screen".to_owned(),
                _ => variable("TERM").unwrap_or_default(),
            },
        }
    }

    /// What the person should mend before a secret is shown or typed: one line each, with the remedy.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let swaps = self.swaps_on_disk().join(", ");
        if !swaps.is_empty() {
            warnings.push(format!(
                "swap is on ({swaps}): what the terminal shows and files in /dev/shm can end up there; run `swapoff -a` first"
            ));
        }
        let ways = self.ways_out().join(", ");
        if !ways.is_empty() {
            warnings.push(format!(
                "this host has a way to the network ({ways}): pull the cable, or run `ip link set DEVICE down`, until the \
                 ceremony is over"
            ));
        }
        if self.wall < NOT_SET_BEFORE {
            warnings.push(
                "the clock of this host is not set, and labels and reports carry its time; set it with `date -s \"YYYY-MM-DD hh:mm\"`"
                    .to_owned(),
            );
        }
        if self.remote {
            warnings.push(
                "this terminal is on another host (SSH), which sees every word; sit down at this one"
                    .to_owned(),
            );
        }
        if let Some(name) = ["tmux", "screen"]
            .into_iter()
            .find(|name| self.terminal.starts_with(name))
        {
            warnings.push(format!(
                "this terminal is inside {name}, which may keep what is wiped from the screen; leave it, and use the \
                 terminal itself"
            ));
        }
        warnings
    }

    /// Swap that is not compressed memory.
    fn swaps_on_disk(&self) -> Vec<&str> {
        let lines = self.swaps.lines().skip(1);
        let names = lines.filter_map(|line| line.split_whitespace().next());
        names
            .filter(|name| !name.starts_with("/dev/zram"))
            .collect()
    }

    /// The interfaces that default routes lead to, each once.
    fn ways_out(&self) -> Vec<&str> {
        let hex = |text: Option<&&str>| u32::from_str_radix(text.copied().unwrap_or(""), 16).ok();
        let used = |flags: Option<u32>| flags.is_some_and(|flags| flags & (UP | REJECT) == UP);
        let mut found = Vec::new();
        for line in self.routes.lines().skip(1) {
            let row: Vec<&str> = line.split_whitespace().collect();
            let default = hex(row.get(1)) == Some(0) && hex(row.get(7)) == Some(0);
            if default && used(hex(row.get(3))) {
                found.extend(row.first());
            }
        }
        for line in self.routes_6.lines() {
            let row: Vec<&str> = line.split_whitespace().collect();
            let all = row.first().is_some_and(|to| to.bytes().all(|b| b == b'0'));
            let default = all && row.get(1) == Some(&"00");
            if default && used(hex(row.get(8))) {
                found.extend(row.get(9).filter(|name| **name != "lo"));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWAPS: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const ROUTES: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
    const ZERO: &str = "00000000000000000000000000000000";

    fn quiet() -> Surroundings {
        Surroundings {
            swaps: SWAPS.to_owned(),
            // A network without a way out of it, and a default route that refuses.
            routes: format!(
                "{ROUTES}eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                 *\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n"
            ),
            // Link-local, the kernel's own "unreachable", the loopback.
            routes_6: format!(
                "fe800000000000000000000000000000 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001     eth0\n\
                 {ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo\n\
                 {ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200001       lo\n"
            ),
            wall: NOT_SET_BEFORE,
            remote: false,
            terminal: "xterm-256color".to_owned(),
        }
    }

    fn one(surroundings: &Surroundings) -> String {
        match &surroundings.warnings()[..] {
            [one] => one.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_quiet_host_is_not_warned_of() {
        assert_eq!(quiet().warnings(), Vec::<String>::new());
        // No /proc.
        let mut bare = quiet();
        (bare.swaps, bare.routes, bare.routes_6) = Default::default();
        assert_eq!(bare.warnings(), Vec::<String>::new());
    }

    #[test]
    fn swap_on_a_disk_is_named_and_compressed_memory_is_not() {
        let mut host = quiet();
        host.swaps = format!("{SWAPS}/dev/zram0 partition 1 0 100\n");
        assert!(host.warnings().is_empty());
        host.swaps
            .push_str("/dev/sda2 partition 1 0 -2\n/swapfile file 1 0 -3\n");
        let told = one(&host);
        assert!(told.contains("(/dev/sda2, /swapfile)") && told.contains("`swapoff -a`"));
    }

    #[test]
    fn default_routes_are_named_once_each() {
        let mut host = quiet();
        host.routes
            .push_str("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
        assert!(one(&host).contains("(eth0): pull the cable"), "{host:?}");
        let six = |name| {
            format!(
                "{ZERO} 00 {ZERO} 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     {name}\n"
            )
        };
        host.routes_6.push_str(&six("eth0"));
        host.routes_6.push_str(&six("wlan0"));
        assert!(one(&host).contains("(eth0, wlan0)"));
        host.routes = ROUTES.to_owned();
        assert!(one(&host).contains("(eth0, wlan0)"));
        // A host route to 0.0.0.0 is none.
        host = quiet();
        host.routes
            .push_str("eth0\t00000000\t010200C0\t0003\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n");
        assert!(host.warnings().is_empty());
    }

    #[test]
    fn a_clock_that_was_never_set_and_a_terminal_that_remembers() {
        let mut host = quiet();
        host.wall = NOT_SET_BEFORE - Duration::from_secs(1);
        assert!(one(&host).contains("`date -s \""));
        host = quiet();
        host.remote = true;
        assert!(one(&host).contains("sit down at this one"));
        for (terminal, name) in [("tmux-256color", "tmux"), ("screen.xterm", "screen")] {
            host = quiet();
            host.terminal = terminal.to_owned();
            assert!(one(&host).contains(&format!("inside {name}, ")));
        }
    }

    #[test]
    fn the_environment_says_where_the_terminal_is() {
        let look = |set: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = set
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            Surroundings::look(NOT_SET_BEFORE, move |name| {
                let found = pairs.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            })
        };
        assert!(look(&[("SSH_CONNECTION", "a 1 b 2")]).remote);
        assert!(!look(&[("TERM", "xterm")]).remote);
        assert_eq!(look(&[("TERM", "xterm")]).terminal, "xterm");
        assert_eq!(look(&[("TERM", "xterm"), ("TMUX", "/x")]).terminal, "tmux");
        assert_eq!(look(&[("STY", "1.pts")]).terminal, "screen");
    }
}
