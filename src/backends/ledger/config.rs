//! `[[providers.ledgertm]]`.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::configured::{ConfiguredKey, KeyTurn};
use crate::consensus::{ChainId, PublicKey, key_text};
use crate::settings::{Base, Problem, Spanned, TableReader};

use super::find::Wanted;
use super::key::LedgerSettings;
use super::limits::{LONGEST_BODY, MessageKind, is_hopeless};
use super::source::LedgerSource;
use super::transport::Connector;
use super::transport::tcp::Emulator;
use super::transport::usb::UsbConnector;

/// How long a signature may take, in milliseconds, unless the section says otherwise.
const TIMEOUT: u64 = 1_500;

/// Where a section's device is.
#[derive(Clone, Copy, Debug)]
pub enum LedgerTransport {
    /// On the USB bus.
    Usb,
    /// An emulator on this host.
    Emulator(Emulator),
}

impl LedgerTransport {
    /// Reads `hid` or `tcp://127.0.0.1:9999`.
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "hid" => Some(Self::Usb),
            _ => Emulator::at(text.strip_prefix("tcp://")?).map(Self::Emulator),
        }
    }

    /// The way to it.
    pub fn connector(self) -> Arc<dyn Connector> {
        match self {
            Self::Usb => Arc::new(UsbConnector),
            Self::Emulator(emulator) => Arc::new(emulator),
        }
    }
}

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    read_source(section, base, problems).into_iter().collect()
}

fn read_source(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<ConfiguredKey> {
    let chain_id = chain_id(section, problems);
    let transport = section.text("transport", problems);
    let place = match &transport {
        None => Some(LedgerTransport::Usb),
        Some(found) => {
            let place = LedgerTransport::read(&found.value);
            if place.is_none() {
                problems.push(Problem::at(
                    found.span.clone(),
                    format!("`{}` is not a way to a Ledger", found.value),
                    "expected \"hid\", or \"tcp://127.0.0.1:PORT\" for an emulator on this host",
                    "remove the line: real devices are reached by \"hid\"",
                ));
            }
            place
        }
    };
    let at = place.unwrap_or(LedgerTransport::Usb).connector();
    let key = section.text("public_key", problems);
    let public_key = match &key {
        None => None,
        Some(found) => {
            let read = public_key(&found.value);
            if read.is_none() {
                problems.push(Problem::at(
                    found.span.clone(),
                    "this is not an Ed25519 public key",
                    "expected 32 bytes in base64 or hexadecimal digits",
                    format!("`{}` prints the line to write here", at.command("pubkey")),
                ));
            }
            // A key that cannot be read must not become "any key".
            Some(read?)
        }
    };
    let path = section.text("path", problems);
    let turn = KeyTurn::read(section, &[], problems);
    let timeout = section.number("timeout_ms", 100..=2_000, problems);
    let (chain_id, place) = (chain_id?, place?);
    let emulated = matches!(place, LedgerTransport::Emulator(_));
    let mut name = match &transport {
        Some(found) if emulated => format!("Ledger at {}", found.value),
        _ => "Ledger".to_owned(),
    };
    let mut source = match &transport {
        Some(found) if emulated => name.clone(),
        Some(_) | None => "a Ledger without `public_key` (each of two needs its own)".to_owned(),
    };
    if let Some(key) = &public_key {
        let key = key_text::to_base64(key);
        name = format!("{name} with key {key}");
        source = format!("the Ledger with key {key} (a Ledger signs for one chain)");
    }
    let span = key
        .or(transport)
        .map_or(section.span.clone(), |found| found.span);
    let settings = LedgerSettings {
        chain: chain_id.value.parse().ok()?,
        name,
        connector: at,
        wanted: Wanted {
            public_key,
            path: path.map(|found| found.value),
        },
        timeout: Duration::from_millis(timeout.map_or(TIMEOUT, |found| found.value)),
        commands: base.commands.clone(),
    };
    Some(ConfiguredKey {
        source: Spanned {
            value: source,
            span,
        },
        key: Arc::new(LedgerSource::new(settings, emulated)),
        chain_ids: vec![chain_id],
        turn: turn?,
        device: None,
        listen: None,
        replica: None,
    })
}

/// The one chain of a section; the device remembers one position, whatever chain it was for.
fn chain_id(section: &mut TableReader<'_>, problems: &mut Vec<Problem>) -> Option<Spanned<String>> {
    let place = section.place_of("chain_ids");
    let chain_ids = section.texts("chain_ids", problems);
    let Some(span) = place else {
        problems.push(Problem::at(
            section.span.clone(),
            "`chain_ids` is missing",
            "this key signs for no chain",
            "add a line such as `chain_ids = [\"cosmoshub-4\"]`",
        ));
        return None;
    };
    let chain_ids = chain_ids?;
    let [chain_id] = chain_ids.as_slice() else {
        problems.push(Problem::at(
            span,
            "a Ledger signs for exactly one chain",
            format!("{} chains stand here", chain_ids.len()),
            "the device remembers one height for all chains, so a second one would be refused; give each chain its own device",
        ));
        return None;
    };
    // What is not a chain id at all is reported with the [[chain]]s.
    if let Ok(id) = chain_id.value.parse::<ChainId>()
        && is_hopeless(&id)
    {
        problems.push(Problem::at(
            chain_id.span.clone(),
            "this chain id is too long for a Ledger",
            format!(
                "with it a vote has up to {} bytes, and the Ledger's app signs messages of {LONGEST_BODY} at most",
                MessageKind::Vote { later: false }.worst(&id)
            ),
            "use another kind of key for this chain: chain ids have at most 26 bytes for a Ledger",
        ));
        return None;
    }
    Some(chain_id.clone())
}

/// A public key in base64 or hexadecimal digits.
fn public_key(text: &str) -> Option<PublicKey> {
    let hex = match text.len() {
        64 => subtle_encoding::hex::decode(text.to_ascii_lowercase()).ok(),
        _ => None,
    };
    let bytes = hex.or_else(|| crate::text::base64::decode(text.as_bytes()))?;
    PublicKey::from_bytes("ed25519", &bytes).ok()
}
