//! Two slots of two copies each: which record they hold, or why none.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::gate::store::file::error::OpenError;
use crate::gate::store::file::format::{self, BadCopy, Entry};
use crate::gate::store::file::layout::Layout;
use crate::gate::store::file::place::StateFile;

/// Reads the two slots. The second value says why one of them could not be read.
pub(in crate::gate::store::file) fn read(
    place: &StateFile,
    file: &File,
) -> Result<(Entry, Option<String>), OpenError> {
    let StateFile {
        path,
        chain_id: chain,
        commands,
        ..
    } = place;
    let io = |doing| {
        move |source| OpenError::Io {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let size = file.metadata().map_err(io("asking for its size"))?.len();
    if size == 0 {
        return Err(OpenError::Empty {
            chain: chain.clone(),
            path: path.to_owned(),
            commands: commands.clone(),
        });
    }
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    if Layout::of_file(length).is_none() {
        return Err(OpenError::Foreign {
            chain: chain.clone(),
            path: path.to_owned(),
            size,
            commands: commands.clone(),
        });
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)
        .map_err(io("reading it"))?;
    match newest(&bytes) {
        Newest::Good(entry, damage) => Ok((*entry, damage)),
        Newest::Unreadable(first, second) => Err(OpenError::Unreadable {
            chain: chain.clone(),
            path: path.to_owned(),
            first,
            second,
            commands: commands.clone(),
        }),
        Newest::NotNeighbours(why) => Err(OpenError::NotNeighbours {
            chain: chain.clone(),
            path: path.to_owned(),
            why,
            commands: commands.clone(),
        }),
    }
}

/// What two slots say together.
pub enum Newest {
    /// The newest record, and why the other slot could not be read, if so.
    Good(Box<Entry>, Option<String>),
    /// Neither slot can be read.
    Unreadable(BadCopy, BadCopy),
    /// The slots are not two records in a row.
    NotNeighbours(String),
}

/// Reads a whole file's bytes; pure, so that the fuzzer can have it.
pub fn newest(bytes: &[u8]) -> Newest {
    let layout = Layout::of_file(bytes.len()).unwrap_or(Layout::SHORT);
    let (first, second) = bytes.split_at(layout.slot().min(bytes.len()));
    match (slot(first, layout, 0), slot(second, layout, 1)) {
        (Ok(first), Ok(second)) => {
            let (one, two) = (first.record.sequence, second.record.sequence);
            let whose = |entry: &Entry| {
                (
                    entry.chain_id.clone(),
                    entry.public_key.clone(),
                    entry.share,
                )
            };
            let same = whose(&first) == whose(&second);
            if one.abs_diff(two) != 1 {
                return Newest::NotNeighbours(format!("sequences {one} and {two}"));
            }
            if !same {
                return Newest::NotNeighbours("their chains or keys differ".to_owned());
            }
            let (older, newer) = if one > two {
                (second, first)
            } else {
                (first, second)
            };
            // Lowering a watermark makes a new file, so within one file positions only grow.
            if newer.record.watermark.hrs() < older.record.watermark.hrs() {
                return Newest::NotNeighbours("the newer one is the lower one".to_owned());
            }
            Newest::Good(Box::new(newer), None)
        }
        (Ok(entry), Err(bad)) => Newest::Good(
            Box::new(entry),
            Some(format!("its second half cannot be read: {bad}")),
        ),
        (Err(bad), Ok(entry)) => Newest::Good(
            Box::new(entry),
            Some(format!("its first half cannot be read: {bad}")),
        ),
        (Err(first), Err(second)) => Newest::Unreadable(first, second),
    }
}

/// A record that is where the key's file has it: the next one would be written elsewhere.
fn copy(bytes: &[u8], layout: Layout) -> Result<Entry, BadCopy> {
    let entry = format::decode(bytes)?;
    let kind = entry.public_key.key_type();
    match Layout::of(kind) == layout {
        true => Ok(entry),
        false => Err(BadCopy(format!(
            "it is of a key of type {kind}, whose state file has {} bytes",
            Layout::of(kind).file()
        ))),
    }
}

/// A slot is good if either copy is; of two different good copies the newer one counts (a torn write).
fn slot(bytes: &[u8], layout: Layout, index: u64) -> Result<Entry, BadCopy> {
    let (first, second) = bytes.split_at(layout.copy().min(bytes.len()));
    let entry = match (copy(first, layout), copy(second, layout)) {
        (Ok(first), Ok(second)) if second.record.sequence > first.record.sequence => second,
        (Ok(first), Ok(second))
            if second.record.sequence == first.record.sequence && second != first =>
        {
            let why = "its two copies have one sequence number and differ";
            return Err(BadCopy(why.to_owned()));
        }
        (Ok(first), _) => first,
        (Err(_), Ok(second)) => second,
        (Err(bad), Err(_)) => return Err(bad),
    };
    if entry.record.sequence % 2 == index {
        Ok(entry)
    } else {
        Err(BadCopy("it holds the record of the other half".to_owned()))
    }
}
