//! Devices that a running service has open, and whatever else it has one of. A configuration that is read again means the same
//! device by the same words, and two of us cannot have it.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Devices that were read from a configuration and are still somebody's. Clones know the same ones.
#[derive(Clone, Default)]
pub struct KnownDevices(Arc<Mutex<Vec<Weak<dyn Any + Send + Sync>>>>);

impl KnownDevices {
    /// The device that is known already and is the `same` as `new`; otherwise `new`, which is known from now on.
    pub fn known_or<T: Any + Send + Sync>(&self, new: T, same: impl Fn(&T, &T) -> bool) -> Arc<T> {
        let mut known = self.0.lock();
        known.retain(|device| device.strong_count() > 0);
        let mut devices = known.iter().filter_map(Weak::upgrade);
        let found = devices.find_map(|device| {
            let device = device.downcast::<T>().ok()?;
            same(&device, &new).then_some(device)
        });
        found.unwrap_or_else(|| {
            let new = Arc::new(new);
            let any: Arc<dyn Any + Send + Sync> = new.clone();
            known.push(Arc::downgrade(&any));
            new
        })
    }
}

impl fmt::Debug for KnownDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownDevices({})", self.0.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_mean_the_same_device_as_long_as_somebody_has_it() {
        let known = KnownDevices::default();
        let same = |one: &(u8, &str), other: &(u8, &str)| one.0 == other.0;
        let first = known.known_or((1, "first"), same);
        let again = known.clone().known_or((1, "again"), same);
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(known.known_or((2, "other"), same).1, "other");
        assert_eq!(known.known_or(String::from("x"), |_, _| true).as_str(), "x");
        drop((first, again));
        assert_eq!(known.known_or((1, "new"), same).1, "new");
    }
}
