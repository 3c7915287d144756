//! Files of shares that were named on the command line, read and held against each other.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::backends::cosign::sealed_share;
use crate::cli::report::{Failure, status};
use crate::consensus::PublicKey;
use crate::os::files::bounded;
use crate::remedy::CommandLine;
use crate::secret_file::kind::{self, FileKind};
use crate::secret_file::{self, SecretSource};
use crate::shares::{KeyShare, MOST, Quorum, Shard, ShardError, ShardFit, ShardFitError, fit};

/// What is read at most of a file that may be a share, in bytes; none is as long.
const LONGEST: u64 = 64 * 1024;

/// Shares as they were read, of this program and of horcrux.
pub(super) struct ReadShards {
    files: Vec<PathBuf>,
    /// How many are needed, where the file says it: horcrux's do not.
    quorums: Vec<Option<Quorum>>,
    /// In the order of the files.
    pub shards: Vec<Shard>,
}

/// Shares that give a key.
pub(super) struct Shards {
    of: ReadShards,
    /// Which of them do.
    pub fit: ShardFit,
}

impl ReadShards {
    /// Reads them; says what else can be seen of each file.
    ///
    /// # Errors
    /// A file is no share. Files are named, and nothing of what they hold is shown.
    pub(super) fn read(files: Vec<PathBuf>) -> Result<Self, Failure> {
        if files.len() > MOST {
            return Err(Failure::usage(format!(
                "{} shares are too many; as many as are needed are enough, and {MOST} are taken at most",
                files.len()
            )));
        }
        let (mut shards, mut quorums) = (Vec::new(), Vec::new());
        for path in &files {
            let (shard, quorum) = read(path)?;
            shards.push(shard);
            quorums.push(quorum);
        }
        Ok(Self {
            files,
            quorums,
            shards,
        })
    }

    /// Whether they are of one key, so that it can be told before anything else.
    pub(super) fn of_one_key(&self) -> Option<&PublicKey> {
        let key = &self.shards.first()?.public_key;
        let is_same = |shard: &Shard| shard.public_key == *key;
        self.shards.iter().all(is_same).then_some(key)
    }

    /// Holds them against each other.
    ///
    /// # Errors
    /// They do not give their key.
    pub(super) fn fitted(self) -> Result<Shards, Failure> {
        match fit(&self.shards) {
            Ok(fit) => Ok(Shards { of: self, fit }),
            Err(why) => Err(told(&why, &self.files, &self.shards, &self.quorums)),
        }
    }
}

impl Shards {
    /// Reads them, and holds them against each other.
    ///
    /// # Errors
    /// A file is no share, or they do not give their key. Files are named, and nothing of what they hold is shown.
    pub(super) fn read(files: Vec<PathBuf>) -> Result<Self, Failure> {
        ReadShards::read(files)?.fitted()
    }

    /// In the order of the files.
    pub(super) fn shards(&self) -> &[Shard] {
        &self.of.shards
    }

    /// Whether one of them is horcrux's.
    pub(super) fn are_of_horcrux(&self) -> bool {
        self.of.quorums.contains(&None)
    }

    /// Says which of the files are not of the same dealing; `true` where there is one.
    pub(super) fn tell_strangers(&self) -> bool {
        for place in &self.fit.strangers {
            status(
                "Warning",
                format!(
                    "{} does not belong to the others: it is damaged, or of another splitting of this key",
                    name(&self.of.files, *place)
                ),
            );
        }
        !self.fit.strangers.is_empty()
    }
}

/// A share of horcrux.
///
/// # Errors
/// The file is another, or damaged.
pub(super) fn horcrux(path: &Path) -> Result<Shard, Failure> {
    let bytes = bytes(path)?;
    if let Some(FileKind::OwnShare) = kind::look(&bytes) {
        return Err(Failure::usage(format!(
            "{} is a share of this program already; nothing was imported",
            path.display()
        )));
    }
    Shard::from_json(&bytes).map_err(|error| no_share(path, &bytes, &error))
}

/// A share of this program.
///
/// # Errors
/// The file is another, or damaged.
pub(super) fn own(path: &Path) -> Result<KeyShare, Failure> {
    of_own(path, &bytes(path)?)
}

/// Whether a file is there and reads as a share, of this program (encrypted or not) or of horcrux, whoever may read it.
pub(super) fn is_share(path: &Path) -> bool {
    let Ok(bytes) = bounded::read(path, LONGEST).map(Zeroizing::new) else {
        return false;
    };
    let kind = kind::look(&bytes);
    sealed_share::is_sealed(&bytes) || matches!(kind, Some(FileKind::OwnShare | FileKind::Share))
}

/// Why a file is not an encrypted share.
pub(super) fn no_own_share(path: &Path, bytes: &[u8]) -> Failure {
    match of_own(path, bytes) {
        Ok(_) => Failure::new(format!("{} is not encrypted", path.display())),
        Err(failure) => failure,
    }
}

fn of_own(path: &Path, bytes: &[u8]) -> Result<KeyShare, Failure> {
    if sealed_share::is_sealed(bytes) {
        return Err(Failure::new(format!(
            "the share in {} is encrypted with a passphrase",
            path.display()
        ))
        .hint(format!(
            "decrypt it with `{}`",
            CommandLine::on_file("tmkms", &["cosign", "decrypt"], path)
        )));
    }
    let read = KeyShare::from_json(bytes);
    read.map_err(|error| Failure::new(format!("{} is no share: {error}", path.display())))
}

fn read(path: &Path) -> Result<(Shard, Option<Quorum>), Failure> {
    let bytes = bytes(path)?;
    if let Some(FileKind::OwnShare) = kind::look(&bytes) {
        let share = of_own(path, &bytes)?;
        let quorum = share.quorum();
        return Ok((share.into_shard(), Some(quorum)));
    }
    let shard = Shard::from_json(&bytes).map_err(|error| no_share(path, &bytes, &error))?;
    Ok((shard, None))
}

/// A file, with a warning about who may read it.
///
/// # Errors
/// It cannot be read.
pub(super) fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let secret = secret_file::read(&SecretSource::File(path.to_owned()))
        .map_err(|error| Failure::new(format!("a share cannot be read: {error}")))?;
    if let Some(warning) = &secret.warning {
        status("Warning", warning);
    }
    Ok(secret.bytes)
}

fn no_share(path: &Path, bytes: &[u8], error: &ShardError) -> Failure {
    let found = match (error, kind::look(bytes)) {
        (ShardError::Json { .. }, Some(FileKind::BrokenJson(line, column))) => {
            format!("its JSON is damaged or breaks off at line {line}, column {column}")
        }
        (ShardError::Json { .. }, Some(FileKind::OtherJson)) => {
            "it is JSON, and neither that of a share of this program (`tmkms_share`) nor of horcrux (`privateShard`)".to_owned()
        }
        // What it is says more than what it is not.
        (ShardError::Json { .. }, Some(found)) if found != FileKind::Share => found.to_string(),
        _ => error.to_string(),
    };
    Failure::new(format!("{} is no share: {found}", path.display())).hint(
        "a share is the share.json of a member, or the CHAIN_shard.json in the home of each cosigner of horcrux",
    )
}

fn name(files: &[PathBuf], place: usize) -> String {
    files
        .get(place)
        .map_or_else(String::new, |path| path.display().to_string())
}

fn told(
    why: &ShardFitError,
    files: &[PathBuf],
    shards: &[Shard],
    quorums: &[Option<Quorum>],
) -> Failure {
    let name = |place: usize| name(files, place);
    let address = |place: usize| {
        let shard = shards.get(place);
        shard.map_or_else(String::new, |shard| shard.public_key.address().to_string())
    };
    match why {
        ShardFitError::OtherKey(place) => Failure::new(format!(
            "{} and {} are of two keys, with the addresses {} and {}",
            name(0),
            name(*place),
            address(0),
            address(*place)
        ))
        .hint("name shares of one chain"),
        ShardFitError::SameId(one, two) => Failure::new(format!(
            "{} and {} have the same id, so they are one share, or of two splittings",
            name(*one),
            name(*two)
        ))
        .hint("name one file of each member"),
        // Too many of them, or none, do not come to this.
        ShardFitError::Count(_) | ShardFitError::NotEnough => Failure::new(format!(
            "{} {} not give the key with the address {}: more are needed, or one is damaged or of another splitting",
            crate::text::count::count(shards.len(), "share"),
            if shards.len() == 1 { "does" } else { "do" },
            address(0)
        ))
        .hint(match quorums.iter().flatten().next() {
            Some(quorum) => format!(
                "{} of {} are needed; name the shares of more members",
                quorum.threshold(),
                quorum.members()
            ),
            None => {
                "horcrux's config.yaml says how many are needed (`threshold`); name the shares of more cosigners"
                    .to_owned()
            }
        }),
    }
}
