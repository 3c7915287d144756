//! The judge is judged: a signer without a fault passes every check, and each fault has the exit code of its check.

pub mod fake;
pub mod home;
pub mod long_run;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::chain::{self, Chain};
use fake::Fault;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;
use tmkms::harness::Listener;
use tmkms::harness::bench::{BenchError, Plan, measure};
use tmkms::harness::checks::{CHECKS, Outcome, Row, Settings, SignerUnderTest, examine};
use tmkms::harness::probe::{Patience, Probe};
use tmkms::link::{Address, Timeouts};

const CHAIN: &str = "harness-1";

fn settings() -> Settings {
    Settings {
        chain_id: CHAIN.to_owned(),
        may_sign: true,
        height: 1,
        extension_bytes: 12_000,
        keep_alive: Duration::from_millis(5),
        only: Vec::new(),
        skip: Vec::new(),
    }
}

/// A subject that listens in this folder. Limits are long, but where a fault makes them be waited for.
fn subject(folder: &tempfile::TempDir, settings: Settings, fault: Fault) -> SignerUnderTest {
    let answer = match fault {
        Fault::NoPong | Fault::SilentOnRefusal => Duration::from_millis(100),
        // The other checks have to pass within this, however busy the host is.
        Fault::OneFrameARead => Duration::from_secs(1),
        _ => Duration::from_secs(5),
    };
    let dial = match fault {
        Fault::DialsOnce
        | Fault::DiesOfLongFrames
        | Fault::DiesOfOddVotes
        | Fault::DiesWhenAskedToSign => Duration::from_millis(400),
        _ => Duration::from_secs(10),
    };
    let times = Timeouts {
        handshake: answer,
        silence: answer,
        standby: Duration::ZERO,
        frame: answer,
        write: answer,
        ..Timeouts::default()
    };
    let address = Address::Unix(folder.path().join("harness.sock"));
    let listener = Listener::at(&address, None, times).unwrap();
    SignerUnderTest::new(Probe::new(listener, Patience { answer, dial }), settings)
}

fn examined(fault: Fault, settings: Settings) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let mut subject = subject(&folder, settings, fault);
    let _stop = fake::start(folder.path().join("harness.sock"), CHAIN, fault);
    examine(&mut subject, |_| {})
}

fn failed(rows: &[Row]) -> Vec<&'static str> {
    let failed = rows.iter().filter(|row| row.result == Outcome::Fail);
    failed.map(|row| row.name).collect()
}

/// The rows that failed, exactly, and words of the first one's reason.
fn faulty(fault: Fault, checks: &[&str], words: &str) {
    let rows = examined(fault, settings());
    assert_eq!(failed(&rows), checks, "{fault:?}: {rows:#?}");
    let first = rows.iter().find(|row| row.result == Outcome::Fail).unwrap();
    assert!(first.reason.contains(words), "{fault:?}: {}", first.reason);
}

#[test]
fn a_signer_without_a_fault_passes_every_check() {
    let rows = examined(Fault::None, settings());
    let passed = rows.iter().filter(|row| row.result == Outcome::Pass);
    assert_eq!(passed.count(), CHECKS.len(), "{rows:#?}");
}

#[test]
fn faults_of_the_key() {
    faulty(
        Fault::RefusesKey,
        &["public-key", "same-key", "redial"],
        "no such chain",
    );
    faulty(
        Fault::UnknownKeyType,
        &["public-key", "same-key", "redial"],
        "sr25519",
    );
    faulty(
        Fault::KeyFormsDiffer,
        &["public-key", "same-key", "redial"],
        "two forms",
    );
}

#[test]
fn a_key_that_changes_is_told_first() {
    let rows = examined(Fault::KeyChanges, settings());
    assert_eq!(failed(&rows)[0], "same-key");
}

#[test]
fn faults_of_pings() {
    let rows = examined(Fault::NoPong, settings());
    assert_eq!(failed(&rows)[0], "ping");
    let rows = examined(Fault::HangsUpAfterPing, settings());
    assert_eq!(failed(&rows)[0], "ping");
}

#[test]
fn faults_of_signatures() {
    for fault in [Fault::WrongSignatures, Fault::SignsAnotherChain] {
        let rows = examined(fault, settings());
        assert_eq!(failed(&rows)[0], "proposal");
        assert!(
            rows[4].reason.contains("does not verify"),
            "{}",
            rows[4].reason
        );
        // All that sign fail, and nothing else.
        assert_eq!(rows[1].result, Outcome::Pass);
        assert_eq!(rows[5].result, Outcome::Fail);
    }
    faulty(
        Fault::DropsPolRound,
        &["proposal"],
        "with pol_round 0: the signature",
    );
    let rows = examined(Fault::AnotherTime, settings());
    assert!(
        rows[4].reason.contains("nothing was signed there before"),
        "{}",
        rows[4].reason
    );
    faulty(
        Fault::ProposalAsVote,
        &["proposal", "replay", "replay-time", "conflict"],
        "other type",
    );
    let rows = examined(Fault::Garbage, settings());
    assert_eq!(failed(&rows)[0], "proposal");
    assert!(
        rows[4].reason.contains("not a protobuf"),
        "{}",
        rows[4].reason
    );
    let rows = examined(Fault::PrevotesWrong, settings());
    assert_eq!(failed(&rows)[0], "prevote");
    let rows = examined(Fault::RefusesPrecommits, settings());
    assert_eq!(failed(&rows)[0], "precommit");
    assert!(rows[6].reason.contains("not today"));
    let rows = examined(Fault::RefusesNil, settings());
    assert_eq!(failed(&rows)[0], "nil-votes");
}

#[test]
fn faults_of_extensions() {
    faulty(Fault::NoExtension, &["extension"], "halts");
    faulty(Fault::EmptyExtensionUnsigned, &["extension"], "of 0 bytes");
    faulty(Fault::ExtensionEverywhere, &["no-extension"], "prevote");
    faulty(Fault::RefusesSkip, &["skip-extension"], "not today");
    faulty(Fault::EchoesExtension, &["reply-size"], "10240 at most");
}

#[test]
fn faults_of_replays() {
    faulty(Fault::ComparesAcrossSteps, &["free-precommit"], "legal");
    faulty(
        Fault::RefusesReplays,
        &["replay", "replay-time"],
        "signed before",
    );
    faulty(
        Fault::ReplaysWithoutExtension,
        &["replay", "replay-time"],
        "halts",
    );
    faulty(
        Fault::SignsReplaysAnew,
        &["replay-time"],
        "was signed before",
    );
    faulty(
        Fault::ReplaysWithNewTime,
        &["replay-time"],
        "was signed before",
    );
    faulty(Fault::RefusesOtherTime, &["replay-time"], "another time");
}

#[test]
fn faults_of_the_watermark() {
    faulty(
        Fault::DoubleSigns,
        &["conflict", "in-band", "redial"],
        "was SIGNED",
    );
    faulty(Fault::SignsNilToo, &["conflict", "in-band"], "was SIGNED");
    faulty(
        Fault::IgnoresPolRound,
        &["conflict"],
        "with another pol_round was answered with a signature of something else",
    );
    faulty(Fault::ForgetsHeights, &["height-regression"], "was SIGNED");
    faulty(Fault::ForgetsRounds, &["round-regression"], "was SIGNED");
    faulty(Fault::ForgetsSteps, &["step-regression"], "was SIGNED");
    faulty(Fault::AnyChain, &["wrong-chain"], "was SIGNED");
    faulty(Fault::ForgetsOnRedial, &["redial"], "was SIGNED");
}

#[test]
fn faults_of_refusals() {
    faulty(Fault::HangsUpOnRefusal, &["in-band"], "stalls a node");
    faulty(Fault::SilentOnRefusal, &["in-band"], "no answer");
}

#[test]
fn faults_of_the_link() {
    faulty(Fault::OneReadOneFrame, &["split"], "closed the link");
    faulty(Fault::OneFrameARead, &["split", "together"], "no answer");
    faulty(Fault::DialsOnce, &["redial"], "no signer dialled");
    faulty(Fault::DiesOfLongFrames, &["oversized"], "no signer dialled");
}

#[test]
fn what_no_node_asks() {
    faulty(Fault::SignsRaw, &["raw-bytes"], "answered with a signature");
    faulty(
        Fault::DiesOfOddVotes,
        &["odd-votes"],
        "after a vote of type 3",
    );
    faulty(Fault::SignsOddVotes, &["odd-votes"], "vote of type 3");
}

#[test]
fn nobody_dials() {
    let folder = tempfile::tempdir().unwrap();
    let rows = examine(&mut subject(&folder, settings(), Fault::DialsOnce), |_| {});
    assert_eq!(failed(&rows), ["link"]);
    assert!(
        rows[0].reason.contains("no signer dialled within 0.4 s"),
        "{}",
        rows[0].reason
    );
    assert!(rows[1].reason.contains("gone"), "{}", rows[1].reason);
}

#[test]
fn checks_can_be_chosen_and_a_used_height_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let _stop = fake::start(folder.path().join("harness.sock"), CHAIN, Fault::None);
    for _ in 0..2 {
        let chosen = Settings {
            only: vec!["conflict".to_owned(), "replay".to_owned()],
            ..settings()
        };
        let mut subject = subject(&folder, chosen, Fault::None);
        let rows = examine(&mut subject, |_| {});
        let passed: Vec<_> = rows
            .iter()
            .filter(|row| row.result == Outcome::Pass)
            .map(|row| row.name)
            .collect();
        assert_eq!(passed, ["replay", "conflict"], "{rows:#?}");
    }
}

#[test]
fn without_leave_nothing_is_asked_to_be_signed() {
    let settings = Settings {
        may_sign: false,
        ..settings()
    };
    let rows = examined(Fault::DiesWhenAskedToSign, settings.clone());
    for (row, check) in rows.iter().zip(CHECKS) {
        let wanted = match check.signs {
            true => Outcome::NotApplicable,
            false => Outcome::Pass,
        };
        assert_eq!(row.result, wanted, "{row:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut subject = subject(&folder, settings, Fault::DiesWhenAskedToSign);
    let socket = folder.path().join("harness.sock");
    let _stop = fake::start(socket, CHAIN, Fault::DiesWhenAskedToSign);
    let plan = Plan {
        count: 30,
        time: Duration::MAX,
    };
    let measured = measure(&mut subject, &plan, |_| {}).unwrap();
    assert_eq!((measured.requests(), measured.slowest_median()), (60, None));
    // It would have been noticed.
    let rows = examined(Fault::DiesWhenAskedToSign, self::settings());
    assert_eq!(failed(&rows), ["proposal"]);
}

#[test]
fn the_meter_counts_and_stops_at_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut subject = subject(&folder, settings(), Fault::None);
    let stop = fake::start(folder.path().join("harness.sock"), CHAIN, Fault::None);
    let plan = Plan {
        count: 30,
        time: Duration::MAX,
    };
    let mut heard = 0;
    let measured = measure(&mut subject, &plan, |_| heard += 1).unwrap();
    assert_eq!((measured.requests(), heard), (180, 180));
    assert!(
        measured
            .series
            .iter()
            .all(|series| series.times.len() == 30)
    );
    let median = measured.slowest_median().unwrap();
    assert!(median > Duration::ZERO && median <= measured.wall);
    drop(stop);
    subject.probe().close();
    let _stop = fake::start(
        folder.path().join("harness.sock"),
        CHAIN,
        Fault::PrevotesWrong,
    );
    let error = measure(&mut subject, &plan, |_| {}).unwrap_err();
    assert!(
        matches!(&error, BenchError::Failed(words) if words.contains("does not verify")),
        "{error}"
    );
}

/// Runs `tmkms harness` with a signer at its socket.
fn command(
    folder: &tempfile::TempDir,
    arguments: &[&str],
    fault: Option<Fault>,
    typed: &str,
) -> (i32, String, String) {
    let socket = folder.path().join("harness.sock");
    let _stop = fault.map(|fault| fake::start(socket.clone(), CHAIN, fault));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .arg("harness")
        .args(arguments)
        .args([
            "--listen",
            &format!("unix://{}", socket.display()),
            "--wait",
            "2",
            "--timeout",
            "1",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_command_ends_with_the_code_of_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", "--chain-id", CHAIN, "--keep-alive", "0"];
    let (code, out, err) = command(&folder, &run, Some(Fault::None), "");
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(out.lines().count(), CHECKS.len() + 1, "{out}");
    assert!(err.contains("27 checks passed, 0 failed"), "{err}");
    let (code, out, err) = command(&folder, &run, Some(Fault::DoubleSigns), "");
    assert_eq!(code, 25, "{out}{err}");
    assert!(
        err.contains("error: check `conflict` failed") && err.contains("hint: exit code 25"),
        "{err}"
    );
    let json = [&run[..], &["--json"]].concat();
    let (code, out, _) = command(&folder, &json, Some(Fault::HangsUpOnRefusal), "");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 30);
    assert_eq!(report["exit_code"], 30);
    assert_eq!(report["checks"][20]["result"], "fail");
    assert_eq!(report["checks"].as_array().unwrap().len(), CHECKS.len());
}

/// A home of the real program for this chain and address; gives the signer's process.
fn real_signer(home: &std::path::Path, address: &str) -> Child {
    for name in ["consensus.key", "identity.key"] {
        let (_, text) = SoftKey::generate(KeyType::Ed25519).unwrap();
        tmkms::secret_file::create(&home.join(name), &text).unwrap();
    }
    let config = Chain::new(CHAIN)
        .node_with_identity(address)
        .key("consensus.key");
    fs::write(home.join("tmkms.toml"), config.to_string()).unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
        command
            .current_dir(home)
            .env_remove("TMKMS_CONFIG_FILE")
            .stderr(Stdio::null());
        command
    };
    let init = program()
        .args(["state", "init", CHAIN, "--never-signed"])
        .status();
    assert!(init.unwrap().success());
    program().arg("start").spawn().unwrap()
}

/// Runs a harness against the real program; gives the exit code and all that it printed.
fn against_ourselves(listen: &str, arguments: &[&str]) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let mut harness = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .arg("harness")
        .args(arguments)
        .args(["--listen", listen, "--chain-id", CHAIN, "--wait", "10"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = BufReader::new(harness.stderr.take().unwrap());
    let mut line = String::new();
    words.read_line(&mut line).unwrap();
    let address = line.split_once(" at ").unwrap().1;
    let address = address.split([',', ';']).next().unwrap();
    let mut signer = real_signer(home.path(), address);
    let (mut out, mut err) = (String::new(), String::new());
    harness
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    words.read_to_string(&mut err).unwrap();
    let code = harness.wait().unwrap().code().unwrap();
    signer.kill().unwrap();
    signer.wait().unwrap();
    (code, out + &err)
}

#[test]
fn this_program_passes_over_tcp_and_unix() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}", folder.path().join("h.sock").display());
    for listen in ["tcp://127.0.0.1:0", &socket] {
        let run = ["run", "--keep-alive", "0", "--extension-bytes", "1048576"];
        let (code, text) = against_ourselves(listen, &run);
        assert_eq!(code, 0, "{listen}: {text}");
        assert!(
            text.contains("27 checks passed, 0 failed, 0 did not apply"),
            "{text}"
        );
    }
    let (code, text) = against_ourselves("tcp://127.0.0.1:0", &["bench", "-n", "50"]);
    assert!(
        code == 0 && text.contains("Verdict within"),
        "{code} {text}"
    );
}

#[test]
fn chains_that_may_not_be_signed_for() {
    let folder = tempfile::tempdir().unwrap();
    for live in ["cosmoshub-4", "COSMOSHUB-4", "osmosis-1", "celestia"] {
        for command_ in ["run", "bench"] {
            let arguments = [command_, "--chain-id", live, "--this-key-is-disposable"];
            let (code, out, err) = command(&folder, &arguments, None, &format!("{live}\n"));
            assert_eq!((code, out.as_str()), (2, ""), "{err}");
            assert!(err.contains("live network"), "{err}");
        }
    }
    // Another chain: key and ping alone; the signer here knows no such chain, so the key is refused.
    let (code, out, err) = command(
        &folder,
        &["run", "--chain-id", "mine-1", "--keep-alive", "0"],
        Some(Fault::AnyChain),
        "",
    );
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("25    conflict           n/a"), "{out}");
    assert!(err.contains("does not begin with `harness-`"), "{err}");
    let disposable = [
        "run",
        "--chain-id",
        "mine-1",
        "--keep-alive",
        "0",
        "--this-key-is-disposable",
    ];
    let (code, _, err) = command(&folder, &disposable, None, "mine-2\n");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("nothing was asked"), "{err}");
    let (code, out, err) = command(&folder, &disposable, Some(Fault::AnyChain), "mine-1\n");
    assert_eq!(
        code, 24,
        "it signs what is not its chain without a memory: {out}{err}"
    );
}

#[test]
fn the_meter_gives_a_verdict_and_a_picture_once() {
    let folder = tempfile::tempdir().unwrap();
    let bench = [
        "bench",
        "--chain-id",
        CHAIN,
        "-n",
        "20",
        "--svg",
        "times.svg",
        "--bound-ms",
        "1000",
    ];
    let (code, out, err) = command(&folder, &bench, Some(Fault::None), "");
    assert_eq!(code, 0, "{out}{err}");
    for words in ["precommit with extension", "p99.9", "####", "PER SECOND"] {
        assert!(out.contains(words), "no {words} in {out}");
    }
    assert!(err.contains("Verdict within the bound"), "{err}");
    let svg = fs::read_to_string(folder.path().join("times.svg")).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.matches("<rect").count() > 6
    );
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    let (code, _, err) = command(&folder, &bench, None, "");
    assert_eq!(code, 2);
    assert!(err.contains("times.svg exists"), "{err}");
    assert_eq!(
        fs::read_to_string(folder.path().join("times.svg")).unwrap(),
        svg
    );
    let strict = [
        "bench",
        "--chain-id",
        CHAIN,
        "-n",
        "20",
        "--bound-ms",
        "0.0001",
        "--json",
    ];
    let (code, out, err) = command(&folder, &strict, Some(Fault::None), "");
    assert_eq!(code, 40, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["within_bound"], false);
    assert_eq!(report["series"][5]["count"], 20);
    let wrong = ["bench", "--chain-id", CHAIN, "-n", "20"];
    assert_eq!(
        command(&folder, &wrong, Some(Fault::RefusesNil), "").0,
        0,
        "nil is not measured"
    );
    assert_eq!(
        command(&folder, &wrong, Some(Fault::WrongSignatures), "").0,
        41
    );
}

#[test]
fn wrong_words_are_usage() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["run", "--chain-id", CHAIN, "--only", "no-such-check"][..],
        &["run", "--chain-id", ""],
        &["run", "--chain-id", CHAIN, "--keep-alive", "-1"],
        &["run", "--chain-id", CHAIN, "--height", "0"],
        &["bench", "--chain-id", CHAIN, "--bound-ms", "nan"],
        &["bench", "--chain-id", CHAIN, "-n", "0"],
        &["run", "--chain-id", CHAIN, "--identity", "nowhere.key"],
    ] {
        let (code, out, err) = command(&folder, arguments, None, "");
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
    }
    let mut help = String::new();
    let child = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["harness", "run", "--help"])
        .stdout(Stdio::piped())
        .spawn();
    child
        .unwrap()
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut help)
        .unwrap();
    let page = fs::read_to_string("docs/harness.md").unwrap();
    for check in CHECKS {
        let line = format!("  {}  {:<18} {}", check.code, check.name, check.what);
        assert!(help.contains(&line), "{line}");
        let row = format!("| {} | `{}` |", check.code, check.name);
        assert!(page.contains(&row), "docs/harness.md has no {row}");
    }
}

#[test]
fn a_socket_left_behind_is_taken_over_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("harness.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = Address::Unix(path.clone());
    let first = Listener::at(&address, None, Timeouts::default()).unwrap();
    assert!(Listener::at(&address, None, Timeouts::default()).is_err());
    drop(first);
    assert!(!path.exists());
    fs::write(&path, "a file of somebody's").unwrap();
    assert!(Listener::at(&address, None, Timeouts::default()).is_err());
    assert!(path.exists());
}
