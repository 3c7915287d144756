//! How the service is told to read its configuration again, and what became of it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many may ask at once; all that wait are answered by one reload.
const WAITING: usize = 16;

/// Asks for a reload. Clones ask the same service.
#[derive(Clone, Debug)]
pub struct Reloads(SyncSender<ReloadRequest>);

/// Whoever asked for a reload.
#[derive(Debug)]
pub struct ReloadRequest(Option<SyncSender<ReloadAnswer>>);

/// The requests, for the one who reloads.
#[derive(Debug)]
pub struct ReloadInbox(Receiver<ReloadRequest>);

/// What became of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadAnswer {
    /// The configuration was read and is followed.
    Done {
        /// What is different now; nothing where nothing was.
        changes: Vec<String>,
        /// What does not work yet of it.
        troubles: Vec<String>,
    },
    /// Nothing was changed, and why.
    Refused(String),
    /// Nobody answered: others are asking already, or the service is about to end.
    Busy,
}

impl Reloads {
    /// The two ends.
    pub fn channel() -> (Self, ReloadInbox) {
        let (ask, asked) = sync_channel(WAITING);
        (Self(ask), ReloadInbox(asked))
    }

    /// Asks and does not wait. Where so many ask already, theirs is as good.
    pub fn ask_and_go(&self) {
        let _ = self.0.try_send(ReloadRequest(None));
    }

    /// Asks, and waits for the answer.
    pub fn ask(&self, patience: Duration) -> ReloadAnswer {
        let (tell, told) = sync_channel(1);
        match self.0.try_send(ReloadRequest(Some(tell))) {
            Ok(()) => told.recv_timeout(patience).unwrap_or(ReloadAnswer::Busy),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => ReloadAnswer::Busy,
        }
    }
}

impl ReloadRequest {
    /// Answers whoever still waits.
    pub fn answer(self, answer: &ReloadAnswer) {
        if let Some(tell) = self.0 {
            let _ = tell.try_send(answer.clone());
        }
    }
}

impl ReloadInbox {
    /// Adds all who ask, after a wait of at most `time` for the first. Who does not wait for an answer is left out where others are
    /// there already: what they will be given is as good.
    pub fn gather(&self, asked: &mut Vec<ReloadRequest>, time: Duration) {
        let first = self.0.recv_timeout(time);
        for request in first.into_iter().chain(self.0.try_iter()) {
            if request.0.is_some() || asked.is_empty() {
                asked.push(request);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_one_reload_and_everybody_who_waits_hears_of_it() {
        let (reloads, inbox) = Reloads::channel();
        for _ in 0..1_000 {
            reloads.ask_and_go();
        }
        let mut asked = Vec::new();
        inbox.gather(&mut asked, Duration::ZERO);
        assert_eq!(asked.len(), 1);
        // While that one is not followed yet there is room for others.
        let asking = std::thread::spawn(move || reloads.ask(Duration::from_secs(10)));
        while asked.len() < 2 {
            inbox.gather(&mut asked, Duration::from_secs(10));
        }
        let answer = ReloadAnswer::Refused("no".to_owned());
        asked.remove(1).answer(&answer);
        assert_eq!(asking.join().unwrap(), answer);
    }

    #[test]
    fn who_cannot_be_answered_is_told_so() {
        let (reloads, inbox) = Reloads::channel();
        (0..WAITING).for_each(|_| reloads.ask_and_go());
        assert_eq!(reloads.ask(Duration::from_secs(10)), ReloadAnswer::Busy);
        drop(inbox);
        assert_eq!(reloads.ask(Duration::from_secs(10)), ReloadAnswer::Busy);
    }
}
