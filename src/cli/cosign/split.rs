//! `tmkms cosign split`: a key becomes shares, offline.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use clap::Args;
use zeroize::Zeroize;

use crate::backends::cosign::{deal, prove};
use crate::backends::softsign::key::SoftKey;
use crate::cli::report::{Failure, output, status};
use crate::cli::softsign::source_key::SourceKey;
use crate::cli::softsign::typed_passphrase::PassphraseFrom;
use crate::consensus::{KeyType, PublicKey, key_text};
use crate::os::files::folders;
use crate::os::files::replace::Readers;
use crate::os::process::harden::harden;
use crate::remedy;
use crate::secret_file;
use crate::shares::{KeyShare, Quorum};
use crate::terminal::Terminal;
use crate::text::count::count;

use super::shards::own;

#[derive(Args)]
#[command(
    allow_missing_positional = true,
    after_help = "Examples:\n  tmkms cosign split -t 3 -n 4 secrets/cosmoshub-4.key shares\n  \
                  tmkms cosign split -t 2 -n 3 priv_validator_key.json shares\n  \
                  tmkms cosign split -t 3 -n 4 shares            a new key, of which there never is a whole\n\n\
                  Do this on a host without network: whoever has T of these shares has the key."
)]
pub(in crate::cli) struct Split {
    /// So many shares are needed: more than half of them
    #[arg(short = 't', long, value_name = "T")]
    threshold: u16,
    /// So many shares are made
    #[arg(short = 'n', long, value_name = "N")]
    members: u16,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The Ed25519 key to split, in any form that is read; it stays as it is. A new one when left out
    key: Option<PathBuf>,
    /// The folder to make, with member-1/share.json to member-N/share.json
    #[arg(required = true)]
    dir: PathBuf,
}

impl Split {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let quorum = Quorum::new(self.threshold, self.members).map_err(Failure::usage)?;
        for warning in harden() {
            status("Warning", warning);
        }
        let key = self.key(terminal)?;
        let public = key.public_key();
        let shares = self.deal(&key, quorum)?;
        drop(key);
        self.write(&shares)?;
        let read = (1..=quorum.members()).map(|id| own(&self.file(id)));
        let proven = read
            .collect::<Result<Vec<_>, _>>()
            .and_then(|read| proven(&read, &public));
        let choices = match proven {
            Ok(choices) => choices,
            Err(failure) => {
                let _ = std::fs::remove_dir_all(&self.dir);
                return Err(failure);
            }
        };
        status(
            "Split",
            format!(
                "{} key into {} in {}",
                public.key_type(),
                count(shares.len(), "share"),
                self.dir.display()
            ),
        );
        status(
            "Proven",
            format!(
                "each choice of {} of {} signs for it ({choices} of {choices}, by the files)",
                quorum.threshold(),
                quorum.members()
            ),
        );
        status("Means", meaning(quorum));
        status(
            "Next",
            "compare the address with your validator's, bring each share.json to a place of its own, and delete the copies here; this version makes the key of them again with \
             `cosign recover`, and does not yet sign with shares",
        );
        if let Some(key) = &self.key {
            status(
                "Careful",
                format!(
                    "{} still holds the whole key; once the shares are where they belong, and the key signs nowhere, remove it with \
                     `{}`",
                    key.display(),
                    remedy::shred(key)
                ),
            );
        }
        self.show(&shares, &public)
    }

    fn key(&self, terminal: &mut dyn Terminal) -> Result<SoftKey, Failure> {
        let Some(path) = &self.key else {
            let (key, _) = SoftKey::generate(KeyType::Ed25519).map_err(Failure::new)?;
            return Ok(key);
        };
        let source = SourceKey {
            path,
            form: None,
            kind: None,
            verb: "split",
        };
        let bytes = source.bytes()?.bytes;
        source.read(&bytes, &self.passphrase, terminal)
    }

    fn deal(&self, key: &SoftKey, quorum: Quorum) -> Result<Vec<KeyShare>, Failure> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::new(format!(
                "the shares are not right, and nothing was written; the memory of this machine may be faulty: {error}"
            ))
        };
        let Some(mut scalar) = key.scalar() else {
            let found = key.public_key().key_type();
            return Err(
                Failure::new(format!("a key of type {found} cannot be split"))
                    .hint("only keys of type ed25519 have shares"),
            );
        };
        let dealt = deal(&scalar, &key.public_key(), quorum);
        scalar.zeroize();
        dealt.map_err(|error| wrong(&error))
    }

    fn file(&self, id: u16) -> PathBuf {
        self.dir.join(format!("member-{id}")).join("share.json")
    }

    /// All of them, or none.
    fn write(&self, shares: &[KeyShare]) -> Result<(), Failure> {
        let made = |path: &Path| {
            folders::make_folder(path, Readers::Owner).map_err(|error| {
                Failure::new(format!("{} cannot be made: {error}", path.display()))
            })
        };
        made(&self.dir).map_err(|failure| {
            failure.hint("name a folder that does not exist yet, in one that does")
        })?;
        for share in shares {
            let file = self.file(share.id());
            let written = made(file.parent().unwrap_or(&self.dir))
                .and_then(|()| secret_file::create(&file, &share.to_json()).map_err(Failure::new));
            if let Err(failure) = written {
                let _ = std::fs::remove_dir_all(&self.dir);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn show(&self, shares: &[KeyShare], public: &PublicKey) -> Result<(), Failure> {
        let mut text = format!(
            "public key: {}\naddress: {}\n",
            key_text::to_json(public),
            public.address()
        );
        if let Some(any) = shares.first() {
            for (id, share) in any.public_shares().iter() {
                let share = Base64::encode_string(share);
                text.push_str(&format!("public share of member {id}: {share}\n"));
            }
        }
        output(&text)
    }
}

fn proven(read: &[KeyShare], public: &PublicKey) -> Result<u32, Failure> {
    prove(read, public).map_err(|error| {
        Failure::new(format!(
            "what was written is not what was dealt, and was removed again; the disk or memory of this machine may be faulty: {error}"
        ))
    })
}

/// In words.
fn meaning(quorum: Quorum) -> String {
    let down = match quorum.may_be_down() {
        0 => "all of them are needed".to_owned(),
        down => format!("{down} may be lost"),
    };
    format!(
        "{down}, and whoever has {} has no key",
        quorum.may_be_stolen()
    )
}
