//! The cluster that a chain shares its watermark in.

use crate::config::ChainConfig;
use crate::consensus::{Hrs, PublicKey};
use crate::gate::store::Seen;
use crate::gate::store::etcd::{LatchMessage, PATIENCE, ShareError, SharedKey, judge, probe};

/// What was found out.
#[derive(Default)]
pub(super) struct EtcdCheck {
    pub problems: Vec<String>,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

/// Asks the members, and whether the chain would arm. `seen` is what the state file says of etcd, `local` what it says is
/// used up.
pub(super) fn look(
    config: &ChainConfig,
    public_key: &PublicKey,
    seen: Option<Seen>,
    local: Option<Hrs>,
) -> EtcdCheck {
    let mut found = EtcdCheck::default();
    let Some(settings) = &config.etcd else {
        return found;
    };
    match probe(settings, &config.id, public_key) {
        Ok(report) => {
            found.problems = report.problems();
            found.warnings = report.warnings();
            if let Some(p99) = report.p99() {
                found.notes.push(format!(
                    "etcd: {} endpoints, 99 of 100 transactions within {:.1} ms",
                    report.members.len(),
                    p99.as_secs_f64() * 1000.0
                ));
            }
        }
        Err(error) => found.problems.push(error.to_string()),
    }
    if !found.problems.is_empty() {
        return found;
    }
    match seen {
        None => {
            let why = ShareError::not_shared(&config.id, &config.commands);
            found.problems.push(why.to_string());
        }
        Some(seen) => found
            .problems
            .extend(would_not_arm(config, public_key, &seen, local)),
    }
    found
}

fn would_not_arm(
    config: &ChainConfig,
    public_key: &PublicKey,
    seen: &Seen,
    local: Option<Hrs>,
) -> Option<String> {
    let settings = config.etcd.as_ref()?;
    let mut key = match SharedKey::connect(settings, &config.id, public_key) {
        Ok(key) => key,
        Err(error) => return Some(error.to_string()),
    };
    let found = match key.read(PATIENCE) {
        Ok(found) => found,
        Err(error) => return Some(error.to_string()),
    };
    // A service that runs meanwhile may have moved etcd on, never back.
    let latch = judge(&key, &found, seen, seen.revision, local).err()?;
    let told = LatchMessage {
        latch: &latch,
        chain: &config.id,
        key: key.name(),
        commands: &config.commands,
    };
    Some(told.to_string())
}
