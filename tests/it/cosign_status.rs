//! `tmkms cosign status` and `tmkms status` of a key in shares: the real program, and a service that says what it is told to, or one
//! of three members, alone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use crate::support::chain::Chain;
use crate::support::command::tmkms;
use crate::support::home::Home;
use crate::support::http::{address, get};
use tmkms::observe::status::{ChainStatus, CosignerStatus, CosignersStatus, ServiceStatus};

/// A home with a share for the chain `c-1` and a key for the chain `test-1`, and its service, which answers with this status.
fn served(chains: Vec<ChainStatus>) -> Home {
    let home = Home::new(&["unix:///nowhere".parse().unwrap()]);
    let share = fs::read_to_string("tests/config/good/cosign.toml").unwrap();
    home.configure(&format!(
        "control_socket = \"c.sock\"\n{}\n{share}",
        home.config()
    ));
    let listener = UnixListener::bind(home.path().join("c.sock")).unwrap();
    let status = ServiceStatus {
        chains,
        ..ServiceStatus::default()
    };
    let answer = serde_json::to_string(&status).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut question).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    home
}

fn other(id: u16, up: bool) -> CosignerStatus {
    CosignerStatus {
        id,
        address: format!("10.0.0.{id}:26669"),
        up,
        trouble: (!up).then(|| "connection refused".to_owned()),
        since_seconds: 300,
        round_trip_ms: Some(1.25),
        nonces: 8,
        height: Some(100),
        heights_behind: Some(0),
        asked: 12,
        shares: 9,
        refused: 2,
        lost: 1,
        late: 3,
        ..CosignerStatus::default()
    }
}

/// Member 2 of 3, of whom 2 are needed.
fn chain(others: Vec<CosignerStatus>, not_ready: Option<String>) -> ChainStatus {
    ChainStatus {
        id: "c-1".to_owned(),
        armed: true,
        held: true,
        trouble: not_ready.clone(),
        not_ready,
        cosigners: Some(CosignersStatus {
            own: 2,
            threshold: 2,
            listens: Some("0.0.0.0:26669".to_owned()),
            signed: 9,
            others,
            ..CosignersStatus::default()
        }),
        ..ChainStatus::default()
    }
}

#[test]
fn members_stand_in_a_table_with_what_may_still_fail() {
    let home = served(vec![chain(vec![other(1, true), other(3, true)], None)]);
    let (code, text) = home.run(&["cosign", "status"]);
    assert_eq!(
        text,
        "c-1: 3 of 3 members there, 2 needed: one may fail\n  \
           9 signed together\n  \
           MEMBER  ADDRESS         LINK       ROUND TRIP  NONCES  SHARES   LOCKED  REFUSED  LATE  BAD  BEHIND\n  \
           1       10.0.0.1:26669  up 5 min   1.2 ms      8       9 of 12  0       3        3     0    0\n  \
           2       0.0.0.0:26669   this host  -           -       -        -       -        -     -    -\n  \
           3       10.0.0.3:26669  up 5 min   1.2 ms      8       9 of 12  0       3        3     0    0\n"
    );
    assert_eq!(code, 0);
}

#[test]
fn what_to_look_at_is_said_and_too_few_are_an_error() {
    let mut lying = other(1, true);
    lying.bad = 1;
    lying.bad_seconds_ago = Some(7);
    let home = served(vec![chain(vec![lying, other(3, false)], None)]);
    let (code, text) = home.run(&["cosign", "status", "c-1"]);
    assert_eq!(code, 0, "{text}");
    for words in [
        "c-1: 2 of 3 members there, 2 needed: none may fail now\n",
        "3       10.0.0.3:26669  down 5 min  -   ",
        "look at: member 1 (10.0.0.1:26669) gave 1 wrong answer, the last 7 s ago: ",
        "look at: 2 of 3 members there, and 2 are needed: one more down, and nothing is signed\n",
        "look at: member 3 (10.0.0.3:26669) is down, for 5 min: connection refused\n",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    let home = served(vec![chain(vec![other(1, false), other(3, false)], None)]);
    let (code, text) = home.run(&["cosign", "status"]);
    assert_eq!(code, 1);
    for words in [
        "c-1: 1 of 3 members there, 2 needed: nothing is signed\n",
        "error: nothing is signed for c-1\n",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}

#[test]
fn a_chain_without_members_is_told_as_what_it_is() {
    let unarmed = ChainStatus {
        id: "c-1".to_owned(),
        not_armed: Some("the share cannot be read".to_owned()),
        ..ChainStatus::default()
    };
    let home = served(vec![unarmed]);
    let said = home.run(&["cosign", "status"]);
    let told = "c-1: not armed, so it has no links to other members: the share cannot be read\nerror: nothing is signed for c-1\n";
    assert_eq!(said, (1, told.to_owned()));
    let (code, text) = home.run(&["cosign", "status", "test-1"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("the key of test-1 is not in shares"),
        "{text}"
    );
    let (code, text) = home.run(&["cosign", "status", "c-2"]);
    assert_eq!(code, 2);
    assert!(text.contains("there is no [[chain]] c-2"), "{text}");
    // The service follows another configuration, and does not run at all.
    let home = served(Vec::new());
    let (code, text) = home.run(&["cosign", "status"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("the running service does not know chain c-1"),
        "{text}"
    );
    assert!(
        text.contains("hint: if the configuration was changed and not reloaded"),
        "{text}"
    );
    fs::remove_file(home.path().join("c.sock")).unwrap();
    let (code, text) = home.run(&["cosign", "status"]);
    assert_eq!(code, 1);
    assert!(text.contains("no service answers for tmkms.toml"), "{text}");
    let home = Home::new(&["unix:///nowhere".parse().unwrap()]);
    let (code, text) = home.run(&["cosign", "status"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("no key of this configuration is in shares"),
        "{text}"
    );
}

/// `status` has the members in its lines, and names a command that shows the rest.
#[test]
fn status_tells_of_members_and_of_the_command_that_shows_them() {
    let why = "1 of 3 members there, and 2 are needed; `tmkms cosign status c-1 -c tmkms.toml` shows the links";
    let few = chain(vec![other(1, false), other(3, false)], Some(why.to_owned()));
    let home = served(vec![few]);
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1);
    for words in [
        "  not ready: c-1: 1 of 3 members there",
        "  cosigners  1 of 3 members there, 2 needed: nothing is signed; this is member 2\n",
        "             member 1 (10.0.0.1:26669) is down, for 5 min: connection refused; 12 shares asked of it: 9 given, 2 refused, \
         1 lost, 3 late\n",
    ] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    let command = text.split('`').nth(1).unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let (code, text) = home.run(&words);
    assert_eq!(code, 1);
    assert!(text.contains("MEMBER  ADDRESS"), "{text}");
}

/// Member 2 of 3, and neither of the others runs.
#[test]
fn a_member_alone_is_armed_and_names_who_is_missing() {
    let home = Home::new(&[]);
    let words = "cosign split -t 2 -n 3 --chain-id test-1 --addr 127.0.0.1:1 --addr 127.0.0.1:2 --addr 127.0.0.1:3 shares";
    let words: Vec<&str> = words.split(' ').collect();
    let done = tmkms(home.path(), &words);
    assert_eq!(done.code, 0, "{}", done.err);
    let made = |file: &str| home.path().join("shares/member-2").join(file);
    let section = fs::read_to_string(made("cosign.toml")).unwrap();
    fs::create_dir(home.path().join("secrets")).unwrap();
    let bring = |from: &str, to: &str| fs::rename(made(from), home.path().join(to)).unwrap();
    bring("share.json", "secrets/test-1.share");
    bring("identity.key", "secrets/test-1-cosign.key");
    let chain = Chain::new("test-1").node_with_identity("unix:///nowhere");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"", free.local_addr().unwrap());
    drop(free);
    let section = section.replace("listen = \"127.0.0.1:2\"", &listen);
    home.configure(&format!(
        "[metrics]\nlisten = \"127.0.0.1:0\"\n{chain}\n{section}"
    ));
    home.init();
    let service = home.start();
    service.wait_for_log("does not sign yet");
    let at = address(&service);
    assert_eq!(get(&at, "/armed").0, 200);
    let (code, why) = get(&at, "/ready");
    assert!(
        code == 503 && why.contains("member 3 (127.0.0.1:3) is down"),
        "{why}"
    );
    let (_, metrics) = get(&at, "/metrics");
    assert!(
        metrics.contains("\ntmkms_cosign_members_there{chain_id=\"test-1\"} 1\n"),
        "{metrics}"
    );
    let (code, text) = home.run(&["status"]);
    assert_eq!(code, 1, "{text}");
    // As it is printed, from any folder.
    let line = text.lines().find(|line| line.contains("shows the links"));
    let command = line.unwrap().rsplit('`').nth(1).unwrap();
    let shown = std::process::Command::new("sh")
        .args([
            "-c",
            &command.replacen("tmkms", env!("CARGO_BIN_EXE_tmkms"), 1),
        ])
        .current_dir("/")
        .env_remove("TMKMS_CONFIG_FILE")
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(1));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("test-1: 1 of 3 members there, 2 needed: nothing is signed\n"),
        "{shown}"
    );
}
