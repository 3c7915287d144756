//! From the configuration of a chain to a chain that signs, or to one that answers and says why it does not (W7).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{error, info, warn};

use crate::backends::Opened;
use crate::chain::{Armed, Chain};
use crate::config::ChainConfig;
use crate::gate::Gate;
use crate::gate::pause::Operator;
use crate::gate::store::Store;
use crate::gate::store::etcd::{SharedHandle, SharedKey, SharedStore};
use crate::gate::store::file::{FileStore, OpenError, StateFile};
use crate::link::IdentityKey;
use crate::migrate::{elsewhere, fence};
use crate::observe::registry::KnownIdentities;
use crate::observe::stats::chain::ChainStats;
use crate::os::clock::{Clock, SystemClock};
use crate::os::files::paths::absolute;
use crate::os::host_name::host_name;
use crate::os::pair_lock::{Retake, Retaken};
use crate::secret_file::SecretSource;
use crate::signer::Signer;

use super::hook::heed;
use super::told::tell_paused;

/// The first try to open a chain's key and state. Trouble makes a chain that answers and does not sign, or, where another
/// process holds it, one that is not even dialled (W7).
pub(super) fn arm(
    config: &ChainConfig,
    chain: &Arc<Chain>,
    stats: &ChainStats,
    name: &SquattedName,
) {
    let opened = match found_elsewhere(config) {
        Some(elsewhere) => elsewhere,
        None => {
            chain.found_free();
            open(config, chain, name)
        }
    };
    if let Some(why) = opened.why_unarmed()
        && !chain.is_taken_out()
    {
        tell(&opened, &why, "not armed");
    }
    put(config, chain, stats, opened);
}

/// Another try for a chain that is not armed: its device may be plugged in by now, its key or state mended.
pub(super) fn arm_later(
    config: &ChainConfig,
    chain: &Arc<Chain>,
    stats: &ChainStats,
    name: &SquattedName,
) {
    let before = chain.why_unarmed();
    let now = found_elsewhere(config).unwrap_or_else(|| open(config, chain, name));
    if let Some(why) = now.why_unarmed()
        && Some(&why) != before.as_ref()
        && !chain.is_taken_out()
    {
        tell(&now, &why, "still not armed");
    }
    put(config, chain, stats, now);
}

/// The statistics first: the chain's links ask as soon as the chain is armed.
fn put(config: &ChainConfig, chain: &Arc<Chain>, stats: &ChainStats, opened: Chain) {
    // Those of a chain begin with the key whose turn it is.
    let last = opened.last().map(|last| last.height);
    let has_begun = config
        .activation_height
        .is_none_or(|from| last >= Some(from));
    let is_over = config
        .replaced_at
        .is_some_and(|at| last.is_some_and(|last| last.get().saturating_add(1) >= at.get()));
    if opened.why_unarmed().is_none() && has_begun && !is_over {
        stats.begin_after(opened.last_asked());
    }
    opened.have_cosigners_ask(chain);
    chain.replace_state(opened);
    chain.begin_with_cosigners();
}

/// What becomes of a correction while the service runs.
pub const NOTICED: &str = "a key, password, device or state that was corrected is noticed within 5 s, a corrected \
                           configuration when it is reloaded, a variable when tmkms is restarted";

fn tell(chain: &Chain, why: &str, what: &str) {
    let id = chain.id();
    match chain.is_elsewhere() {
        true => {
            error!(
                event = "not_dialled",
                chain = %id,
                "[{id}] not dialled: {why}; while this tmkms runs it takes over once that one is gone"
            );
        }
        false => error!(
            event = "not_armed",
            chain = %id,
            "[{id}] {what}: {why}; {NOTICED}"
        ),
    }
}

/// Asked before the key: the process that holds the state may hold the device, too, and must not be disturbed there.
fn found_elsewhere(config: &ChainConfig) -> Option<Chain> {
    let error = FileStore::is_free(config.state_file.fixed()?).err()?;
    Some(Chain::elsewhere(config.id.clone(), None, error.to_string()))
}

/// What is said of a chain that a reload took out while its key was being opened; nobody asks it any more.
const TAKEN_OUT: &str =
    "the chain was taken out of the configuration while its key was being opened";

fn open(config: &ChainConfig, chain: &Chain, name: &SquattedName) -> Chain {
    let id = config.id.clone();
    let (switch, pause_file) = (chain.lasting().pause.clone(), config.pause_file());
    // For those who ask, even where there is no key yet. What counts is read once more below, and what is wrong told then.
    drop(switch.read(&pause_file));
    let Opened {
        signer,
        mut warnings,
    } = match config.key.open() {
        Ok(opened) => opened,
        Err(why) => return Chain::unarmed(id, None, why.to_string()),
    };
    let public_key = signer.public_key();
    // A device takes its time, and the state may be another chain's by now: that of the same id, which came again.
    if chain.is_taken_out() {
        return Chain::unarmed(id, Some(public_key), TAKEN_OUT.to_owned());
    }
    let place = config.place(public_key.clone());
    let store = match FileStore::open(&place) {
        Ok(store) => store,
        Err(error) if error.is_locked() => {
            return Chain::elsewhere(id, Some(public_key), error.to_string());
        }
        Err(OpenError::Copied { .. }) if config.etcd.is_some() => {
            let join = place.commands.line(["state", "join", id.as_str()]);
            let why = format!(
                "the state file {} was copied or restored; `{join}` takes what etcd knows into it",
                place.path.display()
            );
            return Chain::unarmed(id, Some(public_key), why);
        }
        Err(error @ OpenError::MovedOut { .. }) => {
            return Chain::moved_out(id, public_key, error.to_string());
        }
        Err(error) => {
            let why = with_older_files(error, config);
            return Chain::unarmed(id, Some(public_key), why);
        }
    };
    // From here on no other process changes it.
    let paused = match switch.read(&pause_file) {
        Ok(paused) => paused,
        Err(error) => return Chain::unarmed(id, Some(public_key), error.to_string()),
    };
    for remark in store.remarks() {
        error!(event = "lock", chain = %id, "[{id}] {remark}");
    }
    name.set(store.retake());
    match fence::compare(&place) {
        Ok(told) => warnings.extend(told),
        Err(error) => return Chain::unarmed(id, Some(public_key), error.to_string()),
    }
    if let (Some(damage), Some(floor)) = (store.damage(), store.used_up().floor()) {
        warnings.push(format!(
            "the state file {} is damaged ({damage}); heights up to {floor} are not signed again",
            place.path.display()
        ));
    }
    if config.allow_ephemeral_state {
        warnings.push(
            "allow_ephemeral_state is set: a restart of this host may lose the double-sign protection"
                .to_owned(),
        );
    }
    if !store.has_birth() {
        warnings.push(format!(
            "the file system of {} gives files no birth time: a restored state file is known by its times only, and a \
             chown, chmod or rename of it needs a take-over even after a clean stop; another file system is better",
            place.path.display()
        ));
    }
    let (store, shared) = match store_of(config, &place, store) {
        Ok(store) => store,
        Err(why) => return Chain::unarmed(id, Some(public_key), why),
    };
    match Gate::arm(id.clone(), config.gate, store, &SystemClock.now()) {
        Ok(gate) => {
            // What other hosts have signed is known by now, too.
            let says = gate.snapshot().last;
            if let Err(other) = elsewhere::compare(config, &place, says) {
                return Chain::unarmed(id, Some(public_key), other.to_string());
            }
            let known = says.map(|hrs| hrs.height);
            match heed(config, &chain.lasting().floor, known) {
                Ok(warning) => warnings.extend(warning),
                Err(why) => return Chain::unarmed(id, Some(public_key), why),
            }
            let gate = gate.obeying(Operator {
                commands: place.commands.clone(),
                paused: switch,
            });
            warnings.extend(gate.notice().map(str::to_owned));
            for warning in warnings {
                warn!(event = "key_warning", chain = %id, "[{id}] {warning}");
            }
            let armed = armed(config, gate, signer).sharing(shared);
            if let Some(active) = paused {
                tell_paused(config, &active);
            }
            Chain::armed(id, armed)
        }
        Err(error) => Chain::unarmed(id, Some(public_key), error.to_string()),
    }
}

/// The file itself, or etcd over it.
///
/// # Errors
/// A text that says what to do: etcd's certificates or password cannot be read, or the chain is not shared yet.
pub fn store_of(
    config: &ChainConfig,
    place: &StateFile,
    file: FileStore,
) -> Result<(Box<dyn Store>, Option<SharedHandle>), String> {
    let Some(settings) = &config.etcd else {
        return Ok((Box::new(file), None));
    };
    let key = SharedKey::connect(settings, &place.chain_id, &place.public_key)
        .map_err(|error| error.to_string())?;
    let store = SharedStore::new(key, file, host_name(), place.commands.clone())
        .map_err(|error| error.to_string())?;
    let handle = store.handle();
    Ok((Box::new(store), Some(handle)))
}

fn armed(config: &ChainConfig, gate: Gate, signer: Arc<dyn Signer>) -> Armed {
    let (id, public_key) = (&config.id, signer.public_key());
    let last = gate.snapshot().last.map_or_else(
        || "never signed".to_owned(),
        |hrs| format!("last signed {hrs}"),
    );
    let from = config.activation_height.map_or_else(String::new, |height| {
        format!(", signs from height {height} on")
    });
    info!(
        event = "armed",
        chain = %id,
        address = %public_key.address(),
        "[{id}] armed with the {}: {} (address {}){from}, {last}",
        config.key.traits().location,
        config.key_format.show(&public_key),
        public_key.address()
    );
    if let Some(trouble) = signer.unavailable_reason() {
        warn!(event = "not_yet", chain = %id, "[{id}] does not sign yet: {trouble}");
    }
    signer.begin(gate.snapshot().last);
    Armed::new(gate, signer).signing_raw(config.raw.clone())
}

/// What is wrong with a state file, with a word about one that lies where an older program kept it.
pub fn with_older_files(error: OpenError, config: &ChainConfig) -> String {
    let mut text = error.to_string();
    if matches!(error, OpenError::Missing { .. }) {
        for older in &config.older_state_files {
            if Some(older.as_path()) != config.state_file.fixed() && older.is_file() {
                // Seen from another folder a relative one is not there, so it is named as a whole.
                let told = match older.is_relative() {
                    true => format!(
                        "; there is a state file {} below the working directory, where an older tmkms may have kept it: \
                         `{}` takes it over",
                        absolute(older).display(),
                        config.commands.import(&config.id, older)
                    ),
                    false => format!(
                        "; there is a state file {} where an older tmkms may have kept it: `{}` takes it over",
                        older.display(),
                        config.commands.line(["adopt"])
                    ),
                };
                text.push_str(&told);
            }
        }
    }
    text
}

/// The name of a chain's lock, where another process had it when the chain was armed.
#[derive(Clone, Debug, Default)]
pub(in crate::service) struct SquattedName(Arc<Mutex<Option<Retake>>>);

impl SquattedName {
    fn set(&self, retake: Option<Retake>) {
        *self.0.lock() = retake;
    }

    /// Takes it, if it is free by now. Does not wait.
    pub fn retake(&self, chain: &Chain) {
        let mut name = self.0.lock();
        let Some(retaken) = name.as_ref().map(Retake::try_again) else {
            return;
        };
        if retaken == Retaken::Taken {
            let id = chain.id();
            info!(
                event = "lock",
                chain = %id,
                "[{id}] the process that occupied the name of the lock on this chain and key is gone, and tmkms has that \
                 lock, too"
            );
        }
        if retaken != Retaken::NotYet {
            *name = None;
        }
    }
}

/// Identity keys, each read once, by the first link that needs it.
pub(in crate::service) struct Identities {
    slots: Mutex<HashMap<String, (SecretSource, IdentitySlot)>>,
    known: KnownIdentities,
}

/// One key. Held while its file is read, so that links with the same key read it once.
type IdentitySlot = Arc<Mutex<Option<Arc<IdentityKey>>>>;

impl Identities {
    /// None is read yet; those who ask for the status are told by `known`.
    pub fn telling(known: KnownIdentities) -> Self {
        Self {
            slots: Mutex::default(),
            known,
        }
    }

    /// The key, or why there is none; that may pass, so it may be asked again.
    pub fn load(&self, source: &SecretSource) -> Result<Arc<IdentityKey>, String> {
        let slot = {
            let mut all = self.slots.lock();
            let slot = all.entry(source.to_string());
            let slot = slot.or_insert_with(|| (source.clone(), IdentitySlot::default()));
            slot.1.clone()
        };
        let mut key = slot.lock();
        if let Some(key) = &*key {
            return Ok(key.clone());
        }
        let (identity, warning) =
            identity_of(source).inspect_err(|why| self.known.miss(source, why))?;
        let known = self.known.know(source, &identity);
        info!(
            event = "identity",
            peer_id = known.peer_id,
            libp2p_peer_id = known.libp2p_peer_id,
            public_key = known.public_key,
            "this signer is known to its nodes as {}",
            known.line()
        );
        if let Some(warning) = warning {
            warn!(event = "configuration", "{warning}");
        }
        Ok(key.insert(Arc::new(identity)).clone())
    }

    /// Where another key lies by now than the one that links have. What cannot be read is no other one.
    pub fn exchanged(&self) -> BTreeSet<String> {
        let all: Vec<_> = self.slots.lock().values().cloned().collect();
        let other = |(source, slot): &(SecretSource, IdentitySlot)| {
            let key = slot.lock();
            let (now, _) = identity_of(source).ok()?;
            let is_other = key.as_ref()?.public_key() != now.public_key();
            is_other.then(|| source.to_string())
        };
        all.iter().filter_map(other).collect()
    }

    /// Forgets those that no link has any more, or that have to be read again.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.slots.lock().retain(|source, _| keep(source));
        self.known.retain(keep);
    }
}

/// Reads the identity key of links over TCP; the text is a warning about its file.
pub fn identity_of(source: &SecretSource) -> Result<(IdentityKey, Option<String>), String> {
    crate::link::identity::load(source)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backends::softsign::key::SoftKey;
    use crate::backends::{Device, KeySource, KeyTraits, OpenKeyError};
    use crate::config::Config;
    use crate::consensus::KeyType;
    use crate::settings::Base;

    /// A key that takes so long to be opened that its chain is gone meanwhile.
    struct Slow(Arc<Chain>, KeyTraits);

    impl KeySource for Slow {
        fn traits(&self) -> &KeyTraits {
            &self.1
        }

        fn devices(&self) -> Vec<&dyn Device> {
            Vec::new()
        }

        fn is_same(&self, _: &dyn KeySource) -> bool {
            true
        }

        fn open(&self) -> Result<Opened, OpenKeyError> {
            self.0.retire(Duration::ZERO, &SystemClock).unwrap();
            let (key, _) = SoftKey::generate(KeyType::Ed25519).unwrap();
            Ok(Opened {
                signer: Arc::new(key),
                warnings: Vec::new(),
            })
        }
    }

    #[test]
    fn a_chain_that_is_gone_when_its_key_is_there_leaves_the_state_to_its_successor() {
        let text = "[[chain]]\nid = \"test-1\"\n\
                    [[validator]]\nchain_id = \"test-1\"\naddr = \"unix:///nowhere/node.sock\"\n\
                    [[providers.softsign]]\nchain_ids = [\"test-1\"]\npath = \"test.key\"\n";
        let mut config = Config::read(text, "tmkms.toml", &Base::default()).unwrap();
        let mut config = config.chains.remove(0);
        let chain = Arc::new(Chain::opening(config.id.clone()));
        config.key = Arc::new(Slow(chain.clone(), KeyTraits::of("slow")));
        let opened = open(&config, &chain, &SquattedName::default());
        assert_eq!(opened.why_unarmed().as_deref(), Some(TAKEN_OUT));
    }
}
