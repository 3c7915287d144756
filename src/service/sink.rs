//! Everybody whom a link tells what happens.

use crate::events::{Event, Sink};
use crate::observe::board::Board;
use crate::observe::log::LogSink;

/// The log and the board of one link.
pub(super) struct LinkSink {
    pub log: LogSink,
    pub board: Board,
}

impl Sink for LinkSink {
    fn emit(&self, event: &Event) {
        self.board.emit(event);
        self.log.emit(event);
    }
}
