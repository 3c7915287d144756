//! Threads that stand back for those that sign.

/// Lowers the priority of the calling thread. On Linux a thread has one of its own; elsewhere nothing is done, because
/// it would lower the whole process.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // Without it the thread only competes a little more.
        let _ = rustix::process::setpriority_process(None, 10);
    }
}
