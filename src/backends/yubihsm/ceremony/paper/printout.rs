//! Where sheets with the words go: to a printer, or to a new file in memory that is printed from.
//!
//! Never to a disk, where they would stay. The place is opened before anything happens. A file is removed again unless the
//! person has shown that the sheets are on paper; from then on it is the person's to remove.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use zeroize::Zeroizing;

use crate::os::files::filesystem::ephemeral;
use crate::remedy::{self, CommandLine};
use crate::secret_file::{NewFile, SecretFileError};
use crate::terminal::RemoveOnSignal;
use crate::text::count::count;

use super::super::mnemonic::Mnemonic;
use super::sheets::{Heading, filled};

/// Why sheets cannot go somewhere. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum PrintoutError {
    /// A disk.
    #[error(
        "sheets with the words do not go to {}: they would stay on that disk; name a printer such as /dev/usb/lp0, or a \
         new file in memory such as /dev/shm/sheets", .0.display()
    )]
    Disk(PathBuf),
    /// A file that is there, a folder, a socket.
    #[error(
        "sheets with the words do not go to {}: it is neither a printer nor a new file; name a printer such as \
         /dev/usb/lp0, or a file that does not exist in memory such as /dev/shm/sheets", .0.display()
    )]
    NotAPrinter(PathBuf),
    /// A screen, or a device that prints nothing.
    #[error(
        "{} prints nothing on paper: a screen keeps what it shows, and other devices swallow it; name a printer such as \
         /dev/usb/lp0, or a new file in memory such as /dev/shm/sheets", .0.display()
    )]
    NoPaper(PathBuf),
    /// Others may read from the pipe.
    #[error("others may read from the pipe {}; make another one with `{}`", .0.display(), private_pipe(.0))]
    Exposed(PathBuf),
    /// The other end of the pipe.
    #[error("nobody reads from the pipe {}: start what prints it first, as with `{}`", .0.display(), to_printer(.0))]
    NobodyReads(PathBuf),
    /// The file in memory.
    #[error("{0}")]
    File(SecretFileError),
    /// The system said no.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// The printer.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn private_pipe(path: &Path) -> String {
    let make = CommandLine::on_file("mkfifo", &["-m", "600"], path);
    format!("{} && {make}", remedy::remove(path))
}

fn to_printer(path: &Path) -> String {
    let show = CommandLine::on_file("cat", &[], path);
    format!("{show} > /dev/usb/lp0")
}

/// The sheets on their way to paper.
pub struct Printout {
    path: PathBuf,
    holders: u8,
    /// What a signal removes.
    waste: RemoveOnSignal,
    place: PrintTarget,
    written: bool,
    proven: bool,
}

enum PrintTarget {
    Printer(Option<File>),
    InMemory(Option<NewFile>),
}

impl Printout {
    /// Opens a printer (a character device or a pipe), or makes a new file in memory, for 1 to 20 holders.
    pub fn open(path: &Path, holders: u8, waste: RemoveOnSignal) -> Result<Self, PrintoutError> {
        let place = match fs::metadata(path) {
            Ok(found) if found.file_type().is_char_device() || found.file_type().is_fifo() => {
                PrintTarget::Printer(Some(open_printer(path, &found)?))
            }
            Ok(_) => return Err(PrintoutError::NotAPrinter(path.to_owned())),
            Err(_) => {
                let made = new_in_memory(path)?;
                // From now on: an empty file that is left behind would be in the way the next time.
                *waste.lock() = Some(path.to_owned());
                PrintTarget::InMemory(Some(made))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            holders,
            waste,
            place,
            written: false,
            proven: false,
        })
    }

    /// How many sheets.
    pub(super) fn holders(&self) -> u8 {
        self.holders
    }

    /// Writes the sheets, once.
    pub(super) fn print(
        &mut self,
        mnemonic: &Mnemonic,
        heading: Heading,
    ) -> Result<(), PrintoutError> {
        if self.written {
            return Ok(());
        }
        self.written = true;
        let text = raw(&filled(mnemonic, heading, self.holders));
        match &mut self.place {
            PrintTarget::Printer(file) => file.take().map_or(Ok(()), |mut file| {
                let written = file.write_all(text.as_bytes()).and_then(|()| file.flush());
                written.map_err(io_error(&self.path, "printing"))
            }),
            PrintTarget::InMemory(file) => {
                let file = file.take();
                let written = file.map_or(Ok(()), |file| file.finish(text.as_bytes()));
                written.map_err(PrintoutError::File)
            }
        }
    }

    /// What the person is asked to do with the sheets that were just written.
    pub(super) fn request(&self) -> String {
        let (path, copies) = (self.path.display(), count(self.holders, "sheet"));
        let first = match self.place {
            PrintTarget::Printer(_) => format!("{copies} went to {path}."),
            PrintTarget::InMemory(_) => format!(
                "{path} holds {copies}, in memory only. Print that now, from another terminal, as with `{}` (a spooler, \
                 such as that of `lp`, would keep it on a disk).",
                to_printer(&self.path)
            ),
        };
        format!(
            "{first} Compare each with these words, then press Enter; the screen is wiped, and words of each sheet are asked for."
        )
    }

    /// The sheets are on paper, as the person has shown.
    pub(super) fn proven(&mut self) {
        self.proven = true;
        *self.waste.lock() = None;
    }

    /// What is left to do with what was printed, for the person.
    pub fn left_to_do(&self) -> Option<String> {
        let path = self.path.display();
        match (&self.place, self.written, self.proven) {
            (_, false, _) | (PrintTarget::InMemory(_), _, false) => None,
            (PrintTarget::InMemory(_), _, true) => Some(format!(
                "the words are still in {path}: `{}` when the sheets are printed",
                remedy::remove(&self.path)
            )),
            (PrintTarget::Printer(_), _, true) => Some(format!(
                "a printer remembers what it printed: turn {path} off, and clear its queue if it has one"
            )),
            (PrintTarget::Printer(_), _, false) => Some(format!(
                "sheets with words came out of {path}: destroy them unless they are of a mnemonic in use, and turn the \
                 printer off"
            )),
        }
    }
}

impl Drop for Printout {
    fn drop(&mut self) {
        if let (PrintTarget::InMemory(_), false) = (&self.place, self.proven) {
            let _ = fs::remove_file(&self.path);
            *self.waste.lock() = None;
        }
    }
}

/// A printer that is fed directly goes on in the column where a line ended, unless it is told to return.
fn raw(text: &str) -> Zeroizing<String> {
    let mut raw = Zeroizing::new(String::with_capacity(2 * text.len()));
    for line in text.lines() {
        raw.push_str(line);
        raw.push_str("\r\n");
    }
    raw
}

fn io_error(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> PrintoutError {
    let path = path.to_owned();
    move |source| PrintoutError::Io {
        path: path.clone(),
        doing,
        source,
    }
}

/// Opens what is there and prints. A pipe that nobody reads from does not hold the ceremony up.
fn open_printer(path: &Path, found: &fs::Metadata) -> Result<File, PrintoutError> {
    if found.file_type().is_char_device() && swallows(found.rdev()) {
        return Err(PrintoutError::NoPaper(path.to_owned()));
    }
    let me = rustix::process::geteuid().as_raw();
    if found.file_type().is_fifo() && (found.mode() & 0o044 != 0 || found.uid() != me) {
        return Err(PrintoutError::Exposed(path.to_owned()));
    }
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(path);
    let nobody = Some(rustix::io::Errno::NXIO.raw_os_error());
    let file = file.map_err(|error| match error.raw_os_error() == nobody {
        true if found.file_type().is_fifo() => PrintoutError::NobodyReads(path.to_owned()),
        _ => io_error(path, "opening it")(error),
    })?;
    // From here on a printer may take its time.
    let waits = fcntl_getfl(&file).and_then(|now| fcntl_setfl(&file, now - OFlags::NONBLOCK));
    waits.map_err(|errno| io_error(path, "opening it")(errno.into()))?;
    Ok(file)
}

/// Devices of memory (such as /dev/null), and terminals with a screen. Source: the kernel's
/// Documentation/admin-guide/devices.txt.
#[cfg(target_os = "linux")]
fn swallows(device: u64) -> bool {
    use rustix::fs::{major, minor};
    match (major(device), minor(device)) {
        (1 | 5 | 136..=143, _) => true,
        (4, screen) => screen < 64,
        _ => false,
    }
}

/// Elsewhere it is not known which device is a printer; a pipe to one is as good.
#[cfg(not(target_os = "linux"))]
fn swallows(_: u64) -> bool {
    true
}

fn new_in_memory(path: &Path) -> Result<NewFile, PrintoutError> {
    let made = NewFile::open(path).map_err(PrintoutError::File)?;
    let kind = ephemeral(made.file());
    match kind.map_err(io_error(path, "asking what it is on"))? {
        Some("tmpfs" | "ramfs") => Ok(made),
        _ => Err(PrintoutError::Disk(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use super::*;
    use crate::backends::yubihsm::protocol::identity::Serial;
    use crate::text::date::Date;

    fn heading() -> Heading {
        Heading {
            serial: Serial(7),
            date: Date::of(Duration::ZERO),
        }
    }

    fn refused(path: &Path) -> String {
        let result = Printout::open(path, 2, RemoveOnSignal::default());
        result.err().map(|error| error.to_string()).unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_would_keep_the_words_or_lose_them_is_refused() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let on_disk = folder.path().join("sheets");
        let kind = ephemeral(&File::open(folder.path()).unwrap()).unwrap();
        // The sources may be in memory, too.
        if !matches!(kind, Some("tmpfs" | "ramfs")) {
            let told = refused(&on_disk);
            assert!(told.contains("would stay on that disk"), "{told}");
            assert!(told.contains("/dev/usb/lp0") && told.contains("/dev/shm"));
            assert!(!on_disk.exists(), "and nothing is left there");
        }
        fs::write(&on_disk, "before").unwrap();
        assert!(refused(&on_disk).contains("neither a printer nor a new file"));
        assert!(refused(folder.path()).contains("neither"));
        assert!(refused(Path::new("/dev/null")).contains("prints nothing"));
        for terminal in [(4, 1), (5, 0), (5, 1), (136, 3), (1, 3)] {
            assert!(swallows(rustix::fs::makedev(terminal.0, terminal.1)));
        }
        for printer in [(180, 0), (6, 0), (4, 64), (188, 0)] {
            assert!(!swallows(rustix::fs::makedev(printer.0, printer.1)));
        }
    }

    #[test]
    fn a_pipe_needs_a_reader_and_no_strangers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("printer");
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        assert!(refused(&path).contains("mkfifo -m 600"));
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert!(refused(&path).contains("nobody reads"));
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut text = String::new();
                File::open(path).unwrap().read_to_string(&mut text).unwrap();
                text
            }
        });
        let mut printout = loop {
            match Printout::open(&path, 2, RemoveOnSignal::default()) {
                Err(PrintoutError::NobodyReads(_)) => std::thread::yield_now(),
                other => break other.map_err(|error| error.to_string()).unwrap(),
            }
        };
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        printout.print(&mnemonic, heading()).unwrap();
        printout.print(&mnemonic, heading()).unwrap();
        let text = reader.join().unwrap();
        let (sheets, lines) = (filled(&mnemonic, heading(), 2), text.replace("\r\n", "\n"));
        assert_eq!(lines, *sheets, "once, and with ends of lines for a printer");
        assert!(printout.left_to_do().unwrap().contains("destroy them"));
        printout.proven();
        assert!(printout.left_to_do().unwrap().contains("turn"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_in_memory_is_removed_unless_the_paper_was_proven() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let path = folder.path().join("sheets");
        let mnemonic = Mnemonic::from_entropy(&[7; 32]);
        let open = |waste: &RemoveOnSignal| Printout::open(&path, 1, waste.clone()).ok().unwrap();
        let waste = RemoveOnSignal::default();
        let unused = open(&waste);
        assert_eq!(waste.lock().as_ref(), Some(&path), "for a signal");
        drop(unused);
        assert!(!path.exists() && waste.lock().is_none());
        let mut printout = open(&waste);
        printout.print(&mnemonic, heading()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(waste.lock().as_ref(), Some(&path));
        drop(printout);
        assert!(!path.exists());
        assert!(waste.lock().is_none());
        let mut printout = open(&waste);
        printout.print(&mnemonic, heading()).unwrap();
        printout.proven();
        assert!(waste.lock().is_none());
        assert!(printout.left_to_do().unwrap().contains("rm /dev/shm/"));
        drop(printout);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            *raw(&filled(&mnemonic, heading(), 1))
        );
    }
}
