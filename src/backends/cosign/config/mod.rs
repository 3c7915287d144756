//! `[[providers.cosign]]`.

mod listen;
mod members;

use std::ops::Range;

use crate::backends::configured::{ConfiguredKey, KeyTurn};
use crate::secret_file::SecretSource;
use crate::settings::{Base, Problem, Spanned, TableReader, place_of};

use super::settings::CosignSettings;
use super::source::CosignSource;

use listen::listen;
use members::members;

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    read_source(section, base, problems).into_iter().collect()
}

/// One section as it stands.
pub struct CosignSection {
    /// The chains that the key signs for.
    pub chain_ids: Vec<Spanned<String>>,
    /// The rest.
    pub settings: CosignSettings,
    share: Range<usize>,
    listen: Range<usize>,
}

fn read_source(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<ConfiguredKey> {
    let CosignSection {
        chain_ids,
        settings,
        share,
        listen,
    } = read_written(section, base, problems)?;
    let place = place_of(&settings.share);
    let listen = Spanned {
        value: settings.listen,
        span: listen,
    };
    // The running one is kept with its port and links by a configuration that is read again and says the same.
    let key = base
        .devices
        .known_or(CosignSource::new(settings), CosignSource::says_the_same);
    Some(ConfiguredKey {
        chain_ids,
        turn: KeyTurn::default(),
        source: Spanned {
            value: place,
            span: share,
        },
        device: None,
        listen: Some(listen),
        key,
        replica: None,
    })
}

/// Reads one section as it stands.
pub fn read_written(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<CosignSection> {
    let chain_ids = section.texts("chain_ids", problems);
    if section.place_of("chain_ids").is_none() {
        problems.push(Problem::at(
            section.span.clone(),
            "`chain_ids` is missing",
            "this share signs for no chain",
            "add a line such as `chain_ids = [\"cosmoshub-4\"]`",
        ));
    }
    let share = section.required("share", "\"secrets/cosmoshub-4.share\"", problems);
    let source = share
        .as_ref()
        .and_then(|share| base.secret(share, problems));
    let passphrase = passphrase(section, base, problems);
    let identity = section.required("secret_key", "\"secrets/cosmoshub-4-cosign.key\"", problems);
    let identity = identity.and_then(|written| {
        let source = base.secret(&written, problems)?;
        Some((written.span, source))
    });
    let listen = listen(section, problems);
    let members = members(section, problems);
    let (share, source, passphrase) = (share?, source?, passphrase?);
    let (identity_place, identity) = identity?;
    if passphrase.as_ref() == Some(&source) {
        problems.push(Problem::at(
            share.span,
            "the share and its passphrase are in one place",
            "`passphrase_file` names this, too",
            "name the file that holds the passphrase, and nothing else, as `passphrase_file`",
        ));
        return None;
    }
    if identity == source {
        problems.push(Problem::at(
            identity_place,
            "the share and the identity key are in one place",
            "`share` names this, too",
            "name the identity key of this member as `secret_key`: `cosign split` makes one beside each share",
        ));
        return None;
    }
    let (chain_ids, listen, members) = (chain_ids?, listen?, members?);
    Some(CosignSection {
        chain_ids,
        settings: CosignSettings {
            share: source,
            passphrase,
            identity,
            listen: listen.value,
            members,
            commands: base.commands.clone(),
        },
        share: share.span,
        listen: listen.span,
    })
}

/// The place of the share's passphrase; `None` is a problem, `Some(None)` a share that is not encrypted.
fn passphrase(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<Option<SecretSource>> {
    if let Some(span) = section.place_of_refused("passphrase") {
        problems.push(Problem::at(
            span,
            "a passphrase stands in the configuration",
            "whoever reads this file opens the share",
            "write `passphrase_file = \"PATH\"` (a file of mode 0600, env:NAME or credential:NAME), and no `passphrase`",
        ));
        return None;
    }
    if section.place_of("passphrase_file").is_none() {
        let _ = section.any("passphrase_file");
        return Some(None);
    }
    let written = section.text("passphrase_file", problems)?;
    base.secret(&written, problems).map(Some)
}
