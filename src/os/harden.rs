//! Keeping secrets out of swap and core dumps (W14).

/// What could not be hardened, in words with the remedy. Signing goes on all the same.
pub fn harden() -> Vec<String> {
    let mut warnings = Vec::new();
    no_core_dumps(&mut warnings);
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

/// ONFAULT: pages are locked when they are first used. Without it 400 link stacks cost 800 MB (measured).
#[cfg(target_os = "linux")]
fn lock_memory(warnings: &mut Vec<String>) {
    use rustix::mm::{MlockAllFlags, mlockall};
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    if let Err(error) = mlockall(flags) {
        warnings.push(format!(
            "memory could not be locked, so keys may reach the swap: {error}; \
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
