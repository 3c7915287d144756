//! Shard files that were named on the command line, read and held against each other.

use std::path::PathBuf;

use crate::cli::report::{Failure, status};
use crate::migrate::shards::{MOST, Shard, ShardError, ShardFit, ShardFitError, fit};
use crate::secret_file::kind::{self, FileKind};
use crate::secret_file::{self, SecretSource};

/// Shards that give a key.
pub(super) struct Shards {
    files: Vec<PathBuf>,
    /// In the order of the files.
    pub shards: Vec<Shard>,
    /// Which of them do.
    pub fit: ShardFit,
}

impl Shards {
    /// Reads them; says what else can be seen of each file.
    ///
    /// # Errors
    /// A file is no shard, or they do not give their key. Files are named, and nothing of what they hold is shown.
    pub(super) fn read(files: Vec<PathBuf>) -> Result<Self, Failure> {
        if files.len() > MOST {
            return Err(told(&ShardFitError::Count(files.len()), &files, &[]));
        }
        let mut shards = Vec::new();
        for path in &files {
            let secret = secret_file::read(&SecretSource::File(path.clone()))
                .map_err(|error| Failure::new(format!("a shard cannot be read: {error}")))?;
            if let Some(warning) = &secret.warning {
                status("Warning", warning);
            }
            let shard = Shard::from_json(&secret.bytes).map_err(|error| {
                let found = match (&error, kind::look(&secret.bytes)) {
                    // What it is says more than what it is not.
                    (ShardError::Json { .. }, Some(found)) if found != FileKind::Share => {
                        found.to_string()
                    }
                    _ => error.to_string(),
                };
                Failure::new(format!("{} is no shard: {found}", path.display()))
                    .hint("a shard is the CHAIN_shard.json in the home of each cosigner of horcrux")
            })?;
            shards.push(shard);
        }
        match fit(&shards) {
            Ok(fit) => Ok(Self { files, shards, fit }),
            Err(why) => Err(told(&why, &files, &shards)),
        }
    }

    /// Says which of the files are not of the same dealing; `true` where there is one.
    pub(super) fn tell_strangers(&self) -> bool {
        for place in &self.fit.strangers {
            status(
                "Warning",
                format!(
                    "{} does not belong to the others: it is damaged, or of another splitting of this key",
                    name(&self.files, *place)
                ),
            );
        }
        !self.fit.strangers.is_empty()
    }
}

fn name(files: &[PathBuf], place: usize) -> String {
    files
        .get(place)
        .map_or_else(String::new, |path| path.display().to_string())
}

fn told(why: &ShardFitError, files: &[PathBuf], shards: &[Shard]) -> Failure {
    let name = |place: usize| name(files, place);
    let address = |place: usize| {
        let shard = shards.get(place);
        shard.map_or_else(String::new, |shard| shard.public_key.address().to_string())
    };
    match why {
        ShardFitError::Count(count) => Failure::usage(format!(
            "{count} shards are too many; as many as are needed are enough, and {MOST} are taken at most"
        )),
        ShardFitError::OtherKey(place) => Failure::new(format!(
            "{} and {} are of two keys, with the addresses {} and {}",
            name(0),
            name(*place),
            address(0),
            address(*place)
        ))
        .hint("name shards of one chain"),
        ShardFitError::SameId(one, two) => Failure::new(format!(
            "{} and {} have the same id, so they are one shard, or of two splittings",
            name(*one),
            name(*two)
        ))
        .hint("name one file of each cosigner"),
        ShardFitError::NotEnough => Failure::new(format!(
            "{} {} not give the key with the address {}: more are needed, or one is damaged or of another splitting",
            crate::text::count::count(shards.len(), "shard"),
            if shards.len() == 1 { "does" } else { "do" },
            address(0)
        ))
        .hint("horcrux's config.yaml says how many are needed (`threshold`); name the shards of more cosigners"),
    }
}
