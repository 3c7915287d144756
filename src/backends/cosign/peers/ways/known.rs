//! The addresses from which members come, as far as they are known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::backends::cosign::peers::shared::Shared;
use crate::link::names::{Names, SystemResolver};

/// How often names are looked up again.
const AGAIN: Duration = Duration::from_secs(60);
/// The same while one of them has never had an address.
const SOON: Duration = Duration::from_secs(5);

/// Looks the names of the hosts of those who dial this member up, now and then, until the end. Addresses are known for good.
pub(in crate::backends::cosign::peers) fn keep_known(shared: &Shared) {
    let dialling = shared.slots.values().filter(|slot| !slot.is_dialled);
    let hosts: Vec<(&str, u16)> = dialling
        .map(|slot| (&*slot.place.host, slot.place.port))
        .collect();
    let mut names: Vec<Names> = hosts
        .iter()
        .map(|(host, port)| Names::new(host, *port, Arc::new(SystemResolver)))
        .collect();
    let is_fixed = hosts.iter().all(|(host, _)| host.parse::<IpAddr>().is_ok());
    loop {
        let mut known = Vec::new();
        let mut missing = false;
        for name in &mut names {
            // Without a thread there is still what was known before.
            let _ = name.begin();
            let found = name.addresses(None).unwrap_or_default();
            missing |= found.is_empty();
            known.extend(found.iter().map(SocketAddr::ip));
        }
        shared.door.know(known);
        if is_fixed || shared.stop.wait(if missing { SOON } else { AGAIN }) {
            return;
        }
    }
}
