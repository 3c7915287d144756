//! Nothing may work in the old signer's home while its state is taken over (W20).

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::{ChainConfig, Config, user_home};
use crate::os::process::survey::{Home, InHome, Survey, Unseen, in_homes};

/// The homes in which nothing may work.
pub struct Quiet {
    homes: Vec<Home>,
    /// The service of this configuration: it holds the locks of its chains, and takes over only what is free.
    service: Option<u32>,
    /// Whether this program may work there under other configurations, too, for the same reason.
    own: bool,
}

/// Something works in a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StillRuns {
    /// What does.
    pub found: Vec<InHome>,
    /// In one of these.
    pub homes: Vec<PathBuf>,
}

impl std::error::Error for StillRuns {}

impl Quiet {
    /// The homes of these files and folders; `service` is the process that serves this configuration. Of a file that lies in the
    /// operator's own home folder, where everything else is, too, only the file itself.
    pub fn of<'a>(service: Option<u32>, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let everything = user_home();
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
            service,
            own: false,
        }
    }

    /// The home of this program itself, for a chain whose state begins, and that in which its key lies.
    pub fn own(config: &Config, chain: &ChainConfig, service: Option<u32>) -> Self {
        let file = Path::new(&config.name);
        let key = chain.key.traits().file.as_ref().map(|file| &*file.path);
        let state = chain.state_file.fixed();
        let state = state.unwrap_or_else(|| chain.state_file.folder());
        let paths = [file, state].into_iter().chain(key);
        Self {
            own: true,
            ..Self::of(service, paths)
        }
    }

    /// Looks whether something works there.
    ///
    /// # Errors
    /// What does.
    pub fn check(&self) -> Result<(), StillRuns> {
        let found = self.look().found;
        match found.is_empty() {
            true => Ok(()),
            false => Err(StillRuns {
                found,
                homes: self
                    .homes
                    .iter()
                    .map(|home| home.shown().to_owned())
                    .collect(),
            }),
        }
    }

    /// What may work there unseen.
    pub fn unseen(&self) -> Vec<Unseen> {
        self.look().unseen
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

impl fmt::Display for StillRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self
            .found
            .iter()
            .map(|process| process.pid.to_string())
            .collect();
        let homes: Vec<String> = self
            .homes
            .iter()
            .map(|home| home.display().to_string())
            .collect();
        write!(
            f,
            "a signer using this home is still running, or something else uses {} (process {}); two signers with one key will \
             double-sign",
            homes.join(", "),
            numbers.join(", ")
        )
    }
}
