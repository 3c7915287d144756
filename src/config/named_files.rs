//! The secret files that a configuration names: looked at where the file itself is wrong, so that all there is to mend is
//! told in one run. Where it is right, `check` and `start` tell the same of each chain.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::backends::KeySource;
use crate::link::identity;
use crate::secret_file::SecretSource;
use crate::settings::{Base, Problem};

use super::check::may_need_identity;
use super::file::RawConfig;

/// A file and its place in the configuration.
pub(super) struct NamedFile {
    span: Range<usize>,
    what: NamedSecret,
}

enum NamedSecret {
    Key(Arc<dyn KeySource>),
    Identity(SecretSource),
}

/// All that are named, each where it is named first, and not read yet. Devices are left alone.
pub(super) fn named(written: &RawConfig, base: &Base) -> Vec<NamedFile> {
    let keys = written.provided.iter().filter_map(|provided| {
        provided.key.traits().file.as_ref()?;
        Some(NamedFile {
            span: provided.source.span.clone(),
            what: NamedSecret::Key(provided.key.clone()),
        })
    });
    let used = written.validators.iter();
    let used = used.filter(|validator| may_need_identity(validator, base));
    let identities = used.filter_map(|validator| {
        let written = validator.secret_key.as_ref()?;
        // What is wrong with the place itself is told already.
        match base.secret(written, &mut Vec::new())? {
            source @ SecretSource::File(_) => Some(NamedFile {
                span: written.span.clone(),
                what: NamedSecret::Identity(source),
            }),
            SecretSource::Environment(_) | SecretSource::Credential(_) => None,
        }
    });
    let mut seen = BTreeSet::new();
    keys.chain(identities)
        .filter(|file| seen.insert(file.what.place()))
        .collect()
}

impl NamedSecret {
    /// What it is and where it is.
    fn place(&self) -> String {
        match self {
            Self::Key(key) => key.traits().location.clone(),
            Self::Identity(source) => format!("identity key {source}"),
        }
    }
}

/// What is wrong with them, each at the line that names it.
pub(super) fn look(named: &[NamedFile]) -> Vec<Problem> {
    named.iter().filter_map(NamedFile::problem).collect()
}

impl NamedFile {
    fn problem(&self) -> Option<Problem> {
        let (title, why) = match &self.what {
            NamedSecret::Key(key) => (
                "this key cannot be opened",
                key.inspect().err().map(|error| error.to_string()),
            ),
            NamedSecret::Identity(source) => (
                "this identity key cannot be used",
                identity::load(source).err(),
            ),
        };
        Some(Problem::at(
            self.span.clone(),
            title,
            "the file that is named here",
            why?,
        ))
    }
}
