//! The old signer is not trusted to be gone: what still runs, what still moves, and what moves after a take-over (W20).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::ABSENT;
use crate::support::chain::Chain;
use crate::support::command::{Done, tmkms};
use crate::support::home::Running;
use serde_json::json;
use tmkms::backends::softsign::key::SoftKey;

/// A node with its own key, and a home of this program that does not have the key yet.
struct Site {
    folder: tempfile::TempDir,
    key: SoftKey,
}

const CHAIN: &str = "c-1";

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, text) = SoftKey::generate(Default::default()).unwrap();
        let site = Self { folder, key };
        let seed = tmkms::text::base64::decode(text.trim_ascii()).unwrap();
        let base64 =
            |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
        let public = site.key.public_key();
        let both = [&seed[..], public.as_bytes()].concat();
        let file = json!({
            "address": public.address().to_string(),
            "pub_key": { "type": "tendermint/PubKeyEd25519", "value": base64(public.as_bytes()) },
            "priv_key": { "type": "tendermint/PrivKeyEd25519", "value": base64(&both) },
        });
        private(&site.node_key(), &file.to_string());
        private(
            &site.node().join("config/genesis.json"),
            &json!({ "chain_id": CHAIN }).to_string(),
        );
        site.vote(41, 3);
        fs::create_dir(site.home()).unwrap();
        fs::write(
            site.home().join("tmkms.toml"),
            Chain::with_state(CHAIN, "s.json")
                .node(ABSENT)
                .key("c.key")
                .to_string(),
        )
        .unwrap();
        site
    }

    /// The same, with the key in its place.
    fn with_key() -> Self {
        let site = Self::new();
        tmkms::secret_file::create(&site.home().join("c.key"), &site.key.to_base64()).unwrap();
        site
    }

    fn node(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("kms")
    }

    fn node_key(&self) -> PathBuf {
        self.node().join("config/priv_validator_key.json")
    }

    fn node_state(&self) -> PathBuf {
        self.node().join("data/priv_validator_state.json")
    }

    /// As the node does it: a new file in the place of the old one.
    fn vote(&self, height: i64, step: u8) {
        let state = json!({ "height": height.to_string(), "round": 0, "step": step });
        let new = self.node().join("data/new");
        private(&new, &state.to_string());
        fs::rename(new, self.node_state()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Done {
        tmkms(&self.home(), arguments)
    }

    fn adopt(&self) -> Done {
        self.run(&["adopt", self.node().to_str().unwrap(), "--yes"])
    }

    fn import(&self) -> Done {
        let state = self.node_state();
        self.run(&["state", "import", CHAIN, state.to_str().unwrap(), "--yes"])
    }

    fn softsign_import(&self) -> Done {
        let (state, key) = (self.node_state(), self.node_key());
        self.run(&[
            "softsign",
            "import",
            "--state",
            state.to_str().unwrap(),
            key.to_str().unwrap(),
            "c.key",
            "--yes",
        ])
    }

    fn start(&self) -> Running {
        let log = self.folder.path().join("log");
        let child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
            .args(["start", "-c"])
            .arg(self.home().join("tmkms.toml"))
            .current_dir("/")
            .env_remove("TMKMS_LOG")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child, log }
    }
}

fn private(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A process that waits until it is dropped.
struct Other(Child);

impl Other {
    fn new(name: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("sh");
        command
            .arg0(name)
            .args(["-c", "read line"])
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped());
        change(&mut command);
        let child = command.spawn().unwrap();
        // Until it has become that program.
        let line = format!("/proc/{}/cmdline", child.id());
        while !fs::read(&line).is_ok_and(|line| line.starts_with(name.as_bytes())) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Self(child)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn refused(done: &Done, words: &str) {
    assert_eq!(done.code, 1, "{}{}", done.out, done.err);
    assert!(
        done.err.contains("nothing was changed") && done.err.contains(words),
        "no {words:?} in {}",
        done.err
    );
}

/// The command between the backquotes after these words, as words of a shell.
fn command_in(text: &str, after: &str) -> String {
    let rest = text.split(after).nth(1).unwrap_or_else(|| panic!("{text}"));
    let command = rest.split('`').nth(1).unwrap();
    command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1)
}

/// `systemd-run … tmkms state import …` names the home only because the command does. Whatever else it has there counts.
#[test]
fn what_waits_for_the_command_is_passed_over_unless_it_has_something_open() {
    let site = Site::with_key();
    let state = site.node_state();
    let command = ["state", "import", CHAIN, state.to_str().unwrap(), "--yes"];
    let waits = [&["--wait", "tmkms"], command.as_slice()].concat();
    for opens in [true, false] {
        let other = Other::new("systemd-run", &waits, |other| {
            if opens {
                other.stdout(fs::File::open(&state).unwrap());
            }
        });
        match opens {
            true => refused(&site.run(&command), &format!("process {}", other.0.id())),
            false => {
                let done = site.run(&command);
                assert_eq!(done.code, 0, "{}", done.err);
            }
        }
    }
    // Another command is not this one.
    site.vote(50, 3);
    let other = Other::new("systemd-run", &[&waits[..], &["--more"]].concat(), |_| {});
    refused(&site.run(&command), &format!("process {}", other.0.id()));
}

#[test]
fn nothing_is_taken_over_while_anything_works_in_the_home() {
    let site = Site::new();
    let before = fs::read(site.node_state()).unwrap();
    let argument = format!("--home={}", site.node().display());
    enum Trace {
        Argument,
        Folder,
        Open(&'static str),
    }
    for (name, trace) in [
        ("gaiad", Trace::Argument),
        ("gaiad", Trace::Folder),
        ("gaiad", Trace::Open("data/state.db/LOCK")),
        // Nobody knows this name.
        ("my-own-node", Trace::Open("data/cs.wal/wal")),
    ] {
        let other = match trace {
            Trace::Argument => Other::new(name, &["start", &argument], |_| {}),
            Trace::Folder => Other::new(name, &["start"], |command| {
                command.current_dir(site.node());
            }),
            Trace::Open(file) => Other::new(name, &["start"], |command| {
                let path = site.node().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                command.stdout(fs::File::create(path).unwrap());
            }),
        };
        let pid = format!("process {}", other.0.id());
        refused(&site.softsign_import(), &pid);
        assert!(!site.home().join("c.key").exists());
        let beside = site_with_key(&site);
        refused(&beside.adopt(), &pid);
        refused(&beside.import(), &pid);
        assert!(!beside.home().join("s.json").exists());
        assert_eq!(fs::read(site.node_state()).unwrap(), before);
    }
    // Once it is gone.
    let done = site.softsign_import();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        fs::read_to_string(site.node_state())
            .unwrap()
            .starts_with("This state was taken over")
    );
}

/// Another home of this program for the same node.
fn site_with_key(site: &Site) -> BesideSite<'_> {
    let folder = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(site.home().join("tmkms.toml")).unwrap();
    fs::write(folder.path().join("tmkms.toml"), config).unwrap();
    tmkms::secret_file::create(&folder.path().join("c.key"), &site.key.to_base64()).unwrap();
    BesideSite { site, folder }
}

struct BesideSite<'a> {
    site: &'a Site,
    folder: tempfile::TempDir,
}

impl BesideSite<'_> {
    fn home(&self) -> &Path {
        self.folder.path()
    }

    fn adopt(&self) -> Done {
        let node = self.site.node();
        tmkms(self.home(), &["adopt", node.to_str().unwrap(), "--yes"])
    }

    fn import(&self) -> Done {
        let state = self.site.node_state();
        let file = state.to_str().unwrap();
        tmkms(self.home(), &["state", "import", CHAIN, file, "--yes"])
    }
}

#[test]
fn a_state_is_not_begun_while_anything_works_in_its_home() {
    let site = Site::with_key();
    let init = || site.run(&["state", "init", CHAIN, "--height", "100"]);
    let config = site.home().join("tmkms.toml");
    // An older tmkms, started from somewhere else; a shell; a node whose key this program uses.
    let other = Other::new("tmkms", &["start", "-c", config.to_str().unwrap()], |_| {});
    refused(&init(), &format!("process {}", other.0.id()));
    drop(other);
    let other = Other::new("bash", &[], |command| {
        command.current_dir(site.home());
    });
    let done = init();
    refused(&done, &format!("process {}", other.0.id()));
    assert!(done.err.contains("it works in"), "{}", done.err);
    drop(other);
    let in_place = fs::read_to_string(&config).unwrap().replace(
        "path = \"c.key\"",
        &format!(
            "path = \"{}\"\nkey_format = \"json\"",
            site.node_key().display()
        ),
    );
    fs::write(&config, in_place).unwrap();
    let argument = format!("--home={}", site.node().display());
    let other = Other::new("gaiad", &["start", &argument], |_| {});
    refused(&init(), &format!("process {}", other.0.id()));
    drop(other);
    assert!(!site.home().join("s.json").exists());
    let done = init();
    assert_eq!(done.code, 0, "{}", done.err);
}

/// Typed in the home itself: what the command is piped to and from works there, too.
#[test]
fn what_stands_in_one_pipeline_is_no_stranger() {
    for pipeline in [
        "\"$0\" state init c-1 --height 100 | cat",
        "\"$0\" state init c-1 --height 100 2>&1 | tee log | cat",
        "sleep 5 | \"$0\" state init c-1 --height 100; kill $!",
    ] {
        let site = Site::with_key();
        let text = in_shell(&site, &format!("set -o pipefail; {pipeline}"));
        assert!(site.home().join("s.json").exists(), "{pipeline}: {text}");
    }
    // That something writes into the same pipe says nothing of it.
    let site = Site::with_key();
    let script = "sleep 60 & \"$0\" state init c-1 --height 100; kill $!";
    let text = in_shell(&site, script);
    assert!(!site.home().join("s.json").exists(), "{text}");
    assert!(text.contains("it works in"), "{text}");
}

/// What a shell in the home says; `$0` is the program.
fn in_shell(site: &Site, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_tmkms")])
        .current_dir(site.home())
        .env_remove("TMKMS_CONFIG_FILE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (output.stdout, output.stderr);
    String::from_utf8_lossy(&[out, err].concat()).into_owned()
}

#[test]
fn the_service_of_this_configuration_is_no_stranger() {
    let site = Site::with_key();
    let service = site.start();
    service.wait_for_log("not armed");
    let done = site.import();
    assert_eq!(done.code, 0, "{}", done.err);
    // It tries again by itself.
    service.wait_for_log("armed with the");
}

#[test]
fn a_state_that_moves_is_not_taken_over() {
    let site = Site::new();
    let beside = site_with_key(&site);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut height = 42;
            while !done.load(Ordering::Relaxed) {
                site.vote(height, 3);
                height += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let all = [site.softsign_import(), beside.adopt(), beside.import()];
        done.store(true, Ordering::Relaxed);
        for one in &all {
            refused(one, "changed meanwhile");
        }
    });
    assert!(!site.home().join("c.key").exists());
    assert!(!beside.home().join("s.json").exists());
    assert!(
        !site
            .node_state()
            .with_file_name("priv_validator_state.json.before-import")
            .exists()
    );
    let done = site.softsign_import();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn a_state_that_grew_after_the_take_over_is_not_signed_beside() {
    let site = Site::with_key();
    assert_eq!(site.adopt().code, 0);
    assert_eq!(site.run(&["check"]).code, 0);
    // A node that nobody saw goes on: with another vote at the very position, or with one above.
    for (height, step) in [(41, 3), (42, 2)] {
        site.vote(height, step);
        // Not the bytes that were taken over.
        let text = fs::read_to_string(site.node_state()).unwrap();
        private(&site.node_state(), &format!("{text}\n"));
        let check = site.run(&["check"]);
        assert_eq!(check.code, 1, "{}", check.out);
        let file = site.node_state();
        for words in [file.to_str().unwrap(), &format!("now says {height}/0/")] {
            assert!(check.err.contains(words), "no {words} in {}", check.err);
        }
        let service = site.start();
        service.wait_for_log("not armed");
        service.wait_for_log("still runs and signs");
        assert!(
            !service.log().contains("armed with the"),
            "{}",
            service.log()
        );
        // The command that it prints, from another folder.
        let command = command_in(&check.err, "take its state over again with");
        let done = Command::new("sh")
            .args(["-c", &format!("{command} --yes")])
            .current_dir("/")
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
        service.wait_for_log("armed with the");
        drop(service);
        assert_eq!(site.run(&["check"]).code, 0);
    }
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 42/0/"), "{shown}");
}

#[test]
fn what_lies_in_the_place_of_an_old_state_and_is_no_danger_does_not_stop_it() {
    let site = Site::with_key();
    let before = fs::read(site.node_state()).unwrap();
    assert_eq!(site.adopt().code, 0);
    let check = || {
        let done = site.run(&["check"]);
        assert_eq!(done.code, 0, "{}", done.err);
        done.err
    };
    assert!(!check().contains("lies there again"));
    // The node made a key of its own, which never signed; its home is gone; something unreadable lies there.
    private(&site.node_state(), r#"{"height":"0","round":0,"step":0}"#);
    assert!(!check().contains("lies there again"));
    fs::remove_file(site.node_state()).unwrap();
    assert!(!check().contains("lies there again"));
    private(&site.node_state(), "nonsense");
    assert!(!check().contains("lies there again"));
    // A backup was put back, as it was taken over or older: nobody signed, and somebody could.
    for text in [String::from_utf8(before).unwrap(), before_it()] {
        private(&site.node_state(), &text);
        assert!(check().contains("lies there again"));
    }
    // A list that cannot be read is not passed over.
    fs::write(site.home().join("s.json.taken-over"), "{").unwrap();
    let done = site.run(&["check"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("s.json.taken-over"), "{}", done.err);
}

fn before_it() -> String {
    json!({ "height": "40", "round": 0, "step": 3 }).to_string()
}

#[test]
fn the_node_key_is_moved_only_when_told() {
    let site = Site::with_key();
    let done = site.adopt();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains("priv_validator_key.json away"),
        "{}",
        done.err
    );
    assert!(site.node_key().is_file());
    // The printed command does it.
    let command = command_in(&done.err, "does not start until then");
    assert!(
        Command::new("sh")
            .args(["-c", &command])
            .status()
            .unwrap()
            .success()
    );
    assert!(!site.node_key().exists());

    let site = Site::new();
    let (state, key) = (site.node_state(), site.node_key());
    let done = site.run(&[
        "softsign",
        "import",
        "--state",
        state.to_str().unwrap(),
        key.to_str().unwrap(),
        "c.key",
        "--yes",
        "--move-key",
    ]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!key.exists());
    let kept = key.with_file_name("priv_validator_key.json.taken-over");
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    // Another key is nobody's business.
    let site = Site::with_key();
    let other = fs::read_to_string(&kept).unwrap();
    private(&site.node_key(), &other);
    let done = site.run(&[
        "adopt",
        site.node().to_str().unwrap(),
        "--yes",
        "--move-key",
    ]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(site.node_key().is_file());
}

/// Each way to take a node over says who else may have signed.
#[test]
fn a_node_that_a_remote_signer_served_is_told_of_it() {
    let config =
        |laddr: &str| format!("proxy_app = \"x\"\npriv_validator_laddr = \"{laddr}\"\n[p2p]\n");
    for (laddr, told) in [
        ("tcp://0.0.0.0:26659", true),
        ("unix:///run/x.sock", true),
        ("", false),
    ] {
        let site = Site::new();
        private(&site.node().join("config/config.toml"), &config(laddr));
        let adopt = site_with_key(&site).adopt();
        site.vote(42, 3);
        let import = site_with_key(&site).import();
        site.vote(43, 3);
        for done in [adopt, import, site.softsign_import()] {
            assert_eq!(done.code, 0, "{}", done.err);
            let says = done
                .err
                .contains("a remote signer has signed for this node")
                && done.err.contains(laddr)
                && done.err.contains("state raise c-1 --height H");
            assert_eq!(says, told, "{}", done.err);
        }
    }
    // Wherever the node keeps its state.
    let site = Site::with_key();
    let text = format!(
        "priv_validator_state_file = \"here/s.json\"\n{}",
        config("tcp://0.0.0.0:1")
    );
    private(&site.node().join("config/config.toml"), &text);
    let state = json!({ "height": "42", "round": 0, "step": 3 });
    private(&site.node().join("here/s.json"), &state.to_string());
    let done = site.adopt();
    assert!(
        done.err.contains("a remote signer has signed"),
        "{}",
        done.err
    );
}

/// The older tmkms, cosmos/kms and a node: there may have been a signer for each node of a chain.
#[test]
fn a_chain_of_several_nodes_may_have_had_several_signers() {
    let told = "if there was another signer for any of them";
    for nodes in [1, 2, 3] {
        let site = Site::with_key();
        let mut config = fs::read_to_string(site.home().join("tmkms.toml")).unwrap();
        for node in 1..nodes {
            let more = format!(
                "[[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"unix:///run/none-{node}.sock\"\n"
            );
            config.push_str(&more);
        }
        fs::write(site.home().join("tmkms.toml"), config).unwrap();
        private(&site.home().join("s.json"), &before_it());
        let older = site.run(&["adopt", "--yes"]);
        let node = site.adopt();
        site.vote(44, 3);
        for done in [older, node, site.import()] {
            assert_eq!(done.err.contains(told), nodes > 1, "{}", done.err);
            if nodes > 1 {
                let words = format!("for {nodes} nodes (unix:///run/none.sock");
                assert!(done.err.contains(&words), "{}", done.err);
            }
        }
    }
    // cosmos/kms, before anything is written.
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join(".kms");
    let (key, text) = SoftKey::generate(Default::default()).unwrap();
    let both = [
        &tmkms::text::base64::decode(text.trim_ascii()).unwrap()[..],
        key.public_key().as_bytes(),
    ]
    .concat();
    private(
        &old.join("a.key"),
        str::from_utf8(&subtle_encoding::base64::encode(both)).unwrap(),
    );
    private(&old.join("state/a-1.json"), &before_it());
    private(
        &old.join("kms.yaml"),
        "chains: [{id: a-1}]\nkeys: [{chain_ids: [a-1], key_file: a.key}]\nvalidators:\n\
         - {chain_id: a-1, addr: \"tcp://10.0.0.1:1\", identity_key: i}\n\
         - {chain_id: a-1, addr: \"tcp://10.0.0.2:1\", identity_key: i}\n",
    );
    let done = tmkms(
        folder.path(),
        &["adopt", old.to_str().unwrap(), "--dry-run"],
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains(told) && done.err.contains("tcp://10.0.0.2:1"),
        "{}",
        done.err
    );
    assert!(done.out.contains("40/0/precommit"), "{}", done.out);
}

#[test]
fn a_node_keeps_its_files_where_its_configuration_says() {
    let site = Site::with_key();
    // What lies at the usual place is old.
    private(
        &site.node().join("config/config.toml"),
        "proxy_app = \"x\"\npriv_validator_state_file = \"here/state.json\"\ngenesis_file = \"here/genesis.json\"\n[p2p]\n",
    );
    private(
        &site.node().join("here/state.json"),
        r#"{"height":"90","round":0,"step":3}"#,
    );
    private(
        &site.node().join("here/genesis.json"),
        &json!({ "chain_id": CHAIN }).to_string(),
    );
    let done = site.adopt();
    assert_eq!(done.code, 0, "{}", done.err);
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 90/0/precommit"), "{shown}");
}

/// One digit too many in the old file, for each command that takes it over, and the flag.
#[test]
fn an_old_state_with_a_digit_too_many_is_asked_for_again() {
    type Command = fn(&Site) -> Vec<String>;
    let import: Command = |site| {
        let state = site.node_state().display().to_string();
        vec!["state".into(), "import".into(), CHAIN.into(), state]
    };
    let adopt: Command = |site| vec!["adopt".into(), site.node().display().to_string()];
    let softsign: Command = |site| {
        let [state, key] =
            [site.node_state(), site.node_key()].map(|path| path.display().to_string());
        ["softsign", "import", "--state", &state, &key, "c.key"]
            .map(str::to_owned)
            .to_vec()
    };
    type Begin = fn() -> Site;
    let cases: [(&str, Begin, Command); 3] = [
        ("state import", Site::with_key, import),
        ("adopt", Site::with_key, adopt),
        ("softsign import", Site::new, softsign),
    ];
    for (name, site, command) in cases {
        let site = site();
        let run = |more: &[&str]| {
            let mut words = command(&site);
            words.push("--yes".to_owned());
            words.extend(more.iter().map(|word| (*word).to_owned()));
            site.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        for height in [280_000_000, 4_611_686_018_427_387_904] {
            site.vote(height, 3);
            let done = run(&[]);
            assert_ne!(done.code, 0, "{name} {height}");
            refused(&done, "is more than nearly all chains have reached");
            refused(&done, &site.node_state().display().to_string());
            refused(&done, "`--yes-this-height`");
            assert!(!site.home().join("s.json").exists(), "{name} {height}");
        }
        site.vote(i64::MAX, 3);
        let done = run(&["--yes-this-height"]);
        refused(&done, "could never be signed for again");
        assert!(!site.home().join("s.json").exists(), "{name}");
        site.vote(280_000_000, 3);
        let done = run(&["--yes-this-height"]);
        assert_eq!(done.code, 0, "{name}: {}", done.err);
    }
    // What is said in place of a file is no surer.
    let site = Site::new();
    let key = site.node_key();
    fs::remove_file(site.node_state()).unwrap();
    let said = |more: &[&str]| {
        let words = ["softsign", "import", "--height", "280000000"];
        let files = [key.to_str().unwrap(), "c.key"];
        site.run(&[&words[..], more, &files].concat())
    };
    refused(&said(&[]), "is more than nearly all chains have reached");
    assert!(!site.home().join("c.key").exists());
    assert_eq!(said(&["--yes-this-height"]).code, 0);
}

/// What is above the chain's own state is measured by it, and what the key itself has signed is believed.
#[test]
fn a_plausible_old_state_is_not_asked_for_again() {
    let known = |height: &str| {
        let site = Site::with_key();
        fs::rename(site.node_state(), site.folder.path().join("kept")).unwrap();
        let init = site.run(&["state", "init", CHAIN, "--height", height]);
        assert_eq!(init.code, 0, "{}", init.err);
        site
    };
    for (own, old, plausible) in [
        ("41", 100_000, true),
        ("41", 28_000_000, false),
        ("28000000", 56_000_000, true),
        ("28000000", 280_000_000, false),
        ("28000000", 20_000_000, true),
        ("90000000", 170_000_000, true),
    ] {
        let site = known(own);
        site.vote(old, 3);
        let done = site.import();
        assert_eq!(done.code == 0, plausible, "{own} {old}: {}", done.err);
        if !plausible {
            refused(
                &done,
                &format!("is far above {own}, the watermark of chain {CHAIN}"),
            );
        }
    }
    let nothing_known = Site::with_key();
    nothing_known.vote(99_000_000, 3);
    let done = nothing_known.import();
    assert_eq!(done.code, 0, "{}", done.err);
    // As it is on the longest chains.
    let site = Site::with_key();
    let vote = tmkms::harness::messages::Maker::new(CHAIN.parse().unwrap());
    let request = vote.precommit(210_000_000, 0, Some(7), 1, b"");
    let bytes = request.sign_bytes();
    let seed = tmkms::text::base64::decode(site.key.to_base64().trim_ascii()).unwrap();
    let seed = ed25519_dalek::SigningKey::from_bytes(seed[..32].try_into().unwrap());
    let signature = ed25519_dalek::Signer::sign(&seed, bytes.as_slice());
    let base64 = |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
    let hex: String = bytes
        .as_slice()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let state = json!({
        "height": "210000000", "round": 0, "step": 3,
        "signature": base64(&signature.to_bytes()), "signbytes": hex,
    });
    private(&site.node_state(), &state.to_string());
    let done = site.import();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn what_cannot_be_finished_is_put_back() {
    let site = Site::with_key();
    let before = fs::read(site.node_state()).unwrap();
    // Something that is not a state lies where the list of old files would.
    fs::create_dir(site.home().join("s.json.taken-over")).unwrap();
    let done = site.import();
    refused(&done, "s.json.taken-over");
    assert_eq!(fs::read(site.node_state()).unwrap(), before);
    assert!(!site.home().join("s.json").exists());
    let left: Vec<_> = fs::read_dir(site.node().join("data")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_chain_that_was_handed_over_is_signed_for_no_more() {
    let site = Site::with_key();
    assert_eq!(site.adopt().code, 0);
    // Beside a running service nobody is told to start it again.
    let service = site.start();
    service.wait_for_log("armed with the");
    let out = site.node_state();
    let export = |more: &[&str]| {
        let words = ["state", "export", CHAIN, "--format", "cometbft"];
        site.run(&[&words[..], more].concat())
    };
    let held = export(&["--retire"]);
    assert_eq!(held.code, 1);
    assert!(
        held.err.contains("do not start it again") && !held.err.contains("and start the service"),
        "{}",
        held.err
    );
    drop(service);
    // Our own state is not to be moved away.
    let own = export(&["--retire", "-o", "s.json"]);
    assert_eq!(own.code, 1);
    assert!(
        own.err.contains("leave this one where it is"),
        "{}",
        own.err
    );
    let other = site.home().join("s.json");
    assert_eq!(export(&["-o", other.to_str().unwrap()]).code, 1);
    // Without the seal it is said what is missing.
    let open = export(&[]);
    assert_eq!(open.code, 0, "{}", open.err);
    assert!(open.err.contains("--retire"), "{}", open.err);
    assert_eq!(site.run(&["check"]).code, 0);
    // In the place of the text that the take-over left.
    let done = export(&["--retire", "-o", out.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(fs::read_to_string(&out).unwrap().contains("\"41\""));
    for command in [&["check"][..], &["state", "raise", CHAIN, "--height", "90"]] {
        let told = site.run(command);
        assert_eq!(told.code, 1, "{}", told.out);
        assert!(
            told.err.contains("was handed over to another signer at 20"),
            "{}",
            told.err
        );
    }
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("handed over to another signer"), "{shown}");
    let service = site.start();
    service.wait_for_log("was handed over to another signer");
    assert!(!service.log().contains("armed with the"));
    drop(service);
    // Once more is no harm; back again is, without the chain id.
    assert_eq!(export(&["--retire"]).code, 0);
    site.vote(43, 3);
    for done in [site.import(), site.adopt(), site.run(&["adopt", "--yes"])] {
        assert_eq!(done.code, 1, "{}", done.out);
        assert!(done.err.contains("`--insist c-1`"), "{}", done.err);
    }
    let node = site.node();
    let back = site.run(&["adopt", node.to_str().unwrap(), "--yes", "--insist", CHAIN]);
    assert_eq!(back.code, 0, "{}{}", back.out, back.err);
    assert!(
        back.out.contains("handed over, is taken back"),
        "{}",
        back.out
    );
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 43/0/precommit"), "{shown}");
    assert_eq!(site.run(&["check"]).code, 0);
}
