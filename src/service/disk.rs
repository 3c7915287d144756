//! Looks at what only a disk can tell: the free space around each state file, and when each key's backup was proven.
//!
//! On a thread of its own, because a sick disk may hang the look.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::os::filesystem::free_bytes;

use super::known::Known;
use super::thread::spawn_observer;
use super::{STACK, ServiceError, Stop};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);

/// Begins to look.
pub(super) fn keep(known: &Arc<Known>, stop: &Arc<Stop>) -> Result<(), ServiceError> {
    let (known, inner) = (known.clone(), stop.clone());
    spawn_observer("disk", STACK, stop, move || {
        loop {
            for chain in &known.chains {
                let free = free_bytes(folder(Path::new(&chain.state_file)));
                chain
                    .free
                    .store(free.unwrap_or(u64::MAX), Ordering::Relaxed);
                chain.look_at_backup();
            }
            if inner.wait(EVERY) {
                return;
            }
        }
    })
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
