//! The commands of a chain that several hosts share in etcd, as an operator types them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::support::chain::Chain;
use crate::support::fake_etcd::FakeEtcd;

const CHAIN: &str = "shared-1";

struct Hosts {
    folder: tempfile::TempDir,
    etcd: FakeEtcd,
}

struct Said {
    good: bool,
    text: String,
}

impl Said {
    #[track_caller]
    fn fine(self, part: &str) -> Self {
        assert!(self.good, "{}", self.text);
        self.says(part)
    }

    #[track_caller]
    fn refused(self, part: &str) -> Self {
        assert!(!self.good, "{}", self.text);
        self.says(part)
    }

    #[track_caller]
    fn says(self, part: &str) -> Self {
        assert!(
            self.text.contains(part),
            "{part:?} is not in:\n{}",
            self.text
        );
        self
    }
}

impl Hosts {
    fn new() -> Self {
        let hosts = Self {
            folder: tempfile::tempdir().unwrap(),
            etcd: FakeEtcd::start(),
        };
        for name in ["one", "two"] {
            std::fs::create_dir(hosts.home(name)).unwrap();
            hosts.configure(name, true);
        }
        let key = hosts.home("one").join("consensus.key");
        hosts.run("one", &["softsign", "keygen", key.to_str().unwrap()]);
        std::fs::copy(key, hosts.home("two").join("consensus.key")).unwrap();
        hosts
    }

    fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, name: &str, shared: bool) {
        let mut chain = Chain::new(CHAIN);
        if shared {
            chain = chain.set("store = \"etcd\"");
        }
        let node = self.home(name).join("node.sock");
        let chain = chain
            .node(format_args!("unix://{}", node.display()))
            .key("consensus.key");
        let text = format!("{chain}[etcd]\nendpoints = [\"{}\"]\n", self.etcd.url);
        std::fs::write(self.home(name).join("tmkms.toml"), text).unwrap();
    }

    fn run(&self, name: &str, args: &[&str]) -> Said {
        let config = self.home(name).join("tmkms.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
        command.args(args).stdin(Stdio::null());
        if args[0] != "softsign" {
            command.arg("-c").arg(&config);
        }
        // Remedies work from any folder.
        let output = command.current_dir(Path::new("/")).output().unwrap();
        Said {
            good: output.status.success(),
            text: format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    }

    fn state(&self, name: &str, args: &[&str]) -> Said {
        let mut all = vec!["state", args[0], CHAIN];
        all.extend(&args[1..]);
        self.run(name, &all)
    }

    /// Both share; everything up to height 100 is used up.
    fn shared() -> Self {
        let hosts = Self::new();
        hosts
            .state("one", &["init", "--height", "100"])
            .fine("puts it into etcd");
        hosts
            .state("one", &["share", "--yes"])
            .fine("etcd keeps its watermark now");
        hosts
            .state("two", &["join", "--yes"])
            .fine("written last by host")
            .fine("with the other hosts");
        hosts
    }
}

#[test]
fn a_chain_is_shared_and_joined_after_a_question() {
    let hosts = Hosts::new();
    hosts
        .run("one", &["check"])
        .refused("there is no state file");
    hosts
        .state("two", &["join", "--yes"])
        .refused("no host shares this chain")
        .says("state share");
    hosts.state("one", &["init", "--height", "100"]).fine("");
    hosts
        .run("one", &["check"])
        .refused("this host's state file is not shared yet");
    hosts
        .state("one", &["show"])
        .fine("not shared yet; `tmkms state share");
    hosts
        .state("one", &["share"])
        .refused("there is no terminal to ask on")
        .says("Is this the only host that has signed with this key?");
    hosts
        .state("one", &["share", "--yes"])
        .fine("on each other host");
    hosts
        .state("two", &["share", "--yes"])
        .refused("there is no state file");
    hosts
        .state("two", &["join"])
        .refused("Does no other signer use this key outside of this etcd?");
    hosts.state("two", &["join", "--yes"]).fine("Joined");
    hosts
        .state("two", &["share", "--yes"])
        .refused("shares this chain already")
        .says("to take part run `tmkms state join");
    hosts.run("two", &["check"]).fine("99 of 100 transactions");
    hosts.state("two", &["show"]).fine("cluster 4d, revision");
}

#[test]
fn a_shared_watermark_is_raised_for_all_and_lowered_for_none() {
    let hosts = Hosts::shared();
    hosts
        .state("one", &["raise", "--height", "200"])
        .fine("watermark at");
    hosts.state("two", &["show"]).fine("etcd 200 (");
    hosts
        .state("two", &["raise", "--height", "150"])
        .refused("on all hosts that share it")
        .says("a shared watermark is never lowered");
    hosts
        .state("two", &["export", "--format", "cometbft"])
        .refused("shared with other hosts")
        .says("state leave");
    let old = hosts.home("one").join("old.json");
    std::fs::write(
        &old,
        r#"{"height":"500","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    hosts
        .state("two", &["import", old.to_str().unwrap(), "--yes"])
        .refused("end the sharing with `tmkms state leave");
}

#[test]
fn a_file_that_was_shared_is_not_used_by_itself() {
    let hosts = Hosts::shared();
    hosts.configure("two", false);
    hosts
        .run("two", &["check"])
        .refused("cannot be used alone")
        .says("belongs to a chain whose watermark is shared")
        .says("end the sharing after that with `tmkms state leave");
    hosts
        .state("two", &["show"])
        .refused("cannot be used alone")
        .says("watermark at 100");
    hosts
        .state("two", &["raise", "--height", "500"])
        .refused("cannot be used alone");
    hosts
        .state("two", &["join", "--yes"])
        .refused("keeps its watermark in its state file only")
        .says("docs/two-hosts.md has all steps");
    // What the message says to do, in its order.
    hosts.configure("two", true);
    hosts.state("two", &["leave", "--yes"]).fine("Left");
    hosts.configure("two", false);
    hosts.run("two", &["check"]).fine("");
}

#[test]
fn who_leaves_goes_on_alone_and_who_abandons_stops() {
    let hosts = Hosts::shared();
    hosts
        .state("two", &["leave", "--abandon"])
        .refused("Shall this host stop signing for this chain");
    hosts
        .state("two", &["leave", "--abandon", "--yes"])
        .fine("takes part again");
    hosts
        .state("two", &["leave", "--abandon", "--yes"])
        .refused("there is no state file");
    hosts.state("two", &["join", "--yes"]).fine("Joined");
    hosts
        .state("one", &["leave"])
        .refused("All others refuse from their next vote on.");
    hosts
        .state("one", &["leave", "--yes"])
        .fine("its watermark is in")
        .says("remove `store = \"etcd\"`");
    hosts
        .run("two", &["check"])
        .refused("ended the sharing at")
        .says("may now sign without the others");
    hosts
        .state("two", &["show"])
        .fine("that host ended the sharing");
    hosts
        .state("two", &["join", "--yes"])
        .refused("ended the sharing at");
    hosts.configure("one", false);
    hosts.run("one", &["check"]).fine("Ready");
    // And back again.
    hosts.configure("one", true);
    hosts
        .state("one", &["leave", "--abandon", "--yes"])
        .refused("is not shared; nothing was changed");
}

#[test]
fn after_the_key_was_deleted_by_hand_the_highest_host_shares_it_again() {
    let hosts = Hosts::shared();
    hosts.state("one", &["raise", "--height", "200"]).fine("");
    hosts.etcd.set_key(None);
    hosts
        .run("one", &["check"])
        .refused("is gone from etcd")
        .says("state share");
    hosts
        .state("one", &["share"])
        .refused("This chain was shared before");
    hosts.state("one", &["share", "--yes"]).fine("Shared");
    hosts
        .run("two", &["check"])
        .refused("was deleted and created again");
    hosts
        .state("two", &["join"])
        .refused("will none start before all have joined?");
    hosts
        .state("two", &["join", "--yes"])
        .fine("goes on above 200 (");
    for name in ["one", "two"] {
        hosts.run(name, &["check"]).fine("Ready");
    }
}

#[test]
fn a_restored_snapshot_is_raised_by_every_host_that_joins() {
    let hosts = Hosts::shared();
    let snapshot = hosts.etcd.key();
    hosts.state("one", &["raise", "--height", "200"]).fine("");
    hosts.etcd.set_key(snapshot);
    hosts.etcd.state.lock().unwrap().cluster = 5;
    for name in ["one", "two"] {
        hosts
            .run(name, &["check"])
            .refused("another etcd cluster answers (5, this host joined 4d)");
    }
    // The one that knows less comes first; nothing starts before all have joined.
    hosts
        .state("two", &["join", "--yes"])
        .fine("goes on above 100 (");
    hosts
        .state("one", &["join", "--yes"])
        .fine("goes on above 200 (");
    hosts.run("two", &["check"]).fine("Ready");
    hosts.state("two", &["show"]).fine("etcd 200 (");
}

#[test]
fn an_etcd_that_is_away_is_named() {
    let hosts = Hosts::shared();
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = away.local_addr().unwrap().port();
    drop(away);
    let config = hosts.home("two").join("tmkms.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace(&hosts.etcd.url, &format!("http://127.0.0.1:{port}")),
    )
    .unwrap();
    hosts
        .run("two", &["check"])
        .refused("no member of etcd takes part in a transaction")
        .says("Connection refused");
    hosts
        .state("two", &["show"])
        .fine("not known: etcd did not answer in time");
    hosts
        .state("two", &["join", "--yes"])
        .refused("did not answer in time")
        .says("nothing was changed");
}

/// A value as somebody would forge it who may write to etcd.
fn with_height(value: &[u8], old: &str, new: &str) -> Vec<u8> {
    let value = std::str::from_utf8(value).unwrap();
    let (body, _) = value.rsplit_once(",\"checksum\"").unwrap();
    let body = body.replace(old, new);
    let sum = subtle_encoding::hex::encode(Sha256::digest(&body));
    let sum = String::from_utf8(sum).unwrap();
    format!("{body},\"checksum\":\"{sum}\"}}").into_bytes()
}

/// Whoever knows less takes the other's height over for good: one that cannot be the chain's is asked for again.
#[test]
fn a_height_that_cannot_be_right_is_not_taken_over_between_hosts() {
    let raised = |height: &str| {
        let hosts = Hosts::shared();
        let raise = ["raise", "--height", height, "--yes-this-height"];
        hosts.state("one", &raise).fine("watermark at");
        hosts
    };
    // etcd knows more, and this host something, or nothing.
    let hosts = raised("28000000");
    hosts
        .state("two", &["join", "--yes"])
        .refused("height 28000000, which etcd holds from host ")
        .says(" is far above 100, the watermark of chain shared-1")
        .says("`--yes-this-height`");
    hosts.state("two", &["show"]).fine("watermark at 100 (");
    hosts
        .state("two", &["leave", "--yes"])
        .refused("is far above 100, the watermark of chain shared-1");
    std::fs::remove_file(hosts.home("two").join("state.json")).unwrap();
    hosts
        .state("two", &["join", "--yes"])
        .fine("above 28000000");
    let hosts = raised("280000000");
    std::fs::remove_file(hosts.home("two").join("state.json")).unwrap();
    hosts
        .state("two", &["join", "--yes"])
        .refused("height 280000000, which etcd holds from host ")
        .says("is more than nearly all chains have reached");
    assert!(!hosts.home("two").join("state.json").exists());
    hosts
        .state("two", &["join", "--yes", "--yes-this-height"])
        .fine("goes on above 280000000");
    // One above which nothing could be signed is refused, whatever is said.
    let hosts = raised("8223372036854775807");
    let mut forged = hosts.etcd.key().unwrap();
    forged.value = with_height(&forged.value, "8223372036854775807", "9223372036854775807");
    hosts.etcd.set_key(Some(forged));
    hosts
        .state("two", &["join", "--yes", "--yes-this-height"])
        .refused("could never be signed for again")
        .says("`etcdctl del /tmkms/v1/shared-1/");
    hosts.state("two", &["show"]).fine("watermark at 100 (");
    // This host knows more: all others would take it over.
    let hosts = Hosts::shared();
    let snapshot = hosts.etcd.key();
    let raise = ["raise", "--height", "28000000", "--yes-this-height"];
    hosts.state("one", &raise).fine("");
    hosts.etcd.set_key(snapshot);
    let file = hosts.home("one").join("state.json").display().to_string();
    hosts.state("one", &["join", "--yes"]).refused(&format!(
        "height 28000000, which {file} says, is far above 100"
    ));
    hosts.state("two", &["show"]).fine("etcd 100 (");
    hosts
        .state("one", &["join", "--yes", "--yes-this-height"])
        .fine("goes on above 28000000");
}

/// A backup of the state file is no harm where etcd knows better.
#[test]
fn a_copied_file_takes_what_etcd_knows() {
    let hosts = Hosts::shared();
    let state = hosts.home("two").join("state.json");
    let copy = hosts.home("two").join("copy.json");
    std::fs::copy(&state, &copy).unwrap();
    hosts.state("one", &["raise", "--height", "200"]).fine("");
    std::fs::rename(&copy, &state).unwrap();
    let config = hosts.home("two").join("tmkms.toml");
    let mut service = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["start", "-c"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = std::io::BufReader::new(service.stderr.take().unwrap());
    let said = std::io::BufRead::lines(log)
        .map_while(Result::ok)
        .find(|line| line.contains("takes what etcd knows into it"));
    assert!(said.unwrap().contains("state join"));
    service.kill().unwrap();
    service.wait().unwrap();
    hosts
        .state("two", &["join", "--yes"])
        .fine("goes on above 200 (");
    hosts.run("two", &["check"]).fine("Ready");
}
