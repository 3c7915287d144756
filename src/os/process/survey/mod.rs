//! The processes of this host that work in a home, as far as they may be seen: a signer must not run while its state is
//! taken over (W20).

mod found;
mod home;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod program;

pub use found::{InHome, Sign, Survey, Unseen};
pub use home::Home;

/// Looks for processes in any of these homes. `known` are left out, as are this process, its ancestors, and what it
/// is piped to or from.
#[cfg(target_os = "linux")]
pub fn in_homes(homes: &[Home], known: &[u32]) -> Survey {
    linux::in_homes(homes, known)
}

/// Looks for processes in any of these homes: here the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn in_homes(_homes: &[Home], _known: &[u32]) -> Survey {
    Survey {
        found: Vec::new(),
        unseen: vec![Unseen::All],
    }
}
