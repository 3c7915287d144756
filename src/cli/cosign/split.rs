//! `tmkms cosign split`: a key becomes shares, offline, each in a folder with all that its host needs besides.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use clap::Args;
use zeroize::Zeroize;

use crate::backends::cosign::{deal, prove};
use crate::backends::softsign::key::SoftKey;
use crate::cli::identities::place;
use crate::cli::init::chain_id;
use crate::cli::report::{Failure, output, status};
use crate::cli::softsign::source_key::SourceKey;
use crate::cli::softsign::typed_passphrase::PassphraseFrom;
use crate::consensus::{ChainId, KeyType, PublicKey, key_text};
use crate::os::process::harden::harden;
use crate::remedy::{self, Commands};
use crate::shares::{KeyShare, Quorum};
use crate::terminal::Terminal;
use crate::text::count::count;

use super::member_folder::{MemberFolder, NewIdentity};
use crate::config::member_section::{self, MemberText, SectionText, file_names};

#[derive(Args)]
#[command(
    allow_missing_positional = true,
    after_help = "Examples:\n  tmkms cosign split -t 3 -n 4 secrets/cosmoshub-4.key shares\n  \
                  tmkms cosign split -t 2 -n 3 priv_validator_key.json shares\n  \
                  tmkms cosign split -t 2 -n 3 --chain-id my-1 --addr 10.0.0.1:26669 --addr 10.0.0.2:26669 \\\n      \
                  --addr 10.0.0.3:26669 my-1.key shares\n  \
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
    /// The chain that the key signs for, for the sections to paste
    #[arg(long, value_name = "ID", value_parser = chain_id)]
    chain_id: Option<ChainId>,
    /// Where a member listens for the others, in the order of their ids: once for each
    #[arg(long, value_name = "HOST:PORT", value_parser = member_section::host_and_port)]
    addr: Vec<(String, u16)>,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// The Ed25519 key to split, in any form that is read; it stays as it is. A new one when left out
    key: Option<PathBuf>,
    /// The folder to make, with member-1/ to member-N/: share.json, identity.key and cosign.toml
    #[arg(required = true)]
    dir: PathBuf,
}

impl Split {
    pub(super) fn run(self, terminal: &mut dyn Terminal) -> Result<(), Failure> {
        let quorum = Quorum::new(self.threshold, self.members).map_err(Failure::usage)?;
        self.check_addresses(quorum)?;
        self.check_folder()?;
        for warning in harden() {
            status("Warning", warning);
        }
        let key = self.key(terminal)?;
        let public = key.public_key();
        let shares = self.deal(&key, quorum)?;
        drop(key);
        // Before anything is written: what was there already is not removed again.
        MemberFolder::make(&self.dir).map_err(|failure| {
            failure.hint("name a folder that does not exist yet, in one that does")
        })?;
        let proven = self.write(&shares).and_then(|()| {
            let read = (1..=quorum.members()).map(|id| self.folder(id).read());
            proven(&read.collect::<Result<Vec<_>, _>>()?, &public)
        });
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
                "{}{} key into {} in {}{}",
                if self.key.is_none() { "a new " } else { "" },
                public.key_type(),
                count(shares.len(), "share"),
                self.dir.display(),
                match &self.key {
                    Some(_) => "",
                    None => ": it has never signed, and there is no whole of it",
                }
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
        status("Next", self.next(quorum));
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

    fn folder(&self, id: u16) -> MemberFolder {
        MemberFolder::of(&self.dir, id)
    }

    /// A folder with the name of a key's file is a key's file that was meant as one, and a new key that nobody asked for.
    fn check_folder(&self) -> Result<(), Failure> {
        let ending = self.dir.extension().and_then(|ending| ending.to_str());
        let Some(ending) = ending.filter(|ending| ["key", "json", "pem"].contains(ending)) else {
            return Ok(());
        };
        Err(Failure::usage(format!(
            "{} ends in .{ending} as the file of a key does, and a folder for the shares is expected there",
            self.dir.display()
        ))
        .hint("name the key and then a folder to make, as in KEY shares; without a key a new one is made"))
    }

    /// Either nobody's address is said, or that of each, and no two have one.
    fn check_addresses(&self, quorum: Quorum) -> Result<(), Failure> {
        let said = self.addr.len();
        if said != 0 && said != usize::from(quorum.members()) {
            return Err(Failure::usage(format!(
                "{} members need as many addresses, and {said} {} said",
                quorum.members(),
                if said == 1 { "is" } else { "are" }
            ))
            .hint("give `--addr HOST:PORT` once for each member in the order of their ids, or not at all"));
        }
        let mut seen = BTreeSet::new();
        for (host, port) in &self.addr {
            if !seen.insert((host.to_ascii_lowercase(), *port)) {
                return Err(Failure::usage(format!(
                    "two members cannot listen at {}",
                    place(host, *port)
                ))
                .hint("give each member an address of its own"));
            }
        }
        Ok(())
    }

    /// All of them; what was begun is removed by the caller where one cannot be written.
    fn write(&self, shares: &[KeyShare]) -> Result<(), Failure> {
        let identities = shares.iter().map(|_| NewIdentity::generate());
        let identities = identities.collect::<Result<Vec<_>, _>>()?;
        let mut places = self.addr.iter().cloned();
        let members = shares
            .iter()
            .zip(&identities)
            .map(|(share, identity)| MemberText {
                id: share.id(),
                peer_id: Some(identity.peer_id.to_string()),
                place: places.next(),
                public_share: share.public_shares().get(share.id()).copied(),
            });
        let members: Vec<MemberText> = members.collect();
        for (share, identity) in shares.iter().zip(&identities) {
            let section = self.section(share, &members);
            self.folder(share.id()).write(share, identity, &section)?;
        }
        Ok(())
    }

    /// The text of a member's cosign.toml.
    fn section(&self, share: &KeyShare, members: &[MemberText]) -> String {
        let chain = self.chain_id.as_ref().map(ChainId::as_str);
        let (share_file, identity_file) = file_names(chain);
        let section = SectionText {
            chain,
            share: &share_file,
            identity: &identity_file,
            own: share.id(),
            members,
        };
        let quorum = share.quorum();
        format!(
            "# Member {} of {}, of which {} sign together for the key with the address\n# {}. Bring share.json to the host of \
             this member as\n# {share_file}, identity.key as {identity_file}, both of mode 0600, and paste\n# what follows into its \
             tmkms.toml, in place of another section with this chain's key.\n\n{}",
            share.id(),
            quorum.members(),
            quorum.threshold(),
            share.public_key().address(),
            section.text()
        )
    }

    /// What is left to do.
    fn next(&self, quorum: Quorum) -> String {
        let commands = Commands::of_any_config();
        let (share, identity) = file_names(self.chain_id.as_ref().map(ChainId::as_str));
        let (first, state) = match &self.key {
            Some(_) => (
                "compare the address with your validator's",
                "with what the whole key has signed until now".to_owned(),
            ),
            None => (
                "bring the public key to the chain, where nobody knows it yet",
                format!(
                    "with `{}`",
                    commands
                        .init_never_signed(self.chain_id.as_ref().map_or("CHAIN", ChainId::as_str))
                ),
            ),
        };
        format!(
            "{first}; bring member-1 to member-{} to a host each: share.json as {share}, identity.key \
             as {identity}, and cosign.toml into its tmkms.toml; delete the copies here. Then each member begins its state {state}, and `tmkms check` there says what is missing",
            quorum.members()
        )
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
