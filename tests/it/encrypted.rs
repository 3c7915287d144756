//! Encrypted key files, from outside: the commands, the service that waits for a passphrase, and OpenSSL as a judge.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use expectrl::{Eof, Expect, Session};
use tmkms::harness::Listener;
use tmkms::secret_file::SecretSource;
use tmkms::secret_file::kind::{self, FileKind, NamedBy, PemLabel};

use crate::support::command::{tmkms, tmkms_with};
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::shell::{good, private};

const PASSPHRASE: &str = "correct horse battery\n";

/// A folder with a passphrase and a key of the type.
fn folder(kind: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    private(&folder.path().join("passphrase"), PASSPHRASE);
    good(&tmkms(
        folder.path(),
        &["softsign", "keygen", "-t", kind, "k.key"],
    ));
    folder
}

const ENCRYPT: [&str; 4] = ["softsign", "encrypt", "--passphrase-file", "passphrase"];
const DECRYPT: [&str; 4] = ["softsign", "decrypt", "--passphrase-file", "passphrase"];

#[test]
fn a_key_is_the_same_before_and_after() {
    for kind in ["consensus", "account"] {
        let folder = folder(kind);
        let path = |name: &str| folder.path().join(name);
        let encrypted = tmkms(
            folder.path(),
            &[&ENCRYPT[..], &["-t", kind, "k.key"]].concat(),
        );
        good(&encrypted);
        let mode = fs::metadata(path("k.key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let decrypted = tmkms(
            folder.path(),
            &[&DECRYPT[..], &["k.key.pem", "again.key"]].concat(),
        );
        good(&decrypted);
        assert_eq!(decrypted.out, encrypted.out, "the public key");
        let [before, after] = ["k.key", "again.key"].map(|name| fs::read(path(name)).unwrap());
        assert_eq!(before, after);
        // Nothing is ever overwritten.
        for (command, new) in [(&ENCRYPT, "k.key.pem"), (&DECRYPT, "again.key")] {
            let from = if new == "again.key" {
                "k.key.pem"
            } else {
                "k.key"
            };
            let there = fs::read(path(new)).unwrap();
            let done = tmkms(folder.path(), &[&command[..], &[from, new]].concat());
            assert_eq!(done.code, 1);
            assert!(done.err.contains("exists already"), "{}", done.err);
            assert_eq!(fs::read(path(new)).unwrap(), there);
        }
    }
}

/// Files of every kind in place of the one that is wanted: one sentence, and nothing is written.
#[test]
fn what_cannot_be_encrypted_or_decrypted_is_told_and_nothing_is_written() {
    let folder = folder("consensus");
    let home = folder.path();
    for fixture in fs::read_dir("tests/key_files").unwrap() {
        let fixture = fixture.unwrap().path();
        let name = fixture.file_name().unwrap().to_str().unwrap();
        private(&home.join("in"), "");
        fs::copy(&fixture, home.join("in")).unwrap();
        fs::set_permissions(home.join("in"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut opened = 0;
        for command in [&ENCRYPT, &DECRYPT] {
            let done = tmkms(home, &[&command[..], &["in", "out"]].concat());
            if done.code == 0 {
                opened += 1;
                assert!(home.join("out").exists(), "{name}");
                fs::remove_file(home.join("out")).unwrap();
                continue;
            }
            let errors = done.err.lines().filter(|line| line.starts_with("error: "));
            assert_eq!(errors.count(), 1, "{name}: {}", done.err);
            assert!(!home.join("out").exists(), "{name}");
        }
        assert!(opened < 2, "{name} is encrypted or not");
    }
}

#[test]
fn passphrases_that_protect_nothing_are_refused() {
    let folder = folder("consensus");
    let home = folder.path();
    for (text, wanted) in [
        ("", "is empty"),
        ("\n", "it is empty"),
        ("short\n", "shorter than 8 characters"),
        (" correct horse\n", "begins or ends with a space"),
        ("two\nlines of it\n", "several lines"),
        ("\u{feff}correct horse\n", "byte order mark"),
        ("correct\0horse", "control characters"),
        (&"x".repeat(1025), "longer than 1024 bytes"),
    ] {
        private(&home.join("passphrase"), text);
        let keygen = [
            "softsign",
            "keygen",
            "--encrypt",
            "--passphrase-file",
            "passphrase",
            "new.pem",
        ];
        for command in [&[&ENCRYPT[..], &["k.key"]].concat()[..], &keygen[..]] {
            let done = tmkms(home, command);
            assert_eq!(done.code, 1, "{text:?}: {}", done.err);
            assert!(done.err.contains(wanted), "{text:?}: {}", done.err);
        }
        assert!(!home.join("k.key.pem").exists() && !home.join("new.pem").exists());
    }
    private(&home.join("passphrase"), PASSPHRASE);
    fs::set_permissions(home.join("passphrase"), fs::Permissions::from_mode(0o644)).unwrap();
    let done = tmkms(home, &[&ENCRYPT[..], &["k.key"]].concat());
    assert!(
        done.err.contains("others may read the secret"),
        "{}",
        done.err
    );
}

/// Base64 of 32 bytes is a key of any of four types.
#[test]
fn a_file_that_does_not_say_its_type_is_told_as_that() {
    let folder = folder("account");
    let careful = "k.key does not say of which type its key is, and was read as ed25519";
    let done = tmkms(folder.path(), &[&ENCRYPT[..], &["k.key", "a"]].concat());
    good(&done);
    assert!(done.err.contains(careful), "{}", done.err);
    for words in [&["-t", "account", "k.key", "b"][..], &["a", "b"]] {
        let done = tmkms(folder.path(), &[&ENCRYPT[..], words].concat());
        assert!(!done.err.contains("does not say"), "{}", done.err);
    }
}

/// In a folder where everybody can put another file in its place no key is made.
#[test]
fn no_key_is_put_where_everybody_can_exchange_it() {
    let folder = folder("consensus");
    good(&tmkms(folder.path(), &[&ENCRYPT[..], &["k.key"]].concat()));
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    for (command, from) in [(&ENCRYPT, "k.key"), (&DECRYPT, "k.key.pem")] {
        let done = tmkms(folder.path(), &[&command[..], &[from, "open/new"]].concat());
        assert_eq!(done.code, 1, "{}", done.err);
        assert!(
            done.err.contains("every user of this host can replace"),
            "{}",
            done.err
        );
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    }
}

/// No core dump has the key, whether or not somebody typed the passphrase.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_in_a_core_dump() {
    let folder = folder("consensus");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
    command.args(ENCRYPT).arg("k.key").current_dir(&folder);
    let mut encrypts = command.spawn().unwrap();
    let limits = format!("/proc/{}/limits", encrypts.id());
    // While it computes.
    let forbidden = || {
        let limits = fs::read_to_string(&limits).unwrap_or_default();
        let core = limits.lines().find(|line| line.contains("core file"));
        core.is_some_and(|line| line.split_whitespace().nth(4) == Some("0"))
            && core.is_some_and(|line| line.split_whitespace().nth(5) == Some("0"))
    };
    let mut seen = false;
    while encrypts.try_wait().unwrap().is_none() {
        seen |= forbidden();
    }
    assert!(seen);
}

/// As everywhere else: a variable, a credential, and a file with the line end of Windows.
#[test]
fn a_passphrase_comes_from_where_secrets_come_from() {
    let folder = folder("consensus");
    let home = folder.path();
    good(&tmkms(home, &[&ENCRYPT[..], &["k.key"]].concat()));
    private(&home.join("crlf"), "correct horse battery\r\n");
    let credentials = home.to_str().unwrap();
    for (source, variable) in [
        ("env:P", ("P", "correct horse battery")),
        (
            "credential:passphrase",
            ("CREDENTIALS_DIRECTORY", credentials),
        ),
        ("crlf", ("P", "")),
    ] {
        let _ = fs::remove_file(home.join("out"));
        let words = [
            "softsign",
            "decrypt",
            "--passphrase-file",
            source,
            "k.key.pem",
            "out",
        ];
        good(&tmkms_with(home, &[variable], &words));
    }
    let words = [
        "softsign",
        "decrypt",
        "--passphrase-file",
        "env:NOT_SET",
        "k.key.pem",
        "none",
    ];
    let done = tmkms(home, &words);
    assert!(done.err.contains("NOT_SET is not set"), "{}", done.err);
}

/// What is typed is not shown, and is asked for twice before a key depends on it.
#[test]
fn a_passphrase_is_asked_for_at_a_terminal() {
    let folder = folder("consensus");
    let desk = |words: &[&str], dialogue: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
        command.args(words).current_dir(folder.path());
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(PATIENCE));
        let mut all = String::new();
        for (question, answer) in dialogue {
            let found = session.expect(*question).unwrap();
            all.push_str(&String::from_utf8_lossy(found.as_bytes()));
            session.send_line(answer).unwrap();
        }
        let rest = session.expect(Eof).unwrap();
        all.push_str(&String::from_utf8_lossy(rest.as_bytes()));
        for (_, answer) in dialogue {
            assert!(!all.contains(answer), "{all}");
        }
        all
    };
    let (new, again) = ("A new passphrase for", "The same once more:");
    let encrypt = ["softsign", "encrypt", "k.key"];
    let said = desk(
        &encrypt,
        &[(new, "correct horse"), (again, "correct hearse")],
    );
    assert!(
        said.contains("the two passphrases differ; nothing was written"),
        "{said}"
    );
    let said = desk(&encrypt, &[(new, "brief")]);
    assert!(
        said.contains("shorter than 8 characters; nothing was written"),
        "{said}"
    );
    assert!(!folder.path().join("k.key.pem").exists());
    let said = desk(
        &encrypt,
        &[(new, "correct horse"), (again, "correct horse")],
    );
    assert!(said.contains("Encrypted"), "{said}");
    let decrypt = ["softsign", "decrypt", "k.key.pem", "again.key"];
    let said = desk(&decrypt, &[("The passphrase of", "Correct Horse")]);
    assert!(said.contains("the passphrase is wrong"), "{said}");
    let said = desk(&decrypt, &[("The passphrase of", "correct horse")]);
    assert!(said.contains("Decrypted"), "{said}");
    // Without a terminal nobody is asked.
    let done = tmkms(
        folder.path(),
        &["softsign", "decrypt", "k.key.pem", "none.key"],
    );
    assert_eq!(done.code, 2);
    assert!(done.err.contains("this is no terminal"), "{}", done.err);
}

/// Types the answers into a shell that runs a command, in another folder.
fn paste(command: &str, answers: &[(&str, &str)]) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tmkms")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(elsewhere.path());
    shell.env(
        "PATH",
        format!("{}:{}", program.display(), std::env::var("PATH").unwrap()),
    );
    let mut session = Session::spawn(shell).unwrap();
    session.set_expect_timeout(Some(PATIENCE));
    for (question, answer) in answers {
        session.expect(*question).unwrap();
        session.send_line(answer).unwrap();
    }
    let rest = session.expect(Eof).unwrap();
    String::from_utf8_lossy(rest.as_bytes()).into_owned()
}

fn command_in<'a>(text: &'a str, message: &str) -> &'a str {
    let (_, rest) = text
        .split_once(message)
        .unwrap_or_else(|| panic!("no {message:?} in {text}"));
    rest.trim_start()
        .strip_prefix('`')
        .unwrap()
        .split('`')
        .next()
        .unwrap()
}

#[test]
fn a_command_that_is_printed_asks_at_a_terminal() {
    let listener = Listener::tcp().unwrap();
    let folder = tempfile::Builder::new().prefix("val's home ").tempdir();
    let home = Home::within(folder.unwrap(), &[listener.address().unwrap()]);
    home.init();
    let plain = "path = \"consensus.key\"";
    let with = format!("{plain}\npassphrase_file = \"passphrase\"");
    home.configure(&home.config().replace(plain, &with));
    private(&home.path().join("passphrase"), "correct horse\n");
    let (_, said) = home.run(&["check"]);
    let typed = [
        ("A new passphrase for", "correct horse"),
        ("The same once more:", "correct horse"),
    ];
    let done = paste(command_in(&said, "encrypt it with"), &typed);
    home.configure(&home.config().replace("consensus.key", "consensus.key.pem"));
    let (code, said) = home.run(&["check"]);
    assert_eq!(code, 0, "{said}");
    // What is wrapped at the end of a line of this terminal is one word all the same.
    let done = done.replace(['\r', '\n'], "");
    paste(command_in(&done, "remove it with"), &[]);
    let path = |name: &str| home.path().join(name);
    assert!(!path("consensus.key").exists());
    let (_, said) = home.run(&["softsign", "encrypt", "consensus.key.pem"]);
    let open = [("The passphrase of", "correct horse")];
    paste(
        command_in(&said, "for another passphrase, decrypt it with"),
        &open,
    );
    fs::rename(path("consensus.key.pem.base64"), path("again")).unwrap();
    // For those who do not read it themselves.
    let source = SecretSource::File(path("consensus.key.pem"));
    let by = NamedBy::Command {
        option: "-t",
        pem: false,
    };
    let said = kind::remedy(&FileKind::Pem(PemLabel::Encrypted), &source, by);
    paste(command_in(&said, "decrypt it with"), &open);
    assert_eq!(
        fs::read(path("again")).unwrap(),
        fs::read(path("consensus.key.pem.base64")).unwrap()
    );
}

fn encrypted_home(listener: &Listener) -> Home {
    let home = Home::new(&[listener.address().unwrap()]);
    home.init();
    private(&home.path().join("right"), PASSPHRASE);
    let words = [
        "softsign",
        "encrypt",
        "--passphrase-file",
        "right",
        "consensus.key",
        "consensus.pem",
    ];
    let (code, text) = home.run(&words);
    assert_eq!(code, 0, "{text}");
    home
}

fn use_encrypted(home: &Home) {
    let plain = "path = \"consensus.key\"";
    let config = home.config();
    assert!(config.contains(plain), "{config}");
    let encrypted = "path = \"consensus.pem\"\npassphrase_file = \"passphrase\"";
    home.configure(&config.replace(plain, encrypted));
}

#[test]
fn a_wrong_passphrase_is_said_once_and_the_right_one_arms_the_chain() {
    let listener = Listener::tcp().unwrap();
    let home = encrypted_home(&listener);
    use_encrypted(&home);
    fs::remove_file(home.path().join("consensus.key")).unwrap();
    private(&home.path().join("passphrase"), "wrong horse battery\n");
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(!sign(&mut node, &home.key, 1, 1));
    service.wait_for_log("[test-1] not armed: the key in ");
    // It is tried again meanwhile.
    std::thread::sleep(Duration::from_secs(6));
    let log = service.log();
    let said = log
        .lines()
        .filter(|line| line.contains("ERROR") && line.contains("armed: the key in"));
    assert_eq!(said.count(), 1, "{log}");
    let (code, status) = home.run(&["status"]);
    assert_eq!(code, 1);
    assert!(status.contains("the passphrase is wrong"), "{status}");
    private(&home.path().join("passphrase"), PASSPHRASE);
    service.wait_for_log("[test-1] armed with the softsign key");
    assert!(sign(&mut node, &home.key, 1, 1), "on the same link");
    // Nobody needs it any more.
    fs::remove_file(home.path().join("passphrase")).unwrap();
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "nothing is different\n"));
    assert!(sign(&mut node, &home.key, 2, 1));
    // Another key in its place is seen all the same.
    let [pem, kept] = ["consensus.pem", "kept.pem"].map(|name| home.path().join(name));
    fs::rename(&pem, &kept).unwrap();
    let keygen = [
        "softsign",
        "keygen",
        "--encrypt",
        "--passphrase-file",
        "right",
        "consensus.pem",
    ];
    assert_eq!(home.run(&keygen).0, 0);
    let (code, said) = home.run(&["reload"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("holds another key now"), "{said}");
    fs::rename(&kept, &pem).unwrap();
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "nothing is different\n"));
    assert!(sign(&mut node, &home.key, 3, 1));
    assert!(!service.log().contains("horse"), "{}", service.log());
}

/// A key file that becomes an encrypted one is the same key: nothing is missed, and back again.
#[test]
fn a_reload_takes_the_encrypted_file_of_the_same_key() {
    let listener = Listener::tcp().unwrap();
    let home = encrypted_home(&listener);
    let before = home.config();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    use_encrypted(&home);
    let (code, said) = home.run(&["reload"]);
    assert_ne!(code, 0, "no passphrase yet: {said}");
    assert!(said.contains("the passphrase of the key in"), "{said}");
    assert!(sign(&mut node, &home.key, 2, 1), "nothing was changed");
    private(&home.path().join("passphrase"), PASSPHRASE);
    for config in [home.config(), before] {
        home.configure(&config);
        let (code, said) = home.run(&["reload"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("the key is opened anew"), "{said}");
        node = listener.accept(PATIENCE).unwrap();
        let height = if config.contains("passphrase") { 3 } else { 4 };
        assert!(sign(&mut node, &home.key, height, 1), "{}", service.log());
        assert!(!sign(&mut node, &home.key, height, 2), "one state");
    }
}

/// What is imported into a section with a passphrase is encrypted with it.
#[test]
fn an_import_encrypts_where_the_configuration_says_so() {
    let listener = Listener::tcp().unwrap();
    let home = encrypted_home(&listener);
    fs::remove_file(home.path().join("state.json")).unwrap();
    let config = home.config();
    let there = "path = \"consensus.key\"";
    let new = "path = \"new.pem\"\npassphrase_file = \"passphrase\"";
    home.configure(&config.replace(there, new));
    private(&home.path().join("passphrase"), "another passphrase\n");
    let import = [
        "softsign",
        "import",
        "--never-signed",
        "--passphrase-file",
        "right",
        "consensus.pem",
        "new.pem",
    ];
    for said in ["Imported", "Kept"] {
        let (code, text) = home.run(&import);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains(said), "{text}");
    }
    let text = fs::read_to_string(home.path().join("new.pem")).unwrap();
    assert!(text.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{text}");
    let (code, text) = home.run(&["keys", "show"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(&home.key.address().to_string()), "{text}");
}

/// OpenSSL judges what is written, and its own files are read. A bare machine may be without it; `.ci/run` never is.
#[test]
fn openssl_reads_what_is_written() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    for kind in ["consensus", "account"] {
        let folder = folder(kind);
        good(&tmkms(
            folder.path(),
            &[&ENCRYPT[..], &["-t", kind, "k.key"]].concat(),
        ));
        let openssl = |words: &[&str]| {
            let mut command = Command::new("openssl");
            let output = command
                .args(words)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(output.status.success(), "{words:?}: {output:?}");
            output.stdout
        };
        let pass = ["-passin", "file:passphrase"];
        let der = openssl(
            &[
                &["pkey", "-in", "k.key.pem", "-pubout", "-outform", "DER"][..],
                &pass,
            ]
            .concat(),
        );
        // The last bytes are the point; that of secp256k1 is not compressed, and begins with its x.
        let bytes = if kind == "consensus" {
            &der[der.len() - 32..]
        } else {
            &der[der.len() - 64..der.len() - 32]
        };
        let shown = tmkms(folder.path(), &["softsign", "keygen", "-t", kind, "k.key"]).out;
        let key: serde_json::Value = serde_json::from_str(
            shown
                .lines()
                .next()
                .unwrap()
                .strip_prefix("public key: ")
                .unwrap(),
        )
        .unwrap();
        let ours = subtle_encoding::base64::decode(key["key"].as_str().unwrap()).unwrap();
        assert!(ours.ends_with(bytes), "{shown}");
        // And the other way.
        for how in [
            &["-scrypt"][..],
            &["-v2", "aes-256-cbc", "-iter", "100000"],
            &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
        ] {
            openssl(
                &[
                    &[
                        "pkcs8",
                        "-topk8",
                        "-in",
                        "k.key.pem",
                        "-out",
                        "o.pem",
                        "-passout",
                        "pass:another one",
                    ][..],
                    &pass,
                    how,
                ]
                .concat(),
            );
            let _ = fs::remove_file(folder.path().join("o.key"));
            fs::set_permissions(
                folder.path().join("o.pem"),
                fs::Permissions::from_mode(0o600),
            )
            .unwrap();
            private(&folder.path().join("another"), "another one");
            let words = [
                "softsign",
                "decrypt",
                "--passphrase-file",
                "another",
                "o.pem",
                "o.key",
            ];
            good(&tmkms(folder.path(), &words));
            let [before, after] =
                ["k.key", "o.key"].map(|name| fs::read(folder.path().join(name)).unwrap());
            assert_eq!(before, after);
        }
    }
}
