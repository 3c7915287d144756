//! The whole program and a person at a real pseudo-terminal: from a blank device to a signed vote.
#![cfg(feature = "yubihsm")]

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::Duration;

use crate::support::home::{Home, PATIENCE, sign};
use crate::support::yubihsm_simulator::{Profile, Simulator};
use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{Eof, Expect, Session};
use tmkms::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use tmkms::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use tmkms::backends::yubihsm::protocol::codes::object;
use tmkms::consensus::PublicKey;
use tmkms::harness::Listener;

/// Everything that went over the terminal, split into what stays and what was on the second screen.
pub fn screens(all: &str) -> (String, String) {
    let (mut public, mut private) = (String::new(), String::new());
    for (at, part) in all.split("\x1b[?1049h").enumerate() {
        match part.split_once("\x1b[?1049l") {
            _ if at == 0 => public.push_str(part),
            Some((inside, outside)) => {
                private.push_str(inside);
                public.push_str(outside);
            }
            None => private.push_str(part),
        }
    }
    (public, private)
}

pub struct Desk {
    session: OsSession,
    all: String,
}

impl Desk {
    pub fn open(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(arguments);
        command.env("NO_COLOR", "1");
        let mut session = Session::spawn(command).unwrap();
        // As a real terminal does: what is typed is shown, unless the program forbids it.
        session.get_process_mut().set_echo(true, None).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(20)));
        Self {
            session,
            all: String::new(),
        }
    }

    /// Waits for these words and gives what came up to their end.
    pub fn see(&mut self, words: &str) -> String {
        let found = self.session.expect(words).unwrap_or_else(|error| {
            panic!("no {words:?}: {error}\n{}", self.all);
        });
        let mut text = String::from_utf8(found.before().to_vec()).unwrap();
        text.push_str(words);
        self.all.push_str(&text);
        text
    }

    /// Goes on to the private screen and types the words there, all in one line.
    pub fn type_words(&mut self, phrase: &str) {
        self.see("Press Enter to go on to it.");
        self.type_line("");
        self.see("not shown while you type):");
        self.type_line(phrase);
    }

    pub fn type_line(&mut self, text: &str) {
        self.session.send_line(text).unwrap();
    }

    pub fn end(mut self) -> (i32, String) {
        let found = self.session.expect(Eof).unwrap();
        self.all
            .push_str(&String::from_utf8_lossy(found.as_bytes()));
        match self.session.get_process().wait().unwrap() {
            WaitStatus::Exited(_, code) => (code, self.all),
            other => panic!("{other:?}"),
        }
    }
}

fn configure(home: &Home, simulator: &Simulator) {
    let config = home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    home.configure(&format!(
        "{rest}[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
         auth = {{ key = 4, password_file = \"password\" }}\nserial_number = \"{:010}\"\n\
         keys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address(),
        simulator.device().profile.serial
    ));
}

/// A command whose standard input is a pipe with these lines, run from another host.
pub fn piped(home: &Home, arguments: &[&str], lines: &str) -> (i32, String, String) {
    let mut child = home
        .command(arguments)
        .env("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let written = child.stdin.take().unwrap().write_all(lines.as_bytes());
    // A command that ends before it asks anything has closed its end.
    if let Err(error) = written {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn from_a_blank_device_to_a_signed_vote_in_a_real_terminal() {
    let simulator = Simulator::start(Profile::new(77, (2, 4, 0)));
    let second = Simulator::start(Profile::new(78, (2, 3, 1)));
    let listener = Listener::tcp().unwrap();
    let mut home = Home::new(&[listener.address().unwrap()]);
    configure(&home, &simulator);

    // A new mnemonic, read from the screen.
    let mut desk = Desk::open(&home, &["yubihsm", "setup", "-w", "report.json"]);
    desk.see("ALL OF THEM ARE ERASED");
    desk.see("Type its serial number to erase it:");
    desk.type_line("0000000077");
    // What is said before the words can be read before the words.
    let said = desk.see("Press Enter when that is so.");
    assert!(!said.contains("\x1b[?1049h"), "{said:?}");
    desk.type_line("");
    let shown = desk.see("press Enter");
    let mut paper = vec![String::new(); 24];
    let words: Vec<&str> = shown.split_whitespace().collect();
    for pair in words.windows(2) {
        if let Some(number) = pair[0]
            .strip_suffix('.')
            .and_then(|n| n.parse::<usize>().ok())
        {
            paper[number - 1] = pair[1].to_owned();
        }
    }
    desk.type_line("");
    for asked in 1..=4 {
        desk.see("Word ");
        let number = desk.see(&format!(" ({asked} of 4), from the paper:"));
        let number: usize = number.split(' ').next().unwrap().parse().unwrap();
        desk.type_line(&paper[number - 1]);
    }
    let (code, all) = desk.end();
    assert_eq!(code, 0, "{all}");
    assert!(
        all.contains("Next make the key: `tmkms yubihsm keys generate --mnemonic -b BACKUP 1 --serial 0000000077 -c "),
        "{all}"
    );
    assert!(
        all.contains("Success set up YubiHSM (serial: 0000000077)"),
        "{all}"
    );
    let phrase = paper.join(" ");
    let mnemonic = Mnemonic::parse(&phrase).ok().unwrap();
    let (public, private) = screens(&all);
    assert!(private.contains("THE MNEMONIC"));
    let report = std::fs::read_to_string(home.path().join("report.json")).unwrap();
    for (at, pair) in paper.windows(2).enumerate() {
        for text in [&public, &report] {
            assert!(!text.contains(&pair.join(" ")), "{pair:?} stays");
            let numbered = format!("{:>4}. {}", at + 1, pair[0]);
            assert!(!text.contains(&numbered), "{numbered} stays");
        }
    }
    assert!(!public.contains("kms-validator-password"));
    let mode = std::fs::metadata(home.path().join("report.json"))
        .unwrap()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // The password that signs, into its file.
    let (code, all) = {
        let mut desk = Desk::open(
            &home,
            &["yubihsm", "derive", "--role", "validator", "-o", "password"],
        );
        // Word by word, one of them wrong, from which on it goes on; then the rest, four letters each.
        let words: Vec<&str> = phrase.split(' ').collect();
        desk.type_words(&format!("{} wrongword {}", words[..2].join(" "), words[3]));
        desk.see("word 3, `wrongword`, is not in the list");
        desk.see("Word 3 of 24:");
        desk.type_line(words[2]);
        desk.see("Word 4 of 24:");
        let rest: Vec<String> = words[3..]
            .iter()
            .map(|word| word.chars().take(4).collect())
            .collect();
        desk.type_line(&rest.join(" "));
        desk.end()
    };
    assert_eq!(code, 0, "{all}");
    let (public, private) = screens(&all);
    assert!(!public.contains("wrongword"), "{public}");
    assert!(
        !private.contains(&paper[..3].join(" ")),
        "typed words are not shown"
    );
    let password = std::fs::read_to_string(home.path().join("password")).unwrap();
    assert_eq!(password, *Role::Validator.password(&mnemonic));
    // Nobody types 24 words for a file that is there already, or for a device that is not.
    let derive = ["yubihsm", "derive", "--role", "validator", "-o", "password"];
    let (code, all) = Desk::open(&home, &derive).end();
    assert_eq!(code, 1, "{all}");
    assert!(
        all.contains("exists already") && !all.contains("24 words"),
        "{all}"
    );
    simulator.unplug();
    for arguments in [
        &["yubihsm", "keys", "export", "--mnemonic", "-i", "1", "x"][..],
        &["yubihsm", "setup", "--restore"],
        &["yubihsm", "setup", "--verify"],
    ] {
        let (code, all) = Desk::open(&home, arguments).end();
        assert_eq!(code, 1, "{all}");
        assert!(
            all.contains("has no device") && !all.contains("24 words"),
            "{all}"
        );
    }
    simulator.plug();

    // The key and its backup.
    let mut desk = Desk::open(
        &home,
        &[
            "yubihsm",
            "keys",
            "generate",
            "--mnemonic",
            "-b",
            "consensus.backup",
            "1",
        ],
    );
    desk.type_words(&phrase);
    let (code, all) = desk.end();
    assert_eq!(code, 0, "{all}");
    for words in [
        "      Device YubiHSM 0000000077, firmware 2.4.0",
        "        Next note the public key on the sheets, copy the backup to two places",
        "before the first vote, as the key is new: `tmkms state init CHAIN --never-signed -c ",
        "   Generated consensus (ed25519) key 0x0001: ",
        "       Wrote backup of key 1 (encrypted under wrap key 1) to consensus.backup",
        "      Proven the backup was opened with the mnemonic",
    ] {
        assert!(all.contains(words), "{all}");
    }
    let key = simulator.device().objects[&(object::ASYMMETRIC_KEY, 1)]
        .body
        .public_key()
        .unwrap();
    home.key = PublicKey::from_bytes("ed25519", &key).unwrap();

    // Votes.
    home.init();
    {
        let _service = home.start();
        let mut node = listener.accept(PATIENCE).unwrap();
        for height in 1..=3 {
            assert!(sign(&mut node, &home.key, height, 1));
        }
    }

    once_more(&home, &phrase);

    // The second device, by the mnemonic alone.
    configure(&home, &second);
    let mut desk = Desk::open(&home, &["yubihsm", "setup", "--restore"]);
    // In the order of the first device: what is on it, its serial number, the words.
    desk.see("ALL OF THEM ARE ERASED");
    desk.see("Type its serial number to erase it:");
    desk.type_line("78");
    desk.type_words(&phrase);
    desk.see("Erasing      YubiHSM 0000000078");
    let (code, all) = desk.end();
    assert_eq!(code, 0, "{all}");
    let verify = [
        "yubihsm",
        "keys",
        "verify-backup",
        "consensus.backup",
        "--into",
        "78",
    ];
    let (code, out, err) = piped(&home, &verify, &phrase);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("key 0x0001 \"consensus:"), "{out}");
    assert!(
        err.contains("    Compared it is the key of chain test-1"),
        "{err}"
    );
    assert!(err.contains("brought into YubiHSM 0000000078"), "{err}");
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 4, 1), "{}", service.log());
    assert!(!service.log().contains("ever proven"), "{}", service.log());
}

/// What is made or brought again is there already; the older program's words are read.
fn once_more(home: &Home, phrase: &str) {
    let run = |arguments: &[&str]| piped(home, arguments, phrase);
    let keys = |more: &[&str]| run(&[&["yubihsm", "keys"], more].concat());
    let backup = [
        "import",
        "--mnemonic",
        "--wrapkey",
        "0x1",
        "consensus.backup",
    ];
    let (code, _, err) = keys(&backup);
    assert_eq!(code, 0, "{err}");
    assert!(
        err.contains("Kept key 0x0001, which is on the device already"),
        "{err}"
    );

    let seeds = [
        "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=",
        "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=",
    ];
    for (name, seed) in ["nine", "eight"].iter().zip(seeds) {
        tmkms::secret_file::create(&home.path().join(name), seed.as_bytes()).unwrap();
    }
    let import = |name| keys(&["import", "--mnemonic", "-t", "base64", "-i", "2", name]);
    let (code, _, err) = import("nine");
    assert!(code == 0 && err.contains("Imported key 0x0002"), "{err}");
    let (code, _, err) = import("nine");
    assert!(code == 0 && err.contains("Kept key 0x0002"), "{err}");
    let (code, _, err) = import("eight");
    assert!(
        code == 1 && err.contains("there is a key 0x0002 already"),
        "{err}"
    );

    let (code, _, err) = keys(&["generate", "--mnemonic", "5", "0x6"]);
    assert_eq!(code, 0, "{err}");
    for id in ["0x0005", "0x0006"] {
        assert!(
            err.contains(&format!("Generated consensus (ed25519) key {id}: ")),
            "{err}"
        );
    }
    let (code, _, err) = keys(&["generate", "--mnemonic", "-b", "both.backup", "7", "8"]);
    assert!(code == 2 && err.contains("of one key"), "{err}");
    assert!(!home.path().join("both.backup").exists());
    let exported = [
        "export",
        "--mnemonic",
        "-i",
        "5",
        "--wrapkey",
        "1",
        "five.backup",
    ];
    let (code, _, err) = keys(&exported);
    assert_eq!(code, 0, "{err}");
}

/// The words printed from a file in memory: the quiz is answered from the sheets, and an interrupt removes them.
#[cfg(target_os = "linux")]
#[test]
fn sheets_with_the_words() {
    let simulator = Simulator::start(Profile::new(81, (2, 4, 0)));
    let home = Home::new(&[]);
    configure(&home, &simulator);
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = folder.path().join("sheets");
    let path = path.to_str().unwrap();
    let setup = ["yubihsm", "setup", "--sheets", "2", "--sheets-to", path];
    let shown = |desk: &mut Desk| {
        desk.see("Type its serial number to erase it:");
        desk.type_line("81");
        desk.see("Press Enter when that is so.");
        desk.type_line("");
        desk.see("sheets holds 2 sheets, in memory only. ");
        desk.see("press Enter");
        std::fs::read_to_string(path).unwrap()
    };

    let mut desk = Desk::open(&home, &setup);
    shown(&mut desk);
    desk.session.send("\x03").unwrap();
    desk.session.expect(Eof).unwrap();
    assert!(!std::path::Path::new(path).exists());
    assert!(simulator.device().is_fresh());

    let mut desk = Desk::open(&home, &setup);
    let sheets = shown(&mut desk);
    let pages: Vec<&str> = sheets.split('\x0c').collect();
    desk.type_line("");
    for (asked, copy) in [1, 2, 1, 2].into_iter().enumerate() {
        desk.see("Word ");
        let number = desk.see(&format!(" ({} of 4), from copy {copy} of 2:", asked + 1));
        let label = format!("{:>4}.", number.split(' ').next().unwrap());
        let (_, after) = pages[copy - 1].split_once(&label).unwrap();
        desk.type_line(after.split_whitespace().next().unwrap());
    }
    let (code, all) = desk.end();
    assert_eq!(code, 0, "{all}");
    let (public, _) = screens(&all);
    let last = public
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap();
    assert!(last.contains("    Remember the words are still in /dev/shm/"));
    assert!(std::path::Path::new(path).exists());

    let disk = home.path().join("sheets");
    let disk = disk.to_str().unwrap();
    let refused = |to: &str| {
        let (code, _, err) = piped(
            &home,
            &["yubihsm", "setup", "--sheets", "2", "--sheets-to", to],
            "",
        );
        assert_eq!(code, 1, "{err}");
        err
    };
    assert!(refused("/dev/null").contains("prints nothing on paper"));
    assert!(refused(path).contains("neither a printer nor a new file"));
    if !in_memory(home.path()) {
        assert!(refused(disk).contains("they would stay on that disk"));
        assert!(!home.path().join("sheets").exists());
    }
    let (code, _, err) = piped(&home, &["yubihsm", "setup", "-r", "--sheets", "2"], "");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--sheets-to PRINTER"), "{err}");
}

#[cfg(target_os = "linux")]
fn in_memory(path: &std::path::Path) -> bool {
    let file = std::fs::File::open(path).unwrap();
    let kind = tmkms::os::files::filesystem::ephemeral(&file).unwrap();
    matches!(kind, Some("tmpfs" | "ramfs"))
}

/// Words go to a screen and not into the file that standard error may be.
#[test]
fn without_a_screen_no_words() {
    let simulator = Simulator::start(Profile::new(82, (2, 4, 0)));
    let home = Home::new(&[]);
    configure(&home, &simulator);
    let mut command = std::process::Command::new("sh");
    command.current_dir(home.path()).args([
        "-c",
        &format!("exec {} yubihsm setup 2>err", env!("CARGO_BIN_EXE_tmkms")),
    ]);
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(20)));
    session.send_line("82").unwrap();
    session.send_line("").unwrap();
    session.send_line("x").unwrap();
    session.expect(Eof).unwrap();
    let said = std::fs::read_to_string(home.path().join("err")).unwrap();
    assert!(!said.contains("THE MNEMONIC"), "{said}");
    assert!(said.contains("in a terminal only"), "{said}");
    assert!(simulator.device().is_fresh());
}

/// Anyone who interrupts while the words are shown finds the first screen and the echo again.
#[test]
fn an_interrupt_wipes_the_private_screen() {
    let simulator = Simulator::start(Profile::new(79, (2, 4, 0)));
    let home = Home::new(&[]);
    configure(&home, &simulator);
    let mut desk = Desk::open(&home, &["yubihsm", "setup", "--restore"]);
    desk.see("Type its serial number");
    desk.type_line("79");
    desk.see("Press Enter to go on to it.");
    desk.type_line("");
    desk.see("while you type):");
    desk.session.send("\x03").unwrap();
    let found = desk.session.expect(Eof).unwrap();
    let text = String::from_utf8_lossy(found.as_bytes()).into_owned();
    assert!(text.contains("\x1b[?1049l"), "{text:?}");
    assert!(simulator.device().is_fresh());
}

#[test]
fn commands_in_a_pipe() {
    let simulator = Simulator::start(Profile::new(80, (2, 4, 0)));
    let home = Home::new(&[]);
    configure(&home, &simulator);
    let mnemonic = Mnemonic::from_entropy(&[3; 32]);
    let phrase = mnemonic.phrase();

    let (code, out, err) = piped(&home, &["yubihsm", "derive"], phrase);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains(&*Role::Operator.password(&mnemonic)));
    let key = subtle_encoding::hex::encode(&wrap_key(&mnemonic, 1)[..]);
    assert!(out.contains(str::from_utf8(&key).unwrap()));
    assert!(!out.contains(phrase));
    assert!(!err.contains("24 words"), "a pipe is not asked: {err}");
    for wrong in ["", "one two three", &phrase.replace(' ', " zz ")] {
        let (code, out, err) = piped(&home, &["yubihsm", "derive"], wrong);
        assert_eq!((code, &*out), (1, ""), "{err}");
        assert!(err.contains("no valid mnemonic"), "{err}");
        assert!(!err.contains("zz"), "no words in a log: {err}");
    }

    let (code, out, _) = piped(&home, &["yubihsm", "setup", "--sheets", "3"], "");
    assert_eq!(code, 0);
    assert!(
        out.contains("copy 3 of 3") && out.contains("  12. ____") && out.contains("  24. ____")
    );

    // Whatever USB there is, or none.
    let (code, out, err) = piped(&home, &["yubihsm", "detect"], "");
    assert!(
        code == 0 && out.contains("Serial #") || code == 1 && err.contains("no YubiHSM2"),
        "{err}"
    );

    // A dry run needs nobody; erasing does, and the report is not left behind.
    let (code, _, err) = piped(&home, &["yubihsm", "setup", "-p"], "");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("Dry run: nothing was changed."), "{err}");
    assert!(!err.contains("SSH"), "{err}");
    for words in [&["yubihsm", "setup", "-p", "-r"][..], &["yubihsm", "setup"]] {
        let (_, _, err) = piped(&home, words, phrase);
        assert!(
            err.contains("     Warning this terminal is on another host (SSH)"),
            "{err}"
        );
    }
    let (code, _, err) = piped(&home, &["yubihsm", "setup", "-w", "report"], "");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("in a terminal only"), "{err}");
    assert!(!home.path().join("report").exists());
    let (code, _, err) = piped(&home, &["yubihsm", "setup", "-w", "no/report"], "");
    assert_eq!(code, 1);
    assert!(err.contains("no/report: creating it"), "{err}");
    assert!(simulator.device().is_fresh());

    // The factory's administrator stands in for an operator.
    let seed = [9; 32];
    let soft = tmkms::backends::softsign::key::SoftKey::from_bytes(&seed, Default::default());
    let public = soft.unwrap().public_key();
    let text = subtle_encoding::base64::encode(seed);
    tmkms::secret_file::create(&home.path().join("seed"), &text).unwrap();
    let mut import = vec![
        "yubihsm",
        "keys",
        "import",
        "--auth-key",
        "1",
        "-t",
        "base64",
        "seed",
    ];
    let (code, _, err) = piped(&home, &import, "password\n");
    assert_eq!(code, 2, "no id: {err}");
    let address = public.address().to_string();
    import.extend(["-i", "0x0010", "--expect", &address]);
    let (code, _, err) = piped(&home, &import, "password\n");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("    Imported key 0x0010: "), "{err}");
    let (code, _, err) = piped(&home, &import, "password\n");
    assert_eq!(code, 0, "the very same: {err}");
    assert!(
        err.contains("        Kept key 0x0010, which is on the device already"),
        "{err}"
    );
    let position = import.len() - 1;
    import[position] = "00112233";
    let (code, _, err) = piped(&home, &import, "password\n");
    assert_eq!(code, 1);
    assert!(err.contains("not the expected key"), "{err}");
    let (code, _, err) = piped(
        &home,
        &["yubihsm", "keys", "delete", "--auth-key", "1", "16"],
        "password\n",
    );
    assert_eq!(code, 1);
    assert!(err.contains("in a terminal only"), "{err}");
    let long = "x".repeat(41);
    for (arguments, words) in [
        (&["generate", "0"][..], "1 to 65535"),
        (&["generate", "-l", &long, "1"], "40 bytes at most"),
        (
            &["generate", "-p", "Upper Case", "1"],
            "not a Bech32 prefix",
        ),
        (
            &["generate", "--non-exportable", "-b", "x", "1"],
            "cannot be used with",
        ),
    ] {
        let (code, _, err) = piped(&home, &[&["yubihsm", "keys"], arguments].concat(), "");
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(words), "{err}");
    }
    assert_eq!(simulator.device().open_sessions(), 0);

    let mut desk = Desk::open(
        &home,
        &["yubihsm", "keys", "delete", "--auth-key", "1", "16"],
    );
    desk.see("(it is not shown):");
    desk.type_line("password");
    desk.see("NO backup of it was ever proven here");
    desk.see("to delete it permanently:");
    desk.type_line(&address);
    let (code, all) = desk.end();
    assert_eq!(code, 0, "{all}");
    assert!(simulator.device().is_fresh());
}
