//! An operator who does what a message says: takes the command out of it, runs it as printed from another folder, and
//! looks whether that helped.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tmkms::harness::Listener;

use super::table::{By, TABLE};
use crate::support::home::copy_program;
use crate::support::home::{Home, PATIENCE, Running, sign};

/// What was said, and the exit code.
pub struct Said {
    pub code: i32,
    pub text: String,
}

/// A command as a message prints it.
pub struct Printed {
    message: String,
    command: String,
}

/// One operator with one validator, in a folder with a blank and a quote in its name.
pub struct Walk {
    name: &'static str,
    pub home: Home,
    pub node: Listener,
    elsewhere: tempfile::TempDir,
    run: RefCell<Vec<(String, String)>>,
}

impl Walk {
    /// For the remedies of the table that say that they are walked by this test.
    pub fn of(name: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("val's home ").tempdir();
        let node = Listener::tcp().unwrap();
        Self {
            name,
            home: Home::within(folder.unwrap(), &[node.address().unwrap()]),
            node,
            elsewhere: tempfile::tempdir().unwrap(),
            run: RefCell::default(),
        }
    }

    /// A file of the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file of the folder that commands are run from.
    pub fn elsewhere(&self, name: &str) -> PathBuf {
        self.elsewhere.path().join(name)
    }

    /// Changes the configuration.
    pub fn edit(&self, from: &str, to: &str) {
        let config = self.home.config();
        assert!(config.contains(from), "no {from} in {config}");
        self.home.configure(&config.replace(from, to));
    }

    /// Runs the program in the home, as an operator who is there.
    pub fn tmkms(&self, arguments: &[&str]) -> Said {
        self.tmkms_with(arguments, "")
    }

    /// The same, with something to read.
    pub fn tmkms_with(&self, arguments: &[&str], input: &str) -> Said {
        run(&mut self.home.command(arguments), input)
    }

    /// Runs the program in the home as another user, to whom the home belongs from now on; `None` unless root does it.
    pub fn tmkms_as(&self, user: u32, arguments: &[&str]) -> Option<Said> {
        // Where the program was built that user may not come.
        let program = self.path("tmkms");
        if !program.exists() {
            copy_program(&program);
        }
        for name in ["", "tmkms.toml", "identity.key", "consensus.key"] {
            chown(self.path(name), Some(user), None).ok()?;
        }
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(self.home.path());
        command.env_remove("TMKMS_CONFIG_FILE").uid(user).gid(user);
        Some(run(&mut command, ""))
    }

    /// Whatever the table says of this walk cannot be walked by this user.
    pub fn give_up(self) {
        std::mem::forget(self);
    }

    /// The command in the line of `said` with these words that has those words, in their order.
    pub fn printed(&self, said: &str, message: &str, words: &str) -> Printed {
        let message = plain(message);
        let mut lines = said.lines().filter(|line| plain(line).contains(&message));
        let found = lines.find_map(|line| {
            let command = commands_in(line).find(|command| has_words(command, words))?;
            Some((line, command))
        });
        let (line, command) =
            found.unwrap_or_else(|| panic!("no {message:?} with {words:?} in:\n{said}"));
        Printed {
            message: line.to_owned(),
            command: command.to_owned(),
        }
    }

    /// Pastes a command into a shell in another folder.
    pub fn paste(&self, printed: &Printed) -> Said {
        self.paste_filled(printed, &[], "")
    }

    /// The same, with values for the words of capitals and something to read.
    pub fn paste_filled(&self, printed: &Printed, fill: &[(&str, &str)], input: &str) -> Said {
        run(&mut self.shell(printed, fill, ""), input)
    }

    /// The same for a command that may end in the question whether the old signer is stopped: then it is answered.
    pub fn paste_and_agree(&self, printed: &Printed, fill: &[(&str, &str)]) {
        let asked = self.paste_filled(printed, fill, "");
        if asked.code == 0 {
            return;
        }
        assert!(asked.text.contains("`--yes`"), "{}", asked.text);
        let done = run(&mut self.shell(printed, fill, " --yes"), "");
        assert_eq!(done.code, 0, "{}", done.text);
    }

    /// The same for a command that runs on.
    pub fn paste_running(&self, printed: &Printed) -> Running {
        let log = self.path("log");
        let mut shell = self.shell(printed, &[], "");
        let child = shell
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Running { child, log }
    }

    /// The same for a command that prints: what it prints goes into a file in place of the printer.
    pub fn paste_printing(&self, printed: &Printed, printer: &str) -> (Child, PathBuf) {
        let paper = self.elsewhere("paper");
        let moved = Printed {
            message: printed.message.clone(),
            command: printed.command.replace(printer, paper.to_str().unwrap()),
        };
        self.note(printed);
        (self.shell(&moved, &[], "").spawn().unwrap(), paper)
    }

    fn note(&self, Printed { message, command }: &Printed) {
        self.run
            .borrow_mut()
            .push((message.clone(), command.clone()));
    }

    fn shell(&self, printed: &Printed, fill: &[(&str, &str)], more: &str) -> Command {
        self.note(printed);
        let command = &printed.command;
        // In place of the shell, so that a signal reaches the program.
        let exec = if command.starts_with("tmkms ") {
            "exec "
        } else {
            ""
        };
        let filled = format!("{exec}{}{more}", filled(command, fill));
        let program = Path::new(env!("CARGO_BIN_EXE_tmkms"));
        let folder = program.parent().unwrap().display();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &filled])
            .current_dir(self.elsewhere.path())
            .env(
                "PATH",
                format!("{folder}:{}", std::env::var("PATH").unwrap()),
            )
            .env("HOME", self.elsewhere.path());
        for name in [
            "TMKMS_CONFIG_FILE",
            "TMKMS_LOG",
            "RUST_LOG",
            "CREDENTIALS_DIRECTORY",
        ] {
            shell.env_remove(name);
        }
        shell
    }

    /// Says it, takes the command out of it and pastes that, which must work.
    pub fn follow(&self, said: &Said, message: &str, words: &str) -> Said {
        self.follow_filled(said, message, words, &[])
    }

    /// The same, with values for the words of capitals.
    pub fn follow_filled(
        &self,
        said: &Said,
        message: &str,
        words: &str,
        fill: &[(&str, &str)],
    ) -> Said {
        let printed = self.printed(&said.text, message, words);
        let done = self.paste_filled(&printed, fill, "");
        assert_eq!(done.code, 0, "{}\n{}", printed.command, done.text);
        done
    }

    /// `check` finds nothing that would keep the chain from signing.
    pub fn is_ready(&self) {
        let said = self.tmkms(&["check"]);
        assert_eq!(said.code, 0, "{}", said.text);
        assert!(said.text.contains("Ready 1 of 1 chain"), "{}", said.text);
    }

    /// The chain signs, at this height.
    pub fn signs(&self, height: i64) {
        let _service = self.home.start();
        let mut node = self.node.accept(PATIENCE).unwrap();
        assert!(
            sign(&mut node, &self.home.key, height, 1),
            "height {height}"
        );
    }
}

impl Drop for Walk {
    /// Whatever the table says that this test walks was walked.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for row in TABLE.iter().filter(|row| row.by == By::Walk(self.name)) {
            let run = self.run.borrow();
            let walked = run.iter().any(|(message, command)| {
                plain(message).contains(&plain(row.message)) && has_words(command, row.words)
            });
            assert!(
                walked,
                "{} does not run {:?} of {:?}",
                self.name, row.words, row.message
            );
        }
    }
}

fn run(command: &mut Command, input: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Anyone who reads nothing closes it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        text: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
    }
}

/// What stands in backticks.
pub fn commands_in(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a command begins with the first of these words and has the others behind it, in their order.
pub fn has_words(command: &str, words: &str) -> bool {
    let mut rest = command.split_whitespace();
    let mut words = words.split_whitespace();
    let first = words.next();
    rest.next() == first && words.all(|word| rest.any(|other| other == word))
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The command with the words of capitals replaced by what the operator knows.
fn filled(command: &str, fill: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    for word in command.split_inclusive(' ') {
        let bare = word.trim_end();
        match fill.iter().find(|(name, _)| *name == bare) {
            Some((_, value)) => {
                filled.push_str(&tmkms::remedy::quoted(value.as_ref()));
                filled.push_str(&word[bare.len()..]);
            }
            None => filled.push_str(word),
        }
    }
    filled
}

/// A file for its owner alone.
pub fn private(path: &Path, text: &[u8]) {
    let _ = fs::remove_file(path);
    tmkms::secret_file::create(path, text).unwrap();
}
