//! What this process uses of the host: time, memory, files.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use crate::os::clock::cpu_time;

/// What this process uses by now; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Processor time of all its threads, of those that ended, too.
    pub cpu: Duration,
    /// Memory in RAM, in bytes.
    pub resident: Option<u64>,
    /// Address space, in bytes.
    pub address_space: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
    /// How many it may open; `None` for no limit, too.
    pub most_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl ProcessUsage {
    /// Asks the system. Facts: proc(5), on Linux; elsewhere only time and limit are known.
    pub fn now() -> Self {
        let pages = std::fs::read_to_string("/proc/self/statm").ok();
        let page_size = u64::try_from(rustix::param::page_size()).ok();
        let memory = |at| {
            let count: u64 = pages.as_deref()?.split(' ').nth(at)?.parse().ok()?;
            count.checked_mul(page_size?)
        };
        Self {
            cpu: cpu_time(),
            resident: memory(1),
            address_space: memory(0),
            // Without the one that this look itself opens.
            open_files: entries("/proc/self/fd").map(|count| count.saturating_sub(1)),
            most_files: getrlimit(Resource::Nofile).current,
            threads: entries("/proc/self/task"),
        }
    }
}

fn entries(folder: &str) -> Option<u64> {
    u64::try_from(std::fs::read_dir(folder).ok()?.count()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_this_process_uses_grows_with_what_it_takes() {
        let before = ProcessUsage::now();
        // Touched, so that it is in RAM; read, so that it is not left out.
        // Other tests take and give back some tens of MiB at the same time.
        let block = vec![1_u8; 192 << 20];
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_millis(30) {
            std::hint::black_box(
                block
                    .iter()
                    .step_by(4096)
                    .map(|byte| u64::from(*byte))
                    .sum::<u64>(),
            );
        }
        let after = ProcessUsage::now();
        let grown =
            |of: fn(&ProcessUsage) -> Option<u64>| of(&after).unwrap() - of(&before).unwrap();
        assert!(grown(|usage| usage.address_space) >= 100 << 20);
        assert!(grown(|usage| usage.resident) >= 100 << 20);
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
        assert!(after.resident < after.address_space);
        // Standard streams at least; other tests open files at the same time.
        assert!(after.open_files.unwrap() >= 3 && after.open_files < after.most_files);
        assert!(after.threads.unwrap() >= 2, "this test's and the main one");
    }
}
