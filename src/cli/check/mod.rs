//! `tmkms check`: everything that `start` would do, short of signing. Takes no lock and dials nobody unless told to.

mod checked;
mod connect;
mod etcd;
mod identity;
mod network;
mod rotation;
mod whole_key;

use std::thread::ScopedJoinHandle;

use clap::Args;

use crate::config::ChainConfig;
use crate::consensus::{Height, PublicKey};
use crate::gate::heights::plausible::is_too_high;
use crate::gate::store::file::{FileStore, inspect};
use crate::gate::watermark::Watermark;
use crate::migrate::{elsewhere, fence};
use crate::observe::serve::http::bind;
use crate::observe::status::ServiceStatus;
use crate::observe::status::humanize;
use crate::os::clock::{Clock, SystemClock};
use crate::service::{hook, identity_of, with_older_files};
use crate::text::count::count;
use crate::text::date::Date;
use crate::threads::{STACK, spawn_scoped};

use super::config_file::ConfigFile;
use super::container::Hidden;
use super::identities;
use super::report::{Failure, output, status};
use super::status::service_of;
use checked::{CheckedKey, table};

/// Whether `start` would arm every chain.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tmkms check -c tmkms.toml\n  tmkms check --connect      (dials the nodes, too)\n\n\
                  Exit code 0: `start` would arm every chain. 1: something outside of the file is wrong (state, key, \
                  node). 2: the file itself is wrong.\nSafe beside a running service."
)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Dial the nodes and answer public key and ping; a node accepts one signer connection, and this briefly displaces it
    #[arg(long)]
    connect: bool,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load_to_dial()?;
        for warning in &config.warnings {
            status("Warning", warning);
        }
        for hidden in Hidden::here(&config) {
            status("Warning", hidden);
        }
        let service = service_of(&config);
        if let Some(service) = &service {
            status(
                "Note",
                format!("the service of this file runs (process {})", service.pid),
            );
        }
        let mut chains: Vec<CheckedKey<'_>> = config
            .keys()
            .map(|key| look(key, service.as_ref()))
            .collect();
        let keys: Vec<_> = chains
            .iter()
            .map(|found| (found.config, found.public_key.clone()))
            .collect();
        for (found, whole) in chains.iter_mut().zip(whole_key::beside(&keys)) {
            found.warnings.extend(whole);
        }
        for (found, same) in chains.iter_mut().zip(rotation::same_keys(&keys)) {
            if let Some(same) = same {
                // What is said of its state would only follow from this.
                found.problems = vec![same];
            }
        }
        if self.connect {
            connect_all(&mut chains);
        }
        output(&table(&chains))?;
        let nodes = config.chains.iter().flat_map(|chain| &chain.nodes);
        for (source, found) in identities::of_nodes(nodes) {
            // Why one cannot be read is a problem of its chains.
            let Ok(identity) = found else {
                continue;
            };
            status("Identity", format!("{identity}: {source}"));
            let keys = chains.iter().map(|chain| (chain, chain.public_key.clone()));
            for (chain, _) in
                keys.filter(|(_, key)| key.clone().is_some_and(|key| identity.is_of(&key)))
            {
                status(
                    "Warning",
                    format!(
                        "[{}] {source} holds the validator's key itself, and nodes have the identity of a link sign their \
                         handshakes: make another key for the links, and name it as `secret_key`",
                        chain.config.id
                    ),
                );
            }
        }
        let mut problems = 0;
        // The running service has the port itself.
        let listen = config.metrics.listen.filter(|_| service.is_none());
        // It keeps nobody from signing.
        if let Some(error) = listen.and_then(|address| bind(address).err()) {
            status("Warning", error);
        }
        for chain in &chains {
            for warning in &chain.warnings {
                status("Warning", format!("[{}] {warning}", chain.config.id));
            }
            for note in &chain.notes {
                status("Note", format!("[{}] {note}", chain.config.id));
            }
            for problem in &chain.problems {
                problems += 1;
                status("Problem", format!("[{}] {problem}", chain.config.id));
            }
        }
        let is_bad = |chain: &&ChainConfig| {
            let of_chain = |found: &&CheckedKey<'_>| found.config.id == chain.id;
            let mut keys = chains.iter().filter(of_chain);
            keys.any(|found| !found.problems.is_empty())
        };
        let bad = config.chains.iter().filter(is_bad).count();
        let all = count(config.chains.len(), "chain");
        match bad {
            0 => {
                status("Ready", format!("{} of {all}", config.chains.len()));
                Ok(())
            }
            _ => Err(Failure::new(format!(
                "{}; {bad} of {all} would not be signed for",
                count(problems, "problem")
            ))),
        }
    }
}

fn look<'a>(config: &'a ChainConfig, service: Option<&ServiceStatus>) -> CheckedKey<'a> {
    let mut found = CheckedKey {
        config,
        public_key: None,
        watermark: "unknown".to_owned(),
        held: None,
        problems: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        nodes: config
            .nodes
            .iter()
            .map(|node| node.address.to_string())
            .collect(),
    };
    for node in &config.nodes {
        if let Some(source) = &node.identity {
            match identity_of(source) {
                Ok((_, warning)) => found.warnings.extend(warning),
                Err(why) => found.problems.push(why),
            }
        }
    }
    // Several nodes mostly share one identity.
    found.problems.dedup();
    found.warnings.dedup();
    // A pause is that of the chain, whichever of its keys signs.
    let paused = match config.activation_height {
        None => config.pause_file().read(),
        Some(_) => Ok(None),
    };
    match paused {
        Ok(None) => {}
        Ok(Some(pause)) => found.warnings.push(format!(
            "paused {pause}, as asked for at {}; `{}` ends that",
            Date::of(pause.asked),
            config.pause_file().resume()
        )),
        Err(error) => found.problems.push(error.to_string()),
    }
    match config.key.inspect() {
        Ok(seen) => {
            found.warnings.extend(seen.warnings);
            found.notes.extend(seen.notes);
            found.public_key = Some(seen.public_key.clone());
            let compared = network::compare(config, &seen.public_key);
            found.warnings.extend(compared);
            look_at_state(&mut found, seen.public_key, service);
            // The device of a chain in service is in use, and `status` tells how it is.
            if found.held.is_none() {
                found.problems.extend(seen.unavailable);
            }
        }
        Err(error) => found.problems.push(error.to_string()),
    }
    found
}

/// What the hook of a chain says above its watermark.
fn ask_hook(found: &mut CheckedKey<'_>, known: Option<Height>) {
    let Some(hook) = &found.config.state_hook else {
        return;
    };
    match hook::ask(hook, known) {
        Ok(Some(height)) => found.notes.push(format!(
            "`state_hook` says that the chain is at height {height}: up to there nothing would be signed"
        )),
        Ok(None) => found
            .notes
            .push("`state_hook` says that the chain has no block yet".to_owned()),
        Err(why) => {
            let told = hook::failed(&why);
            match hook.fail_closed {
                true => found.problems.push(told),
                false => found.warnings.push(told),
            }
        }
    }
}

fn look_at_state(
    found: &mut CheckedKey<'_>,
    public_key: PublicKey,
    service: Option<&ServiceStatus>,
) {
    let config = found.config;
    let place = config.place(public_key.clone());
    match FileStore::pair_is_free(&place) {
        Ok(remarks) => found
            .warnings
            .extend(remarks.iter().map(ToString::to_string)),
        Err(why) if why.is_locked() => {
            let ours = service.filter(|service| {
                service
                    .chains
                    .iter()
                    .any(|chain| chain.id == config.id.as_str() && chain.held)
            });
            match ours {
                Some(service) => {
                    found.held = Some(format!("in use by the service (process {})", service.pid))
                }
                None => {
                    found.held = Some("in use by another process".to_owned());
                    found.problems.push(why.to_string());
                }
            }
        }
        Err(why) => found.problems.push(why.to_string()),
    }
    match fence::compare(&place) {
        Ok(told) => found.warnings.extend(told),
        Err(error) => found.problems.push(error.to_string()),
    }
    match inspect(&place) {
        Ok(state) => {
            if place.shared {
                let local = state.record.watermark.hrs();
                let etcd = etcd::look(config, &public_key, state.shared, local);
                found.problems.extend(etcd.problems);
                found.warnings.extend(etcd.warnings);
                found.notes.extend(etcd.notes);
            }
            let used_up = state.used_up();
            // What etcd knows of a chain is above what any file of this host says.
            if !place.shared {
                let other = elsewhere::compare(config, &place, used_up.watermark().hrs());
                found
                    .problems
                    .extend(other.err().map(|other| other.to_string()));
            }
            ask_hook(found, used_up.watermark().hrs().map(|hrs| hrs.height));
            let age = used_up.age(SystemClock.now().wall).as_secs();
            found.watermark = match used_up.watermark() {
                Watermark::Never => "nothing signed yet".to_owned(),
                Watermark::UpTo(hrs) => format!("{hrs}, {} ago", humanize(age)),
                Watermark::Message(last) => {
                    format!("{}, {} ago", last.position().hrs, humanize(age))
                }
            };
            found.warnings.extend(rotation::gap(config, &used_up));
            if is_too_high(&used_up) {
                found.warnings.push(format!(
                    "the watermark is at height {}, which nearly no chain has reached: nothing is signed until this one is \
                     above it; compare with a block explorer, and if it is wrong, look for the digit too many in what was \
                     typed or taken over",
                    used_up.watermark().height()
                ));
            }
            if let (Some(damage), Some(floor)) = (state.damage, used_up.floor()) {
                found.warnings.push(format!(
                    "the state file {} is damaged ({damage}); heights up to {floor} are not signed again",
                    place.path.display()
                ));
            }
        }
        Err(error) => {
            found.watermark = "none".to_owned();
            found.problems.push(with_older_files(error, config));
        }
    }
}

/// Dials the nodes of the chains that nobody holds, all at once.
fn connect_all(chains: &mut [CheckedKey<'_>]) {
    for chain in chains.iter().filter(|chain| !chain.nodes.is_empty()) {
        if let Some(held) = &chain.held {
            status(
                "Skipped",
                format!(
                    "[{}] its nodes: it is {held}, and a new dial would displace its connection",
                    chain.config.id
                ),
            );
        }
    }
    let answers: Vec<Vec<Option<Result<String, String>>>> = std::thread::scope(|scope| {
        let started: Vec<Vec<_>> = chains
            .iter()
            .map(|chain| {
                let free = chain.held.is_none();
                let dial = |node| {
                    free.then(|| {
                        let (id, key) = (chain.config.id.clone(), chain.public_key.clone());
                        spawn_scoped(scope, "dial", STACK, move || {
                            connect::try_node(id, key, node)
                        })
                    })
                };
                chain.config.nodes.iter().map(dial).collect()
            })
            .collect();
        let join = |thread: std::io::Result<ScopedJoinHandle<'_, Result<String, String>>>| {
            thread
                .map_err(|error| format!("the check of this node broke off: {error}"))?
                .join()
                .unwrap_or_else(|_| Err("the check of this node broke off".to_owned()))
        };
        started
            .into_iter()
            .map(|nodes| nodes.into_iter().map(|node| node.map(join)).collect())
            .collect()
    });
    for (chain, answers) in chains.iter_mut().zip(answers) {
        for (node, answer) in chain.nodes.iter_mut().zip(answers) {
            match answer {
                None => {}
                Some(Ok(told)) => *node = format!("{node} ({told})"),
                Some(Err(why)) => {
                    chain.problems.push(format!("{node}: {why}"));
                    *node = format!("{node} (NOT REACHED)");
                }
            }
        }
    }
}
