//! What was written: each section with the places of its values, nothing decided yet.

use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use crate::backends::replicas::Policy;
use crate::backends::{ConfiguredKey, TABLE, absent, is_here, usual};
use crate::consensus::key_text::KeyFormat;
use crate::gate::SignExtensions;
use crate::gate::raw::RawPolicy;
use crate::settings::{Base, Problem, Spanned, TableReader};
use crate::threads::give_way;

use super::sections::chain::{key_format, raw_bytes, replicas, sign_extensions, sticky};
use super::sections::etcd::{self, RawEtcd, StoreKind};
use super::sections::guard::{self, RawGuard};
use super::sections::state_hook::{StateHook, state_hook};

pub(super) struct RawConfig {
    pub chains: Vec<Chain>,
    pub validators: Vec<Validator>,
    pub provided: Vec<ConfiguredKey>,
    pub control: Option<Spanned<String>>,
    pub lock_dir: Option<Spanned<String>>,
    pub listen: Option<Spanned<String>>,
    pub textfile: Option<Spanned<String>>,
    pub hosts: Vec<Spanned<String>>,
    pub log_level: Option<Spanned<String>>,
    pub log_format: Option<Spanned<String>>,
    pub etcd: Option<RawEtcd>,
    /// Some section of a key could not be read; already reported.
    pub unread_provider: bool,
    /// There is a [[chain]], as a comment: the file is as `init` made it.
    pub commented_out: bool,
    /// Which backends have a section, in the order of the table of backends.
    pub backends: Vec<&'static str>,
}

pub(super) struct Chain {
    pub span: Range<usize>,
    pub id: Option<Spanned<String>>,
    pub key_format: KeyFormat,
    pub state_file: Option<Spanned<String>>,
    pub store: Spanned<StoreKind>,
    pub allow_ephemeral_state: bool,
    pub sign_extensions: Option<Spanned<SignExtensions>>,
    pub raw: Option<RawPolicy>,
    pub sticky: Option<Duration>,
    pub state_hook: Option<StateHook>,
    pub raw_span: Option<Range<usize>>,
    pub max_gap: Option<Spanned<u64>>,
    pub max_blocks_per_second: Option<Spanned<u64>>,
    pub replicas: Policy,
    pub rpc: Vec<Spanned<String>>,
    pub rpc_ca_file: Option<Spanned<String>>,
    pub guard: RawGuard,
}

impl RawConfig {
    /// The kind of section that a missing key is to be added as: who has a device is not told of keys in files.
    pub fn backend_of_choice(&self) -> &'static str {
        self.backends.first().copied().unwrap_or_else(usual)
    }

    /// Which device of a chain signs first, where it has several.
    pub fn replica_policy(&self, chain_id: &str) -> Policy {
        let mut chains = self.chains.iter();
        let chain = chains.find(|chain| chain.id.as_ref().is_some_and(|id| id.value == chain_id));
        chain.map(|chain| chain.replicas).unwrap_or_default()
    }
}

pub(super) struct Validator {
    pub span: Range<usize>,
    pub addr: Option<Spanned<String>>,
    pub chain_id: Option<Spanned<String>>,
    pub reconnect: bool,
    pub timeout: Option<Spanned<u64>>,
    pub secret_key: Option<Spanned<String>>,
    pub max_height: Option<Spanned<u64>>,
}

pub(super) fn read(text: &str, base: &Base) -> (Option<RawConfig>, Vec<Problem>) {
    let mut problems = Vec::new();
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.push(no_toml(error));
    }
    if !errors.is_empty() {
        return (None, problems);
    }
    let mut root = TableReader::new("file", 0..0, document.get_ref());
    let chains = root.sections("chain", "[[chain]]", &mut problems);
    let validators = root.sections("validator", "[[validator]]", &mut problems);
    let chains = chains
        .into_iter()
        .map(|section| chain(section, base, &mut problems))
        .collect();
    let validators = validators
        .into_iter()
        .map(|section| validator(section, &mut problems))
        .collect();
    let mut written = RawConfig {
        chains,
        validators,
        provided: Vec::new(),
        control: root.text("control_socket", &mut problems),
        lock_dir: root.text("lock_dir", &mut problems),
        listen: None,
        textfile: None,
        hosts: Vec::new(),
        log_level: None,
        log_format: None,
        etcd: etcd::read(&mut root, &mut problems),
        unread_provider: false,
        commented_out: text.lines().any(is_commented_chain),
        backends: Vec::new(),
    };
    if let Some(mut section) = root.section("metrics", &mut problems) {
        written.listen = section.text("listen", &mut problems);
        written.textfile = section.text("textfile", &mut problems);
        written.hosts = section.texts("hosts", &mut problems).unwrap_or_default();
        section.name = "[metrics]".to_owned();
        section.finish(&mut problems);
    }
    if let Some(mut section) = root.section("log", &mut problems) {
        written.log_level = section.text("level", &mut problems);
        written.log_format = section.text("format", &mut problems);
        section.name = "[log]".to_owned();
        section.finish(&mut problems);
    }
    if let Some(section) = root.section("providers", &mut problems) {
        providers(section, base, &mut written, &mut problems);
    }
    if let Some(span) = root.place_of_refused("tx_signer") {
        problems.push(Problem::at(
            span,
            "[[tx_signer]] is not supported",
            "this program signs consensus messages only",
            "remove the section; keep a signer of transactions apart from the validator's key",
        ));
    }
    // A provider's section without `providers.` before it.
    written.unread_provider |= root
        .unknown()
        .any(|name| is_here(name) || absent().any(|(absent, _)| absent == name));
    root.finish(&mut problems);
    (Some(written), problems)
}

/// The sections of one backend, whatever else stands in the file.
pub(super) fn sections_of<T>(
    text: &str,
    backend: &'static str,
    problems: &mut Vec<Problem>,
    mut read: impl FnMut(&mut TableReader<'_>, &mut Vec<Problem>) -> Option<T>,
) -> Vec<T> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.push(no_toml(error));
    }
    if !errors.is_empty() {
        return Vec::new();
    }
    let mut root = TableReader::new("file", 0..0, document.get_ref());
    let Some(mut providers) = root.section("providers", problems) else {
        return Vec::new();
    };
    let name = format!("[[providers.{backend}]]");
    let sections = providers.sections(backend, &name, problems);
    let found = sections.into_iter().filter_map(|mut section| {
        let found = read(&mut section, problems);
        section.finish(problems);
        found
    });
    found.collect()
}

/// Whether a comment is the header of a `[[chain]]`, however its blanks stand and whatever is said behind it.
fn is_commented_chain(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix('#') else {
        return false;
    };
    let bare = comment.trim_start_matches(['#', ' ', '\t']);
    bare.starts_with("[[")
        && DeTable::parse(bare).is_ok_and(|table| table.get_ref().contains_key("chain"))
}

fn no_toml(error: &toml::de::Error) -> Problem {
    Problem::at(
        error.span().unwrap_or(0..0),
        "this is not TOML",
        error.message().to_owned(),
        "texts stand in quotes, sections in brackets; see tmkms.toml.example",
    )
}

fn chain(mut section: TableReader<'_>, base: &Base, problems: &mut Vec<Problem>) -> Chain {
    let read = Chain {
        span: section.span.clone(),
        id: section.required("id", "\"cosmoshub-4\"", problems),
        key_format: key_format(&mut section, problems),
        state_file: section.text("state_file", problems),
        store: etcd::store_kind(&mut section, problems),
        allow_ephemeral_state: section
            .boolean("allow_ephemeral_state", problems)
            .is_some_and(|found| found.value),
        sign_extensions: sign_extensions(&mut section, problems),
        raw: raw_bytes(&mut section, problems),
        sticky: sticky(&mut section, problems),
        state_hook: state_hook(&mut section, base, problems),
        raw_span: section.place_of("raw_bytes"),
        max_gap: section.number("max_gap", 1..=1_000_000_000, problems),
        max_blocks_per_second: section.number("max_blocks_per_second", 1..=10_000, problems),
        replicas: replicas(&mut section, problems),
        rpc: section.texts("rpc", problems).unwrap_or_default(),
        rpc_ca_file: section.text("rpc_ca_file", problems),
        guard: guard::read(&mut section, problems),
    };
    section.finish(problems);
    read
}

fn validator(mut section: TableReader<'_>, problems: &mut Vec<Problem>) -> Validator {
    let read = Validator {
        span: section.span.clone(),
        addr: section.required("addr", "\"tcp://127.0.0.1:26659\"", problems),
        chain_id: section.required("chain_id", "\"cosmoshub-4\"", problems),
        reconnect: section
            .boolean("reconnect", problems)
            .is_none_or(|found| found.value),
        timeout: section.number("timeout", 1..=65_535, problems),
        secret_key: section.text("secret_key", problems),
        max_height: section.number("max_height", 1..=i64::MAX.unsigned_abs(), problems),
    };
    if let Some(version) = section.text("protocol_version", problems) {
        let known = ["v0.34", "v0.37", "v0.38", "v0.39", "v0.40", "v1.0"];
        match &*version.value {
            "v0.33" | "legacy" => problems.push(Problem::at(
                version.span,
                format!("nodes of protocol version {} are not supported", version.value),
                "nodes before v0.34 use another encoding",
                "upgrade the node, or keep the older signer for it; newer nodes need no `protocol_version`",
            )),
            found if !known.contains(&found) => problems.push(Problem::at(
                version.span,
                format!("`{found}` is not a protocol version"),
                format!("known are {}", known.join(", ")),
                "remove the line: all of these versions are understood without it",
            )),
            _ => {}
        }
    }
    section.finish(problems);
    read
}

fn providers(
    mut section: TableReader<'_>,
    base: &Base,
    written: &mut RawConfig,
    problems: &mut Vec<Problem>,
) {
    for backend in TABLE {
        let name = format!("[[providers.{}]]", backend.name);
        for mut section in section.sections(backend.name, &name, problems) {
            if !written.backends.contains(&backend.name) {
                written.backends.push(backend.name);
            }
            let provided = (backend.read)(&mut section, base, problems);
            written.unread_provider |= provided.is_empty();
            written.provided.extend(provided);
            section.finish(problems);
            give_way();
        }
    }
    for (name, remedy) in absent() {
        if let Some(span) = section.place_of_refused(name) {
            written.unread_provider = true;
            problems.push(Problem::at(
                span,
                format!("[[providers.{name}]] is not supported by this build"),
                "no such backend here",
                remedy,
            ));
        }
    }
    section.name = "[providers]".to_owned();
    written.unread_provider |= section.unknown().next().is_some();
    section.finish(problems);
}
