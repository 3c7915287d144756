//! Members made by `cosign split` and `cosign import`, from outside: their sections are read, and what does not belong together
//! is told.

use std::fs;
use std::path::{Path, PathBuf};

use tmkms::config::Config;

use crate::support::command::tmkms;
use crate::support::shell::{good, private, shell};

const CHAIN: &str = "c-1";

/// The homes of members, as their operators make them of what `split` wrote.
struct Members {
    folder: tempfile::TempDir,
}

impl Members {
    fn split(threshold: u16, members: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let all = Self { folder };
        let [t, n] = [threshold, members].map(|number| number.to_string());
        let mut words = vec!["cosign", "split", "-t", &t, "-n", &n, "--chain-id", CHAIN];
        let addresses: Vec<String> = (1..=members)
            .map(|id| format!("10.0.0.{id}:26669"))
            .collect();
        addresses.iter().for_each(|at| words.extend(["--addr", at]));
        words.push("shares");
        good(&tmkms(all.folder.path(), &words));
        (1..=members).for_each(|id| all.bring(id, id, id));
        all
    }

    fn home(&self, id: u16) -> PathBuf {
        self.folder.path().join(format!("home-{id}"))
    }

    fn made(&self, id: u16, file: &str) -> PathBuf {
        self.folder
            .path()
            .join(format!("shares/member-{id}"))
            .join(file)
    }

    fn config(&self, id: u16) -> PathBuf {
        self.home(id).join("tmkms.toml")
    }

    /// Makes a home of one member's section, another one's share, and the identity of a third.
    fn bring(&self, section: u16, share: u16, identity: u16) {
        let home = self.home(section);
        fs::create_dir_all(home.join("secrets")).unwrap();
        for (from, to) in [
            (self.made(share, "share.json"), "secrets/c-1.share"),
            (
                self.made(identity, "identity.key"),
                "secrets/c-1-cosign.key",
            ),
        ] {
            fs::copy(from, home.join(to)).unwrap();
        }
        let section_text = fs::read_to_string(self.made(section, "cosign.toml")).unwrap();
        let node = home.join("node.sock");
        let text = format!(
            "[[chain]]\nid = \"{CHAIN}\"\n\n[[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"unix://{}\"\n\n{section_text}",
            node.display()
        );
        private(&self.config(section), &text);
    }

    fn edit(&self, id: u16, edit: impl Fn(&str) -> String) {
        let text = fs::read_to_string(self.config(id)).unwrap();
        let new = edit(&text);
        assert_ne!(text, new, "nothing was edited");
        private(&self.config(id), &new);
    }

    /// What a look at the key of a home finds.
    fn look(&self, id: u16) -> Result<Vec<String>, String> {
        let config = Config::load(&self.config(id)).map_err(|error| error.to_string())?;
        let seen = config.chains[0].key.inspect();
        seen.map(|seen| seen.notes)
            .map_err(|error| error.to_string())
    }

    fn refused(&self, id: u16, words: &[&str]) {
        let why = self.look(id).unwrap_err();
        for word in words {
            assert!(why.contains(word), "no {word} in {why}");
        }
    }

    /// The line of a member with this key, in the section of another one.
    fn line(&self, id: u16, key: &str) -> String {
        let text = fs::read_to_string(self.made(id, "cosign.toml")).unwrap();
        let mut lines = text
            .lines()
            .skip_while(|line| *line != format!("id = {id}"));
        lines.find(|line| line.starts_with(key)).unwrap().to_owned()
    }
}

#[test]
fn every_section_that_split_wrote_is_right_as_it_stands() {
    let all = Members::split(3, 4);
    for id in 1..=4 {
        let notes = all.look(id).unwrap();
        let share = format!("share {id} of a key of which 3 of 4 sign");
        assert!(notes[0].starts_with(&share), "{notes:?}");
        assert!(notes[1].contains("1 member may be down"), "{notes:?}");
        assert!(notes[2].contains("0.0.0.0:26669"), "{notes:?}");
    }
    let told = tmkms(all.folder.path(), &["check", "-c", "home-2/tmkms.toml"]);
    for words in [
        "share 2 of a key of which 3 of 4 sign; any 3 of the public shares give its public key",
        "1 member may be rolled back or broken into without a double sign",
    ] {
        assert!(told.err.contains(words), "{}", told.err);
    }
}

#[test]
fn what_two_of_three_does_not_stand_is_said() {
    let all = Members::split(2, 3);
    let notes = all.look(1).unwrap();
    assert!(
        notes[1].contains("no member may be rolled back"),
        "{notes:?}"
    );
    assert!(notes[1].contains("3 of 4"), "{notes:?}");
}

#[test]
fn the_share_or_the_identity_of_another_member_is_told() {
    let all = Members::split(2, 3);
    all.bring(1, 1, 2);
    all.refused(
        1,
        &[
            "share of member 1",
            "turn this one away",
            "that of member 2",
        ],
    );
    // The whole home of another member under this one's configuration is that member.
    all.bring(1, 2, 2);
    assert!(all.look(1).unwrap()[0].starts_with("share 2"));
    all.bring(1, 1, 1);
    private(
        &all.home(1).join("secrets/c-1-cosign.key"),
        "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n",
    );
    all.refused(1, &["turn this one away", "in the files of all members"]);
    fs::remove_file(all.home(1).join("secrets/c-1-cosign.key")).unwrap();
    all.refused(1, &["identity key", "does not exist"]);
    // Its own one is brought first; a new one is turned away.
    let why = all.look(1).unwrap_err();
    assert!(
        why.find("bring this member's own identity.key").unwrap()
            < why.find("make a new one with").unwrap(),
        "{why}"
    );
    assert!(why.contains("the other members turn it away"), "{why}");
    let own = all.made(1, "identity.key");
    paste(
        &all.home(1),
        &why,
        "install -m 600 IDENTITY",
        ("IDENTITY", &own),
    );
    assert!(all.look(1).is_ok());
    let share = fs::read_to_string(all.made(1, "share.json")).unwrap();
    private(&all.home(1).join("secrets/c-1-cosign.key"), &share);
    all.refused(
        1,
        &[
            "leave that file where it is",
            "this member's own identity.key",
        ],
    );
}

#[test]
fn members_that_are_not_those_of_the_share_are_told() {
    let all = Members::split(2, 3);
    let last = |text: &str| text.rfind("\n[[providers.cosign.members]]").unwrap();
    all.edit(1, |text| text[..last(text)].to_owned());
    all.refused(
        1,
        &["one of 3", "member 3 has no [[providers.cosign.members]]"],
    );
    all.bring(1, 1, 1);
    all.edit(1, |text| {
        let more = &text[last(text)..];
        let more = more
            .replace("id = 3", "id = 4")
            .replace("10.0.0.3", "10.0.0.4");
        let more = more.replace(&all.line(3, "public_share"), "");
        let addr = more.lines().find(|line| line.starts_with("addr")).unwrap();
        let other = format!("addr = \"tcp://{}@10.0.0.4:26669\"", "ab".repeat(20));
        format!("{text}{}", more.replace(addr, &other))
    });
    all.refused(1, &["one of 3", "of member 4", "remove it"]);
    // Public shares that the file knows may be left out.
    all.bring(2, 2, 2);
    all.edit(2, |text| {
        let without = |line: &&str| !line.starts_with("public_share");
        text.lines().filter(without).collect::<Vec<_>>().join("\n")
    });
    assert!(all.look(2).is_ok());
    // Of another splitting of whatever key.
    let other = Members::split(2, 3);
    all.bring(3, 3, 3);
    for (id, word) in [
        (3, "share of member 3, whose `public_share` has to be"),
        (2, "public share of member 2"),
    ] {
        all.bring(3, 3, 3);
        let strange = other.line(id, "public_share");
        all.edit(3, |text| {
            text.replace(&all.line(id, "public_share"), &strange)
        });
        let said = strange.split('"').nth(1).unwrap();
        all.refused(3, &[word, said]);
    }
}

#[test]
fn shares_of_horcrux_are_completed_by_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let all = Members { folder };
    let at = |name: &str| all.folder.path().join(name);
    let mut sections = String::new();
    for id in 1..=3 {
        let home = all.home(id);
        fs::create_dir_all(home.join("secrets")).unwrap();
        let shard = home.join("c-1_shard.json");
        private(
            &shard,
            fs::read_to_string(format!("tests/horcrux/2-3/{id}_shard.json")).unwrap(),
        );
        let words = ["cosign", "import", "-t", "2", "-n", "3", "c-1_shard.json"];
        let done = tmkms(&home, &words);
        good(&done);
        let section = done.out.split_once("[[providers.cosign]]").unwrap().1;
        // Whoever fills it in takes each member's lines from its own host.
        let own = section
            .split("[[providers.cosign.members]]")
            .nth(usize::from(id))
            .unwrap();
        assert!(
            !own.contains("PEER_ID") && !own.contains("PUBLIC_SHARE"),
            "{own}"
        );
        sections.push_str("\n[[providers.cosign.members]]");
        sections.push_str(own);
        let head = section
            .split("[[providers.cosign.members]]")
            .next()
            .unwrap();
        private(&all.config(id), head);
    }
    for id in 1..=3 {
        let head = fs::read_to_string(all.config(id)).unwrap();
        let text = format!(
            "[[chain]]\nid = \"{CHAIN}\"\n[[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"unix://{}\"\n\n[[providers.cosign]]{head}{sections}",
            at("node.sock").display()
        );
        private(&all.config(id), &text);
        let notes = all.look(id).unwrap();
        assert!(notes[0].starts_with(&format!("share {id} ")), "{notes:?}");
    }
    let public_share = |text: &str, id: usize| {
        let lines = text.lines().filter(|line| line.starts_with("public_share"));
        lines.collect::<Vec<_>>()[id - 1].to_owned()
    };
    let text = fs::read_to_string(all.config(1)).unwrap();
    // Of the other members the shard knows nothing.
    all.edit(1, |text| text.replace(&public_share(text, 3), ""));
    all.refused(1, &["public shares of member 3", "cosign import"]);
    let strange = Members::split(2, 3);
    let one = strange.line(1, "public_share");
    private(&all.config(1), text.replace(&public_share(&text, 3), &one));
    all.refused(1, &["of member 3 does not belong to the others"]);
    // Nobody has said how many are needed but the operator.
    private(&all.config(1), &text);
    let home = all.home(1);
    fs::rename(home.join("secrets/c-1.share"), home.join("2-of-3")).unwrap();
    good(&tmkms(
        &home,
        &["cosign", "import", "-t", "3", "-n", "3", "c-1_shard.json"],
    ));
    all.refused(
        1,
        &["3 of its key are needed, and fewer give the key already"],
    );
    fs::rename(home.join("2-of-3"), home.join("secrets/c-1.share")).unwrap();
    let [one, two] = [1, 2].map(|id| strange.line(id, "public_share"));
    let both = text
        .replace(&public_share(&text, 2), &one)
        .replace(&public_share(&text, 3), &two);
    private(&all.config(1), &both);
    all.refused(1, &["another key"]);
}

/// Runs a command that a message prints, as an operator pastes it, with the file that they know in place of a word.
fn paste(folder: &Path, why: &str, words: &str, fill: (&str, &Path)) {
    let mut commands = why.split('`').skip(1).step_by(2);
    let command = commands.find(|one| one.starts_with(words)).unwrap();
    let (word, file) = fill;
    let command = command.replace(word, file.to_str().unwrap());
    let program = format!("{} ", env!("CARGO_BIN_EXE_tmkms"));
    let command = match command.strip_prefix("tmkms ") {
        Some(rest) => program + rest,
        None => command,
    };
    // Whether the old signer is stopped is asked for.
    let command = match words.contains("state import") {
        true => command + " --yes",
        false => command,
    };
    shell(folder, &command);
}

#[test]
fn files_that_are_no_share_are_told_with_what_to_do() {
    let all = Members::split(2, 3);
    let (home, made) = (all.home(1), all.made(1, "share.json"));
    let share = home.join("secrets/c-1.share");
    private(&share, "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n");
    all.refused(1, &["it is base64", "share.json of this member"]);
    let text = fs::read_to_string(&made).unwrap();
    private(&share, text.replace("\"threshold\": 2", "\"threshold\": 3"));
    all.refused(
        1,
        &["fewer shares than 3", "bring the file from its backup"],
    );
    // Damaged, in what the setting is about.
    for (damaged, words) in [
        (text.replace("\"members\": 3,", ""), "it has no `members`"),
        (
            text.replace("\"members\"", "\"member\""),
            "it has a field `member`",
        ),
        (
            text.replace("\"tmkms_share\"", "\"tmkms_shares\""),
            "it has a field `tmkms_shares`",
        ),
        (
            text[..text.len() / 2].to_owned(),
            "it is damaged or breaks off",
        ),
        ("{}".to_owned(), "it has no `tmkms_share`"),
    ] {
        private(&share, &damaged);
        all.refused(
            1,
            &[
                "the JSON of a share of this program",
                words,
                "from its backup",
            ],
        );
        assert!(!all.look(1).unwrap_err().contains("priv_"));
    }
    private(&share, "");
    let why = all.look(1).unwrap_err();
    assert!(why.contains("is empty; remove it with"), "{why}");
    paste(&home, &why, "rm ", ("SHARE", &made));
    let why = all.look(1).unwrap_err();
    assert!(
        why.contains("bring the share.json of this member there"),
        "{why}"
    );
    paste(&home, &why, "install -m 600 SHARE", ("SHARE", &made));
    assert!(all.look(1).is_ok());
    let horcrux = home.join("c-2_shard.json");
    fs::copy("tests/horcrux/2-3/1_shard.json", &horcrux).unwrap();
    private(&share, fs::read_to_string(&horcrux).unwrap());
    private(
        &home.join("config.yaml"),
        "thresholdMode:\n  threshold: 2\n  cosigners:\n  - {p2pAddr: \"tcp://a:1\"}\n  - {p2pAddr: \"tcp://b:1\"}\n  - {p2pAddr: \"tcp://c:1\"}\n",
    );
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&horcrux, permissions).unwrap();
    let why = all.look(1).unwrap_err();
    assert!(
        why.contains("horcrux split") && why.contains("bring it into the form of this program"),
        "{why}"
    );
    paste(&home, &why, "tmkms cosign import", ("SHARD", &horcrux));
    assert!(home.join("secrets/c-2.share").exists());
}

#[test]
fn one_share_alone_tells_its_public_share() {
    let all = Members::split(2, 3);
    let share = all.made(2, "share.json");
    let done = tmkms(
        all.folder.path(),
        &["cosign", "verify", share.to_str().unwrap()],
    );
    let line = format!("member 2: {}\n", all.line(2, "public_share"));
    assert!(done.code == 1 && done.out.contains(&line), "{}", done.out);
    assert!(done.out.starts_with("public key: "), "{}", done.out);
}

#[test]
fn a_key_that_is_not_there_is_no_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let split = |dir: &str| {
        tmkms(
            folder.path(),
            &["cosign", "split", "-t", "2", "-n", "3", dir],
        )
    };
    for typo in ["typo.key", "priv_validator_key.json", "a.pem"] {
        let done = split(typo);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(
            done.err
                .contains("a folder for the shares is expected there"),
            "{}",
            done.err
        );
        assert!(!folder.path().join(typo).exists());
    }
    let done = split("shares");
    good(&done);
    for words in [
        "a new ed25519 key",
        "has never signed",
        "tmkms state init CHAIN --never-signed -c PATH",
    ] {
        assert!(done.err.contains(words), "{}", done.err);
    }
}

#[test]
fn addresses_are_said_for_all_members_or_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let split = |addresses: &[&str]| {
        let mut words = vec!["cosign", "split", "-t", "2", "-n", "2"];
        addresses.iter().for_each(|at| words.extend(["--addr", at]));
        words.push("shares");
        tmkms(folder.path(), &words)
    };
    for (addresses, words) in [
        (
            &["a:1"][..],
            "2 members need as many addresses, and 1 is said",
        ),
        (&["a:1", "b:1", "c:1"], "and 3 are said"),
        (&["a:1", "A:1"], "two members cannot listen at A:1"),
        (&["a", "b:1"], "the port is missing"),
        (&["x@a:1", "b:1"], "x"),
    ] {
        let done = split(addresses);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(words), "{}", done.err);
        assert!(!folder.path().join("shares").exists());
    }
    good(&split(&["tcp://a:1", "[::1]:2"]));
    let text = fs::read_to_string(folder.path().join("shares/member-2/cosign.toml")).unwrap();
    assert!(
        text.contains("listen = \"[::1]:2\"") && text.contains("@a:1\""),
        "{text}"
    );
}

#[test]
fn an_encrypted_share_needs_its_passphrase() {
    let all = Members::split(2, 3);
    let (home, elsewhere) = (all.home(1), all.folder.path().join("elsewhere"));
    private(&elsewhere, "correct horse battery\n");
    all.edit(1, |text| {
        text.replace("secret_key", "passphrase_file = \"passphrase\"\nsecret_key")
    });
    let why = all.look(1).unwrap_err();
    assert!(
        why.contains("it is not encrypted") && why.contains("or remove `passphrase_file`"),
        "{why}"
    );
    // The command asks for the passphrase, and here is nobody to be asked.
    let passphrase = ["--passphrase-file", elsewhere.to_str().unwrap()];
    let encrypt = [
        &["cosign", "encrypt"],
        &passphrase[..],
        &["secrets/c-1.share"],
    ]
    .concat();
    assert!(why.contains("`tmkms cosign encrypt "), "{why}");
    let done = tmkms(&home, &encrypt);
    good(&done);
    assert!(tmkms(&home, &encrypt).err.contains("exists already"));
    assert!(
        why.contains(home.join("secrets/c-1.share.pem").to_str().unwrap()),
        "{why}"
    );
    all.edit(1, |text| text.replace("c-1.share\"", "c-1.share.pem\""));
    assert!(
        done.err
            .contains("still holds the share without a passphrase"),
        "{}",
        done.err
    );
    paste(&home, &done.err, "shred -u", ("SHARE", &elsewhere));
    assert!(!home.join("secrets/c-1.share").exists());
    let why = all.look(1).unwrap_err();
    assert!(
        why.contains("the passphrase of the share") && why.contains("put it there with"),
        "{why}"
    );
    paste(
        &home,
        &why,
        "install -m 600 PASSPHRASE",
        ("PASSPHRASE", &elsewhere),
    );
    assert!(all.look(1).unwrap()[0].starts_with("share 1"));
    // The public key needs none, nor whoever reads only that.
    let key = |id| {
        let config = Config::load(&all.config(id)).unwrap();
        config.chains[0].key.look()
    };
    assert_eq!(key(1), key(2));
    private(&home.join("passphrase"), "another one\n");
    all.refused(1, &["the passphrase is wrong", "correct", "passphrase"]);
    assert_eq!(key(1), key(2));
    all.edit(1, |text| {
        text.replace("passphrase_file = \"passphrase\"\n", "")
    });
    all.refused(
        1,
        &["it is encrypted with a passphrase", "passphrase_file = "],
    );
    let verify = ["cosign", "verify", "secrets/c-1.share.pem"];
    let done = tmkms(&home, &verify);
    assert!(
        done.err.contains("decrypt it with `tmkms cosign decrypt "),
        "{}",
        done.err
    );
    let decrypt = [
        &["cosign", "decrypt"],
        &passphrase[..],
        &["secrets/c-1.share.pem"],
    ]
    .concat();
    good(&tmkms(&home, &decrypt));
    // Who takes it for a key is told which command it is.
    for (verb, file) in [
        ("encrypt", all.made(1, "share.json")),
        ("decrypt", home.join("secrets/c-1.share.pem")),
    ] {
        let file = file.to_str().unwrap();
        let words = [&["softsign", verb], &passphrase[..], &[file]].concat();
        let done = tmkms(&home, &words);
        let told = format!("a share is {verb}ed with `tmkms cosign {verb} {file}`");
        assert!(done.code == 1 && done.err.contains(&told), "{}", done.err);
    }
    let [was, is] = [
        all.made(1, "share.json"),
        home.join("secrets/c-1.share.pem.json"),
    ];
    assert_eq!(fs::read(was).unwrap(), fs::read(is).unwrap());
}

#[test]
fn a_state_is_that_of_its_share() {
    let all = Members::split(2, 3);
    let home = all.home(1);
    let state = |words: &[&str]| tmkms(&home, &[&["state"], words, &["-c", "tmkms.toml"]].concat());
    let check = || tmkms(&home, &["check", "-c", "tmkms.toml"]).err;
    let said_by = |text: &str, words: &str| {
        let line = text.lines().find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("no {words} in {text}"))
            .to_owned()
    };
    // The whole key signed here until now.
    let shares = [1, 2].map(|id| all.made(id, "share.json").to_str().unwrap().to_owned());
    let recover = [
        "cosign",
        "recover",
        &shares[0],
        &shares[1],
        "secrets/whole.key",
    ];
    good(&tmkms(&home, &recover));
    let members = fs::read_to_string(all.config(1)).unwrap();
    let (chain, _) = members.split_once("\n[[providers").unwrap();
    let (chain, _) = chain.split_once("\n#").unwrap();
    let whole = format!(
        "{chain}\n[[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"secrets/whole.key\"\n"
    );
    private(&all.config(1), &whole);
    fs::create_dir(home.join("state")).unwrap();
    good(&state(&["init", CHAIN, "--height", "7"]));
    private(&all.config(1), &members);
    let why = said_by(
        &check(),
        "is that of the whole key, and share 1 is configured",
    );
    assert!(
        why.contains("take over what the whole key has signed"),
        "{why}"
    );
    let named = |text: &str| {
        text.replacen(
            "[[chain]]\n",
            "[[chain]]\nstate_file = \"state/share.json\"\n",
            1,
        )
    };
    all.edit(1, named);
    paste(&home, &why, "tmkms state import", ("FILE", &home));
    let shown = state(&["show"]);
    assert!(
        shown.out.contains("watermark at 7 (") && shown.out.contains("of share 1"),
        "{}",
        shown.out
    );
    assert!(!check().contains("is that of"), "{}", check());
    // Nobody goes on with the whole key from the state of one member; horcrux goes on as members.
    for format in ["cometbft", "tmkms"] {
        let refused = state(&["export", CHAIN, "--format", format, "--retire"]);
        assert_eq!(refused.code, 1, "{}", refused.err);
        for words in [
            "that of share 1 of its key, and other members may have signed more",
            "with the whole key at the highest height, H;",
            "stop all members for good, look at",
            "if that is this program, in a home of its own, with",
            "`tmkms state show c-1",
            "`tmkms state init c-1 --height H",
        ] {
            assert!(refused.err.contains(words), "{}", refused.err);
        }
    }
    good(&state(&["export", CHAIN, "--format", "horcrux"]));
    // Another member does not go on from it, and the whole key neither.
    all.bring(1, 2, 2);
    all.edit(1, named);
    assert!(
        check().contains("is that of share 1, and share 2 is configured"),
        "{}",
        check()
    );
    private(&all.config(1), named(&whole));
    let why = said_by(
        &check(),
        "is that of share 1, and the whole key is configured",
    );
    assert!(why.contains("a member may be behind the others"), "{why}");
    private(
        &all.config(1),
        whole.replacen(
            "[[chain]]\n",
            "[[chain]]\nstate_file = \"state/again.json\"\n",
            1,
        ),
    );
    let refused = state(&["import", CHAIN, "state/share.json", "--yes"]);
    assert!(
        refused.err.contains("and others may have signed more"),
        "{}",
        refused.err
    );
    for said in [&why, &refused.err] {
        assert!(said.contains("`tmkms state init c-1 --height H"), "{said}");
    }
    good(&state(&["init", CHAIN, "--height", "8"]));
}

/// A member's state goes to another host with its share, and to no other member.
#[test]
fn a_member_moves_with_its_state() {
    let all = Members::split(2, 3);
    let run =
        |id: u16, words: &[&str]| tmkms(&all.home(id), &[words, &["-c", "tmkms.toml"]].concat());
    for id in [1, 2] {
        fs::create_dir(all.home(id).join("state")).unwrap();
    }
    good(&run(1, &["state", "init", CHAIN, "--height", "7"]));
    let bundle = all
        .folder
        .path()
        .join("bundle")
        .to_str()
        .unwrap()
        .to_owned();
    good(&run(1, &["state", "move", "out", CHAIN, &bundle]));
    let refused = run(2, &["state", "move", "in", &bundle, "--yes"]);
    let words = "the bundle is of share 1, and share 2 is configured here";
    assert!(refused.err.contains(words), "{}", refused.err);
    // The new host of member 1.
    all.bring(3, 1, 1);
    fs::create_dir(all.home(3).join("state")).unwrap();
    good(&run(3, &["state", "move", "in", &bundle, "--yes"]));
    assert!(run(3, &["state", "show"]).out.contains("of share 1"));
}

#[test]
fn the_whole_key_beside_its_share_is_warned_of() {
    let all = Members::split(2, 3);
    let home = all.home(1);
    let shares = [1, 2].map(|id| all.made(id, "share.json").to_str().unwrap().to_owned());
    let recover = [
        "cosign",
        "recover",
        &shares[0],
        &shares[1],
        "secrets/whole.key",
    ];
    good(&tmkms(&home, &recover));
    let warned = || {
        let told = tmkms(&home, &["check", "-c", "tmkms.toml"]).err;
        told.contains("c-2 is the whole key of which the share")
    };
    let other = |key: &str| {
        let node = home.join("other.sock");
        format!(
            "\n[[chain]]\nid = \"c-2\"\n\n[[validator]]\nchain_id = \"c-2\"\naddr = \"unix://{}\"\n\n[[providers.softsign]]\nchain_ids = [\"c-2\"]\npath = \"secrets/{key}\"\n",
            node.display()
        )
    };
    all.edit(1, |text| text.to_owned() + &other("whole.key"));
    assert!(warned());
    good(&tmkms(&home, &["softsign", "keygen", "secrets/other.key"]));
    all.edit(1, |text| text.replace("whole.key", "other.key"));
    assert!(!warned());
}
