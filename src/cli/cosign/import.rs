//! `tmkms cosign import`: a shard of horcrux in the form of this program.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use clap::Args;

use crate::cli::identities::PublicIdentity;
use crate::cli::init::make_identity;
use crate::cli::report::{Failure, output, status};
use crate::cli::softsign::new_file::not_made;
use crate::consensus::key_text;
use crate::link::IdentityKey;
use crate::migrate::sources::horcrux_quorum;
use crate::os::files::paths::{absolute, folder_of};
use crate::secret_file::{self, NewFile, SecretSource};
use crate::shares::{KeyShare, PublicShares, Quorum};

use super::shards::{horcrux, own};
use crate::config::member_section::{MemberText, SectionText};

/// What a shard's file is called behind the chain id.
const ENDING: &str = "_shard.json";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms cosign import ~/.horcrux/cosmoshub-4_shard.json\n  \
                  tmkms cosign import -t 2 -n 3 --out cosmoshub-4.share cosmoshub-4_shard.json\n\n\
                  The shard knows neither how many are needed nor the public shares of the others: the first is read from\n\
                  config.yaml beside it. SHARD stays as it is: its horcrux must never sign with it again."
)]
pub(in crate::cli) struct ImportShard {
    /// So many shares are needed to sign; read from the config.yaml beside SHARD when left out
    #[arg(short = 't', long, value_name = "T", requires = "members")]
    threshold: Option<u16>,
    /// So many shares there are
    #[arg(short = 'n', long, value_name = "N", requires = "threshold")]
    members: Option<u16>,
    /// The file to make, secrets/CHAIN.share when left out; never overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The identity key by which the other members know this one; beside the share and named after it when left out, and made
    /// where there is none
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The CHAIN_shard.json in the home of a cosigner of horcrux
    shard: PathBuf,
}

impl ImportShard {
    pub(super) fn run(self) -> Result<(), Failure> {
        let out = self.out()?;
        let shard = horcrux(&self.shard)?;
        let quorum = self.quorum()?;
        let share = KeyShare::new(shard, quorum, PublicShares::default()).map_err(|error| {
            Failure::new(format!(
                "{} cannot be the share of a member of {}: {error}",
                self.shard.display(),
                quorum.members()
            ))
        })?;
        let identity_file = self.identity_file(&out);
        let (share, identity) = write(&share, &out, &identity_file)?;
        status(
            "Imported",
            format!(
                "the share of member {}, of which {} of {} are needed, into {}",
                share.id(),
                quorum.threshold(),
                quorum.members(),
                out.display()
            ),
        );
        status(
            "Careful",
            format!(
                "{} still holds the same share; a horcrux that signs with it beside this one counts as a member that was rolled back",
                self.shard.display()
            ),
        );
        status(
            "Next",
            "keep this file like the key itself; when all members are imported, write the peer ids, addresses and public shares that \
             were printed for the others into the section below, the same on all hosts; `tmkms check` there says what is missing. Begin \
             each member's state at the highest of all cosigners, which must be stopped for good",
        );
        let public = share.public_shares().get(share.id());
        output(&format!(
            "public key: {}\naddress: {}\npublic share of member {}: {}\n\n{}",
            key_text::to_json(share.public_key()),
            share.public_key().address(),
            share.id(),
            public.map_or_else(String::new, |public| Base64::encode_string(public)),
            self.section(&share, &out, &identity_file, &identity.peer_id),
        ))
    }

    /// The section to paste, with what is known on this host.
    fn section(&self, share: &KeyShare, out: &Path, identity: &Path, peer_id: &str) -> String {
        let (own, chain) = (share.id(), self.chain());
        let members = (1..=share.quorum().members()).map(|id| MemberText {
            id,
            peer_id: (id == own).then(|| peer_id.to_owned()),
            place: None,
            public_share: share.public_shares().get(id).copied(),
        });
        SectionText {
            chain,
            share: &absolute(out).to_string_lossy(),
            identity: &absolute(identity).to_string_lossy(),
            own,
            members: &members.collect::<Vec<_>>(),
        }
        .text()
    }

    /// `secrets/CHAIN-cosign.key` of `secrets/CHAIN.share`.
    fn identity_file(&self, out: &Path) -> PathBuf {
        self.identity.clone().unwrap_or_else(|| {
            let mut name = out.file_stem().unwrap_or_default().to_owned();
            name.push("-cosign.key");
            out.with_file_name(name)
        })
    }

    /// As the name of the shard says it.
    fn chain(&self) -> Option<&str> {
        let name = self.shard.file_name().and_then(|name| name.to_str());
        let chain = name.and_then(|name| name.strip_suffix(ENDING));
        chain.filter(|chain| !chain.is_empty())
    }

    fn out(&self) -> Result<PathBuf, Failure> {
        if let Some(out) = &self.out {
            return Ok(out.clone());
        }
        match self.chain() {
            Some(chain) => Ok(Path::new("secrets").join(format!("{chain}.share"))),
            None => Err(Failure::usage(format!(
                "the name of {} does not end in {ENDING}, so it says no chain",
                self.shard.display()
            ))
            .hint("name the file to make with `--out FILE`")),
        }
    }

    fn quorum(&self) -> Result<Quorum, Failure> {
        let said = self.threshold.zip(self.members);
        let (threshold, members) = match said {
            Some(said) => said,
            None => self.of_config()?,
        };
        Quorum::new(threshold, members).map_err(Failure::usage)
    }

    fn of_config(&self) -> Result<(u16, u16), Failure> {
        let config = folder_of(&self.shard).join("config.yaml");
        let hint = "say how many of how many sign, with `-t T -n N`";
        let found = horcrux_quorum(&config).map_err(|error| Failure::usage(error).hint(hint))?;
        found.ok_or_else(|| {
            Failure::usage(format!(
                "{} does not say how many of how many sign (`threshold` and `cosigners` of `thresholdMode`)",
                config.display()
            ))
            .hint(hint)
        })
    }
}

/// Writes the identity, where there is none yet, and then the share. What may be wrong with either is looked at before; an identity
/// that is left alone all the same is kept when the command is repeated.
fn write(
    share: &KeyShare,
    out: &Path,
    identity: &Path,
) -> Result<(KeyShare, PublicIdentity), Failure> {
    if absolute(out) == absolute(identity) {
        return Err(Failure::usage(format!(
            "{} is named for both, and the share and the identity key are a file each",
            out.display()
        )));
    }
    let begin = |path: &Path| NewFile::of_secret(path).map_err(|error| not_made(&error, path));
    let draft = begin(out)?;
    match std::fs::symlink_metadata(identity) {
        Ok(_) => check_identity(identity)?,
        Err(_) => drop(begin(identity)?),
    }
    let known = make_identity(identity)?.ok_or_else(|| {
        Failure::new(format!(
            "{} was changed while it was looked at; the share was not written",
            identity.display()
        ))
    })?;
    let finished = draft.finish(&share.to_json());
    finished.map_err(|error| not_made(&error, out))?;
    let share = own(out).inspect_err(|_| {
        let _ = std::fs::remove_file(out);
    })?;
    Ok((share, known))
}

/// Whether what is there can be this member's identity.
fn check_identity(path: &Path) -> Result<(), Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::new(format!(
            "{} cannot be the identity key of this member, and nothing was written: {why}",
            path.display()
        ))
        .hint(
            "name an identity key with `--identity FILE`, or a file that is not there yet, which is made",
        )
    };
    let source = SecretSource::File(path.to_owned());
    let secret = secret_file::read(&source).map_err(|error| wrong(&error))?;
    IdentityKey::from_base64(&secret.bytes).map_err(|error| wrong(&error))?;
    Ok(())
}
