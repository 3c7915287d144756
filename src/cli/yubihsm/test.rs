//! `tmkms yubihsm test`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;

use crate::backends::yubihsm::device::KeyOnDevice;
use crate::backends::yubihsm::device::thread::{DeviceHandle, DeviceThread};
use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::key_type::DeviceKeyType;
use crate::cli::report::{Failure, output, status};
use crate::consensus::{KeyType, Signature};
use crate::gate::raw::self_test;
use crate::text::count::count;

use super::which::{Which, key_id, tell_device};

/// How long one signature may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The length of what is signed, in bytes: that of a vote.
const LENGTH: usize = 128;
/// After a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// Sign harmless texts.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms yubihsm test 1             until Ctrl-C\n  tmkms yubihsm test -n 100 0x0001"
)]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    which: Which,
    /// Stop after so many signatures; without it Ctrl-C ends the test
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,
    /// Accepted for scripts of the older program
    #[arg(short, long)]
    verbose: bool,
    /// The key's id, as 16 or 0x0010
    #[arg(value_parser = key_id)]
    key_id: u16,
}

/// Why there is no signature.
struct Trouble {
    why: String,
    /// Whether another try may end better.
    may_pass: bool,
}

impl Test {
    pub(super) fn run(self) -> Result<(), Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, stop.clone())
                .map_err(|error| Failure::new(format!("signals cannot be taken: {error}")))?;
        }
        let provider = self.which.provider()?;
        tell_device(&provider)?;
        let (client, warning) = provider.client().map_err(Failure::new)?;
        if let Some(warning) = warning {
            status("Warning", warning);
        }
        let device = DeviceThread::start(client)
            .map_err(|error| Failure::new(format!("a thread could not be started: {error}")))?;
        let handle = device.handle();
        let found = find(&handle, self.key_id)?;
        let mut times = Histogram::<u64>::new(3).map_err(Failure::new)?;
        let mut failures = 0_u64;
        let mut number = 0;
        while self.count.is_none_or(|count| number < count) && !stop.load(Ordering::Relaxed) {
            number += 1;
            let began = Instant::now();
            match self.sign(&handle, &found, number) {
                Ok(()) => {
                    let took = began.elapsed();
                    times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                    let text = format!(
                        "signed message using key ID #{} in {} ms",
                        self.key_id,
                        took.as_millis()
                    );
                    status("Success", text);
                }
                Err(trouble) => {
                    failures += 1;
                    status("Failed", &trouble.why);
                    if !trouble.may_pass {
                        break;
                    }
                    thread::sleep(PAUSE);
                }
            }
        }
        drop(device);
        summary(&times)?;
        match failures {
            0 => Ok(()),
            some if self.count.is_none_or(|count| number < count)
                && !stop.load(Ordering::Relaxed) =>
            {
                Err(Failure::new(format!(
                    "{some} of {} failed, and trying again does not change that; see above",
                    count(number, "signature")
                )))
            }
            some => Err(Failure::new(format!(
                "{some} of {} failed; see above",
                count(number, "signature")
            ))),
        }
    }

    fn sign(&self, handle: &DeviceHandle, found: &KeyOnDevice, number: u64) -> Result<(), Trouble> {
        let permit = self_test(number, LENGTH, Duration::MAX).ok_or_else(|| Trouble {
            why: "no permit".to_owned(),
            may_pass: false,
        })?;
        let key_type = match found.public_key.key_type() {
            KeyType::Ed25519 => DeviceKeyType::Ed25519,
            _ => DeviceKeyType::Secp256k1,
        };
        let until = Instant::now() + PATIENCE;
        let signature = handle
            .sign(self.key_id, key_type, &permit, until)
            .map_err(|error| Trouble {
                why: error.to_string(),
                may_pass: error.kind.may_pass(),
            })?;
        let signature = Signature::from_bytes(signature);
        match found.public_key.verify(permit.bytes(), &signature) {
            true => Ok(()),
            false => Err(Trouble {
                why: format!(
                    "{}: the signature is not valid; the device is broken",
                    handle.name()
                ),
                may_pass: false,
            }),
        }
    }
}

fn find(handle: &DeviceHandle, id: u16) -> Result<KeyOnDevice, Failure> {
    let until = || Instant::now() + PATIENCE;
    match handle.find(id, DeviceKeyType::Ed25519, until()) {
        Err(error) if matches!(error.kind, ErrorKind::KeyType { .. }) => handle
            .find(id, DeviceKeyType::Secp256k1, until())
            .map_err(Failure::new),
        other => other.map_err(Failure::new),
    }
}

fn summary(times: &Histogram<u64>) -> Result<(), Failure> {
    let count = times.len();
    if count == 0 {
        return Ok(());
    }
    let mut text = format!("signatures: {count}\n");
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("longest", 1.0)] {
        let micros = times.value_at_quantile(quantile);
        text.push_str(&format!(
            "{name}: {}.{} ms\n",
            micros / 1_000,
            micros % 1_000 / 100
        ));
    }
    let average = times.mean().max(1.0);
    text.push_str(&format!("per second: {:.1}\n", 1e6 / average));
    output(&text)
}
