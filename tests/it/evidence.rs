//! A watermark that is said by hand is not believed against what lies nearby (W20).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::ABSENT;
use crate::support::chain::Chain;
use crate::support::command::{Done, tmkms};
use serde_json::json;
use tmkms::backends::softsign::key::SoftKey;

struct Site(tempfile::TempDir, SoftKey);

fn private(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn state(height: &str) -> String {
    json!({ "height": height, "round": 0, "step": 3 }).to_string()
}

impl Site {
    fn new(key: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (made, text) = SoftKey::generate(Default::default()).unwrap();
        let site = Self(folder, made);
        fs::create_dir_all(site.at(key).parent().unwrap()).unwrap();
        tmkms::secret_file::create(&site.at(key), &text).unwrap();
        fs::write(
            site.at("tmkms.toml"),
            format!(
                "{}{more}",
                Chain::with_state("c-1", "state/c-1.json")
                    .node(ABSENT)
                    .key(key)
            ),
        )
        .unwrap();
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Done {
        tmkms(self.0.path(), arguments)
    }

    /// The key as it was kept before v0.25 of Tendermint.
    fn old_key(&self, height: &str) -> String {
        let base64 =
            |bytes: &[u8]| String::from_utf8(subtle_encoding::base64::encode(bytes)).unwrap();
        let seed = tmkms::text::base64::decode(self.1.to_base64().trim_ascii()).unwrap();
        let public = self.1.public_key();
        let file = json!({
            "address": public.address().to_string(),
            "pub_key": { "type": "tendermint/PubKeyEd25519", "value": base64(public.as_bytes()) },
            "last_height": height, "last_round": "0", "last_step": 3,
            "priv_key": { "type": "tendermint/PrivKeyEd25519", "value": base64(&[&seed[..], public.as_bytes()].concat()) },
        });
        file.to_string()
    }

    fn never_signed(&self) -> Done {
        self.run(&["state", "init", "c-1", "--never-signed"])
    }

    /// It is refused with file and height, and the command that it prints takes that over.
    fn is_refused(&self, file: &Path, height: &str) {
        let done = self.never_signed();
        assert_eq!(done.code, 1, "{}", done.err);
        assert!(!self.at("state/c-1.json").exists());
        let file = file.to_str().unwrap();
        for words in [file, height, "--insist c-1"] {
            assert!(done.err.contains(words), "no {words} in {}", done.err);
        }
        // A height that is said below it is no better, and one above it is right.
        let low = self.run(&["state", "init", "c-1", "--height", "7"]);
        assert_eq!(low.code, 1, "{}", low.err);
        let command = done.err.split("take that over with `").nth(1).unwrap();
        let command = command.split('`').next().unwrap();
        let command = command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1);
        let yes = match command.contains(" import ") {
            true => " --yes",
            false => "",
        };
        let taken = Command::new("sh")
            .args(["-c", &format!("{command}{yes}")])
            .current_dir("/")
            .output()
            .unwrap();
        assert!(taken.status.success(), "{command}: {taken:?}");
        let shown = self.run(&["state", "show"]).out;
        assert!(shown.contains(&format!("watermark at {height}")), "{shown}");
    }
}

#[test]
fn a_good_state_under_another_name() {
    let site = Site::new("c.key", "");
    assert_eq!(
        site.run(&["state", "init", "c-1", "--height", "523800"])
            .code,
        0
    );
    fs::rename(site.at("state/c-1.json"), site.at("state/c-1-old.json")).unwrap();
    site.is_refused(&site.at("state/c-1-old.json"), "523800");
}

#[test]
fn a_state_where_an_older_tmkms_kept_it() {
    let site = Site::new("c.key", "");
    let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
    let config = config.replace("state_file = \"state/c-1.json\"\n", "");
    fs::write(site.at("tmkms.toml"), config).unwrap();
    let old = site.at("c-1_priv_validator_state.json");
    private(
        &old,
        r#"{"height":"41230","round":"0","step":2,"block_id":null}"#,
    );
    let done = site.never_signed();
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("41230"), "{}", done.err);
}

#[test]
fn a_state_of_the_node_whose_key_it_is() {
    let site = Site::new("node/config/key", "");
    let old = site.at("node/data/priv_validator_state.json");
    private(&old, &state("41230"));
    site.is_refused(&old, "41230");
}

#[test]
fn a_copy_that_a_take_over_kept() {
    let site = Site::new("c.key", "");
    let kept = site.at("state/c-1.json.before-import");
    private(&kept, &state("500"));
    site.is_refused(&kept, "500");
}

#[test]
fn a_text_that_a_take_over_left_beside_the_key() {
    let site = Site::new("node/config/key", "");
    let old = site.at("node/data/priv_validator_state.json");
    private(&old, &state("41230"));
    let file = old.to_str().unwrap();
    assert_eq!(site.run(&["state", "import", "c-1", file, "--yes"]).code, 0);
    fs::remove_dir_all(site.at("state")).unwrap();
    site.is_refused(
        &site.at("node/data/priv_validator_state.json.before-import"),
        "41230",
    );
}

#[test]
fn a_key_file_that_says_its_last_height() {
    let site = Site::new("c.key", "");
    fs::remove_file(site.at("c.key")).unwrap();
    let key = site.at("priv_validator.json");
    private(&key, &site.old_key("88"));
    let import = |more: &[&str]| {
        let files = [key.to_str().unwrap(), "c.key"];
        site.run(&[&["softsign", "import"], more, &files].concat())
    };
    let done = import(&["--never-signed"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(!site.at("c.key").exists());
    assert!(done.err.contains("88 (whole height)"), "{}", done.err);
    assert!(
        done.err.contains("softsign import --height 88"),
        "{}",
        done.err
    );
    let done = import(&["--height", "88"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 88 (whole height)"), "{shown}");
    // The key in use may be that very file.
    let site = Site::new("c.key", "");
    let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
    fs::copy(&key, site.at("old.json")).unwrap();
    let in_place = "path = \"old.json\"\nkey_format = \"json\"";
    fs::write(
        site.at("tmkms.toml"),
        config.replace("path = \"c.key\"", in_place),
    )
    .unwrap();
    site.is_refused(&site.at("old.json"), "88");
}

#[test]
fn the_key_of_a_node_is_not_imported_as_new() {
    let site = Site::new("c.key", "");
    fs::remove_file(site.at("c.key")).unwrap();
    private(
        &site.at("node/config/key"),
        str::from_utf8(&site.1.to_base64()).unwrap(),
    );
    let old = site.at("node/data/priv_validator_state.json");
    private(&old, &state("41230"));
    let done = site.run(&[
        "softsign",
        "import",
        "--never-signed",
        "node/config/key",
        "c.key",
    ]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(
        done.err.contains("41230") && !site.at("c.key").exists(),
        "{}",
        done.err
    );
    let done = site.run(&[
        "softsign",
        "import",
        "--never-signed",
        "--insist",
        "c-1",
        "node/config/key",
        "c.key",
    ]);
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn what_is_of_another_chain_or_key_is_no_evidence() {
    let other = Chain::with_state("b-1", "state/b-1.json").node("unix:///run/none-2.sock");
    let site = Site::new("c.key", &other.to_string());
    let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
    let config = config.replace("[\"c-1\"]", "[\"c-1\", \"b-1\"]");
    fs::write(site.at("tmkms.toml"), config).unwrap();
    // A chain that was taken over before a new one came.
    private(&site.at("state/b-1.json"), &state("90"));
    private(&site.at("state/b-1.json.before-import"), &state("80"));
    private(&site.at("state/notes.json"), "{\"height\": \"high\"}");
    private(&site.at("state/nothing.json"), "");
    let done = site.never_signed();
    assert_eq!(done.code, 0, "{}", done.err);
    // Of another key.
    let stranger = Site::new("c.key", "");
    fs::create_dir(stranger.at("state")).unwrap();
    fs::copy(site.at("state/c-1.json"), stranger.at("state/other.json")).unwrap();
    assert_eq!(stranger.never_signed().code, 0);
}

/// What lies nearby and says 41230, and the file that is named for it.
type Example = (&'static str, fn(&Site) -> PathBuf);

/// The five that were found, and relatives of each.
const EXAMPLES: &[Example] = &[
    ("another name in the state's folder", |site| {
        let other = site.at("state/c-1-old.json");
        site.own_state(&other);
        other
    }),
    ("a bare position in the state's folder", |site| {
        let other = site.at("state/copy of it");
        private(&other, &state("41230"));
        other
    }),
    ("where an older tmkms kept it", |site| {
        // Where the configuration names no file.
        let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
        let config = config.replace("state_file = \"state/c-1.json\"\n", "");
        fs::write(site.at("tmkms.toml"), config).unwrap();
        let old = site.at("c-1_priv_validator_state.json");
        let text = r#"{"height":"41230","round":"0","step":2,"block_id":null}"#;
        private(&old, text);
        old
    }),
    ("the state of the node whose key it is", |site| {
        let old = site.at("node/data/priv_validator_state.json");
        private(&old, &state("41230"));
        old
    }),
    ("the same beside the key", |site| {
        let old = site.at("node/config/priv_validator_state.json");
        private(&old, &state("41230"));
        old
    }),
    ("what a take-over kept of our own state", |site| {
        let kept = site.at("state/c-1.json.before-import-3");
        private(&kept, &state("41230"));
        kept
    }),
    ("what a take-over kept of the node's", |site| {
        let kept = site.at("node/data/priv_validator_state.json.before-import");
        private(&kept, &state("41230"));
        kept
    }),
    ("what `state init` kept", |site| {
        let kept = site.at("state/c-1.json.before-init");
        site.own_state(&kept);
        kept
    }),
    ("a copy beside the file that is taken over", |site| {
        let copy = site.at("low/state.json.1");
        private(&copy, &state("41230"));
        copy
    }),
    ("what a take-over kept of that file", |site| {
        let kept = site.at("low/state.json.before-import");
        private(&kept, &state("41230"));
        kept
    }),
];

impl Site {
    /// A state of this program, of this chain and key.
    fn own_state(&self, path: &Path) {
        let done = self.run(&["state", "init", "c-1", "--height", "41230"]);
        assert_eq!(done.code, 0, "{}", done.err);
        fs::rename(self.at("state/c-1.json"), path).unwrap();
        for mark in fs::read_dir(self.at("state")).unwrap() {
            let mark = mark.unwrap().path();
            if mark != path {
                fs::remove_file(mark).unwrap();
            }
        }
    }

    /// Takes over the file that says 7, in each of the three ways.
    fn take_low(&self, way: &str, more: &[&str]) -> Done {
        let words: &[&str] = match way {
            "import" => &["state", "import", "c-1", "low/state.json", "--yes"],
            "adopt" => &["adopt", "low/state.json", "--yes"],
            _ => &[
                "softsign",
                "import",
                "--state",
                "low/state.json",
                "node/config/key",
                "c.key",
                "--yes",
            ],
        };
        self.run(&[words, more].concat())
    }

    /// Where the key is, and which is configured, as the way needs it.
    fn of(way: &str) -> Self {
        let site = Self::new("node/config/key", "");
        if way == "softsign" {
            let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
            let config = config.replace("node/config/key", "c.key");
            fs::write(site.at("tmkms.toml"), config).unwrap();
        }
        private(&site.at("low/state.json"), &state("7"));
        site
    }
}

fn is_not_taken_over_beside_any_of_it(way: &str) {
    // Each take-over looks twice, a second apart.
    std::thread::scope(|scope| {
        for (name, lay) in EXAMPLES {
            scope.spawn(move || is_not_taken_over_beside(way, name, *lay));
        }
    });
    let site = Site::of(way);
    private(&site.at("state/what.json"), &state("41230"));
    assert_eq!(site.take_low(way, &["--insist", "c-2"]).code, 1, "{way}");
    let done = site.take_low(way, &["--insist", "c-1"]);
    assert_eq!(done.code, 0, "{way}: {}", done.err);
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 7/0/"), "{way}: {shown}");
}

fn is_not_taken_over_beside(way: &str, name: &str, lay: fn(&Site) -> PathBuf) {
    let site = Site::of(way);
    // The state that is laid there is made with the key in its place.
    if way == "softsign" {
        fs::copy(site.at("node/config/key"), site.at("c.key")).unwrap();
    }
    let file = lay(&site);
    if way == "softsign" {
        fs::remove_file(site.at("c.key")).unwrap();
    }
    let done = site.take_low(way, &[]);
    assert_eq!(done.code, 1, "{way}, {name}: {}{}", done.out, done.err);
    for words in [file.to_str().unwrap(), "41230/0/", "--insist c-1"] {
        let words = match (words, name.contains("init") || name.contains("another")) {
            ("41230/0/", true) => "41230",
            (words, _) => words,
        };
        assert!(done.err.contains(words), "{way}, {name}: {}", done.err);
    }
    assert!(!site.at("state/c-1.json").exists(), "{way}, {name}");
    assert!(!site.at("c.key").exists(), "{way}, {name}");
    let low = fs::read_to_string(site.at("low/state.json")).unwrap();
    assert_eq!(low, state("7"), "{way}, {name}");
    // As printed, from another folder; the question is answered.
    let command = done.err.split("take that over with `").nth(1).unwrap();
    let command = command.split('`').next().unwrap();
    let command = command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1);
    let taken = Command::new("sh")
        .args(["-c", &format!("{command} --yes")])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(
        taken.status.success(),
        "{way}, {name}: {command}: {taken:?}"
    );
    let shown = site.run(&["state", "show"]).out;
    assert!(
        shown.contains("watermark at 41230"),
        "{way}, {name}: {shown}"
    );
    // What was too low before adds nothing now.
    if way != "softsign" {
        assert_eq!(site.take_low(way, &[]).code, 0, "{way}, {name}");
        let shown = site.run(&["state", "show"]).out;
        assert!(
            shown.contains("watermark at 41230"),
            "{way}, {name}: {shown}"
        );
    }
}

#[test]
fn a_lower_state_is_not_imported_beside_any_of_it() {
    is_not_taken_over_beside_any_of_it("import");
}

#[test]
fn a_lower_state_is_not_adopted_beside_any_of_it() {
    is_not_taken_over_beside_any_of_it("adopt");
}

#[test]
fn a_key_is_not_imported_with_a_lower_state_beside_any_of_it() {
    is_not_taken_over_beside_any_of_it("softsign");
}

#[test]
fn what_a_key_file_says_counts_in_a_take_over() {
    for way in ["import", "adopt", "softsign"] {
        let site = Site::of(way);
        fs::remove_file(site.at("node/config/key")).unwrap();
        let key = site.at("node/config/key");
        private(&key, &site.old_key("41230"));
        if way != "softsign" {
            let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
            let json = "path = \"node/config/key\"\nkey_format = \"json\"";
            let config = config.replace("path = \"node/config/key\"", json);
            fs::write(site.at("tmkms.toml"), config).unwrap();
        }
        let done = site.take_low(way, &[]);
        assert_eq!(done.code, 0, "{way}: {}", done.err);
        for words in [key.to_str().unwrap(), "41230", "counts, too"] {
            assert!(done.err.contains(words), "{way}: {}", done.err);
        }
        let shown = site.run(&["state", "show"]).out;
        assert!(
            shown.contains("watermark at 41230 (whole height)"),
            "{way}: {shown}"
        );
    }
}

#[test]
fn a_state_in_use_is_not_adopted_beside_a_higher_one() {
    // Adopting what is in use already would change nothing; that something lies there is said all the same.
    let site = Site::new("c.key", "");
    let done = site.run(&["state", "init", "c-1", "--height", "7"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(site.run(&["adopt", "state/c-1.json"]).code, 0);
    private(&site.at("state/c-1.json.bak"), &state("41230"));
    let done = site.run(&["adopt", "state/c-1.json"]);
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(
        done.err.contains("c-1.json.bak") && done.err.contains("41230"),
        "{}",
        done.err
    );
}

#[test]
fn files_of_other_chains_stop_no_take_over() {
    let other = Chain::with_state("b-1", "state/b-1.json").node("unix:///run/none-2.sock");
    let site = Site::new("node/config/key", &other.to_string());
    let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
    let config = config.replace("[\"c-1\"]", "[\"c-1\", \"b-1\"]");
    fs::write(site.at("tmkms.toml"), config).unwrap();
    private(&site.at("low/state.json"), &state("7"));
    private(&site.at("low/b-1.json"), &state("41230"));
    private(&site.at("state/b-1.json"), &state("41230"));
    private(&site.at("state/b-1.json.before-import"), &state("41230"));
    // One that was taken over for the other chain, as the text in its place says.
    private(&site.at("state/taken"), &state("41231"));
    let taken = site.run(&["state", "import", "b-1", "state/taken", "--yes"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let done = site.take_low("import", &[]);
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn an_operator_may_insist() {
    let site = Site::new("c.key", "");
    private(&site.at("state/what.json"), &state("500"));
    assert_eq!(site.never_signed().code, 1);
    let insist = |chain| site.run(&["state", "init", "c-1", "--never-signed", "--insist", chain]);
    assert_eq!(insist("c-2").code, 1);
    assert!(!site.at("state/c-1.json").exists());
    assert_eq!(insist("c-1").code, 0);
}

/// Nothing was signed by a file that a process was still about to put in its place (W3).
#[test]
fn what_a_process_that_died_was_about_to_put_in_place_is_none() {
    for left in [".c-1.json.7.new", ".c-1-old.json.4294967296.new"] {
        let site = Site::new("c.key", "");
        private(&site.at("state").join(left), &state("500"));
        let done = site.never_signed();
        assert_eq!(done.code, 0, "{left}: {}", done.err);
    }
    for there in ["c-1.json.7.new", ".c-1.json.new", ".c-1.json.7.new.bak"] {
        let site = Site::new("c.key", "");
        let file = site.at("state").join(there);
        private(&file, &state("500"));
        site.is_refused(&file, "500");
    }
}

#[test]
fn a_bundle_is_not_believed_beside_a_key_that_says_more() {
    let site = Site::new("c.key", "");
    let run = |words: &[&str], code: i32| {
        let done = site.run(words);
        assert_eq!(done.code, code, "{words:?}: {}", done.err);
        done.err
    };
    run(&["state", "init", "c-1", "--height", "7"], 0);
    run(&["state", "move", "out", "c-1", "bundle"], 0);
    fs::remove_file(site.at("state/c-1.json")).unwrap();
    private(&site.at("old.json"), &site.old_key("88"));
    let config = fs::read_to_string(site.at("tmkms.toml")).unwrap();
    let in_place = "path = \"old.json\"\nkey_format = \"json\"";
    fs::write(
        site.at("tmkms.toml"),
        config.replace("path = \"c.key\"", in_place),
    )
    .unwrap();
    let said = run(&["state", "move", "in", "bundle", "--yes"], 1);
    let command = said.split("take that over with `").nth(1).unwrap();
    let command = command.split('`').next().unwrap();
    assert!(command.contains("state init c-1 --height 88"), "{said}");
    let words = command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1);
    let mut pasted = Command::new("sh");
    let done = pasted.args(["-c", &words]).current_dir("/").status();
    assert!(done.unwrap().success(), "{command}");
    run(&["state", "move", "in", "bundle", "--yes"], 0);
    let shown = site.run(&["state", "show"]).out;
    assert!(shown.contains("watermark at 88"), "{shown}");
}
