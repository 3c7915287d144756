//! What tells the operator: the control socket, HTTP, and the text file of metrics. Each on a thread of its own.

pub mod control;
pub mod http;
pub mod page;
pub mod runbook;
pub mod textfile;
