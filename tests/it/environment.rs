//! Secrets in variables (`env:NAME`) are taken out of the environment before anything is signed with them (W14).
#![cfg(target_os = "linux")]

use crate::support::yubihsm_bench;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IoSliceMut, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Instant;

use crate::support::home::{Home, PATIENCE, Running, sign};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};
use rustix::process::Signal;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;
use tmkms::consensus::PublicKey;
use tmkms::harness::Listener;

/// The variable of each test.
const NAME: &str = "TMKMS_TEST_SECRET";

/// A home that signs, of which one secret is in [`NAME`].
struct Secret {
    what: &'static str,
    home: Home,
    listener: Listener,
    value: String,
    /// What must be there as long as the service runs.
    _device: Option<Box<dyn std::any::Any>>,
}

fn home() -> (Home, Listener) {
    let listener = Listener::tcp().unwrap();
    let home = Home::new(&[listener.address().unwrap()]);
    (home, listener)
}

/// The secret in `file`, where the configuration says `name = "file"`.
fn in_file(what: &'static str, name: &str, file: &str) -> Secret {
    let (home, listener) = home();
    let value = fs::read_to_string(home.path().join(file)).unwrap();
    let before = format!("{name} = \"{file}\"");
    let config = home.config();
    assert!(config.contains(&before));
    home.configure(&config.replace(&before, &format!("{name} = \"env:{NAME}\"")));
    // It must not be found elsewhere.
    fs::remove_file(home.path().join(file)).unwrap();
    Secret {
        what,
        home,
        listener,
        value: value.trim().to_owned(),
        _device: None,
    }
}

fn in_json() -> Secret {
    use base64ct::Encoding;
    let seed = ed25519_dalek::SigningKey::from_bytes(&{
        let mut bytes = [0; 32];
        getrandom::getrandom(&mut bytes).unwrap();
        bytes
    });
    let public = seed.verifying_key().to_bytes();
    let text = |bytes: &[u8]| base64ct::Base64::encode_string(bytes);
    let mut secret = in_file("a key as JSON", "path", "consensus.key");
    secret.value = format!(
        "{{\"address\":\"{}\",\"pub_key\":{{\"type\":\"tendermint/PubKeyEd25519\",\"value\":\"{}\"}},\
         \"priv_key\":{{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"{}\"}}}}",
        PublicKey::Ed25519(public).address(),
        text(&public),
        text(&seed.to_keypair_bytes())
    );
    secret.home.key = PublicKey::Ed25519(public);
    let config = secret.home.config();
    secret
        .home
        .configure(&format!("{config}key_format = \"json\"\n"));
    secret
}

fn an_account() -> Secret {
    let (key, text) = SoftKey::generate(KeyType::Secp256k1).unwrap();
    let mut secret = in_file("an account key", "path", "consensus.key");
    secret.value = String::from_utf8(text.trim_ascii().to_vec()).unwrap();
    secret.home.key = key.public_key();
    let config = secret.home.config();
    secret
        .home
        .configure(&format!("{config}key_type = \"account\"\n"));
    secret
}

/// The passphrase of a key file that is encrypted.
fn a_passphrase() -> Secret {
    let (home, listener) = home();
    let value = "correct horse battery staple".to_owned();
    let folder = home.path().to_owned();
    let passphrase = folder.join("passphrase");
    tmkms::secret_file::create(&passphrase, value.as_bytes()).unwrap();
    let words = [
        "softsign",
        "encrypt",
        "--passphrase-file",
        "passphrase",
        "consensus.key",
    ];
    let encrypt = home.command(&words).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&encrypt.stderr);
    assert!(encrypt.status.success(), "{said}");
    fs::remove_file(passphrase).unwrap();
    fs::remove_file(folder.join("consensus.key")).unwrap();
    let config = home.config().replace("consensus.key", "consensus.key.pem");
    home.configure(&format!("{config}passphrase_file = \"env:{NAME}\"\n"));
    Secret {
        what: "a passphrase",
        home,
        listener,
        value,
        _device: None,
    }
}

#[cfg(feature = "yubihsm")]
fn a_password() -> Secret {
    use crate::support::yubihsm_simulator::{Profile, Simulator};
    let simulator = Simulator::start(Profile::new(61, (2, 4, 0)));
    yubihsm_bench::add_keys(&simulator, 161);
    let (mut home, listener) = home();
    let config = home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    home.configure(&format!(
        "{rest}[[providers.yubihsm]]\nadapter = {{ type = \"http\", addr = \"tcp://{}\" }}\n\
         auth = {{ key = 4, password_file = \"env:{NAME}\" }}\nkeys = [{{ chain_ids = [\"test-1\"], key = 1 }}]\n",
        simulator.address()
    ));
    let secret = ed25519_dalek::SigningKey::from_bytes(&[161; 32]);
    home.key = PublicKey::Ed25519(secret.verifying_key().to_bytes());
    Secret {
        what: "a password",
        home,
        listener,
        // White space at its end does not count, and makes it a text that is nowhere else.
        value: "validator \t \t ".to_owned(),
        _device: Some(Box::new(simulator)),
    }
}

/// A secret of `[etcd]`, beside a chain that keeps its watermark here.
fn of_etcd(what: &'static str, setting: &str) -> Secret {
    let (home, listener) = home();
    let config = home.config();
    home.configure(&format!(
        "[etcd]\nendpoints = [\"http://127.0.0.1:9\"]\n{setting} = \"env:{NAME}\"\n{config}"
    ));
    Secret {
        what,
        home,
        listener,
        value: "a password of etcd".to_owned(),
        _device: None,
    }
}

/// A secret of a member of three, which signs nothing alone. The one with the highest id opens no port.
#[cfg(feature = "cosign")]
fn of_a_member(what: &'static str, setting: &str, file: &str) -> Secret {
    let (home, listener) = home();
    let folder = home.path().to_owned();
    let words = "cosign split -t 2 -n 3 --chain-id test-1 --addr 127.0.0.1:9 --addr 127.0.0.1:19 --addr 127.0.0.1:29 shares";
    let words: Vec<&str> = words.split(' ').collect();
    let split = home.command(&words).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&split.stderr);
    assert!(split.status.success(), "{said}");
    let member = folder.join("shares/member-3");
    let section = fs::read_to_string(member.join("cosign.toml")).unwrap();
    let section = section
        .replace("secrets/test-1.share", "shares/member-3/share.json")
        .replace("secrets/test-1-cosign.key", "shares/member-3/identity.key");
    let before = format!("{setting} = \"shares/member-3/{file}\"");
    assert!(section.contains(&before), "{section}");
    let section = section.replace(&before, &format!("{setting} = \"env:{NAME}\""));
    let config = home.config();
    let (rest, _) = config.split_once("[[providers").unwrap();
    home.configure(&format!("{rest}{section}"));
    let value = fs::read_to_string(member.join(file)).unwrap();
    fs::remove_file(member.join(file)).unwrap();
    Secret {
        what,
        home,
        listener,
        value: value.trim().to_owned(),
        _device: None,
    }
}

#[cfg(feature = "cosign")]
#[test]
fn no_secret_of_a_member_can_be_read_from_outside() {
    for secret in [
        of_a_member("a share", "share", "share.json"),
        of_a_member("a member's identity", "secret_key", "identity.key"),
    ] {
        let mut service = start(&secret);
        let armed = secret.listener.accept(PATIENCE);
        assert!(armed.is_ok(), "{}: {}", secret.what, service.log());
        service.wait_for_log("armed with the share");
        let found = found_in(service.child.id(), &secret.value);
        assert_eq!(found.unwrap_or_default(), [""; 0], "{}", secret.what);
        service.signal(Signal::TERM);
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        assert!(!service.log().contains(&secret.value), "{}", service.log());
    }
}

/// Every setting that takes `env:NAME`, in each of its forms, of keys that sign alone.
fn all() -> Vec<Secret> {
    vec![
        in_file("an identity key", "secret_key", "identity.key"),
        in_file("a consensus key", "path", "consensus.key"),
        in_json(),
        an_account(),
        a_passphrase(),
        #[cfg(feature = "yubihsm")]
        a_password(),
        of_etcd("etcd's password", "username = \"tmkms\"\npassword_file"),
        of_etcd("etcd's key", "cert_file = \"client.crt\"\nkey_file"),
    ]
}

#[test]
fn there_is_no_other_setting_that_takes_a_variable() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if fs::read_to_string(&path).unwrap().contains(".secret(") => {
                    found.push(path.display().to_string());
                }
                false => {}
            }
        }
    }
    found.sort();
    let known = [
        // Of a member, above.
        "src/backends/cosign/config/mod.rs",
        "src/backends/softsign/config.rs",
        "src/backends/yubihsm/config.rs",
        "src/config/check/nodes.rs",
        // Says what is wrong with the files of those above.
        "src/config/named_files.rs",
        "src/config/sections/etcd.rs",
    ];
    assert_eq!(found, known, "add it to `all` above");
}

/// Runs it with the variable, from the state on.
fn start(secret: &Secret) -> Running {
    let init = secret
        .home
        .command(&["state", "init", "test-1", "--never-signed"])
        .env(NAME, &secret.value)
        .output();
    let init = init.unwrap();
    let said = String::from_utf8_lossy(&init.stderr);
    assert!(init.status.success(), "{}: {said}", secret.what);
    secret.home.start_with(|command| {
        command
            .env(NAME, &secret.value)
            .env("TMKMS_TEST_KEPT", "kept");
    })
}

fn holds(bytes: &[u8], value: &str) -> bool {
    bytes
        .windows(value.len())
        .any(|window| window == value.as_bytes())
}

/// Where in what `/proc` shows of a process the value is found. `None` where this user may not look, which is as good.
fn found_in(pid: u32, value: &str) -> Option<Vec<String>> {
    let place = |name: &str| format!("/proc/{pid}/{name}");
    let environment = match fs::read(place("environ")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            assert!(
                !rustix::process::geteuid().is_root(),
                "root may look everywhere"
            );
            return None;
        }
        result => result.unwrap(),
    };
    assert!(holds(&environment, "TMKMS_TEST_KEPT=kept"), "too much left");
    let mut found = Vec::new();
    let mut look = |name: String, bytes: &[u8]| {
        if holds(bytes, value) {
            found.push(name);
        }
    };
    look("environ".to_owned(), &environment);
    look("cmdline".to_owned(), &fs::read(place("cmdline")).unwrap());
    for entry in fs::read_dir(place("fd")).unwrap() {
        let path = entry.unwrap().path();
        let target = fs::read_link(&path).unwrap_or_default();
        // Sockets cannot be opened so, and what is written to a pipe is no business of ours.
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(&path);
        let mut bytes = Vec::new();
        if let Ok(file) = opened {
            let _ = file.take(1 << 20).read_to_end(&mut bytes);
        }
        look(format!("{} ({})", path.display(), target.display()), &bytes);
    }
    // The first stack, on which the kernel puts arguments and environment.
    let maps = fs::read_to_string(place("maps")).unwrap();
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    let (from, to) = stack.split_once(' ').unwrap().0.split_once('-').unwrap();
    let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
    let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
    let memory = File::open(place("mem")).unwrap();
    memory.read_exact_at(&mut bytes, from).unwrap();
    assert!(
        holds(&bytes, "TMKMS_TEST_KEPT"),
        "this is where the environment is"
    );
    look("the stack".to_owned(), &bytes);
    Some(found)
}

#[test]
fn no_secret_of_a_variable_can_be_read_from_outside_while_it_signs() {
    for secret in all() {
        let mut service = start(&secret);
        let mut node = secret.listener.accept(PATIENCE).unwrap();
        for height in 1..=3 {
            assert!(
                sign(&mut node, &secret.home.key, height, 1),
                "{}",
                secret.what
            );
        }
        let found = found_in(service.child.id(), &secret.value);
        assert_eq!(found.unwrap_or_default(), [""; 0], "{}", secret.what);
        // A link that is made again finds it, too.
        drop(node);
        let mut node = secret.listener.accept(PATIENCE).unwrap();
        assert!(sign(&mut node, &secret.home.key, 4, 1), "{}", secret.what);
        service.signal(Signal::TERM);
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        let log = service.log();
        assert!(!log.contains(&secret.value), "{log}");
        assert!(!log.contains("stays readable"), "{log}");
    }
}

/// How often bytes are in the memory of a process that it can write to. `None` where this user may not look.
fn copies_in_memory(pid: u32, bytes: &[u8]) -> Option<usize> {
    let memory = match File::open(format!("/proc/{pid}/mem")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
        result => result.unwrap(),
    };
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut copies = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut page = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut page, from).is_ok() {
            copies += page
                .windows(bytes.len())
                .filter(|window| *window == bytes)
                .count();
        }
    }
    Some(copies)
}

#[test]
fn every_copy_of_an_identity_but_one_is_wiped() {
    let (home, listener) = home();
    home.init();
    // A second link of the same identity.
    let second = Listener::tcp().unwrap();
    home.add_a_chain(&second.address().unwrap());
    let config = home.config();
    let text = fs::read_to_string(home.path().join("identity.key")).unwrap();
    let text = text.trim();
    let seed = tmkms::text::base64::decode(text.as_bytes()).unwrap();
    let in_variable = config.replace("\"identity.key\"", &format!("\"env:{NAME}\""));
    // In a variable: the text stays, for links that need it later.
    for (config, texts) in [(config, 0), (in_variable, 1)] {
        home.configure(&config);
        let service = home.start_with(|command| {
            if texts == 1 {
                command.env(NAME, text);
            }
        });
        // The process before this one may have dialled once more when its nodes went.
        let live = |listener: &Listener| (0..3).find_map(|_| listener.accept(PATIENCE).ok());
        let mut nodes = [&listener, &second].map(|listener| live(listener).unwrap());
        let height = texts + 1;
        assert!(sign(&mut nodes[0], &home.key, height, 1));
        let pid = service.child.id();
        // The seed is this short a time in more than one place.
        let began = Instant::now();
        loop {
            let copies = [&seed[..], text.as_bytes()].map(|bytes| copies_in_memory(pid, bytes));
            let wanted = [Some(1), usize::try_from(texts).ok()];
            if copies == wanted || copies == [None, None] {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{copies:?} and not {wanted:?}");
        }
    }
}

#[test]
fn its_manager_sees_one_process() {
    let secret = in_file("a consensus key", "path", "consensus.key");
    let path = secret.home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    setsockopt(&socket, sockopt::PassCred, &true).unwrap();
    let init = secret
        .home
        .command(&["state", "init", "test-1", "--never-signed"])
        .env(NAME, &secret.value)
        .output();
    assert!(init.unwrap().status.success());
    let mut service = secret.home.start_with(|command| {
        command
            .env(NAME, &secret.value)
            .env("TMKMS_TEST_KEPT", "kept")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "3000000");
    });
    let pid = service.child.id();
    let wait = |wanted: &str| {
        let began = Instant::now();
        loop {
            let mut buffer = [0; 512];
            let mut control = nix::cmsg_space!(UnixCredentials);
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<()>(
                socket.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            )
            .unwrap();
            let sender = message.cmsgs().unwrap().find_map(|part| match part {
                ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
                _ => None,
            });
            let count = message.bytes;
            assert_eq!(sender, i32::try_from(pid).ok());
            let text = std::str::from_utf8(&buffer[..count]).unwrap();
            if text.lines().any(|line| line == wanted) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {wanted}");
        }
    };
    wait("READY=1");
    let mut node = secret.listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &secret.home.key, 1, 1));
    wait("WATCHDOG=1");
    let found = found_in(pid, &secret.value);
    assert_eq!(found.unwrap_or_default(), [""; 0]);
    service.signal(Signal::TERM);
    wait("STOPPING=1");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_signal_between_two_executions_is_not_lost() {
    let secret = in_file("a consensus key", "path", "consensus.key");
    start(&secret).wait_for_log("armed");
    for pause in 0..12 {
        let mut service = secret.home.start_with(|command| {
            command.env(NAME, &secret.value);
        });
        // From before the first main to after the second one.
        std::thread::sleep(std::time::Duration::from_millis(pause * 2));
        service.signal(Signal::TERM);
        let status = service.wait();
        let early = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        assert!(early || status.code() == Some(0), "{status}");
    }
}

#[test]
fn a_variable_that_is_not_there_or_not_text_is_told_with_the_remedy() {
    for (name, file) in [("path", "consensus.key"), ("secret_key", "identity.key")] {
        let secret = in_file("", name, file);
        let run = |value: Option<&OsStr>| {
            let mut command = secret.home.command(&["check"]);
            match value {
                Some(value) => command.env(NAME, value),
                None => command.env_remove(NAME),
            };
            let output = command.output().unwrap();
            assert!(!output.status.success());
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        let text = run(None);
        let wanted = format!(
            "the environment variable {NAME} is not set; set it where this program is started"
        );
        assert!(text.contains(&wanted), "{text}");
        let text = run(Some(OsStr::from_bytes(b"abc\xff")));
        let wanted = format!("the environment variable {NAME} is not UTF-8 text; correct it");
        assert!(text.contains(&wanted), "{text}");
        assert!(
            text.contains(&format!("name a file in place of env:{NAME}")),
            "{text}"
        );
    }
    let secret = in_file("", "secret_key", "identity.key");
    secret.home.init();
    let service = secret.home.start();
    service.wait_for_log(
        "TMKMS_TEST_SECRET is not set; set it where this program is started and start it again",
    );
    let log = service.log();
    assert!(!log.contains("read again"), "a variable is not: {log}");
    drop(service);
    // The service says it, too, also of what was handed over, and of what is another variable's.
    let secret = in_file("", "path", "consensus.key");
    for value in [None, Some(OsStr::from_bytes(b"abc\xff"))] {
        let service = secret.home.start_with(|command| {
            if let Some(value) = value {
                command.env(NAME, value);
            }
        });
        service.wait_for_log(match value {
            None => "TMKMS_TEST_SECRET is not set; set it",
            Some(_) => "TMKMS_TEST_SECRET is not UTF-8 text; correct it",
        });
    }
}

#[test]
fn where_it_cannot_be_done_it_is_told_and_signed_on() {
    let secret = in_file("a consensus key", "path", "consensus.key");
    drop(start(&secret));
    let text = secret.home.config();
    // A pipe can be read once.
    let mut command = secret.home.command(&["start", "-c", "/dev/stdin"]);
    let log = secret.home.path().join("second");
    command
        .env(NAME, &secret.value)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let service = Running { child, log };
    service.wait_for_log(&format!("what is secret in env:{NAME} stays readable"));
    let mut node = secret.listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &secret.home.key, 1, 1));
    drop(service);
    // More than a pipe holds.
    let mut long = secret.value.clone();
    long.push_str(&" ".repeat(100_000));
    let service = secret.home.start_with(|command| {
        command.env(NAME, &long);
    });
    service.wait_for_log("they are longer than a pipe holds");
}

#[test]
fn what_was_handed_over_and_is_not_there_is_told() {
    let (home, _listener) = home();
    let program = env!("CARGO_BIN_EXE_tmkms");
    // The shell keeps its number when it becomes the program: no descriptor, and one that is not a pipe.
    for descriptor in ["99", "0"] {
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                "TMKMS_HANDED_OVER=$$:$2 exec \"$1\" start",
                "sh",
                program,
                descriptor,
            ])
            .current_dir(home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("as they were handed over"), "{text}");
        assert_eq!(output.status.code(), Some(1), "another start heals it");
    }
}

#[test]
fn what_another_process_was_handed_is_not_asked_for() {
    let secret = in_file("a consensus key", "path", "consensus.key");
    drop(start(&secret));
    let other = std::process::id();
    for place in [format!("{other}:0"), "1".to_owned(), String::new()] {
        let mut service = secret.home.start_with(|command| {
            command
                .env(NAME, &secret.value)
                .env("TMKMS_TEST_KEPT", "kept")
                .env("TMKMS_HANDED_OVER", &place);
        });
        let mut node = secret.listener.accept(PATIENCE).unwrap();
        assert!(sign(&mut node, &secret.home.key, 1, 1), "{place}");
        let found = found_in(service.child.id(), &secret.value);
        assert_eq!(found.unwrap_or_default(), [""; 0], "{place}");
        service.signal(Signal::TERM);
        assert_eq!(service.wait().code(), Some(0));
    }
}

/// It is no secret, so it stays in the environment, also where the program executes itself for one that is.
#[test]
fn a_node_whose_address_is_in_a_variable_is_dialled() {
    let secret = in_file("a consensus key", "path", "consensus.key");
    let config = secret.home.config();
    let address = secret.listener.address().unwrap().to_string();
    let before = format!("addr = \"{address}\"");
    assert!(config.contains(&before), "{config}");
    let after = config.replace(&before, "addr = \"env:TMKMS_TEST_NODE\"");
    secret.home.configure(&after);
    let run = |words: &[&str], value: &str| {
        let mut command = secret.home.command(words);
        let command = command
            .env(NAME, &secret.value)
            .env("TMKMS_TEST_NODE", value);
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = run(&["check"], "");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("TMKMS_TEST_NODE is not set"), "{said}");
    let (code, said) = run(&["check"], "node:port");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`port` is not a port"), "{said}");
    let (code, said) = run(&["state", "init", "test-1", "--never-signed"], "");
    assert_eq!(code, Some(0), "{said}");
    let _service = secret.home.start_with(|command| {
        command
            .env(NAME, &secret.value)
            .env("TMKMS_TEST_NODE", &address);
    });
    let mut node = secret.listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &secret.home.key, 1, 1));
}
