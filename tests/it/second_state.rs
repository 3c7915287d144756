//! A key has one state for its chain, wherever the configuration says that it lies (W23).

use std::fs;

use rustix::process::Signal;
use tmkms::backends::softsign::key::SoftKey;

use crate::support::ABSENT;
use crate::support::home::Home;

const OTHER: &str = "[[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"other.key\"\n";

struct Site(Home);

impl Site {
    fn new() -> Self {
        let home = Home::new(&[]);
        let (_, text) = SoftKey::generate(Default::default()).unwrap();
        tmkms::secret_file::create(&home.path().join("other.key"), &text).unwrap();
        Self(home)
    }

    fn address(&self) -> String {
        self.0.key.address().to_string()
    }

    fn by_address(&self) -> String {
        format!("state/c-1-{}.json", self.address())
    }

    /// The name by which it is known from any folder.
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The chain with these lines, the key with those, and other sections.
    fn is(&self, chain: &str, key: &str, other: &str) {
        let text = format!(
            "[[chain]]\nid = \"c-1\"\nallow_ephemeral_state = true\n{chain}\
             [[validator]]\nchain_id = \"c-1\"\naddr = \"{ABSENT}\"\n\
             [[providers.softsign]]\nchain_ids = [\"c-1\"]\npath = \"consensus.key\"\n{key}{other}"
        );
        self.0.configure(&text);
    }

    fn runs(&self, arguments: &[&str]) {
        let (code, text) = self.0.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
    }

    /// The state of the key at the file that is named, where nothing is believed of what lies beside it.
    fn has_signed(&self, height: &str, more: &[&str]) {
        let arguments = [
            "state", "init", "c-1", "--height", height, "--insist", "c-1",
        ];
        self.runs(&[&arguments[..], more].concat());
    }

    /// `check` refuses it with all of these words.
    fn is_refused(&self, words: &[&str]) -> String {
        let (code, text) = self.0.run(&["check"]);
        assert_eq!(code, 1, "{text}");
        for words in words {
            assert!(text.contains(words), "no {words} in {text}");
        }
        text
    }

    fn line(&self, name: &str) -> String {
        format!("state_file = \"{}\"\n", self.path(name))
    }
}

/// The key signed, gave its place to another one, and came back: its second state lies in another file. Without the line that
/// names that it would have the first one again.
#[test]
fn a_line_that_was_forgotten_does_not_bring_an_old_state_back() {
    let site = Site::new();
    site.is("", "", "");
    site.has_signed("100", &[]);
    let line = site.line(&site.by_address());
    site.is("", &line, "");
    site.has_signed("500", &[]);
    site.runs(&["check"]);
    site.is("", "", "");
    let default = site.path("state/c-1-consensus.json");
    let by_address = site.path(&site.by_address());
    let says = format!("{default} says that up to 100 (");
    let other = format!("{by_address} says up to 500 (");
    let told = format!("write `{}` into the section of this key", line.trim_end());
    site.is_refused(&[&says, &other, &told]);
    let mut service = site.0.start();
    service.wait_for_log("not armed: chain c-1 and its key have two states");
    service.signal(Signal::TERM);
    service.wait();
    // As it is written.
    site.is("", &line, "");
    site.runs(&["check"]);
}

#[test]
fn the_higher_state_may_be_that_of_the_chain_or_the_one_that_is_named_after_the_key() {
    let site = Site::new();
    let own = site.line("own.json");
    site.is(&own, "", "");
    site.has_signed("500", &[]);
    site.is(&own, "state_file = \"key.json\"\n", "");
    site.has_signed("100", &[]);
    let says = format!("{} says up to 500 (", site.path("own.json"));
    site.is_refused(&[&says, own.trim_end()]);
    let site = Site::new();
    site.is("", &site.line(&site.by_address()), "");
    site.has_signed("500", &[]);
    site.is("state_file = \"own.json\"\n", "", "");
    site.has_signed("100", &[]);
    site.is_refused(&[site.line(&site.by_address()).trim_end()]);
    // The default, where the chain has a file of its own.
    let site = Site::new();
    site.is("", "", "");
    site.has_signed("500", &[]);
    site.is("state_file = \"own.json\"\n", "", "");
    site.has_signed("100", &[]);
    site.is_refused(&[site.line("state/c-1-consensus.json").trim_end()]);
}

#[test]
fn a_state_that_another_signer_goes_on_from_counts_too() {
    let site = Site::new();
    site.is("", &site.line(&site.by_address()), "");
    site.has_signed("500", &[]);
    site.runs(&[
        "state", "export", "c-1", "--format", "cometbft", "--retire", "-o", "out.json",
    ]);
    site.is("", "", "");
    site.has_signed("100", &[]);
    site.is_refused(&["says up to 500 (", "another signer goes on from there"]);
}

/// The chain's own file is that of its first key, so what it says of a key that waits is raised in that one's state.
#[test]
fn the_state_of_a_key_that_comes_back_is_raised_to_its_old_one() {
    let site = Site::new();
    site.is("", "", "");
    site.has_signed("500", &[]);
    let first = format!("{OTHER}state_file = \"state/other.json\"\n");
    site.is("", "activation_height = 90\n", &first);
    let address = site.address();
    let key = ["--key", address.as_str()];
    // What is said by hand is not believed against it (W20).
    let arguments = ["state", "init", "c-1", "--never-signed"];
    let (code, text) = site.0.run(&[&arguments[..], &key].concat());
    assert_eq!(code, 1, "{text}");
    let default = site.path("state/c-1-consensus.json");
    assert!(text.contains(&default), "{text}");
    site.has_signed("100", &key);
    let command = format!("tmkms state raise c-1 --height 500 --key {address}");
    let told = site.is_refused(&[&command, "raises the other one to it", "says up to 500 ("]);
    assert!(!told.contains("write `state_file"), "{told}");
    site.runs(&[&["state", "raise", "c-1", "--height", "500"][..], &key].concat());
    let (_, text) = site.0.run(&["check"]);
    assert!(!text.contains("two states"), "{text}");
}

/// W20: a state that lies neither beside the new one nor under its name.
#[test]
fn a_key_that_comes_back_does_not_begin_below_the_state_that_it_had() {
    let site = Site::new();
    let own = site.line("own.json");
    site.is(&own, "", "");
    site.has_signed("500", &[]);
    let first = format!("{OTHER}state_file = \"other.json\"\n");
    site.is(&own, "activation_height = 90\n", &first);
    let address = site.address();
    let key = ["--key", address.as_str()];
    for said in [&["--never-signed"][..], &["--height", "499"]] {
        let arguments = [&["state", "init", "c-1"][..], said, &key].concat();
        let (code, text) = site.0.run(&arguments);
        assert_eq!(code, 1, "{arguments:?}: {text}");
        let own = site.path("own.json");
        assert!(text.contains(&own) && text.contains("500"), "{text}");
        assert!(!site.0.path().join(site.by_address()).exists());
    }
}

#[test]
fn what_says_less_or_belongs_to_another_key_is_nothing() {
    let site = Site::new();
    let line = site.line(&site.by_address());
    // Of another key, and higher.
    site.is("", "", "");
    let text = site.0.config();
    site.0
        .configure(&text.replace("consensus.key", "other.key"));
    site.has_signed("900", &[]);
    site.is("", &line, "");
    site.has_signed("500", &[]);
    site.runs(&["check"]);
    // Of this one: the same, and less.
    for height in ["500", "100"] {
        fs::remove_file(site.0.path().join("state/c-1-consensus.json")).unwrap();
        site.is("", "", "");
        site.has_signed(height, &[]);
        site.is("", &line, "");
        site.runs(&["check"]);
    }
}
