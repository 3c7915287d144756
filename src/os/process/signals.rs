//! Signals as values that one thread reads, so that none of them ends or stops the process by itself.
//!
//! On Linux they are blocked in every thread and read from a signalfd(2), which names the sender, too. A blocked `SIGTTOU`
//! also lets a background process write to a terminal with `stty tostop`. Not blocked are the faults of the process itself,
//! which nobody could return from, and those that end nothing by default. Elsewhere handlers take the best-known ones,
//! without a sender.

use std::fmt;
use std::io;

/// The number of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number(pub i32);

impl Number {
    #[cfg(target_os = "linux")]
    fn name(self) -> Option<&'static str> {
        let signal = nix::sys::signal::Signal::try_from(self.0).ok()?;
        Some(signal.as_str())
    }

    #[cfg(not(target_os = "linux"))]
    fn name(self) -> Option<&'static str> {
        signal_hook::low_level::signal_name(self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "real-time signal {}", self.0),
        }
    }
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its process.
    pub pid: u32,
    /// The user that it runs as.
    pub uid: u32,
}

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Which one.
    pub signal: Number,
    /// `None` where the kernel sent it (a key of the terminal, a limit), or the system does not tell.
    pub sender: Option<Sender>,
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sender {
            Some(Sender { pid, uid }) => {
                write!(f, "{} from process {pid} of user {uid}", self.signal)
            }
            None => write!(f, "{}", self.signal),
        }
    }
}

#[cfg(target_os = "linux")]
pub use signalfd::Signals;

#[cfg(target_os = "linux")]
mod signalfd {
    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::signalfd::{SfdFlags, SignalFd};

    use super::{Arrived, Number, Sender, io};

    /// What stays as it is: the process's own faults, `SIGPIPE` (a write says so itself), and what ends nothing.
    const LEFT_ALONE: [Signal; 10] = [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
        Signal::SIGSYS,
        Signal::SIGPIPE,
        Signal::SIGCHLD,
        Signal::SIGCONT,
        Signal::SIGURG,
        Signal::SIGWINCH,
    ];

    /// The signals of this process from now on.
    #[derive(Debug)]
    pub struct Signals(SignalFd);

    impl Signals {
        /// Blocks the signals in this thread and in all that it starts later, so it comes before any other thread.
        ///
        /// # Errors
        /// Where the system gives no descriptor.
        pub fn block() -> io::Result<Self> {
            let mut set = SigSet::all();
            LEFT_ALONE.iter().for_each(|signal| set.remove(*signal));
            set.thread_block()?;
            Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?))
        }

        /// Waits for the next one.
        ///
        /// # Errors
        /// What reading the descriptor says.
        pub fn wait(&mut self) -> io::Result<Arrived> {
            loop {
                match self.0.read_signal() {
                    Ok(Some(info)) => {
                        return Ok(Arrived {
                            signal: Number(i32::try_from(info.ssi_signo).unwrap_or_default()),
                            sender: (info.ssi_pid != 0).then_some(Sender {
                                pid: info.ssi_pid,
                                uid: info.ssi_uid,
                            }),
                        });
                    }
                    Ok(None) | Err(nix::errno::Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use handlers::Signals;

#[cfg(not(target_os = "linux"))]
mod handlers {
    use signal_hook::consts::{
        SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM,
        SIGXCPU, SIGXFSZ,
    };

    use super::{Arrived, Number, io};

    /// The signals of this process from now on.
    #[derive(Debug)]
    pub struct Signals(signal_hook::iterator::Signals);

    impl Signals {
        /// Takes the signals.
        ///
        /// # Errors
        /// Where the system refuses a handler.
        pub fn block() -> io::Result<Self> {
            signal_hook::iterator::Signals::new([
                SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
                SIGTSTP, SIGXCPU, SIGXFSZ,
            ])
            .map(Self)
        }

        /// Waits for the next one.
        ///
        /// # Errors
        /// Where no more will come.
        pub fn wait(&mut self) -> io::Result<Arrived> {
            let next = self.0.forever().next();
            let signal = next.ok_or_else(|| io::Error::other("no more signals are told"))?;
            Ok(Arrived {
                signal: Number(signal),
                sender: None,
            })
        }
    }
}
