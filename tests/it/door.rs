//! The way in: what is typed before anybody has read the documents, and what scripts of the older program type.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::command::{tmkms, tmkms_with};
use crate::support::home::keyed_home;

/// A folder with `home/tmkms.toml`, whose chain `c-1` has a key and no state.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    keyed_home(&folder.path().join("home"));
    folder
}

#[test]
fn the_version_is_told_however_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let told = tmkms(folder.path(), &["version"]);
    let start = format!("tmkms {} (commit ", tmkms::VERSION);
    assert!(told.out.starts_with(&start), "{}", told.out);
    for option in ["--version", "-V"] {
        let done = tmkms(folder.path(), &[option]);
        assert_eq!((done.code, &*done.out, &*done.err), (0, &*told.out, ""));
    }
}

#[test]
fn the_configuration_stands_before_the_command_or_behind_it_and_may_be_a_folder() {
    let folder = folder();
    let found = "state init c-1 --never-signed -c ";
    for words in [
        &["check", "-c", "home/tmkms.toml"][..],
        &["-c", "home/tmkms.toml", "check"],
        &["--config", "home/tmkms.toml", "check"],
        &["--config=home/tmkms.toml", "check"],
        &["-chome/tmkms.toml", "check"],
        &["-c", "home", "check"],
        &["check", "-c", "home/"],
        &["state", "-c", "home", "show", "c-1"],
    ] {
        let done = tmkms(folder.path(), words);
        let said = [done.out, done.err].concat();
        assert_eq!(done.code, 1, "{words:?}: {said}");
        // Remedies name the file, not the folder.
        let named = format!(
            "{}/home/tmkms.toml",
            folder.path().canonicalize().unwrap().display()
        );
        assert!(
            said.contains(found) && said.contains(&named),
            "{words:?}: {said}"
        );
    }
    // Nothing is read twice, or where nothing reads it.
    for words in [
        &["-c", "home", "check", "-c", "home"][..],
        &["-c", "home", "networks"],
        &["check", "-c", ""],
    ] {
        let done = tmkms(folder.path(), words);
        assert_eq!(done.code, 2, "{words:?}: {}", done.err);
        assert!(
            done.err.contains("config") || done.err.contains("'-c'"),
            "{}",
            done.err
        );
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let folder = folder();
    let home = &folder.path().join("home");
    for variable in ["TMKMS_CONFIG_FILE", "TMKMS_LOG_FORMAT"] {
        let checked = tmkms_with(home, &[(variable, "")], &["check"]);
        assert!(checked.out.contains("c-1"), "{variable}: {}", checked.err);
        // Nobody else's command reads the format of the log.
        let started = tmkms_with(
            folder.path(),
            &[(variable, "")],
            &["start", "-c", "nowhere.toml"],
        );
        assert!(
            started.err.contains("there is no configuration"),
            "{variable}: {}",
            started.err
        );
    }
    let named = tmkms_with(folder.path(), &[("TMKMS_CONFIG_FILE", "home")], &["check"]);
    assert!(named.out.contains("c-1"), "{}", named.err);
    let wrong = tmkms_with(home, &[("TMKMS_LOG_FORMAT", "xml")], &["start"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(
        wrong.err.contains("auto, text, json, journald"),
        "{}",
        wrong.err
    );
}

#[test]
fn a_command_that_is_typed_in_the_wrong_place_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for (words, meant) in [
        (&["keygen"][..], "did you mean `tmkms softsign keygen`?"),
        (
            &["keygen", "-t", "account", "x"],
            "did you mean `tmkms softsign keygen`?",
        ),
        (
            &["import", "x"],
            "`tmkms state import` or `tmkms softsign import`",
        ),
        (&["show"], "`tmkms state show` or `tmkms keys show`"),
        (&["-c", "x", "raise", "c-1"], "`tmkms state raise`"),
        (&["state", "keygen"], "`tmkms softsign keygen`"),
        (&["-c", "x", "state", "keygen"], "`tmkms softsign keygen`"),
        (
            &["run"],
            "did you mean `tmkms start` or `tmkms harness run`?",
        ),
        (&["validate"], "did you mean `tmkms start`?"),
        (&["-c", "x", "sign"], "did you mean `tmkms start`?"),
        (&["softsign", "sign"], "did you mean `tmkms start`?"),
    ] {
        let done = tmkms(folder.path(), words);
        assert_eq!(done.code, 2, "{words:?}");
        assert!(done.err.contains(meant), "{words:?}: {}", done.err);
        assert!(!done.err.contains("similar"), "{words:?}: {}", done.err);
    }
    // What is only misspelt, or left out, is for the parser, and a configuration before it hides nothing of that.
    for (words, said) in [
        (&["adopts"][..], "similar subcommand exists: 'adopt'"),
        (
            &["-c", "x", "state", "sho", "c-1"],
            "similar subcommand exists: 'show'",
        ),
        (&["state", "-c", "x"], "Show, begin or take over"),
        (
            &["--config=x", "yubihsm", "keys", "lst"],
            "similar subcommand exists: 'list'",
        ),
    ] {
        let done = tmkms(folder.path(), words);
        assert_eq!(done.code, 2, "{words:?}");
        assert!(done.err.contains(said), "{words:?}: {}", done.err);
    }
    let help = tmkms(folder.path(), &["-c", "x", "state", "--help"]);
    assert_eq!(help.code, 0, "{}", help.err);
}

#[test]
fn a_key_that_is_made_again_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| tmkms(folder.path(), &[&["softsign", "keygen"], words].concat());
    for words in [&["one.key"][..], &["-t", "account", "two.key"]] {
        let first = run(words);
        let bytes = fs::read(folder.path().join(words.last().unwrap())).unwrap();
        let again = run(words);
        assert_eq!((first.code, again.code), (0, 0), "{}", again.err);
        assert_eq!(first.out, again.out, "the same public key");
        assert!(again.err.contains("        Kept "), "{}", again.err);
        assert_eq!(
            bytes,
            fs::read(folder.path().join(words.last().unwrap())).unwrap()
        );
    }
    let put = |name: &str, text: &[u8], mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let key = fs::read(folder.path().join("one.key")).unwrap();
    put("notes", b"what is that", 0o600);
    put("a.json", A_JSON_KEY, 0o600);
    put("open.key", &key, 0o644);
    let (other, unseen) = (
        "hint: it is not the key that was asked for: ",
        "hint: whether it is the key that was asked for cannot be seen: ",
    );
    for (name, why) in [
        ("notes", other),
        // `start` reads base64 there, unless it is told otherwise.
        ("a.json", other),
        ("open.key", unseen),
        (".", unseen),
    ] {
        let refused = run(&[name]);
        assert_eq!(refused.code, 1, "{name}: {}", refused.err);
        assert!(
            refused.err.contains("never overwritten") && refused.err.contains(why),
            "{name}: {}",
            refused.err
        );
    }
}

/// As a node has it.
const A_JSON_KEY: &[u8] = include_bytes!("../key_files/priv_validator_key.json");

#[test]
fn a_key_that_is_imported_again_is_there_already() {
    let folder = folder();
    let home = &folder.path().join("home");
    fs::rename(home.join("c.key"), home.join("old.key")).unwrap();
    assert_eq!(tmkms(home, &["softsign", "keygen", "other.key"]).code, 0);
    let import = |how: &[&str], from: &str| {
        tmkms(
            home,
            &[&["softsign", "import"], how, &[from, "c.key"]].concat(),
        )
    };
    let kept = "Kept c.key, which holds this very key already";
    let first = import(&["--never-signed"], "old.key");
    assert!(
        first.code == 0 && first.err.contains("Imported ed25519 key"),
        "{}",
        first.err
    );
    for (how, from) in [
        (&["--never-signed"][..], "old.key"),
        // A file that is its own origin stays where it is.
        (&["--never-signed"], "c.key"),
    ] {
        let again = import(how, from);
        assert!(again.code == 0 && again.err.contains(kept), "{}", again.err);
        assert_eq!(again.out, first.out);
        assert!(again.err.contains("nothing signed yet"), "{}", again.err);
        assert!(!again.err.contains("take c.key away"), "{}", again.err);
    }
    let other = import(&["--never-signed"], "other.key");
    assert_eq!(other.code, 1, "{}", other.err);
    assert!(other.err.contains("it holds another key"), "{}", other.err);
    // The very key, in a form that `start` would not read.
    let second = &folder.path().join("second");
    keyed_home(second);
    for name in ["a.json", "c.key"] {
        fs::write(second.join(name), A_JSON_KEY).unwrap();
    }
    fs::set_permissions(second.join("a.json"), fs::Permissions::from_mode(0o600)).unwrap();
    let import_json = ["softsign", "import", "--never-signed", "a.json", "c.key"];
    let json = tmkms(second, &import_json);
    assert_eq!(json.code, 1, "{}", json.err);
    assert!(json.err.contains("never overwritten"), "{}", json.err);

    // Whatever was signed since then stays; more than that is refused as before.
    let raise = ["state", "raise", "c-1", "--height", "41"];
    assert_eq!(tmkms(home, &raise).code, 0);
    for how in [
        &["--never-signed"][..],
        &["--height", "40"],
        &["--height", "41"],
    ] {
        let again = import(how, "old.key");
        assert!(
            again.code == 0 && again.err.contains(kept),
            "{how:?}: {}",
            again.err
        );
        assert!(again.err.contains("of chain c-1: 41"), "{}", again.err);
    }
    let higher = import(&["--height", "42"], "old.key");
    assert_eq!(higher.code, 1, "{}", higher.err);
    let shown = tmkms(home, &["state", "show", "c-1"]);
    assert!(shown.out.contains("41"), "{}", shown.out);
}

/// Command lines that scripts have, from the older program's own help.
#[test]
fn command_lines_of_the_older_program_are_read() {
    for line in [
        "init -n cosmoshub,irishub /path/to/kms/home",
        "init --networks cosmoshub home",
        "start -c x",
        "start --config x --verbose",
        "version",
        "softsign keygen x",
        "softsign keygen -t account x",
        "softsign keygen --type consensus x",
        "softsign import -f json x y",
        "softsign import --format json x y",
        "ledger init -c x -H 1 -r 0",
        "ledger init --config x --height 1 --round 0",
        "yubihsm detect -c x -v",
        "yubihsm setup --config x --verbose --print-only",
        "yubihsm setup -c x -v -r -w report.json",
        "yubihsm setup --restore --write-report report.json",
        "yubihsm test -c x -v 1",
        "yubihsm keys list -c x",
        "yubihsm keys generate -c x -l label -p cosmosvalconspub -t consensus --non-exportable 1",
        "yubihsm keys generate --label l --prefix cosmosvalconspub --backup b --wrapkey 1 0x0001",
        "yubihsm keys generate 1 2 3",
        "yubihsm keys export -c x -i 1 -w 1 p",
        "yubihsm keys export --id 1 --wrapkey 0x0001 p",
        "yubihsm keys import -c x -i 1 -w 1 -t json -l label p",
        "yubihsm keys import --id 1 --wrapkey 1 --label label p",
    ] {
        let words = std::iter::once("tmkms").chain(line.split(' '));
        if let Err(error) = tmkms::cli::definition().try_get_matches_from(words) {
            panic!("{line}: {error}");
        }
    }
}

/// What a command writes on a terminal, with these variables.
#[cfg(target_os = "linux")]
fn on_a_terminal(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    use expectrl::{Eof, Expect, Session};
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmkms"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("TMKMS_CONFIG_FILE")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(variables.iter().copied());
    let mut session = Session::spawn(command).unwrap();
    let found = session.expect(Eof).unwrap();
    String::from_utf8(found.as_bytes().to_vec()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn our_own_words_have_colour_on_a_terminal_that_has_it() {
    let folder = folder();
    let check = &["check", "-c", "home"];
    let said = on_a_terminal(folder.path(), &[], check);
    for painted in [
        "\x1b[1;31m     Problem\x1b[0m [c-1]",
        "\x1b[1;31merror:\x1b[0m 1 problem",
    ] {
        assert!(said.contains(painted), "{said:?}");
    }
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let said = on_a_terminal(folder.path(), &[(name, value)], check);
        assert!(
            said.contains("     Problem [c-1]") && !said.contains('\x1b'),
            "{said:?}"
        );
    }
    let said = on_a_terminal(folder.path(), &[("NO_COLOR", "")], check);
    assert!(said.contains("\x1b[1;31m"), "{said:?}");
    // The diagnostics of the configuration bring an `error:` of their own.
    fs::write(folder.path().join("home/tmkms.toml"), "x = 1\n").unwrap();
    let said = on_a_terminal(folder.path(), &[], check);
    assert!(
        said.contains("\x1b[1;31merror:\x1b[0m unknown key `x`"),
        "{said:?}"
    );
    // Nor where it goes into a file.
    assert!(!tmkms(folder.path(), check).err.contains('\x1b'));
}

/// For everybody, as the pages are.
#[test]
fn folders_of_manual_pages_are_made() {
    let folder = tempfile::tempdir().unwrap();
    for (typed, made) in [
        ("man1", &["man1", "man5"][..]),
        (
            "share/man/man1/",
            &["share", "share/man", "share/man/man1", "share/man/man5"],
        ),
        ("pages", &["pages"]),
    ] {
        let done = tmkms(folder.path(), &["man", typed]);
        assert_eq!(done.code, 0, "{typed}: {}", done.err);
        for name in made {
            let mode = folder
                .path()
                .join(name)
                .metadata()
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o755, "{name}");
        }
    }
    for page in [
        "man5/tmkms.toml.5",
        "share/man/man1/tmkms.1",
        "pages/tmkms.toml.5",
    ] {
        let mode = folder
            .path()
            .join(page)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o644, "{page}");
    }
}

#[test]
fn manual_pages_say_what_the_help_does_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("man1")).unwrap();
    let done = tmkms(folder.path(), &["man", "man1"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for name in [
        "tmkms.1",
        "tmkms-start.1",
        "tmkms-state-import.1",
        "tmkms-keys-show.1",
    ] {
        if name == "tmkms.1" || name == "tmkms-start.1" {
            assert!(
                page(&format!("man1/{name}")).contains("TMKMS_LOG_FORMAT"),
                "{name}"
            );
        }
        for section in ["ENVIRONMENT", "EXIT STATUS", "FILES", "SEE ALSO"] {
            assert!(
                page(&format!("man1/{name}")).contains(&format!(".SH \"{section}\"\n")),
                "{name} {section}"
            );
        }
        assert!(
            page(&format!("man1/{name}")).contains("TMKMS_CONFIG_FILE"),
            "{name}"
        );
    }
    // What reads no configuration says nothing of it.
    assert!(!page("man1/tmkms-networks.1").contains("TMKMS_CONFIG_FILE"));
    assert!(page("man1/tmkms-networks.1").contains("EXIT STATUS"));
    assert!(page("man1/tmkms-harness-run.1").contains("10 and above"));
    let settings = page("man5/tmkms.toml.5");
    assert!(settings.starts_with(".TH tmkms.toml 5"));
    for words in [".SH \"[[chain]]\"", "\nmax_gap = 1000\n"] {
        assert!(settings.contains(words), "{words}");
    }
    let here = tmkms(folder.path(), &["man", "."]);
    assert_eq!(here.code, 0, "{}", here.err);
    assert_eq!(page("tmkms.toml.5"), settings);
}
