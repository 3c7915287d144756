//! Whom the listener looks at, before anything is known of him but where he comes from.
//!
//! A handshake costs this host some work and a thread. So few are under way at once, two from one address; strangers have places and a
//! pace of their own, and can never take those that addresses of members have.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// So many handshakes with others than members' addresses may be under way.
const STRANGERS: usize = 8;
/// So many from one source.
const EACH: usize = 2;
/// So many strangers are looked at at once, and then one in each [`PACE`].
const BURST: u32 = 20;
/// See [`BURST`].
const PACE: Duration = Duration::from_millis(100);

/// Where somebody comes from: an address of IPv4, or the network of 64 bits of one of IPv6, which is one subscriber's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subscriber(IpAddr);

impl Subscriber {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// A place at the door, to be given back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DoorPlace {
    /// Of a member's address.
    Member(IpAddr),
    /// Of anybody else.
    Stranger(IpAddr),
}

/// Who is being looked at.
#[derive(Debug, Default)]
pub(super) struct Doorman {
    members: BTreeSet<IpAddr>,
    from_members: BTreeMap<IpAddr, usize>,
    from_strangers: BTreeMap<Subscriber, usize>,
    /// Strangers that may still be looked at.
    left: u32,
    filled: Option<Duration>,
}

impl Doorman {
    /// These are the addresses of members from now on.
    pub(super) fn know(&mut self, members: impl IntoIterator<Item = IpAddr>) {
        self.members = members.into_iter().map(|it| it.to_canonical()).collect();
    }

    /// Whether to look at somebody from this address at `now` (any clock that only moves forward).
    pub(super) fn enter(&mut self, from: IpAddr, now: Duration) -> Option<DoorPlace> {
        let from = from.to_canonical();
        if self.members.contains(&from) {
            let inside = self.from_members.entry(from).or_default();
            return (*inside < EACH).then(|| {
                *inside += 1;
                DoorPlace::Member(from)
            });
        }
        let all: usize = self.from_strangers.values().sum();
        let inside = self.from_strangers.get(&Subscriber::of(from)).copied();
        let inside = inside.unwrap_or(0);
        if all >= STRANGERS || inside >= EACH || !self.is_paced(now) {
            return None;
        }
        self.from_strangers.insert(Subscriber::of(from), inside + 1);
        Some(DoorPlace::Stranger(from))
    }

    /// He is known by now, or gone.
    pub(super) fn leave(&mut self, place: DoorPlace) {
        match place {
            DoorPlace::Member(address) => leave(&mut self.from_members, address),
            DoorPlace::Stranger(address) => {
                leave(&mut self.from_strangers, Subscriber::of(address))
            }
        }
    }

    fn is_paced(&mut self, now: Duration) -> bool {
        let since = self.filled.map(|filled| now.saturating_sub(filled));
        match since {
            None => (self.left, self.filled) = (BURST, Some(now)),
            Some(since) => {
                let more = u32::try_from(since.as_millis() / PACE.as_millis()).unwrap_or(BURST);
                if more > 0 {
                    self.left = self.left.saturating_add(more).min(BURST);
                    self.filled = Some(now);
                }
            }
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

fn leave<K: Ord>(inside: &mut BTreeMap<K, usize>, who: K) {
    match inside.get_mut(&who) {
        Some(many) if *many > 1 => *many -= 1,
        // Nothing is kept of those who are not there.
        _ => drop(inside.remove(&who)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn strangers_take_no_place_of_a_member() {
        let mut doorman = Doorman::default();
        doorman.know([v4(1), v4(2)]);
        let inside: Vec<DoorPlace> = (10..100)
            .filter_map(|last| doorman.enter(v4(last), NOW))
            .collect();
        assert_eq!(inside.len(), STRANGERS);
        for member in [v4(1), v4(2)] {
            let places: Vec<DoorPlace> =
                (0..9).filter_map(|_| doorman.enter(member, NOW)).collect();
            assert_eq!(places.len(), EACH);
        }
        // As it is seen on a socket for both families.
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(doorman.enter(mapped, NOW), None);
        doorman.leave(DoorPlace::Member(v4(1)));
        assert_eq!(doorman.enter(mapped, NOW), Some(DoorPlace::Member(v4(1))));
    }

    #[test]
    fn one_source_has_two_places_whatever_its_addresses() {
        let mut doorman = Doorman::default();
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = doorman.enter(v6("2001:db8::1"), NOW).unwrap();
        assert!(doorman.enter(v6("2001:db8::2"), NOW).is_some());
        assert!(doorman.enter(v6("2001:db8::3"), NOW).is_none());
        assert!(doorman.enter(v6("2001:db8:0:1::3"), NOW).is_some());
        doorman.leave(first);
        assert!(doorman.enter(v6("2001:db8::3"), NOW).is_some());
        let one: Vec<_> = (0..5).map(|_| doorman.enter(v4(1), NOW)).collect();
        assert_eq!(one.iter().flatten().count(), EACH);
    }

    #[test]
    fn a_flood_is_looked_at_in_peace() {
        let mut doorman = Doorman::default();
        let mut seen = 0;
        // One each millisecond for ten seconds, each gone at once.
        for millisecond in 0..10_000_u32 {
            let source = IpAddr::from((0x0a00_0000 + millisecond).to_be_bytes());
            let now = NOW + Duration::from_millis(millisecond.into());
            if let Some(place) = doorman.enter(source, now) {
                doorman.leave(place);
                seen += 1;
            }
        }
        assert!((100..=120).contains(&seen), "{seen}");
        assert!(doorman.from_strangers.is_empty());
        // Members come in all the same.
        doorman.know([v4(1)]);
        assert!(doorman.enter(v4(1), NOW).is_some());
    }

    #[test]
    fn places_are_given_back_also_when_the_addresses_have_changed() {
        let mut doorman = Doorman::default();
        doorman.know([v4(1)]);
        let member = doorman.enter(v4(1), NOW).unwrap();
        doorman.know([v4(2)]);
        let stranger = doorman.enter(v4(1), NOW).unwrap();
        assert_eq!(stranger, DoorPlace::Stranger(v4(1)));
        doorman.leave(member);
        doorman.leave(stranger);
        assert!(doorman.from_members.is_empty() && doorman.from_strangers.is_empty());
    }
}
