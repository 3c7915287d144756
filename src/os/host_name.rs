//! What this host is called.

/// The name that this host calls itself by, as `uname -n` shows it.
pub fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    name.chars()
        .filter(|char| !char.is_control())
        .take(64)
        .collect()
}
