//! Looks at what only a disk can tell: the free space around each state file, and when each key's backup was proven.
//!
//! On a thread of its own, because a sick disk may hang the look.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::os::files::filesystem::free_bytes;
use crate::threads::{STACK, Shutdown, spawn_observer};

use super::registry::{ChainEntry, Registry};

/// How often it looks whether a chain got its key meanwhile.
const TICK: Duration = Duration::from_secs(1);
/// How many ticks there are between two looks at the disk.
const EVERY: u32 = 10;

/// Begins to look.
///
/// # Errors
/// The host has no room for another thread.
pub(crate) fn keep(registry: &Arc<Registry>, stop: &Arc<Shutdown>) -> io::Result<()> {
    let (registry, inner) = (registry.clone(), stop.clone());
    spawn_observer("disk", STACK, stop, move || {
        let mut had_key = BTreeSet::new();
        for tick in 0_u32.. {
            for chain in registry.chains().iter() {
                // A key may take its time to open, and only with it there is a backup to look for.
                let key_is_new = chain.has_key() && had_key.insert(chain.id.clone());
                if key_is_new || tick.is_multiple_of(EVERY) {
                    look(chain);
                }
            }
            if inner.wait(TICK) {
                return;
            }
        }
    })
}

fn look(chain: &ChainEntry) {
    let free = free_bytes(folder(Path::new(&chain.state_file())));
    chain
        .free
        .store(free.unwrap_or(u64::MAX), Ordering::Relaxed);
    chain.look_at_backup();
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
