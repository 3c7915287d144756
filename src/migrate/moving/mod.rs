//! Moving a chain from one host to another (W21): the state here is sealed, and a bundle carries the watermark there.
//!
//! The state is sealed, durably and under the bundle's number, before any byte of the bundle exists, and the bundle can be
//! written again from it. So one that is found anywhere belongs to a chain that its host signs for no more, and a process
//! that is killed loses nothing. A bundle that was taken in is remembered in the state that it armed, in the same write.

pub mod bundle;
pub mod bundle_file;
pub mod take_in;
pub mod out;
pub mod terms;
