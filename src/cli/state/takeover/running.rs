//! Nothing may work in the old signer's home while its state is taken over (W20).

use std::path::{Path, PathBuf};

use crate::cli::report::{Failure, status};
use crate::cli::status::service_of;
use crate::config::{ChainConfig, Config};
use crate::excerpt::brief;
use crate::os::process::survey::{Home, InHome, Sign, Survey, Unseen, in_homes};

/// How much of a command line is shown, in bytes.
const MOST_SHOWN: usize = 160;

/// The homes in which nothing may work.
pub(in crate::cli) struct Quiet {
    homes: Vec<Home>,
    /// The service of this configuration: it holds the locks of its chains, and takes over only what is free.
    service: Option<u32>,
    /// Whether this program may work there under other configurations, too, for the same reason.
    own: bool,
}

impl Quiet {
    /// The homes of these files and folders. Of a file that lies in the operator's own home folder, where everything
    /// else is, too, only the file itself.
    pub fn of<'a>(config: &Config, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let everything = std::env::var_os("HOME").map(PathBuf::from);
        let mut homes: Vec<Home> = Vec::new();
        for path in paths {
            let too_wide = |home: &Home| {
                path.is_file() && everything.as_ref().is_some_and(|all| home.contains(all))
            };
            let home = match Home::of(path) {
                Some(home) if too_wide(&home) => Home::of_file(path),
                other => other,
            };
            if let Some(home) = home.filter(|home| !homes.contains(home)) {
                homes.push(home);
            }
        }
        Self {
            homes,
            service: service_of(config).map(|service| service.pid),
            own: false,
        }
    }

    /// The home of this program itself, for a chain whose state begins, and that in which its key lies.
    pub fn own(config: &Config, chain: &ChainConfig) -> Self {
        let file = Path::new(&config.name);
        let key = chain.key.file().map(|file| file.path);
        let paths = [file, chain.state_file.as_path()].into_iter().chain(key);
        Self {
            own: true,
            ..Self::of(config, paths)
        }
    }

    /// Says what works there.
    ///
    /// # Errors
    /// That something does.
    pub fn check(&self) -> Result<(), Failure> {
        let survey = self.look();
        for process in &survey.found {
            status("Running", told(process));
        }
        let numbers: Vec<String> = survey
            .found
            .iter()
            .map(|process| process.pid.to_string())
            .collect();
        let homes: Vec<String> = self
            .homes
            .iter()
            .map(|home| home.shown().display().to_string())
            .collect();
        match numbers.as_slice() {
            [] => Ok(()),
            _ => Err(Failure::new(format!(
                "nothing was changed: a signer of this home still runs, or something else works in {} (process {}); \
                 two signers for one key are a double sign in waiting",
                homes.join(", "),
                numbers.join(", ")
            ))
            .hint(
                "stop it, see that nothing starts it again, and repeat the command; a shell or an editor that stands \
                 there must leave",
            )),
        }
    }

    /// Says what may work there unseen.
    pub fn tell_unseen(&self) {
        for unseen in self.look().unseen {
            status(
                "Unseen",
                match unseen {
                    Unseen::All => {
                        "this system does not tell what runs: see for yourself that no signer or node does".to_owned()
                    }
                    Unseen::OtherUsers => {
                        "the processes of other users are hidden here: run the command as root to see them, too".to_owned()
                    }
                    Unseen::Files(count) => format!(
                        "of {count} processes only the command line can be seen: run the command as root to see their \
                         folders and open files, too"
                    ),
                    Unseen::OutsideOfContainer => {
                        "what runs outside of this container, or in another one, cannot be seen from here: see for \
                         yourself that no signer or node with this key does"
                            .to_owned()
                    }
                },
            );
        }
    }

    fn look(&self) -> Survey {
        let known: Vec<u32> = self.service.into_iter().collect();
        let mut survey = in_homes(&self.homes, &known);
        survey
            .found
            .retain(|process| !(self.own && process.same_program));
        survey
    }
}

fn told(process: &InHome) -> String {
    let line = process.arguments.join(" ");
    let line = brief(&line, MOST_SHOWN);
    let sign = match &process.sign {
        Sign::Folder(path) => format!("it works in {}", path.display()),
        Sign::Argument(_) => "an argument names it".to_owned(),
        Sign::Open(path) => format!("it has {} open", path.display()),
    };
    // The process chose these words.
    format!("process {}: {line} ({sign})", process.pid).replace(|char: char| char.is_control(), " ")
}
