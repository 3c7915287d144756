//! The key of a chain is changed at a height while the program runs (W23).

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::codec::node::{Answer, Ask};
use tmkms::consensus::KeyType;
use tmkms::consensus::PublicKey;

use crate::support::home::{PATIENCE, sign};
use crate::support::world::World;

/// A service whose chain has signed at height 1, and a key that is to take over.
struct Rotation {
    world: World,
    new: PublicKey,
}

impl Rotation {
    fn with(kind: KeyType) -> Self {
        let world = World::signing();
        let (key, text) = SoftKey::generate(kind).unwrap();
        tmkms::secret_file::create(&world.home.path().join("new.key"), &text).unwrap();
        let new = key.public_key();
        Self { world, new }
    }

    fn new() -> Self {
        Self::with(KeyType::Ed25519)
    }

    fn address(&self) -> String {
        self.new.address().to_string()
    }

    fn state(&self) -> String {
        format!("state/test-1-{}.json", self.address())
    }

    /// The new key stands in the configuration, with this height and these lines.
    fn add(&self, height: i64, lines: &str) {
        let text = self.world.home.config();
        let section = format!(
            "[[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"new.key\"\nactivation_height = {height}\n{lines}"
        );
        self.world.home.configure(&format!("{text}{section}"));
    }

    fn init(&self) -> String {
        let arguments = [
            "state",
            "init",
            "test-1",
            "--key",
            &self.address(),
            "--never-signed",
        ];
        let (code, text) = self.world.home.run(&arguments);
        assert_eq!(code, 0, "{text}");
        text
    }

    /// Added and armed.
    fn begin(&self, height: i64) {
        self.add(height, "");
        self.init();
        let (code, text) = self.world.reload();
        assert_eq!(code, 0, "{text}");
    }

    /// The file is wrong in itself.
    fn is_wrong(&self, words: &str) -> String {
        let (code, text) = self.world.reload();
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(words), "{text}");
        text
    }

    /// Whether the old key, the new one or none signs.
    fn signs(&mut self, height: i64, tag: u8) -> Option<&'static str> {
        let request = crate::support::maker().prevote(height, 0, Some(tag), height);
        let bytes = request.sign_bytes();
        match self.world.node.ask(&Ask::Sign(request)).unwrap() {
            Answer::Signed { signature, .. } => {
                let by = |key: &PublicKey| key.verify(bytes.as_slice(), &signature);
                assert!(by(&self.world.home.key) != by(&self.new));
                Some(if by(&self.new) { "new" } else { "old" })
            }
            Answer::Error(_) => None,
            other => panic!("{other:?}"),
        }
    }

    fn told(&mut self) -> Answer {
        let ask = Ask::PublicKey("test-1".to_owned());
        self.world.node.ask(&ask).unwrap()
    }

    fn status(&self) -> Value {
        let (_, text) = self.world.home.run(&["status", "--json"]);
        let all: Value = serde_json::from_str(&text).unwrap();
        all["chains"][0].clone()
    }

    fn kill_and_start(&mut self) {
        self.world.service.signal(Signal::KILL);
        self.world.service.wait();
        self.world.service = self.world.home.start();
        self.world.node = self.world.listener.accept(PATIENCE).unwrap();
    }
}

fn field<'a>(status: &'a Value, at: usize, name: &str) -> &'a Value {
    &status["keys"][at][name]
}

#[test]
fn a_key_takes_over_at_its_height_and_the_old_one_is_removed_without_a_missed_vote() {
    let mut rotation = Rotation::new();
    rotation.add(10, "");
    // Its state is missing: it is told, and the old key goes on.
    let (code, text) = rotation.world.reload();
    assert_eq!(code, 1, "{text}");
    let added = "new.key is added and signs from height 10 on\n";
    assert!(text.contains(added), "{text}");
    let missing = "the key that signs from height 10 on is not armed: ";
    assert!(text.contains(missing), "{text}");
    let command = format!(
        "tmkms state init test-1 --never-signed --key {}",
        rotation.address()
    );
    assert!(text.contains(&command), "{text}");
    assert_eq!(rotation.signs(2, 1), Some("old"));
    let text = rotation.init();
    assert!(text.contains(&rotation.state()), "{text}");
    assert!(text.contains("nothing below height 10"), "{text}");
    let armed = format!(
        "(address {}), signs from height 10 on, last signed 9 ",
        rotation.address()
    );
    rotation.world.service.wait_for_log(&armed);
    assert_eq!(rotation.signs(8, 1), Some("old"));
    assert_eq!(
        rotation.told(),
        Answer::PublicKey(rotation.world.home.key.clone())
    );
    let status = rotation.status();
    assert_eq!(
        status["address"],
        rotation.world.home.key.address().to_string()
    );
    assert_eq!(
        (field(&status, 0, "active"), field(&status, 1, "active")),
        (&true.into(), &false.into())
    );
    assert_eq!(field(&status, 1, "activation_height"), 10);
    // The border.
    assert_eq!(rotation.signs(9, 1), Some("old"));
    assert_eq!(rotation.told(), Answer::PublicKey(rotation.new.clone()));
    assert_eq!(rotation.signs(9, 2), None, "a double sign");
    rotation.kill_and_start();
    assert_eq!(rotation.told(), Answer::PublicKey(rotation.new.clone()));
    assert_eq!(rotation.signs(9, 2), None, "a double sign");
    assert_eq!(rotation.signs(10, 1), Some("new"));
    assert_eq!(rotation.signs(10, 2), None, "a double sign");
    rotation.kill_and_start();
    assert_eq!(rotation.signs(10, 2), None, "a double sign");
    assert_eq!(rotation.signs(11, 1), Some("new"));
    let status = rotation.status();
    assert_eq!(status["address"], rotation.address());
    assert_eq!(field(&status, 1, "watermark"), "11/0/prevote");
    assert_eq!(field(&status, 0, "watermark"), "9/0/prevote");
    let state = status["state_file"].as_str().unwrap();
    assert!(state.ends_with(&rotation.state()), "{state}");
    // The rotation is over.
    let home = &rotation.world.home;
    let old_key = "[[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"consensus.key\"\n";
    let text = home.config();
    assert!(text.contains(old_key), "{text}");
    let text = text.replace(old_key, "");
    home.configure(&text);
    rotation.is_wrong("has no key below height 10");
    // Without the place of its state it would have the state of the old key.
    rotation
        .world
        .home
        .configure(&text.replace("activation_height = 10\n", ""));
    let path = rotation.world.home.path().join(rotation.state());
    let written = format!(
        "`state_file = \"{}\"` into the section of the",
        path.display()
    );
    rotation.world.refuses(&written);
    let line = format!("state_file = \"{}\"\n", rotation.state());
    let text = text.replace("activation_height = 10\n", &line);
    // A pause is kept beside the chain's own line, which stays.
    let gone = text.replace("state_file = \"state.json\"\n", "");
    rotation.world.home.configure(&gone);
    rotation
        .world
        .refuses("state.json\"` into its [[chain]] test-1");
    assert_eq!(rotation.signs(12, 1), Some("new"));
    let (code, said) = rotation.world.home.run(&["pause", "test-1", "--at", "14"]);
    assert_eq!(code, 0, "{said}");
    rotation.world.home.configure(&text);
    let (code, said) = rotation.world.reload();
    assert_eq!(code, 0, "{said}");
    assert_eq!(rotation.signs(13, 1), Some("new"));
    assert_eq!(rotation.signs(14, 1), None, "paused");
    rotation.kill_and_start();
    assert_eq!(rotation.signs(13, 2), None, "a double sign");
    assert_eq!(rotation.signs(14, 1), None, "paused");
}

#[test]
fn a_chain_with_a_default_state_goes_through_a_whole_rotation_on_one_link() {
    let mut rotation = Rotation::new();
    // As a chain whose state lies where it does when nothing is said.
    let home = &rotation.world.home;
    rotation.world.service.signal(Signal::TERM);
    rotation.world.service.wait();
    let text = home.config().replace("state_file = \"state.json\"\n", "");
    home.configure(&text);
    let (code, said) = home.run(&["state", "init", "test-1", "--height", "1"]);
    assert_eq!(code, 0, "{said}");
    rotation.world.service = rotation.world.home.start();
    rotation.world.node = rotation.world.listener.accept(PATIENCE).unwrap();
    assert_eq!(rotation.signs(2, 1), Some("old"));
    rotation.begin(4);
    assert_eq!(rotation.signs(3, 1), Some("old"));
    assert_eq!(rotation.signs(4, 1), Some("new"));
    let old_key = "[[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"consensus.key\"\n";
    let line = format!("state_file = \"{}\"\n", rotation.state());
    let text = rotation.world.home.config();
    let text = text
        .replace(old_key, "")
        .replace("activation_height = 4\n", &line);
    rotation.world.home.configure(&text);
    let (code, said) = rotation.world.reload();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("consensus.key signs no more\n"), "{said}");
    assert!(
        said.contains("new.key signs from the first height on\n"),
        "{said}"
    );
    assert_eq!(rotation.signs(4, 2), None, "a double sign");
    assert_eq!(rotation.signs(3, 2), None, "the old key is gone");
    assert_eq!(rotation.signs(5, 1), Some("new"));
    let status = rotation.status();
    assert_eq!(status["keys"], Value::Null, "one key is left");
    rotation.world.service.has_times(2, "connected");
    // Its lock was given back.
    let (code, said) = rotation.world.home.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    // And it starts from there.
    rotation.kill_and_start();
    assert_eq!(rotation.signs(5, 2), None, "a double sign");
    assert_eq!(rotation.signs(6, 1), Some("new"));
}

#[test]
fn the_new_key_may_be_of_another_type() {
    let mut rotation = Rotation::with(KeyType::Secp256k1);
    rotation.add(3, "key_type = \"account\"\n");
    rotation.init();
    assert_eq!(rotation.world.reload().0, 0);
    assert_eq!(rotation.signs(2, 1), Some("old"));
    assert_eq!(rotation.told(), Answer::PublicKey(rotation.new.clone()));
    assert_eq!(rotation.signs(3, 1), Some("new"));
    assert!(matches!(rotation.new, PublicKey::Secp256k1(_)));
}

#[test]
fn the_height_may_move_while_it_has_not_come_and_after_that_no_key_signs_twice() {
    let mut rotation = Rotation::new();
    rotation.begin(10);
    let change = |rotation: &Rotation, from: i64, to: i64| {
        let heights = [from, to].map(|height| format!("activation_height = {height}\n"));
        rotation.world.edit(&heights[0], &heights[1]);
        let (code, text) = rotation.world.reload();
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains(&format!("signs from height {to} on\n")),
            "{text}"
        );
    };
    change(&rotation, 10, 20);
    assert_eq!(rotation.signs(12, 1), Some("old"));
    change(&rotation, 20, 14);
    assert_eq!(rotation.signs(13, 1), Some("old"));
    assert_eq!(rotation.signs(14, 1), Some("new"));
    // Backwards: the old key could sign from 14 on, which it has not signed, and the new one below it no more.
    change(&rotation, 14, 16);
    assert_eq!(
        rotation.signs(14, 2),
        Some("old"),
        "for another validator address"
    );
    assert_eq!(rotation.signs(14, 3), None);
    change(&rotation, 16, 12);
    assert_eq!(rotation.signs(14, 2), None, "the new key has signed there");
    assert_eq!(rotation.signs(15, 1), Some("new"));
    change(&rotation, 12, 100);
    assert_eq!(rotation.signs(12, 2), None, "the old key has signed above");
    assert_eq!(rotation.signs(14, 1), None);
    assert_eq!(rotation.signs(15, 2), Some("old"));
}

#[test]
fn commands_about_a_state_say_which_key_they_mean() {
    let rotation = Rotation::new();
    rotation.begin(10);
    let home = &rotation.world.home;
    let (old, new) = (home.key.address().to_string(), rotation.address());
    for arguments in [
        &["state", "init", "test-1", "--never-signed"][..],
        &["state", "raise", "test-1", "--height", "50"],
        &["state", "import", "test-1", "state.json"],
        &["state", "export", "test-1", "--format", "cometbft"],
        &["state", "share", "test-1"],
        &["state", "join", "test-1"],
        &["state", "leave", "test-1"],
    ] {
        let (code, text) = home.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains("chain test-1 has several keys"), "{text}");
        assert!(text.contains(&old) && text.contains(&new), "{text}");
    }
    for arguments in [
        &["state", "move", "out", "test-1", "bundle"][..],
        &["adopt", "state.json"],
    ] {
        let (code, text) = home.run(arguments);
        assert_ne!(code, 0, "{arguments:?}: {text}");
        assert!(
            text.contains("chain test-1 has several keys"),
            "{arguments:?}: {text}"
        );
    }
    let (code, text) = home.run(&["state", "raise", "test-1", "--height", "50", "--key", "00"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("no key with the address 00"), "{text}");
    // Each is still as it was.
    let (code, text) = home.run(&["state", "show", "test-1"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("last 1/0/") && text.contains("watermark at 9 "),
        "{text}"
    );
    let (code, text) = home.run(&["keys", "show"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&old) && text.contains(&new), "{text}");
    assert!(text.contains("  activation_height: 10\n"), "{text}");
    let (code, text) = home.run(&["check"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&format!("{new} from height 10")), "{text}");
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("from height 10 on: watermark 9 "), "{text}");
}

#[test]
fn one_of_them_is_raised_and_the_other_stays() {
    let mut rotation = Rotation::new();
    rotation.begin(10);
    rotation.world.service.signal(Signal::TERM);
    rotation.world.service.wait();
    // What to do where the validator was away across the border.
    let old = rotation.world.home.key.address().to_string().to_lowercase();
    let arguments = ["state", "raise", "test-1", "--height", "9", "--key", &old];
    let (code, text) = rotation.world.home.run(&arguments);
    assert_eq!(code, 0, "{text}");
    rotation.world.service = rotation.world.home.start();
    rotation.world.node = rotation.world.listener.accept(PATIENCE).unwrap();
    assert_eq!(rotation.told(), Answer::PublicKey(rotation.new.clone()));
    assert_eq!(rotation.signs(9, 1), None);
    assert_eq!(rotation.signs(10, 1), Some("new"));
}

/// The last step of a rotation, before the height: until there nobody would sign.
#[test]
fn the_key_that_signs_next_is_not_removed_before_its_successor_can_sign() {
    let mut rotation = Rotation::new();
    rotation.begin(10);
    assert_eq!(rotation.signs(8, 1), Some("old"));
    let old_key = "[[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"consensus.key\"\n";
    let both = rotation.world.home.config();
    let line = format!("state_file = \"{}\"\n", rotation.state());
    let over = both
        .replace(old_key, "")
        .replace("activation_height = 10\n", &line);
    rotation.world.home.configure(&over);
    rotation
        .world
        .refuses("consensus.key signs at the next height, 9, and would be removed");
    rotation.world.refuses("signs nothing up to height 9;");
    assert_eq!(rotation.signs(9, 1), Some("old"));
    let (code, text) = rotation.world.reload();
    assert_eq!(code, 0, "{text}");
    assert_eq!(rotation.signs(10, 1), Some("new"));
}

#[test]
fn the_key_that_signs_next_is_not_removed_for_one_that_is_not_armed() {
    let mut rotation = Rotation::new();
    rotation.add(10, "");
    assert_eq!(rotation.world.reload().0, 1, "it has no state");
    let old_key = "[[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"consensus.key\"\n";
    let line = format!("state_file = \"{}\"\n", rotation.state());
    let text = rotation.world.home.config().replace(old_key, "");
    let text = text.replace("activation_height = 10\n", &line);
    rotation.world.home.configure(&text);
    rotation
        .world
        .refuses("which would have its place, is not armed: ");
    assert_eq!(rotation.signs(2, 1), Some("old"));
    // A restart is what follows it, where the chain is past that height.
    rotation.world.service.signal(Signal::TERM);
    rotation.world.service.wait();
    let (code, text) = rotation
        .world
        .home
        .run(&["state", "init", "test-1", "--height", "9"]);
    assert_eq!(code, 0, "{text}");
    rotation.world.service = rotation.world.home.start();
    rotation.world.node = rotation.world.listener.accept(PATIENCE).unwrap();
    assert_eq!(rotation.signs(10, 1), Some("new"));
}

/// Its gate was armed while it was the only key.
#[test]
fn commands_name_the_key_as_soon_as_there_are_several_and_no_longer() {
    let mut rotation = Rotation::new();
    let good = rotation.world.home.config();
    rotation.begin(100_000);
    assert_eq!(rotation.signs(5_000, 1), None, "too far ahead");
    let old = rotation.world.home.key.address();
    let command = format!("tmkms state raise test-1 --height 4999 --key {old} -c ");
    rotation.world.service.wait_for_log(&command);
    assert_eq!(
        rotation.signs(900_000_000, 1),
        None,
        "one message of a bad node"
    );
    assert_eq!(
        rotation.told(),
        Answer::PublicKey(rotation.world.home.key.clone())
    );
    rotation.world.home.configure(&good);
    assert_eq!(rotation.world.reload().0, 0);
    assert_eq!(rotation.signs(6_000, 1), None);
    let command = "tmkms state raise test-1 --height 5999 -c ";
    rotation.world.service.wait_for_log(command);
}

#[test]
fn a_copy_of_the_key_is_no_other_key() {
    let rotation = Rotation::new();
    let path = rotation.world.home.path();
    fs::remove_file(path.join("new.key")).unwrap();
    fs::copy(path.join("consensus.key"), path.join("new.key")).unwrap();
    rotation.add(10, "");
    rotation.world.refuses("holds the same key");
    let (code, text) = rotation.world.home.run(&["check"]);
    assert_ne!(code, 0, "{text}");
    assert!(text.contains("holds the same key"), "{text}");
}

#[test]
fn a_new_key_that_cannot_be_opened_or_a_bad_height_changes_nothing() {
    let mut rotation = Rotation::new();
    let good = rotation.world.home.config();
    rotation.add(10, "");
    fs::remove_file(rotation.world.home.path().join("new.key")).unwrap();
    rotation.world.refuses("new.key");
    for height in ["0", "-5", "1.5", "\"soon\""] {
        let text = rotation.world.home.config();
        let text = text.replace(
            "activation_height = 10",
            &format!("activation_height = {height}"),
        );
        rotation.world.home.configure(&text);
        let text = rotation.is_wrong("error: `activation_height` has a value of the wrong kind");
        assert!(!text.contains("two keys"), "{text}");
        rotation.world.home.configure(&good);
        rotation.add(10, "");
    }
    assert_eq!(rotation.signs(2, 1), Some("old"));
    // Nothing is left of it: the file of before is what is followed.
    rotation.world.home.configure(&good);
    rotation.world.reloads("nothing is different\n");
}

#[test]
fn a_rotation_that_is_called_off_leaves_the_old_key_alone() {
    let mut rotation = Rotation::new();
    let good = rotation.world.home.config();
    rotation.begin(10);
    assert_eq!(rotation.signs(9, 1), Some("old"));
    let threads = rotation.world.service.threads();
    rotation.world.home.configure(&good);
    let (code, text) = rotation.world.reload();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("new.key signs no more\n"), "{text}");
    assert_eq!(
        rotation.told(),
        Answer::PublicKey(rotation.world.home.key.clone())
    );
    assert_eq!(rotation.signs(10, 1), Some("old"));
    assert!(sign(
        &mut rotation.world.node,
        &rotation.world.home.key,
        11,
        1
    ));
    // Its lock is free at once.
    rotation.add(20, "");
    let (code, text) = rotation.world.reload();
    assert_eq!(code, 0, "{text}");
    let began = Instant::now();
    while rotation.world.service.threads() > threads && began.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(rotation.world.service.threads() <= threads);
    assert_eq!(rotation.signs(19, 1), Some("old"));
    assert_eq!(rotation.signs(20, 1), Some("new"));
}

#[test]
fn a_pause_stops_both_keys_and_outlasts_the_old_one() {
    let mut rotation = Rotation::new();
    rotation.begin(5);
    let run = |rotation: &Rotation, arguments: &[&str]| {
        let (code, text) = rotation.world.home.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
    };
    run(&rotation, &["pause", "test-1", "--at", "6"]);
    assert_eq!(rotation.signs(4, 1), Some("old"));
    assert_eq!(rotation.signs(5, 1), Some("new"));
    assert_eq!(rotation.signs(6, 1), None);
    rotation.kill_and_start();
    assert_eq!(rotation.signs(6, 1), None);
    run(&rotation, &["resume", "test-1", "--nobody-else-signs"]);
    assert_eq!(rotation.signs(6, 1), Some("new"));
}

#[test]
fn what_is_said_of_a_state_that_is_missing_can_be_pasted() {
    let rotation = Rotation::new();
    rotation.add(10, "");
    let (code, text) = rotation.world.home.run(&["state", "show"]);
    assert_eq!(code, 1, "{text}");
    let commands: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let [init, show] = commands[..] else {
        panic!("{text}");
    };
    assert!(
        text.contains("` begins it (`") && text.contains("` shows the address)"),
        "{text}"
    );
    let run = |command: &str| {
        let command = command.replace("ADDRESS", &rotation.address());
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        rotation.world.home.run(&words)
    };
    let (code, text) = run(show);
    assert!(code == 0 && text.contains(&rotation.address()), "{text}");
    let (code, text) = rotation.world.home.run(&["adopt"]);
    assert_eq!(code, 1, "{text}");
    let one_of_them = "a state belongs to one of them; take it over with `";
    let (_, import) = text.split_once(one_of_them).expect("a way");
    let old = "{\"height\":\"5\",\"round\":\"0\",\"step\":1,\"block_id\":null}";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.json");
    fs::write(&file, old).unwrap();
    let import = import.split('`').next().unwrap();
    let import = import.replace("FILE", file.to_str().unwrap());
    let (code, text) = run(&format!("{import} --yes"));
    assert_eq!(code, 0, "{text}");
    let state = rotation.world.home.path().join(rotation.state());
    fs::remove_file(&state).unwrap();
    let (code, text) = run(init);
    assert_eq!(code, 0, "{text}");
    assert!(state.exists());
}
