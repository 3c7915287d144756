//! What both commands take, and the listener that it describes.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::consensus::ChainId;
use crate::harness::Listener;
use crate::harness::checks::{Settings, SignerUnderTest};
use crate::harness::probe::{Patience, Probe};
use crate::link::{Address, IdentityKey, Timeouts};
use crate::networks;
use crate::secret_file::{self, SecretSource};

use crate::cli::report::{Failure, status};

/// Chain ids that are nobody's.
const OURS: &str = "harness-";

/// What both commands take.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Where to listen, as a node's priv_validator_laddr: tcp://HOST:PORT (port 0: a free one),
    /// noise://SIGNER_PEER_ID@HOST:PORT or unix:///PATH
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: String,
    /// The chain that the signer is configured for; signatures are asked when it begins with `harness-`
    #[arg(long, value_name = "ID")]
    pub(super) chain_id: String,
    /// The identity key of this listener, for signers that pin a peer id (made by `tmkms softsign keygen`)
    #[arg(long, value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// How long an answer may take, in seconds; a node's limit is 5
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pub(super) timeout: f64,
    /// How long to wait for the signer to dial, in seconds
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    pub(super) wait: f64,
    /// The first height to ask; one at or below the watermark is passed over where the refusal names it
    #[arg(long, value_name = "H", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..1 << 53))]
    pub(super) height: i64,
    /// The length of the vote extension, in bytes
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(super) extension_bytes: u32,
    /// Ask for signatures of a chain whose id does not begin with `harness-`, after its id was typed on standard input.
    /// Never for a key that has stake: what is signed here raises its watermark
    #[arg(long)]
    pub(super) this_key_is_disposable: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

impl Common {
    /// Listens; gives the signer to come.
    pub(super) fn subject(
        &self,
        settings: impl FnOnce(Settings) -> Settings,
    ) -> Result<SignerUnderTest, Failure> {
        let chain_id = self.chain_id.parse::<ChainId>().map_err(Failure::usage)?;
        let answer = seconds("--timeout", self.timeout)?;
        let dial = seconds("--wait", self.wait)?;
        let may_sign = self.may_sign(&chain_id)?;
        let address = listen_address(&self.listen)?;
        let identity = self.identity.as_deref().map(identity).transpose()?;
        let times = Timeouts {
            handshake: answer,
            silence: answer,
            standby: Duration::ZERO,
            frame: answer,
            write: answer,
            ..Timeouts::default()
        };
        let listener = Listener::at(&address, identity, times)
            .and_then(|listener| Ok((listener.address()?, listener)));
        let (address, listener) = listener.map_err(|error| {
            Failure::new(format!("{error} at {address}")).hint(
                "is a node or another harness there? `--listen tcp://127.0.0.1:0` takes a free port",
            )
        })?;
        let id = match address {
            Address::Tcp { .. } => format!(", peer id {}", listener.peer_id()),
            // A noise address has it already.
            Address::Noise { .. } | Address::Unix(_) => String::new(),
        };
        status(
            "Listening",
            format!("at {address}{id}; the signer has {} s to dial", self.wait),
        );
        if !may_sign {
            status(
                "Only",
                format!(
                    "the public key and pings are asked for: {chain_id} does not begin with `{OURS}`"
                ),
            );
        }
        let settings = settings(Settings {
            chain_id: chain_id.as_str().to_owned(),
            may_sign,
            height: self.height,
            extension_bytes: usize::try_from(self.extension_bytes).unwrap_or(usize::MAX),
            keep_alive: Duration::ZERO,
            only: Vec::new(),
            skip: Vec::new(),
        });
        let probe = Probe::new(listener, Patience { answer, dial });
        Ok(SignerUnderTest::new(probe, settings))
    }

    fn may_sign(&self, chain_id: &ChainId) -> Result<bool, Failure> {
        let known = networks::all().find(|network| {
            network.chain_id.eq_ignore_ascii_case(chain_id.as_str())
                || network.name.eq_ignore_ascii_case(chain_id.as_str())
        });
        if let Some(network) = known {
            return Err(Failure::usage(format!(
                "{chain_id} is a live network ({}); the harness never asks a signer of one anything",
                network.title
            ))
            .hint("configure the signer for a chain id of its own, such as harness-1, with a key made for the test"));
        }
        if chain_id.as_str().starts_with(OURS) {
            return Ok(true);
        }
        if !self.this_key_is_disposable {
            return Ok(false);
        }
        let mut typed = String::new();
        let _ = write!(
            std::io::stderr(),
            "Signatures for any signer that dials will be asked for, on chain {chain_id}. Type the chain id to go on: "
        );
        let read = std::io::stdin().lock().read_line(&mut typed);
        read.map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
        if !std::io::stdin().is_terminal() {
            let _ = writeln!(std::io::stderr());
        }
        match typed.trim() == chain_id.as_str() {
            true => Ok(true),
            false => Err(Failure::usage(format!(
                "{:?} was typed, not {chain_id}; nothing was asked",
                typed.trim()
            ))),
        }
    }
}

/// A time that was typed in seconds.
pub(super) fn seconds(name: &str, number: f64) -> Result<Duration, Failure> {
    match Duration::try_from_secs_f64(number) {
        Ok(time) if (0.001..=86_400.0).contains(&number) => Ok(time),
        _ => Err(Failure::usage(format!(
            "{name} is a number of seconds from 0.001 to 86400, not {number}"
        ))),
    }
}

/// As `Address` reads it, but that port 0 is one and a peer id is none.
fn listen_address(text: &str) -> Result<Address, Failure> {
    let free = text.strip_suffix(":0").map(|host| format!("{host}:1"));
    let wrong = |error| Failure::usage(format!("--listen {text}: {error}"));
    match free.as_deref().unwrap_or(text).parse().map_err(wrong)? {
        Address::Tcp {
            peer_id: None,
            host,
            port,
        } => Ok(Address::Tcp {
            peer_id: None,
            host,
            port: if free.is_some() { 0 } else { port },
        }),
        Address::Tcp { .. } => Err(Failure::usage(format!(
            "--listen {text}: a listener's address has no peer id; `--identity` gives it one"
        ))),
        Address::Noise {
            peer_id,
            host,
            port,
        } => Ok(Address::Noise {
            peer_id,
            host,
            port: if free.is_some() { 0 } else { port },
        }),
        unix => Ok(unix),
    }
}

fn identity(path: &Path) -> Result<IdentityKey, Failure> {
    let secret = secret_file::read(&SecretSource::File(path.to_owned())).map_err(Failure::usage)?;
    if let Some(warning) = &secret.warning {
        status("Warning", warning);
    }
    IdentityKey::from_base64(&secret.bytes).map_err(|error| {
        Failure::usage(format!(
            "{} is not an identity key: {error}",
            path.display()
        ))
    })
}
