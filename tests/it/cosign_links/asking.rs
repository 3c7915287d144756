//! Questions and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::support::*;
use tmkms::backends::cosign::peers::{AnswerCounts, PeerMessage};
use tmkms::backends::cosign::{AskedShare, Commitments, PeerAnswer, Peers, ServedAnswer};
use tmkms::codec::frame::MAX_FRAME;

#[test]
fn both_ask_each_other_at_once_and_each_answer_is_to_its_question() {
    let (one, two) = pair(&echo(), &echo());
    std::thread::scope(|scope| {
        for (links, other) in [(&one, 2), (&two, 1)] {
            scope.spawn(move || {
                let (to, answers) = channel();
                // Fewer than are in hand at most, so that none is answered that there are too many.
                for turn in 0..20_u32 {
                    for attempt in turn * 4..turn * 4 + 4 {
                        let bytes = attempt.to_be_bytes().repeat(1000);
                        links.ask(other, attempt, asked(&bytes), &to);
                    }
                    for _ in 0..4 {
                        let answered = answers.recv_timeout(PATIENCE).unwrap();
                        let bytes = answered.attempt.to_be_bytes().repeat(1000);
                        assert_eq!(answered.answer, PeerAnswer::Locked(bytes));
                        assert_eq!(answered.member, other);
                    }
                }
            });
        }
    });
    for (links, other) in [(&one, 2), (&two, 1)] {
        let sample = sample(links, other);
        let counted = AnswerCounts {
            questions: 80,
            locked: 80,
            ..AnswerCounts::default()
        };
        assert_eq!((sample.asked, sample.served), (counted, counted));
        assert!(sample.round_trip.is_some() && sample.up && !sample.runs_twice);
        assert_eq!((sample.why_down, sample.is_dialled), (None, other == 1));
    }
    assert_eq!(sample(&one, 2).boot, Some(two.boot()));
}

#[test]
fn a_question_is_lost_at_once_without_a_link_and_as_soon_as_the_link_ends() {
    let (entered, serving) = channel();
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let slow = scripted(move |_, _| {
        entered.send(()).unwrap();
        let _ = held.lock().recv();
        ServedAnswer::NoNonce
    });
    let (one, two) = pair(&echo(), &slow);
    for nobody in [1, 3, 99] {
        assert_eq!(answer(&ask(&one, nobody, 1, b"x")), PeerAnswer::Lost);
    }
    let answers = ask(&one, 2, 7, b"x");
    serving.recv_timeout(PATIENCE).unwrap();
    assert!(answers.try_recv().is_err());
    let began = Instant::now();
    drop(two);
    let answered = answers.recv_timeout(PATIENCE).unwrap();
    assert_eq!((answered.attempt, answered.answer), (7, PeerAnswer::Lost));
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(answers.recv().is_err());
    until("it is down", || !sample(&one, 2).up);
    assert_eq!(answer(&ask(&one, 2, 8, b"x")), PeerAnswer::Lost);
    assert_eq!(sample(&one, 2).asked.lost, 2);
    assert!(one.reachable().is_empty() && one.take_shown(2).is_none());
    drop(release);
}

#[test]
fn more_questions_than_are_in_hand_are_answered_at_once() {
    let (entered, serving) = channel();
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let slow = scripted(move |_, asked| {
        let _ = entered.send(());
        let _ = held.lock().recv();
        ServedAnswer::Locked(asked.bytes)
    });
    let (one, two) = pair(&slow, &echo());
    let mut answers = vec![ask(&two, 1, 0, b"x")];
    serving.recv_timeout(PATIENCE).unwrap();
    // That one is being answered, and eight wait.
    answers.extend((1..12).map(|attempt| ask(&two, 1, attempt, b"x")));
    for busy in &answers[9..] {
        assert_eq!(answer(busy), PeerAnswer::Busy);
    }
    // What it asks itself does not wait for its own disk.
    let own = ask(&one, 2, 1, b"y");
    assert_eq!(answer(&own), PeerAnswer::Locked(b"y".into()));
    drop(release);
    // Where the two bring each other up to date meanwhile, that waits among the questions.
    let waited: Vec<PeerAnswer> = answers[..9].iter().map(answer).collect();
    let locked = PeerAnswer::Locked(b"x".into());
    let others = waited.iter().filter(|it| **it != locked);
    assert!(
        others.clone().all(|it| *it == PeerAnswer::Busy),
        "{waited:?}"
    );
    assert!(others.count() <= 3 && waited[0] == locked, "{waited:?}");
    let served = sample(&one, 2).served;
    assert_eq!(served.questions, served.busy + served.locked);
}

#[test]
fn answers_to_nothing_are_none_and_numbers_do_not_come_again() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let mut fake = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    let question = |fake: &mut Fake| loop {
        if let PeerMessage::Ask { number, .. } = fake.next().unwrap() {
            return number;
        }
    };
    let (first, second) = (ask(&one, 2, 1, b"first"), ask(&one, 2, 2, b"second"));
    let (number, later) = (question(&mut fake), question(&mut fake));
    let mut tell = |number, text: &str| {
        let answer = ServedAnswer::Refused(text.to_owned());
        fake.send(PeerMessage::Answer { number, answer });
    };
    for nothing in [0, later + 1, u64::MAX] {
        tell(nothing, "to nothing");
    }
    // In another order, and each of them again.
    tell(later, "second");
    tell(number, "first");
    tell(later, "again");
    tell(number, "again");
    assert_eq!(answer(&second), PeerAnswer::Refused("second".to_owned()));
    assert_eq!(answer(&first), PeerAnswer::Refused("first".to_owned()));
    let third = ask(&one, 2, 3, b"third");
    let number = question(&mut fake);
    assert!(number > later);
    assert!(third.try_recv().is_err());
    assert_eq!(sample(&one, 2).asked.refused, 2);
}

#[test]
fn what_is_too_long_or_no_message_ends_the_link_and_is_named() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    for (bytes, words) in [
        (announced(MAX_FRAME + 1), "a frame of"),
        (vec![2, 0x08, 1], "a message that is none of those"),
        // A nonce of two bytes.
        (vec![4, 0x12, 2, 1, 1], "a message whose nonces"),
    ] {
        let mut fake = Fake::greeted(2, 5, &one);
        until("it is up", || sample(&one, 2).up);
        fake.sending.send(&bytes).unwrap();
        fake.end();
        let why = until_down(&one, 2);
        assert!(why.contains(words), "{why}");
    }
    // Points that are none are seen beside the answer.
    let mut fake = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    let mut wrong = asked(b"x");
    wrong.commitments.insert(2, Commitments::unread([0xff; 64]));
    fake.send(PeerMessage::Ask {
        number: 1,
        asked: wrong,
    });
    let why = until_down(&one, 2);
    assert!(why.contains("a message whose commitments"), "{why}");
    // What does not fit is not sent, and the link goes on.
    let _fake = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    let long = ask(&one, 2, 1, &vec![0; MAX_FRAME]);
    assert_eq!(answer(&long), PeerAnswer::Lost);
    assert!(sample(&one, 2).up);
}

#[test]
fn a_bug_that_a_question_meets_ends_its_link_alone() {
    let has_met = Arc::new(AtomicBool::new(false));
    let meets = has_met.clone();
    let (one, two) = pair(
        &scripted(move |_, _| {
            assert!(meets.swap(true, Ordering::SeqCst), "on purpose");
            ServedAnswer::NoNonce
        }),
        &echo(),
    );
    let before = sample(&two, 1).since;
    assert_eq!(answer(&ask(&two, 1, 1, b"x")), PeerAnswer::Lost);
    until("it is linked again", || {
        sample(&two, 1).up && sample(&two, 1).since > before && sample(&one, 2).up
    });
    assert_eq!(answer(&ask(&two, 1, 2, b"x")), PeerAnswer::NoNonce);
}

#[test]
fn all_who_are_linked_are_told_of_a_signature() {
    let echoing = |_, asked: AskedShare| ServedAnswer::Locked(asked.bytes);
    let (serve, learned) = learning(echoing);
    let (other, other_learned) = learning(echoing);
    let one = start(settings(1, &[(2, 1), (3, 1)]), &serve);
    let two = start(settings(2, &[(1, port(&one)), (3, 1)]), &other);
    let ports = [(1, port(&one)), (2, port(&two))];
    let three = start(settings(3, &ports), &echo());
    until_reachable(&three, &[1, 2]);
    three.tell(&made(b"x"));
    for learned in [learned, other_learned] {
        assert_eq!(learned.recv_timeout(PATIENCE), Ok(made(b"x")));
        assert!(learned.try_recv().is_err());
    }
}

#[test]
fn a_member_that_is_busy_hears_of_the_latest_and_its_questions_go_first() {
    let (entered, serving) = channel();
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let (slow, learned) = learning(move |_, asked| {
        let _ = entered.send(());
        let _ = held.lock().recv();
        ServedAnswer::Locked(asked.bytes)
    });
    let one = start(settings(1, &[(2, 1)]), &slow);
    let mut fake = Fake::greeted(2, 5, &one);
    let question = |number, bytes: &[u8]| PeerMessage::Ask {
        number,
        asked: asked(bytes),
    };
    fake.send(question(1, b"x"));
    serving.recv_timeout(PATIENCE).unwrap();
    for number in 0..12_u8 {
        fake.send(PeerMessage::Made(made(&[number])));
    }
    fake.send(question(2, b"y"));
    // What is read behind them is answered, so they are there.
    fake.send(PeerMessage::Ping(77));
    while fake.next().unwrap() != PeerMessage::Pong(77) {}
    assert!(learned.try_recv().is_err());
    drop(release);
    for (number, bytes) in [(1, b"x"), (2, b"y")] {
        let answer = ServedAnswer::Locked(bytes.to_vec());
        let answer = PeerMessage::Answer { number, answer };
        while fake.next().unwrap() != answer {}
    }
    for number in 8..12_u8 {
        let told = learned.recv_timeout(PATIENCE).unwrap();
        assert_eq!(told, made(&[number]));
    }
    assert!(learned.try_recv().is_err());
    assert_eq!(sample(&one, 2).served.busy, 0);
}
