//! Keeping secrets out of swap and core dumps (W14).

/// What could not be hardened, in words with the remedy. Signing goes on all the same.
pub fn harden() -> Vec<String> {
    let mut warnings = forbid_core_dumps();
    lock_memory(&mut warnings);
    warnings
}

#[cfg(target_os = "linux")]
fn no_core_dumps(warnings: &mut Vec<String>) {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        warnings.push(format!("core dumps could not be forbidden: {error}"));
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        warnings.push(format!(
            "this process could not be made undumpable: {error}"
        ));
    }
}

/// The first part of [`harden`]: before any secret is read.
pub fn forbid_core_dumps() -> Vec<String> {
    let mut warnings = Vec::new();
    no_core_dumps(&mut warnings);
    warnings
}

/// ONFAULT: pages are locked when they are first used. Without it 400 link stacks cost 800 MB (measured).
///
/// A finite limit would let this call succeed and the next thread's stack fail, so it is looked at first.
#[cfg(target_os = "linux")]
fn lock_memory(warnings: &mut Vec<String>) {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{Resource, getrlimit};
    use rustix::thread::{CapabilitySet, capabilities};
    let limited = getrlimit(Resource::Memlock).current.is_some();
    let exempt =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let result = if limited && !exempt {
        Err("the limit of locked memory is finite".to_owned())
    } else {
        let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        mlockall(flags).map_err(|error| error.to_string())
    };
    if let Err(why) = result {
        warnings.push(format!(
            "memory could not be locked, so keys may reach the swap: {why}; \
             raise the limit (`LimitMEMLOCK=infinity` in the systemd unit) or turn swap off"
        ));
    }
}

#[cfg(not(target_os = "linux"))]
fn no_core_dumps(_: &mut Vec<String>) {}

#[cfg(not(target_os = "linux"))]
fn lock_memory(warnings: &mut Vec<String>) {
    warnings.push(
        "memory is locked on Linux only: turn swap off, so that keys cannot reach it".to_owned(),
    );
}
