//! An operator's word that nothing is signed for a chain, at all or from a height on (W22).
//!
//! A chain has one [`PauseSwitch`]. The gate looks at it inside its critical section, and who pauses waits for that section
//! afterwards: once a pause is confirmed, nothing that it forbids is signed, whatever the number of links. A [`PauseFile`]
//! beside the state keeps it over restarts. The state itself knows nothing of it, and a pause never moves a watermark.

mod file;
mod operator;
mod order;
mod switch;

pub use file::{PauseFile, PauseFileError};
pub use operator::Operator;
pub use order::{IllegalWhy, Pause, PauseWhy};
pub use switch::{ActivePause, PauseChange, PauseEnded, PauseSwitch};
