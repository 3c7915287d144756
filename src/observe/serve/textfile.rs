//! The metrics as a file, for hosts that must not listen: Prometheus's node exporter picks it up.
//!
//! Written under another name and renamed, so that a reader never sees half of it. Removed at the end: a file that is not
//! written any more would keep saying that all is well.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::observe::metrics::{self, Audience};
use crate::observe::registry::Registry;
use crate::os::files::replace::{Flush, Readers, replace};
use crate::os::process::priority;
use crate::threads::{STACK, Shutdown, spawn_observer};

/// How often it is written.
const EVERY: Duration = Duration::from_secs(15);
/// How often the same trouble is told.
const REPEAT: Duration = Duration::from_secs(600);

/// How long the end waits for a file that is being written.
const LEAVE: Duration = Duration::from_secs(1);

/// Writes until it is dropped, which removes the file.
pub(crate) struct Kept {
    path: PathBuf,
    stop: Arc<Shutdown>,
    /// Closed when nobody writes any more.
    writing: Receiver<()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop.trigger();
        // A file that is renamed after this one is removed would stay.
        let _ = self.writing.recv_timeout(LEAVE);
        let _ = fs::remove_file(&self.path);
    }
}

/// Begins to write, where a file is named.
///
/// # Errors
/// The host has no room for another thread.
pub(crate) fn keep(path: Option<&Path>, registry: &Arc<Registry>) -> io::Result<Option<Kept>> {
    let Some(path) = path.map(Path::to_owned) else {
        return Ok(None);
    };
    let (written, writing) = channel();
    let stop = Arc::new(Shutdown::default());
    let kept = Kept {
        path: path.clone(),
        stop: stop.clone(),
        writing,
    };
    let (registry, inner) = (registry.clone(), stop.clone());
    spawn_observer("textfile", STACK, &stop, move || {
        let _written: &Sender<()> = &written;
        priority::lower_priority();
        let mut told: Option<Instant> = None;
        loop {
            if let Err(error) = write(&path, &registry)
                && told.is_none_or(|at| at.elapsed() > REPEAT)
            {
                told = Some(Instant::now());
                warn!(
                    event = "no_textfile",
                    "the metrics cannot be written to {}: {error}; let this user write to that folder, or correct \
                     `textfile` of [metrics] and reload tmkms",
                    path.display()
                );
            }
            if inner.wait(EVERY) {
                return;
            }
        }
    })?;
    Ok(Some(kept))
}

fn write(path: &Path, registry: &Registry) -> io::Result<()> {
    let text =
        metrics::encode(registry.sample(), Audience::NodeExporter).map_err(io::Error::other)?;
    // The node exporter's parser knows only the older format.
    let text = metrics::text::from_openmetrics(&text);
    // Another user reads it, and there is no secret in it.
    replace(path, text.as_bytes(), Readers::Everyone, Flush::Passing)
}
