//! Threads of the service, and what becomes of one that ends by a bug: its line in the log is the panic hook's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use super::ServiceError;
use super::stop::{Cause, Stop};

/// The stack of a thread in bytes.
pub(super) const STACK: usize = 256 * 1024;
/// Before a thread that looked on begins again.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts a thread that the service cannot do without. A bug in it ends the service in order, and a service manager brings
/// the whole back.
pub(super) fn spawn_vital(
    name: &'static str,
    stop: &Arc<Stop>,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), ServiceError> {
    let stop = stop.clone();
    spawn(name, STACK, move || {
        // Nothing of the body is used afterwards.
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            stop.trigger_for(Cause::Panicked(name.to_owned()));
        }
    })
}

/// Starts a thread that only looks on. A bug in it costs no signature: it begins again.
pub(super) fn spawn_observer(
    name: &'static str,
    stack: usize,
    stop: &Arc<Stop>,
    body: impl Fn() + Send + 'static,
) -> Result<(), ServiceError> {
    let stop = stop.clone();
    spawn(name, stack, move || {
        while catch_unwind(AssertUnwindSafe(&body)).is_err() {
            if stop.wait(AGAIN) {
                return;
            }
        }
    })
}

fn spawn(
    name: &'static str,
    stack: usize,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), ServiceError> {
    let builder = Builder::new().name(name.to_owned()).stack_size(stack);
    builder.spawn(body).map(drop).map_err(ServiceError::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_vital_thread_that_panics_ends_the_service_by_name_and_one_that_returns_does_not() {
        let stop = Arc::new(Stop::default());
        spawn_vital("quiet", &stop, || {}).unwrap();
        assert!(!stop.wait(Duration::from_millis(50)));
        spawn_vital("broken", &stop, || panic!("on purpose")).unwrap();
        assert!(stop.wait(Duration::from_secs(10)));
        assert_eq!(stop.cause(), Some(Cause::Panicked("broken".to_owned())));
    }

    #[test]
    fn an_observer_that_panics_begins_again_and_ends_nothing() {
        let stop = Arc::new(Stop::default());
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
