//! What the command line says, word by word: sessions as an operator types them, beside their exact output.
//!
//! A line `$ COMMAND` is run by `sh` in a folder of its own; what follows is its standard output, then its standard
//! error with `! ` before each line, then `? CODE` unless the code is 0. `SESSIONS_UPDATE=1 cargo test --test it sessions::`
//! writes them again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(path.to_str().unwrap(), end));
        } else if path.extension().is_some_and(|found| found == end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What is said in a container, where these tests may run, too.
const CONTAINER: &str = "this runs in a container";

/// Runs the commands of a session and gives the session as it should stand.
fn run(text: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_tmkms"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shown = String::new();
    for line in text.lines() {
        // Words about the session stand before its first command.
        if line.starts_with('#') && !shown.contains("$ ") {
            shown.push_str(line);
            shown.push('\n');
        }
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(home.path())
            .env("PATH", &path)
            .env("HOME", home.path())
            .env("COLUMNS", "120")
            .env_remove("TMKMS_CONFIG_FILE")
            .env_remove("TMKMS_LOG")
            .env_remove("RUST_LOG")
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        shown.push_str(&format!("$ {command}\n"));
        let hide = |bytes: Vec<u8>| hide(&String::from_utf8(bytes).unwrap(), home.path());
        for line in hide(output.stdout).split_inclusive('\n') {
            if !line.contains(CONTAINER) {
                shown.push_str(line);
            }
        }
        // Other signers of this host are named, and are nobody's business here; nor is the container that this runs in.
        let others = |line: &&str| {
            !line.contains(CONTAINER)
                && !["     Running process", "      Unseen "]
                    .iter()
                    .any(|start| line.starts_with(start))
        };
        for line in hide(output.stderr).lines().filter(others) {
            shown.push_str(format!("! {line}").trim_end());
            shown.push('\n');
        }
        if !output.status.success() {
            shown.push_str(&format!("? {}\n", output.status.code().unwrap()));
        }
    }
    shown
}

/// What differs from run to run.
fn hide(text: &str, home: &Path) -> String {
    let canonical = fs::canonicalize(home).unwrap();
    let text = text
        .replace(canonical.to_str().unwrap(), "[HOME]")
        .replace(home.to_str().unwrap(), "[HOME]")
        .replace(tmkms::VERSION, "[VERSION]")
        .replace(tmkms::COMMIT, "[COMMIT]");
    // Ages, process numbers and times.
    let mut shown = String::new();
    let mut words = text.split_inclusive([' ', '\n']).peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end();
        let next = words.peek().map_or("", |next| next.trim_end());
        let date = bare.trim_end_matches([',', ';']);
        if date.len() == 20 && date.starts_with("20") && date.ends_with('Z') {
            shown.push_str(&word.replace(date, "[TIME]"));
            continue;
        }
        let number = bare.trim_start_matches('(');
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if ["peer id ", "public key "]
            .iter()
            .any(|start| shown.ends_with(start))
            && bare.len() >= 40
        {
            // Identities of homes that a session makes are new each time.
            let key: &str = bare.trim_end_matches([',', ';', ':']);
            shown.push_str(&word.replace(key, "[KEY]"));
        } else if let Some(id) = bundle_in(bare) {
            shown.push_str(&word.replace(&id, "[BUNDLE]"));
        } else if is_date(bare) && !next.is_empty() {
            shown.push_str(&word.replace(bare.trim_end_matches([',', ';']), "[TIME]"));
        } else if shown.ends_with("[TIME] ") && bare.contains(':') && next == "UTC," {
            shown.push_str(&word.replace(bare, "[CLOCK]"));
        } else if shown.ends_with("by host ") {
            shown.push_str(&word.replace(bare, "[HOST]"));
        } else if is_number && ["s", "s,", "min"].contains(&next) && !shown.ends_with("from ") {
            shown.push_str(&word.replace(number, "[N]"));
        } else if shown.ends_with("process ") && bare.starts_with(|c: char| c.is_ascii_digit()) {
            let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
            shown.push_str(&word.replace(&digits, "[PID]"));
        } else {
            shown.push_str(word);
        }
    }
    shown
}

/// The number of a bundle, which is another each time.
fn bundle_in(word: &str) -> Option<String> {
    let digits = word.trim_end_matches([',', ';', ':', '.']);
    let is_id = digits.len() == 32 && digits.parse::<tmkms::gate::store::BundleId>().is_ok();
    is_id.then(|| digits.to_owned())
}

/// `2026-11-28`, with or without a time of day.
fn is_date(word: &str) -> bool {
    let date = word.get(..10).unwrap_or_default();
    let digits = date.bytes().filter(u8::is_ascii_digit).count();
    date.starts_with("20") && digits == 8 && date.matches('-').count() == 2
}

#[test]
fn sessions_go_as_written() {
    let sessions = files("tests/sessions", "session");
    assert!(sessions.len() >= 8);
    for path in sessions {
        let wanted = fs::read_to_string(&path).unwrap();
        let found = run(&wanted);
        if std::env::var_os("SESSIONS_UPDATE").is_some() {
            fs::write(&path, &found).unwrap();
            continue;
        }
        assert_eq!(found, wanted, "{}", path.display());
    }
}

/// Sentences that no session can provoke, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("the configuration is followed, but:", "tests/it/reload.rs"),
    (
        "if the other host dials the same node",
        "tests/it/moving.rs",
    ),
    (
        "ended before it said what became of the reload",
        "tests/it/reload_hard.rs",
    ),
    (
        "the next one follows the file as it is now",
        "tests/it/reload_hard.rs",
    ),
    (
        "if the configuration was changed and not reloaded",
        "tests/it/remedies/pause.rs",
    ),
    (
        "what is corrected later is noticed by itself",
        "tests/it/reload.rs",
    ),
    (
        "it is reading its configuration already, or is about to end",
        "a service that is stuck for a minute",
    ),
    (
        "`{}` says how it is; then try again",
        "a service that is stuck for a minute",
    ),
    ("and is left as it is: it belongs", "tests/it/init_again.rs"),
    ("add by hand what it lacks:", "tests/it/init_again.rs"),
    ("on all hosts that share it", "tests/it/shared_program.rs"),
    ("and its key have two states:", "tests/it/second_state.rs"),
    (", and that another signer goes on from there", "as above"),
    ("write `{line}` into the section of this key", "as above"),
    ("raises the other one to it", "as above"),
    ("move that file to another folder", "as above"),
    ("other hosts that share its watermark sign on", "as above"),
    (
        "run it as the user of the service, with room",
        "a full disk",
    ),
    (
        "has had no answer for seconds and may still be signed",
        "a disk or device that hangs",
    ),
    ("do not sign for it elsewhere before", "as above"),
    ("nothing was paused: {why}", "a service of another version"),
    (
        "the pause ends with this process, because",
        "tests/it/pause_chain.rs",
    ),
    ("make room or mend that, and repeat", "as above"),
    ("and nobody answers at {}", "as above"),
    ("use the configuration file of that process", "as above"),
    (
        "so whether anything was changed is not known",
        "tests/it/remedies/pause.rs",
    ),
    ("tells it; ask as the user of the service", "as above"),
    (
        "If no other host signs for it, type its chain id",
        "`cli::pause` tests",
    ),
    ("holds the validator's key itself, and", "tests/it/cli.rs"),
    ("have keys of type {wanted}", "tests/it/remedies/homes.rs"),
    ("have raw bytes signed for {}", "tests/it/remedies/homes.rs"),
    (
        " Keys of this network are secp256k1: type",
        "a build without keys in files",
    ),
    (
        "a chain id with such characters is written",
        "tests/it/cli.rs",
    ),
    (
        "a shared watermark is never lowered",
        "tests/it/shared_program.rs",
    ),
    (
        "end the sharing with `{leave}`",
        "tests/it/shared_program.rs",
    ),
    ("puts it into etcd", "tests/it/shared_program.rs"),
    (
        "which etcd holds from host {host}",
        "tests/it/shared_program.rs",
    ),
    (
        "no signer of this chain wrote that",
        "tests/it/shared_program.rs",
    ),
    (
        CONTAINER,
        "sessions run anywhere; `cli::container` tests and tests/namespaces have them",
    ),
    ("seems to be this container's own", "as above"),
    (
        "is no file any more; put the configuration back there",
        "tests/it/reload_hard.rs",
    ),
    (
        "the configuration came through a pipe, which cannot be read again",
        "tests/it/environment.rs",
    ),
    (
        "stays readable in /proc/{}/environ",
        "tests/it/environment.rs",
    ),
    ("as they were handed over", "tests/it/environment.rs"),
    (
        "no random numbers",
        "the system's random numbers do not fail",
    ),
    ("standard output cannot be written", "a full disk"),
    ("standard input cannot be read", "a broken terminal"),
    ("the terminal cannot be read", "a broken terminal"),
    ("cannot be written as JSON", "does not happen"),
    ("the check of this node broke off", "a panic in a thread"),
    (
        "is still usable by the old signer",
        "a folder that became read-only meanwhile",
    ),
    (
        "changed meanwhile, so another signer still writes",
        "a race",
    ),
    (
        "whether it is in use cannot be seen",
        "a system without /proc",
    ),
    ("could not be written", "a disk that fails meanwhile"),
    ("in use by another process", "tests/it/operator.rs"),
    ("of which neither half", "tests/state_files/gate_crash.rs"),
    ("is connected for a moment", "tests/it/operator.rs"),
    ("took the public key", "tests/it/operator.rs"),
    ("asks for signatures", "tests/it/operator.rs"),
    (
        "it took the connection and asked for nothing",
        "tests/it/operator.rs",
    ),
    (
        "and a new dial would displace its connection",
        "tests/it/operator.rs",
    ),
    ("runs as process {} for", "tests/it/operator.rs"),
    ("{}, {} signed, {} replayed", "tests/it/operator.rs"),
    ("last signed {} {} ago", "tests/it/operator.rs"),
    ("last refused", "tests/it/operator.rs"),
    ("reads the state file", "tests/it/remedies/service.rs"),
    ("of {} not ready", "tests/it/metrics.rs"),
    (
        "armed, ready, look at it",
        "tests/it/refused_double_sign.rs",
    ),
    ("  not ready: {}: {why}", "tests/it/metrics.rs"),
    ("whose clock shows", "tests/it/operator.rs"),
    (
        "there is no refused double sign",
        "tests/it/refused_double_sign.rs",
    ),
    (
        "acknowledged: double sign refused",
        "tests/it/refused_double_sign.rs",
    ),
    (
        "acknowledged: another signer had this key",
        "tests/it/word.rs",
    ),
    (
        "nothing was acknowledged",
        "a service of another version or configuration",
    ),
    ("the running service has another version", "as above"),
    ("no such chain in the configuration", "tests/it/metrics.rs"),
    ("{} since the start", "tests/it/metrics.rs"),
    ("the service of this file runs", "tests/it/operator.rs"),
    ("in use by the service", "tests/it/operator.rs"),
    (
        "stop the service, repeat the command",
        "tests/it/operator.rs",
    ),
    (
        "stop it, see that nothing starts it again",
        "tests/it/adopt.rs",
    ),
    ("a height is at least 1", "refused before by clap"),
    ("type the height again", "tests of cli::state::height"),
    ("that is another height", "tests of cli::state::height"),
    ("cannot be kept aside", "a disk that fails meanwhile"),
    ("has a thousand files beside it", "a thousand files"),
    ("its state file changed while it was read", "a race"),
    ("which counts, too", "tests/it/evidence.rs"),
    (
        "Is the remote signer of this node",
        "tests of cli::state::import",
    ),
    ("this program will sign for", "tests/it/takeover.rs"),
    ("sets `priv_validator_laddr", "tests/it/takeover.rs"),
    (
        "a signer using this home is still running",
        "tests/it/adopt.rs",
    ),
    (
        "Is the old signer stopped for good",
        "tests of cli::adopt and cli::state::import",
    ),
    ("cosigners stopped for good", "tests/it/adopt.rs"),
    (
        "is the whole key of which the {} is a part",
        "tests/it/cosign_config.rs",
    ),
    ("of share {share} of this key", "tests/it/cosign_config.rs"),
    (
        "the bundle is of {}, and {} is configured",
        "tests/it/cosign_config.rs",
    ),
    (
        "is the state of share {share}, and others",
        "tests/it/cosign_config.rs",
    ),
    (
        "{} has no [[providers.cosign]]",
        "what was just written is read again",
    ),
    ("the memory of this machine may be faulty", "as it says"),
    (
        "the disk or memory of this machine may be faulty",
        "as it says",
    ),
    ("Seal the state of chain {chain}, so that", "a question"),
    ("was handed over to another signer", "tests/it/takeover.rs"),
    ("handed over to another signer", "tests/it/takeover.rs"),
    ("Type the chain id if that is so", "a question"),
    ("in the running service: {why}", "tests/it/moving.rs"),
    (
        "did not say what became of chain",
        "a service that dies in mid-answer",
    ),
    ("says how the chain is", "as above"),
    ("it has another version than this command", "as above"),
    ("the running service signs for it", "tests/it/moving.rs"),
    (
        "does not sign for it yet: {why}",
        "a device that went meanwhile",
    ),
    ("and none will, type the chain id", "a question"),
    (
        "writes the same bundle again",
        "a disk that fails meanwhile",
    ),
    (
        "was not handed over: {other}",
        "a disk that fails meanwhile",
    ),
    (
        "the state could not be sealed",
        "tests/state_files/gate_moved.rs",
    ),
    (
        "its bundle could not be read again",
        "tests of migrate::moving",
    ),
    (
        "it would be read as another one",
        "tests of migrate::moving",
    ),
    (
        "its fields are not those of a bundle",
        "tests of migrate::moving",
    ),
    ("its public key is none", "tests of migrate::moving"),
    (
        "the signature in it is not by its key",
        "tests of migrate::moving",
    ),
    ("its chain id is none", "tests of migrate::moving"),
    (
        "one of its values is impossible",
        "tests of migrate::moving",
    ),
    ("once that is so", "tests/it/takeover.rs"),
    ("this program signs no more for it", "tests/it/takeover.rs"),
    (
        "that this program itself goes on from",
        "tests/it/takeover.rs",
    ),
    ("leave this one where it is", "tests/it/takeover.rs"),
    ("sealed as handed over, and the command", "a full disk"),
    ("do not start it again", "tests/it/takeover.rs"),
    (
        "which was handed over, is taken back",
        "tests/it/takeover.rs",
    ),
    ("has signed up to {} with this key", "tests/it/evidence.rs"),
    (
        "only if it is of another key or chain, add",
        "tests/it/evidence.rs",
    ),
    ("Move {shown} aside, so that", "tests of cli::state::import"),
    ("process {}: {line} ({sign})", "tests/it/adopt.rs"),
    ("it works in {}", "tests/it/adopt.rs"),
    ("an argument names it", "tests/it/adopt.rs"),
    (
        "this system does not tell what runs",
        "a system without /proc",
    ),
    ("of other users are hidden here", "a system with hidepid"),
    (
        "only the command line can be seen",
        "a host with other users",
    ),
    ("runs outside of this container", "a container"),
    (
        "the running service does not know chain",
        "tests/it/cosign_status.rs",
    ),
    ("nothing is signed for {}", "as above"),
    ("is not in shares: there is no", "as above"),
    ("no key of this configuration is in shares", "as above"),
    ("so it has no links to other members", "as above"),
    ("a thousand kept copies lie beside", "a thousand files"),
    ("too many keys lie beside it", "a hundred files"),
    ("could not be put back", "a disk that fails meanwhile"),
    ("cannot be kept aside", "a disk that fails meanwhile"),
    (
        "cannot be moved aside: {error}",
        "a disk that fails meanwhile",
    ),
    (
        "move the key away yourself before the node starts",
        "a disk that fails meanwhile",
    ),
    ("cannot be read any more", "a race"),
    ("was changed while it was looked at", "a race"),
    (
        "the state file {} is damaged",
        "tests/state_files/gate_crash.rs",
    ),
    (
        "height {height} counts as signed, too",
        "tests/state_files/gate_crash.rs",
    ),
    ("this build has no command", "tests/features.rs"),
    ("none in this build", "tests/features.rs"),
    (
        "with the key of {id}'s validator to",
        "tests/features.rs: a build without keys in files",
    ),
    (
        "tmkms.toml.example shows what stands in it",
        "tests/features.rs: a build without keys in files",
    ),
    (
        "(it is not shown):",
        "tests/it/encrypted.rs: asked at a terminal",
    ),
    (
        "The same once more:",
        "tests/it/encrypted.rs: asked at a terminal",
    ),
    (
        "the two passphrases differ",
        "tests/it/encrypted.rs: asked at a terminal",
    ),
    (
        "no passphrase was typed",
        "the end of what is typed, at a terminal",
    ),
    (
        "the passphrase: {error}; nothing was written",
        "tests/it/encrypted.rs: asked at a terminal",
    ),
    (
        "the terminal cannot be used: {error}",
        "a terminal that breaks",
    ),
    (
        "here is that of share {share} of its key, and other members may have",
        "tests/it/cosign_config.rs: the state of a member",
    ),
    (
        "begin the state of the signer with the whole key at the",
        "tests/it/cosign_config.rs: the state of a member",
    ),
    (
        "is what a take-over left in the place of a state, and this state of chain",
        "tests/it/remedies/takeover.rs: what another host left",
    ),
    (
        "what was encrypted did not open again",
        "a machine whose memory is faulty",
    ),
];

#[test]
fn every_sentence_of_the_command_line_stands_in_a_session() {
    let corpus: String = files("tests/sessions", "session")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let corpus = plain(&corpus.replace("\n! ", " "));
    let mut missing = Vec::new();
    for path in ["src/cli", "src/migrate"]
        .map(|folder| files(folder, "rs"))
        .concat()
    {
        // The demo tells a story of its own; the harness has tests of its own.
        let name = path.display().to_string();
        if name.contains("/demo")
            || name.contains("harness")
            // Manual pages and scripts of shells: tests/it/door.rs.
            || name.contains("/generate/")
            || name.contains("yubihsm")
            || name.contains("ledger")
            // Of other programs' files and of what became of them: their own tests, and tests/it/takeover.rs.
            || name.contains("migrate/foreign/")
            || name.ends_with("migrate/fence.rs")
            // What needs an etcd has a test of its own: tests/it/shared_program.rs.
            || ["check/etcd", "state/share", "state/join", "state/leave"]
                .iter()
                .any(|part| name.contains(part))
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for sentence in sentences(text) {
            let known = ELSEWHERE
                .iter()
                .any(|(part, _)| plain(&sentence).contains(&plain(part)));
            if !known && !stands_in(&corpus, &plain(&sentence)) {
                missing.push(format!("{name}: {sentence:?}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{} sentences in no session:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// The texts of at least four words in Rust source, outside of attributes (help texts) and comments.
fn sentences(source: &str) -> Vec<String> {
    let mut code = String::new();
    for line in source.lines() {
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    let mut found = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' => {
                // A character, which may be a quote.
                let rest: String = chars.clone().take(3).collect();
                if rest.starts_with("\"'") || rest.starts_with("\\\"'") {
                    for _ in 0..rest.find('\'').unwrap() + 1 {
                        chars.next();
                    }
                }
            }
            '"' => {
                let mut text = String::new();
                while let Some(char) = chars.next() {
                    match char {
                        '"' => break,
                        '\\' => match chars.next().unwrap() {
                            '\n' => {
                                while chars.peek().is_some_and(|next| next.is_whitespace()) {
                                    chars.next();
                                }
                            }
                            'n' => text.push('\n'),
                            other => text.push(other),
                        },
                        other => text.push(other),
                    }
                }
                if text.split_whitespace().count() >= 4 {
                    found.push(text);
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether the pieces between `{}` follow each other in the corpus.
fn stands_in(corpus: &str, sentence: &str) -> bool {
    let sentence = sentence.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let pieces: Vec<String> = sentence
        .split(['{', '}'])
        .step_by(2)
        .map(|piece| piece.replace('\u{1}', "{").replace('\u{2}', "}"))
        .map(|piece| piece.trim().to_owned())
        .filter(|piece| piece.len() > 2)
        .collect();
    let Some(first) = pieces.first() else {
        return true;
    };
    corpus.match_indices(first.as_str()).any(|(at, _)| {
        let mut rest = &corpus[at + first.len()..];
        pieces[1..]
            .iter()
            .all(|piece| match rest.find(piece.as_str()) {
                Some(at) if at < 600 => {
                    rest = &rest[at + piece.len()..];
                    true
                }
                _ => false,
            })
    })
}
