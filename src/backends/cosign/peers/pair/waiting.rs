//! Questions that wait for their answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use parking_lot::Mutex;

use crate::backends::cosign::ask::{Answered, PeerAnswer};
use crate::backends::cosign::peers::sample::AnswerCounts;
use crate::consensus::{ChainId, Hrs};

/// So many wait at most: of a member that answers nothing the oldest question counts as lost.
const MOST: usize = 32;

/// The questions to one member over one link. Numbers are never used twice, so an answer that comes twice, late or to nothing
/// finds no question.
#[derive(Default)]
pub(super) struct OpenQuestions {
    last: u64,
    questions: BTreeMap<u64, OpenQuestion>,
}

/// One question. It is answered once: dropped without an answer it is lost, and whoever asked is told so.
pub(in crate::backends::cosign::peers) struct OpenQuestion {
    attempt: u32,
    member: u16,
    began: Instant,
    counts: Arc<Mutex<AnswerCounts>>,
    /// Of a vote or proposal: where whoever gives a share of it stands then.
    at: Option<(ChainId, Hrs)>,
    /// Gone as soon as it is answered.
    to: Option<Sender<Answered>>,
}

impl OpenQuestions {
    /// Keeps it, under a new number.
    pub(super) fn add(&mut self, question: OpenQuestion) -> u64 {
        self.last = self.last.saturating_add(1);
        self.questions.insert(self.last, question);
        while self.questions.len() > MOST {
            self.questions.pop_first();
        }
        self.last
    }

    /// The question of this number, which waits no longer.
    pub(super) fn take(&mut self, number: u64) -> Option<OpenQuestion> {
        self.questions.remove(&number)
    }
}

impl OpenQuestion {
    /// To this member, counted.
    pub(in crate::backends::cosign::peers) fn new(
        member: u16,
        attempt: u32,
        counts: &Arc<Mutex<AnswerCounts>>,
        at: Option<(ChainId, Hrs)>,
        to: &Sender<Answered>,
    ) -> Self {
        counts.lock().questions += 1;
        Self {
            attempt,
            member,
            began: Instant::now(),
            counts: counts.clone(),
            at,
            to: Some(to.clone()),
        }
    }

    /// Gives where the member stands at least, if it gave a share.
    pub(super) fn answer(mut self, answer: PeerAnswer) -> Option<(ChainId, Hrs)> {
        let at = self.at.take();
        let gave = matches!(answer, PeerAnswer::Share(_));
        self.tell(answer);
        at.filter(|_| gave)
    }

    fn tell(&mut self, answer: PeerAnswer) {
        if let Some(to) = self.to.take() {
            self.counts.lock().count(&answer);
            // Whoever asked may have what it needs, and be gone.
            let _ = to.send(Answered {
                attempt: self.attempt,
                member: self.member,
                answer,
                took: self.began.elapsed(),
            });
        }
    }
}

impl Drop for OpenQuestion {
    fn drop(&mut self) {
        self.tell(PeerAnswer::Lost);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn question(attempt: u32) -> (OpenQuestion, Receiver<Answered>) {
        let (to, answers) = channel();
        (
            OpenQuestion::new(2, attempt, &Arc::default(), None, &to),
            answers,
        )
    }

    #[test]
    fn each_question_is_answered_exactly_once() {
        let mut waiting = OpenQuestions::default();
        let (first, answers) = question(7);
        let counts = first.counts.clone();
        let number = waiting.add(first);
        assert!(waiting.take(number + 1).is_none());
        waiting.take(number).unwrap().answer(PeerAnswer::Busy);
        assert!(waiting.take(number).is_none());
        let answered = answers.recv().unwrap();
        assert_eq!(
            (answered.attempt, answered.member, answered.answer),
            (7, 2, PeerAnswer::Busy)
        );
        assert!(answers.recv().is_err());
        let counted = *counts.lock();
        assert_eq!((counted.questions, counted.busy, counted.lost), (1, 1, 0));

        let (second, answers) = question(8);
        assert_ne!(waiting.add(second), number);
        drop(waiting);
        assert_eq!(answers.recv().unwrap().answer, PeerAnswer::Lost);
        assert!(answers.recv().is_err());
    }

    #[test]
    fn a_member_that_answers_nothing_fills_no_memory() {
        let mut waiting = OpenQuestions::default();
        let all: Vec<Receiver<Answered>> = (0..100)
            .map(|attempt| {
                let (question, answers) = question(attempt);
                waiting.add(question);
                answers
            })
            .collect();
        assert_eq!(waiting.questions.len(), MOST);
        let lost = all.iter().filter(|answers| answers.try_recv().is_ok());
        assert_eq!(lost.count(), 100 - MOST);
        assert!(all[99].try_recv().is_err());
    }
}
