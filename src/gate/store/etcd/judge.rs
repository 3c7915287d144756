//! Whether what a shared key holds is what this host may go on from.

use crate::consensus::Hrs;
use crate::gate::store::record::Seen;

use super::cas::{KeyState, SharedKey};
use super::latch::{Latch, of_header};
use super::value::SharedValue;

/// Judges what a key holds by what a host has `seen`: the revision that wrote it, and its value. `known` is the revision
/// that was known when it was asked, `local` the watermark that the host knows.
///
/// # Errors
/// What must not be.
pub fn judge(
    key: &SharedKey,
    found: &KeyState,
    seen: &Seen,
    known: i64,
    local: Option<Hrs>,
) -> Result<(i64, SharedValue), Latch> {
    of_header(&found.header, seen, known)?;
    let there = found.key.as_ref().ok_or(Latch::Missing)?;
    if there.created != seen.create_revision {
        return Err(Latch::Recreated {
            pinned: seen.create_revision,
            found: there.created,
        });
    }
    let value = key.decode(&there.raw)?;
    if value.sealed {
        return Err(Latch::Left {
            by_us: value.host.id == seen.host_id,
            host: value.host.name,
            at: value.record.written,
        });
    }
    let found = value.record.watermark.hrs();
    if value.record.sequence < seen.sequence || found < local {
        return Err(Latch::Lowered {
            known: local,
            found,
        });
    }
    Ok((there.modified, value))
}
