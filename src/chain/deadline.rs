//! How long a request may take.

use std::time::Duration;

/// From the arrival of a request to its reply, in all (W4); what is later does not leave (W16).
pub const DEADLINE: Duration = Duration::from_millis(3_500);
/// How much of it a device may take.
pub const DEVICE: Duration = Duration::from_secs(2);
