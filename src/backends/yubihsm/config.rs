//! `[[providers.yubihsm]]`.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::protocol::key_type::DeviceKeyType;
use crate::backends::configured::{ConfiguredKey, KeyTurn, SharedDevice};
use crate::settings::{Base, Problem, Spanned, TableReader};

use super::backup::log::BackupLog;
use super::device::key::DeviceKeySource;
use super::device::provider::{Password, Provider};
use super::protocol::commands::DeviceCommands;
use super::protocol::identity::Serial;
use super::protocol::transport::DeviceAddress;

/// How long one frame may take when the configuration does not say, in milliseconds.
const TIMEOUT: u64 = 1_000;

/// Yubico's figure for Ed25519 is 105 ms a signature; frames and the session take their share.
const SIGNATURES_PER_SECOND: u32 = 8;

/// One section: a device and its keys.
pub struct ProviderSection {
    /// The device.
    pub provider: Arc<Provider>,
    /// Its keys.
    pub keys: Vec<KeyEntry>,
}

/// A key of a section.
pub struct KeyEntry {
    /// The chains that it signs for.
    pub chain_ids: Vec<Spanned<String>>,
    /// Its id on the device.
    pub id: Spanned<u16>,
    /// What it must be.
    pub key_type: DeviceKeyType,
    /// Where it stands among the keys of its chain.
    pub turn: KeyTurn,
}

/// Reads one section.
pub fn read(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Vec<ConfiguredKey> {
    let span = section.span.clone();
    let Some(written) = read_written(section, base, problems) else {
        return Vec::new();
    };
    let device = SharedDevice {
        name: Spanned {
            value: written.provider.place.to_string(),
            span,
        },
        signatures_per_second: SIGNATURES_PER_SECOND,
    };
    let keys = written.keys.into_iter();
    keys.map(|key| {
        let opens = Arc::new(DeviceKeySource::new(
            written.provider.clone(),
            key.id.value,
            key.key_type,
        ));
        ConfiguredKey {
            chain_ids: key.chain_ids,
            turn: key.turn,
            source: Spanned {
                value: format!("{} key 0x{:04x}", device.name.value, key.id.value),
                span: key.id.span,
            },
            device: Some(device.clone()),
            listen: None,
            key: opens.clone(),
            replica: Some(opens),
        }
    })
    .collect()
}

/// Where the device of a section is.
pub struct DevicePlace {
    /// Where.
    pub address: DeviceAddress,
    /// The serial number that it must have.
    pub serial: Option<Serial>,
    /// The longest wait for one frame.
    pub timeout: Duration,
    /// The commands about it, as messages print them.
    pub commands: DeviceCommands,
}

/// Reads where the device of a section is, whatever else is wrong there: a device is looked for to correct that. `None` if
/// that itself cannot be used.
pub fn read_place(section: &mut TableReader<'_>, base: &Base) -> Option<DevicePlace> {
    let mut told_elsewhere = Vec::new();
    let serial = serial(section, base, &mut told_elsewhere).flatten();
    let place = adapter(section, serial, &mut told_elsewhere);
    section.read_in_part();
    let (address, timeout) = place?;
    Some(DevicePlace {
        address,
        serial,
        timeout,
        commands: DeviceCommands::new(base.commands.clone(), serial),
    })
}

/// Reads one section as it stands.
pub fn read_written(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<ProviderSection> {
    let serial = serial(section, base, problems);
    let adapter = adapter(section, serial.as_ref().and_then(|found| *found), problems);
    let auth = auth(section, base, problems);
    let keys = keys(section, problems);
    let note = connector_server(section, problems);
    let ((place, timeout), (auth_key, password)) = (adapter?, auth?);
    let mut provider = Provider::new(place, serial?, auth_key, password, timeout);
    provider.note = note;
    provider.commands = DeviceCommands::new(base.commands.clone(), provider.serial);
    provider.backups = Some(BackupLog::beside(&base.folder, provider.commands.clone()));
    let provider = base.devices.known_or(provider, Provider::is_same);
    Some(ProviderSection { provider, keys })
}

/// `None` is a problem, `Some(None)` is a section without one.
fn serial(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<Option<Serial>> {
    let detect = base.commands.line(["yubihsm", "detect"]);
    if let Some(Spanned { value, span }) = section.any("serial_number") {
        if let Some(text) = value.as_str().filter(|text| text.len() <= 10)
            && let Ok(number) = text.parse()
        {
            return Some(Some(Serial(number)));
        }
        // Ten digits, as they should be, of a number that no device can have.
        let too_high = value
            .as_str()
            .is_some_and(|text| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()));
        if too_high {
            problems.push(Problem::at(
                span,
                "no YubiHSM has this serial number",
                format!("serial numbers end at {}", u32::MAX),
                format!(
                    "a digit was mistaken: compare it with the device, or with what `{detect}` shows"
                ),
            ));
            return None;
        }
        problems.push(Problem::at(
            span,
            "this is not a serial number of a YubiHSM",
            "expected its ten digits as text",
            format!("write it as `{detect}` shows it: serial_number = \"0123456789\""),
        ));
        return None;
    }
    Some(None)
}

fn adapter(
    section: &mut TableReader<'_>,
    serial: Option<Serial>,
    problems: &mut Vec<Problem>,
) -> Option<(DeviceAddress, Duration)> {
    if section.place_of("adapter").is_none() {
        let _ = section.any("adapter");
        problems.push(Problem::at(
            section.span.clone(),
            "`adapter` is missing",
            "how is the device reached?",
            "add `adapter = { type = \"usb\" }`, or { type = \"http\", addr = \"tcp://127.0.0.1:12345\" } for a connector",
        ));
        return None;
    }
    let mut table = section.section("adapter", problems)?;
    let kind = table.required("type", "\"usb\"", problems);
    let addr = table.text("addr", problems);
    let timeout = table.number("timeout_ms", 50..=60_000, problems);
    let span = table.span.clone();
    table.finish(problems);
    let timeout = Duration::from_millis(timeout.map_or(TIMEOUT, |found| found.value));
    let place = match (kind?, addr) {
        (kind, None) if kind.value == "usb" => DeviceAddress::Usb(serial),
        (kind, Some(addr)) if kind.value == "usb" => {
            problems.push(Problem::at(
                addr.span,
                "a device on the USB has no `addr`",
                "only connectors have one",
                "remove `addr`, or write `type = \"http\"`; `serial_number` chooses among several devices",
            ));
            return None;
        }
        (kind, Some(addr)) if kind.value == "http" => {
            DeviceAddress::Http(connector(&addr, problems)?)
        }
        (kind, None) if kind.value == "http" => {
            problems.push(Problem::at(
                span,
                "`addr` is missing",
                "where is the connector?",
                "add `addr = \"tcp://127.0.0.1:12345\"`",
            ));
            return None;
        }
        (kind, _) => {
            problems.push(Problem::at(
                kind.span,
                format!("`{}` is not an adapter", kind.value),
                "expected \"usb\" or \"http\"",
                "usb is a device on this host, http a yubihsm-connector",
            ));
            return None;
        }
    };
    Some((place, timeout))
}

/// `tcp://host:port`, as host and port.
fn connector(addr: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let rest = ["tcp://", "http://"]
        .iter()
        .find_map(|scheme| addr.value.strip_prefix(scheme))
        .map(|rest| rest.trim_end_matches('/'));
    let is_host = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_[]:".contains(c))
    };
    let good = rest.filter(|rest| {
        rest.rsplit_once(':').is_some_and(|(host, port)| {
            is_host(host) && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
    });
    if good.is_none() {
        problems.push(Problem::at(
            addr.span.clone(),
            "this is not a connector's address",
            "expected tcp://host:port",
            "write it as in `addr = \"tcp://127.0.0.1:12345\"`; unix sockets and TLS are not spoken by connectors here",
        ));
    }
    good.map(str::to_owned)
}

fn auth(
    section: &mut TableReader<'_>,
    base: &Base,
    problems: &mut Vec<Problem>,
) -> Option<(u16, Password)> {
    if section.place_of("auth").is_none() {
        let _ = section.any("auth");
        problems.push(Problem::at(
            section.span.clone(),
            "`auth` is missing",
            "who logs in to the device?",
            "add `auth = { key = 4, password_file = \"secrets/yubihsm-password\" }`",
        ));
        return None;
    }
    let mut table = section.section("auth", problems)?;
    let key = table.number("key", 1..=0xffff, problems);
    if key.is_none() && table.place_of("key").is_none() {
        problems.push(Problem::at(
            table.span.clone(),
            "`key` is missing",
            "which authentication key?",
            "add its id, as in `key = 4`",
        ));
    }
    let inline = table.text("password", problems);
    let file = table.text("password_file", problems);
    let span = table.span.clone();
    table.finish(problems);
    let password = match (inline, file) {
        (Some(inline), None) => Password::Inline(Zeroizing::new(inline.value)),
        (None, Some(file)) => Password::Elsewhere(base.secret(&file, problems)?),
        (both, _) => {
            let (title, label) = match both {
                Some(_) => ("`auth` has two passwords", "one too many"),
                None => ("`auth` has no password", "nothing to log in with"),
            };
            problems.push(Problem::at(
                span,
                title,
                label,
                "write `password_file = \"PATH\"` (a file of mode 0600, env:NAME or credential:NAME), and no `password`",
            ));
            return None;
        }
    };
    Some((u16::try_from(key?.value).ok()?, password))
}

fn keys(section: &mut TableReader<'_>, problems: &mut Vec<Problem>) -> Vec<KeyEntry> {
    let tables = section.sections("keys", "keys = [{ … }]", problems);
    tables
        .into_iter()
        .filter_map(|mut table| {
            let chain_ids = table.texts("chain_ids", problems);
            let id = table.number("key", 1..=0xffff, problems);
            for (missing, example) in [("chain_ids", "[\"cosmoshub-4\"]"), ("key", "1")] {
                if table.place_of(missing).is_none() {
                    problems.push(Problem::at(
                        table.span.clone(),
                        format!("`{missing}` is missing"),
                        "a key needs its id and its chains",
                        format!("add `{missing} = {example}`"),
                    ));
                }
            }
            let key_type = match table.text("type", problems) {
                None => Some(DeviceKeyType::Ed25519),
                Some(found) => match DeviceKeyType::of_word(&found.value) {
                    Ok(kind) if kind.key_type().is_built() => Some(kind),
                    refused => {
                        let other = &found.value;
                        let (what, help) = match refused {
                            Ok(_) => (
                                format!("this tmkms was built without keys of type {other}"),
                                "use a build with the feature of that name",
                            ),
                            Err(Some(_)) => (
                                format!("a YubiHSM has no keys of type {other}"),
                                "such a key is kept in a file, in [[providers.softsign]]",
                            ),
                            Err(None) => (
                                format!("`{other}` is not a key type"),
                                "consensus is Ed25519, account is secp256k1; most chains want consensus",
                            ),
                        };
                        problems.push(Problem::at(
                            found.span,
                            what,
                            "expected \"consensus\", \"account\" or \"secp256k1eth\"",
                            help,
                        ));
                        None
                    }
                },
            };
            let turn = KeyTurn::read(&mut table, chain_ids.as_deref().unwrap_or_default(), problems);
            table.finish(problems);
            let id = id?;
            Some(KeyEntry {
                turn: turn?,
                chain_ids: chain_ids?,
                id: Spanned {
                    value: u16::try_from(id.value).ok()?,
                    span: id.span,
                },
                key_type: key_type?,
            })
        })
        .collect()
}

/// Files of the older program share the device so. It is read, and a warning says that nothing is started.
fn connector_server(section: &mut TableReader<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut table = section.section("connector_server", problems)?;
    let laddr = table.required("laddr", "\"tcp://127.0.0.1:12345\"", problems);
    if let Some(mut cli) = table.section("cli", problems) {
        cli.number("auth_key", 1..=0xffff, problems);
        cli.finish(problems);
    }
    table.finish(problems);
    let laddr = laddr?;
    connector(&laddr, problems).map(|address| {
        format!(
            "`connector_server` is not started: this version does not share its device at {address}; to share it run \
             yubihsm-connector and use `adapter = {{ type = \"http\", addr = … }}`"
        )
    })
}
