//! Threads: the one place where they are started, with a name, a stack of a known size, and a rule for a panic.
//!
//! The line in the log that says where a panic was is the panic hook's. What becomes of the work differs: [`spawn`] leaves it
//! to the owner of the handle, [`spawn_vital`] ends the service, [`spawn_observer`] begins again.

mod reloads;
mod shutdown;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};
use std::time::Duration;

pub use reloads::{ReloadAnswer, ReloadInbox, ReloadRequest, Reloads};
pub use shutdown::{Shutdown, ShutdownCause};

/// The stack of a thread in bytes, where no library needs more.
pub const STACK: usize = 256 * 1024;
/// The stack of a thread in bytes that makes TLS handshakes or talks to a device.
pub const LARGE_STACK: usize = 512 * 1024;
/// The stack of arithmetic with large matrices in bytes ([`on_own_stack`]): ML-DSA takes 224 KiB of it, 640 KiB without
/// optimisation.
pub const OWN_STACK: usize = 1024 * 1024;
/// Before a thread that looked on begins again.
const AGAIN: Duration = Duration::from_secs(1);

/// Lets threads that wait for this processor go first: called between pieces of work beside which votes are signed, each of which
/// is short. Otherwise Linux may let a thread that computes finish its time slice of some milliseconds, whatever its priority.
pub fn give_way() {
    std::thread::yield_now();
}

/// Starts a thread. A panic ends only it; the thread that joins it is told. `name` has 15 bytes at most, the rest is cut by Linux.
///
/// # Errors
/// The host has no room for another thread.
pub fn spawn<T: Send + 'static>(
    name: &str,
    stack: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new()
        .name(name.to_owned())
        .stack_size(stack)
        .spawn(body)
}

/// Starts a thread that ends within a [`std::thread::scope`]. As [`spawn`] otherwise.
///
/// # Errors
/// The host has no room for another thread.
pub fn spawn_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    stack: usize,
    body: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new()
        .name(name.to_owned())
        .stack_size(stack)
        .spawn_scoped(scope, body)
}

/// Does `work` on a stack of `stack` bytes, mostly [`OWN_STACK`], and waits for it, for arithmetic that needs more than its
/// caller may have.
///
/// # Errors
/// The host has no room for the thread, or the work panicked.
pub fn on_own_stack<T: Send>(
    name: &str,
    stack: usize,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = spawn_scoped(scope, name, stack, work)?;
        thread
            .join()
            .map_err(|_| io::Error::other("it ended with a bug"))
    })
}

/// Starts a thread that the service cannot do without. A bug in it ends the service in order, and a service manager brings
/// the whole back.
///
/// # Errors
/// The host has no room for another thread.
pub fn spawn_vital(
    name: &'static str,
    stop: &Arc<Shutdown>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let stop = stop.clone();
    let thread = spawn(name, STACK, move || {
        // Nothing of the body is used afterwards.
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            stop.trigger_for(ShutdownCause::Panicked(name.to_owned()));
        }
    });
    thread.map(drop)
}

/// Starts a thread that only looks on. A bug in it costs no signature: it begins again.
///
/// # Errors
/// The host has no room for another thread.
pub fn spawn_observer(
    name: &'static str,
    stack: usize,
    stop: &Arc<Shutdown>,
    body: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let stop = stop.clone();
    let thread = spawn(name, stack, move || {
        while catch_unwind(AssertUnwindSafe(&body)).is_err() {
            if stop.wait(AGAIN) {
                return;
            }
        }
    });
    thread.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_thread_has_its_name_and_its_panic_ends_it_alone() {
        let name = || std::thread::current().name().map(str::to_owned);
        let thread = spawn("quiet", STACK, name).unwrap();
        assert_eq!(thread.join().unwrap().as_deref(), Some("quiet"));
        assert!(
            spawn("broken", STACK, || panic!("on purpose"))
                .unwrap()
                .join()
                .is_err()
        );
        let scoped = std::thread::scope(|scope| {
            spawn_scoped(scope, "scoped", STACK, name)
                .unwrap()
                .join()
                .unwrap()
        });
        assert_eq!(scoped.as_deref(), Some("scoped"));
    }

    /// What lies between a variable and the beginning of its mapping is the rest of the stack, whatever lies above it. The C
    /// library gives stacks of threads that ended again, larger ones, too (40 MB of them at most), so many are asked for at once.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_has_the_stack_that_was_asked_for() {
        const MANY: usize = 64;
        let all = Arc::new(std::sync::Barrier::new(MANY));
        let below = move || {
            all.wait();
            let variable = 0_u8;
            let here = std::ptr::from_ref(&variable).addr();
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let address = |text: &str| usize::from_str_radix(text, 16).unwrap();
            let mut starts = maps.lines().filter_map(|line| {
                let (start, rest) = line.split_once('-')?;
                let (end, _) = rest.split_once(' ')?;
                (address(start)..address(end))
                    .contains(&here)
                    .then(|| address(start))
            });
            let left = here - starts.next().unwrap();
            all.wait();
            left
        };
        let judge = |stack: usize, lefts: Vec<usize>| {
            let least = *lefts.iter().min().unwrap();
            assert!(least < stack && least > stack / 2, "{lefts:?} of {stack}");
        };
        for stack in [STACK, LARGE_STACK] {
            let started: Vec<_> = (0..MANY)
                .map(|_| spawn("stack", stack, below.clone()).unwrap())
                .collect();
            let lefts = started.into_iter().map(|thread| thread.join().unwrap());
            judge(stack, lefts.collect());
            std::thread::scope(|scope| {
                let started: Vec<_> = (0..MANY)
                    .map(|_| spawn_scoped(scope, "stack", stack, below.clone()).unwrap())
                    .collect();
                let lefts = started.into_iter().map(|thread| thread.join().unwrap());
                judge(stack, lefts.collect());
            });
        }
    }

    #[test]
    fn what_has_a_stack_of_its_own_is_waited_for_and_its_panic_is_its_own() {
        let large = || std::hint::black_box([7_u8; 400 * 1024]).len();
        let below = spawn("caller", STACK, move || {
            on_own_stack("large", OWN_STACK, large)
        })
        .unwrap();
        assert_eq!(below.join().unwrap().unwrap(), 400 * 1024);
        let broken = on_own_stack::<()>("broken", OWN_STACK, || panic!("on purpose"));
        assert!(broken.is_err());
        assert!(on_own_stack("room", usize::MAX / 4, || ()).is_err());
    }

    #[test]
    fn a_vital_thread_that_panics_ends_the_service_by_name_and_one_that_returns_does_not() {
        let stop = Arc::new(Shutdown::default());
        spawn_vital("quiet", &stop, || {}).unwrap();
        assert!(!stop.wait(Duration::from_millis(50)));
        spawn_vital("broken", &stop, || panic!("on purpose")).unwrap();
        assert!(stop.wait(Duration::from_secs(10)));
        assert_eq!(
            stop.cause(),
            Some(ShutdownCause::Panicked("broken".to_owned()))
        );
    }

    #[test]
    fn an_observer_that_panics_begins_again_and_ends_nothing() {
        let stop = Arc::new(Shutdown::default());
        let turns = Arc::new(AtomicU32::new(0));
        let inner = turns.clone();
        spawn_observer("looks", STACK, &stop, move || {
            assert!(inner.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
        })
        .unwrap();
        assert!(!stop.wait(AGAIN * 3));
        assert_eq!(turns.load(Ordering::SeqCst), 2);
    }
}
