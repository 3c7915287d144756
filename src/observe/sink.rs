//! Where the events of a link go.

use crate::events::{Event, Sink};

use super::log::LogSink;
use super::stats::chain::ChainStats;
use super::stats::link::LinkStats;

/// The log and the statistics of one link, and those of its chain.
pub(crate) struct LinkSink {
    pub log: LogSink,
    pub link: LinkStats,
    pub chain: ChainStats,
}

impl LinkSink {
    /// Counts what happened, and tells the log only where it is news.
    pub fn note(&self, event: &Event, news: bool) {
        self.link.emit(event);
        if news {
            self.log.emit(event);
        }
    }
}

impl Sink for LinkSink {
    fn emit(&self, event: &Event) {
        self.chain.emit(event);
        self.link.emit(event);
        self.log.emit(event);
    }
}
