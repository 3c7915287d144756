//! Secrets handed over to the same program, executed again in the same process.
//!
//! They travel in a pipe, of which only its end for reading outlives execve(2): the kernel keeps what is in it, no file
//! system and no swap has it, and what was read is gone from it. The process keeps its number, arguments, signal mask,
//! descriptors and all other variables, so that the process that started it notices nothing.

#[cfg(target_os = "linux")]
pub use linux::{execute_again, take};

/// The variable in which the new program finds the pipe: `PID:DESCRIPTOR`. The number of the process is in it because a
/// child may inherit the variable, and never the descriptor.
pub const VARIABLE: &str = "TMKMS_HANDED_OVER";

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::Command;

    use rustix::fs::OFlags;
    use rustix::io::FdFlags;
    use zeroize::Zeroizing;

    use super::VARIABLE;

    /// What fits into a pipe of the usual size, in bytes.
    const LARGEST: u64 = 64 * 1024;

    /// Executes this program again with the same arguments, `without` some variables, and with `content` in a pipe. Returns
    /// only where that is impossible, with the reason; then nothing has changed.
    pub fn execute_again<'a>(
        content: &[u8],
        without: impl IntoIterator<Item = &'a str>,
    ) -> io::Error {
        let mut command = match prepare(content) {
            Ok(command) => command,
            Err(error) => return error,
        };
        for name in without {
            command.0.env_remove(name);
        }
        command.0.exec()
    }

    /// The command, and the end of the pipe that it inherits.
    fn prepare(content: &[u8]) -> io::Result<(Command, io::PipeReader)> {
        let program = program()?;
        let (reader, mut writer) = io::pipe()?;
        // What does not fit must not wait for a reader that is not there yet.
        rustix::fs::fcntl_setfl(&writer, OFlags::NONBLOCK)?;
        let fits = u64::try_from(content.len()).is_ok_and(|length| length <= LARGEST);
        if !fits || writer.write(content)? != content.len() {
            return Err(io::Error::other("they are longer than a pipe holds"));
        }
        drop(writer);
        rustix::io::fcntl_setfd(&reader, FdFlags::empty())?;
        let mut arguments = std::env::args_os();
        let mut command = Command::new(&program);
        command.arg0(arguments.next().unwrap_or(OsString::from(&program)));
        let place = format!("{}:{}", std::process::id(), reader.as_raw_fd());
        command.args(arguments).env(VARIABLE, place);
        Ok((command, reader))
    }

    /// The path of the file that this process runs. Not `/proc/self/exe` itself: the process would be called `exe`, and
    /// other signers of the host would not know it for one.
    fn program() -> io::Result<PathBuf> {
        let path = std::env::current_exe()?;
        let [there, mine] = [path.metadata()?, std::fs::metadata("/proc/self/exe")?];
        match (there.dev(), there.ino()) == (mine.dev(), mine.ino()) {
            true => Ok(path),
            false => Err(io::Error::other("the program's file has been replaced")),
        }
    }

    /// What was handed over to this process, if `place` (the content of [`VARIABLE`]) says that something was. Afterwards
    /// the pipe is empty and closed.
    ///
    /// Comes before any other thread, which could hand the descriptor on to a child.
    ///
    /// # Errors
    /// Where the pipe is not there, or cannot be read.
    pub fn take(place: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(number) = place.split_once(':').and_then(|(process, descriptor)| {
            let mine = process.parse() == Ok(std::process::id());
            mine.then(|| descriptor.parse::<i32>().ok())?
        }) else {
            return Ok(None);
        };
        // Opened again and not adopted, because a number by itself proves no ownership.
        let pipe = File::open(format!("/proc/self/fd/{number}"))?;
        if !pipe.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other("it is not a pipe"));
        }
        let mut content = Zeroizing::new(Vec::with_capacity(
            usize::try_from(LARGEST + 64).unwrap_or_default(),
        ));
        pipe.take(LARGEST).read_to_end(&mut content)?;
        nix::unistd::close(number)?;
        Ok(Some(content))
    }
}

/// Returns why this is impossible.
#[cfg(not(target_os = "linux"))]
pub fn execute_again<'a>(_: &[u8], _: impl IntoIterator<Item = &'a str>) -> std::io::Error {
    std::io::Error::other("that is done on Linux only")
}

/// Nothing is handed over here.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn take(_: &str) -> std::io::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
    Ok(None)
}
