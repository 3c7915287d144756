//! What the shells complete: chains and networks.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::command::tmkms;
use crate::support::home::keyed_home;

/// A chain id that would be a command, wherever a shell reads it as one.
const HOSTILE: &str = "$(id>PWNED)`id>PWNED`";

/// A folder with a `home`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    keyed_home(&folder.path().join("home"));
    folder
}

/// Gives the chain of this home the hostile id.
fn make_hostile(home: &Path) {
    let path = home.join("tmkms.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("c-1", HOSTILE)).unwrap();
    let chains = tmkms(home, &["completions", "--chains"]);
    assert_eq!(chains.out, format!("{HOSTILE}\n"), "{}", chains.err);
}

/// A shell that finds the program, in a home.
fn shell(program: &str, home: &Path) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_tmkms")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(home)
        .env_remove("TMKMS_CONFIG_FILE")
        .env("PATH", format!("{}:{path}", built.display()));
    command
}

fn lines(mut command: Command) -> Vec<String> {
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Asks bash what it would complete behind these words.
fn completed(home: &Path, words: &[&str]) -> Vec<String> {
    let script = "source <(tmkms completions bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  _tmkms_with_chains tmkms \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; \
                  printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = shell("bash", home);
    bash.args(["-c", script, "bash"]).args(words);
    lines(bash)
}

fn has(found: &[String], word: &str) -> bool {
    found.iter().any(|found| found == word)
}

#[test]
fn chains_and_networks_are_completed() {
    let folder = folder();
    let home = &folder.path().join("home");
    for words in [
        &["tmkms", "state", "show", ""][..],
        &["tmkms", "state", "init", "c"],
        &["tmkms", "softsign", "import", "--chain", ""],
        &["tmkms", "adopt", "--insist", "c-"],
        // Bash makes words of their own of these.
        &["tmkms", "adopt", "--insist", "=", "c-"],
        &["tmkms", "adopt", "--insist", "="],
    ] {
        assert!(has(&completed(home, words), "c-1"), "{words:?}");
    }
    for words in [
        &["tmkms", "state", "show", "-c", "home", ""][..],
        &["tmkms", "-c", "home", "state", "raise", ""],
        &["tmkms", "-chome", "state", "raise", ""],
        &["tmkms", "state", "show", "--config=home", ""],
        &["tmkms", "state", "show", "--config", "=", "home", ""],
    ] {
        assert!(has(&completed(folder.path(), words), "c-1"), "{words:?}");
        assert!(
            !has(&completed(home, words), "c-1"),
            "no such configuration: {words:?}"
        );
    }
    // Not where no chain belongs.
    for words in [
        &["tmkms", "check", ""][..],
        &["tmkms", "state", "show", "x"],
        &["tmkms", "state", "show", "-c", ""],
        &["tmkms", "state", "show", "--config", "="],
        &["tmkms", ""],
    ] {
        assert!(!has(&completed(home, words), "c-1"), "{words:?}");
    }
    let networks = completed(home, &["tmkms", "init", "-n", "cosmos"]);
    assert!(has(&networks, "cosmoshub"), "{networks:?}");
    assert!(!has(&networks, "osmosis"), "{networks:?}");
    let commands = completed(home, &["tmkms", "state", "sh"]);
    assert!(
        has(&commands, "show") && has(&commands, "share"),
        "{commands:?}"
    );

    let text = |shell| tmkms(home, &["completions", shell]).out;
    let zsh = text("zsh");
    assert!(zsh.starts_with("#compdef tmkms"));
    assert!(zsh.matches(":_tmkms_chains'").count() >= 10, "{zsh}");
    assert_eq!(zsh.matches("local -a typed=").count(), 1, "{zsh}");
    assert!(zsh.contains("cosmoshub"));
    let fish = text("fish");
    assert!(
        fish.contains(
            "from state; and __fish_seen_subcommand_from show\" -f -a \"(__tmkms_chains)\""
        )
    );
    let chains = tmkms(home, &["completions", "--chains"]);
    assert_eq!((chains.code, &*chains.out), (0, "c-1\n"));
    assert_eq!(tmkms(home, &["completions"]).code, 2);
}

/// A `tmkms.toml` in whatever folder one stands in is anybody's, and the Tab key runs nothing of it.
#[test]
fn a_chain_id_is_never_a_command_for_the_shell() {
    let folder = folder();
    let home = &folder.path().join("home");
    make_hostile(home);
    for words in [
        &["tmkms", "state", "show", ""][..],
        &["tmkms", "state", "show", "$"],
        &["tmkms", "softsign", "import", "--chain", ""],
    ] {
        // Quoted, so that it is none in the line either.
        let quoted = r"\$\(id\>PWNED\)\`id\>PWNED\`";
        let found = completed(home, words);
        assert!(!home.join("PWNED").exists(), "{words:?}");
        assert!(has(&found, quoted), "{words:?}: {found:?}");
    }
}

/// What fish would offer behind this line.
fn fish_completes(home: &Path, line: &str) -> Vec<String> {
    let mut fish = shell("fish", home);
    fish.args([
        "--no-config",
        "-c",
        "tmkms completions fish | source; complete -C $argv[1]",
        line,
    ]);
    lines(fish)
}

/// What stands in the line of an interactive shell after the Tab key.
#[cfg(target_os = "linux")]
fn typed(mut shell: Command, source: &str, line: &str) -> String {
    use expectrl::{Eof, Expect, Session};
    shell.env("TERM", "dumb").env("PS1", "").env("HISTFILE", "");
    let mut session = Session::spawn(shell).unwrap();
    session.set_expect_timeout(Some(crate::support::home::PATIENCE));
    session.send_line(source).unwrap();
    session.expect("READY\r\n").unwrap();
    // At the start of the line, which makes it a comment.
    session.send(format!("{line}\t")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    session.send("\x01# \n").unwrap();
    session.send_line("exit").unwrap();
    let said = session.expect(Eof).unwrap();
    String::from_utf8_lossy(said.as_bytes()).into_owned()
}

/// The same for the shells themselves: bash's own way to split words, and zsh and fish.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs zsh and fish"]
fn the_shells_themselves_complete_chains() {
    let folder = folder();
    let home = &folder.path().join("home");
    let bash = |home: &Path, line: &str| {
        let mut bash = shell("bash", home);
        bash.args(["--norc", "--noprofile", "-i"]);
        let source =
            "stty echo; set +o history; source <(tmkms completions bash); printf 'REA''DY\\n'";
        typed(bash, source, line)
    };
    let zsh = |home: &Path, line: &str| {
        let mut zsh = shell("zsh", home);
        zsh.args(["-f", "-i"]);
        let source = "setopt interactive_comments; autoload -U compinit; compinit -D -u; \
                      source <(tmkms completions zsh); print 'REA''DY'";
        typed(zsh, source, line)
    };
    let check = |hostile: bool| {
        let (start, whole) = match hostile {
            false => ("c", "c-1"),
            true => ("", r"\$\(id\>PWNED\)\`id\>PWNED\`"),
        };
        for (below, words) in [
            ("home", format!("tmkms state show {start}")),
            ("", format!("tmkms state show -c home {start}")),
            ("", format!("tmkms -c home state show {start}")),
            ("", format!("tmkms --config home state show {start}")),
            ("", format!("tmkms --config=home state show {start}")),
            ("", format!("tmkms -chome state show {start}")),
            ("", format!("tmkms state show --config=home {start}")),
            ("", format!("true; tmkms state -c home show {start}")),
            ("home", format!("tmkms adopt --insist={start}")),
            ("home", format!("tmkms adopt --insist {start}")),
        ] {
            let below = folder.path().join(below);
            let done = format!("{}{whole}", &words[..words.len() - start.len()]);
            let said = bash(&below, &words);
            // Where nothing is typed of it yet, bash has options to offer as well.
            let offered = hostile || said.contains(&done);
            assert!(offered, "bash: {words}: {said}");
            let said = zsh(&below, &words);
            assert!(said.contains(&done), "zsh: {words}: {said}");
            let said = fish_completes(&below, &words);
            let offered = match hostile {
                false => has(&said, "c-1") || has(&said, "--insist=c-1"),
                true => said.iter().any(|word| word.ends_with(HOSTILE)),
            };
            assert!(offered, "fish: {words}: {said:?}");
            for place in [&below, home] {
                assert!(!place.join("PWNED").exists(), "{words}");
            }
        }
    };
    check(false);
    make_hostile(home);
    check(true);
}
