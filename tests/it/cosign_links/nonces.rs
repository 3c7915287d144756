//! What is shown to each other.

use std::collections::BTreeSet;

use super::support::*;
use tmkms::backends::cosign::peers::PeerMessage;
use tmkms::backends::cosign::{MemberStanding, PeerAnswer, Peers, ServedAnswer, SignatureShare};
use tmkms::backends::cosign::{deal, prove};
use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::{Height, KeyType, Prevote, Round, SignBytes, Timestamp};
use tmkms::shares::Quorum;

#[test]
fn each_is_given_once_and_new_ones_come_with_every_answer() {
    let (one, two) = pair(&echo(), &echo());
    let mut seen = BTreeSet::new();
    for attempt in 0..30 {
        until("one is at hand", || two.reachable() == [1]);
        let shown = two.take_shown(1).unwrap();
        assert!(seen.insert(shown.nonce.number), "twice: {shown:?}");
        answer(&ask(&two, 1, attempt, b"x"));
    }
    until("there are four without a question, too", || {
        sample(&one, 2).nonces_held >= 4
    });
    assert!(one.take_shown(99).is_none());
}

#[test]
fn a_member_that_shows_many_fills_no_memory_and_they_go_with_the_link() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let mut fake = Fake::greeted(2, 5, &one);
    for turn in 0..10 {
        let many = (turn * 16..turn * 16 + 16).map(shown).collect();
        fake.send(PeerMessage::Shown(many));
    }
    // The last one is there, so all are.
    until("all came", || {
        one.take_shown(2).is_some_and(|it| it == shown(159))
    });
    assert_eq!(sample(&one, 2).nonces_held, 7);
    drop(fake);
    until("it is down", || !sample(&one, 2).up);
    assert_eq!(sample(&one, 2).nonces_held, 0);
    assert!(one.take_shown(2).is_none() && one.reachable().is_empty());
    // Not even the same life of the same process has them again.
    let _fake = Fake::greeted(2, 5, &one);
    until("it is up", || sample(&one, 2).up);
    assert!(one.take_shown(2).is_none() && one.reachable().is_empty());
}

#[test]
fn the_answer_leaves_before_a_nonce_is_made() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let mut fake = Fake::greeted(2, 5, &one);
    let mut shown = 0;
    while shown < 4 {
        if let PeerMessage::Shown(nonces) = fake.next().unwrap() {
            shown += nonces.len();
        }
    }
    let number = 77;
    fake.send(PeerMessage::Ask {
        number,
        asked: asked(b"x"),
    });
    loop {
        match fake.next().unwrap() {
            PeerMessage::Answer { number: 77, .. } => break,
            // Those of the next turn.
            PeerMessage::Shown(nonces) => assert_eq!(nonces.len(), 4),
            other => panic!("{other:?}"),
        }
    }
    loop {
        if let PeerMessage::Shown(nonces) = fake.next().unwrap()
            && nonces.len() == 1
        {
            break;
        }
    }
}

/// A member whose state was set back must know what the others know before anybody can ask it.
#[test]
fn nobody_is_shown_nonces_before_it_said_where_it_stands_and_that_was_learned() {
    let (serve, learned) = learning(|_, _| ServedAnswer::Busy);
    let one = start(settings(1, &[(2, 1)]), &serve);
    let mut fake = Fake::named(2, 5, &one);
    fake.send(PeerMessage::Shown(vec![shown(1)]));
    fake.send(PeerMessage::Ask {
        number: 1,
        asked: asked(b"x"),
    });
    // It is answered, as anybody is who has a nonce; after an answer one is shown, which is not so here.
    let answered = fake.next().unwrap();
    assert!(
        matches!(answered, PeerMessage::Answer { .. }),
        "{answered:?}"
    );
    fake.send(PeerMessage::Ping(9));
    assert_eq!(fake.next().unwrap(), PeerMessage::Pong(9));
    fake.send(PeerMessage::Stands(vec![
        standing(7, b"seven"),
        standing(8, b"eight"),
    ]));
    let PeerMessage::Shown(nonces) = fake.next().unwrap() else {
        panic!("nonces")
    };
    assert_eq!(nonces.len(), 4);
    let learned: Vec<_> = learned.try_iter().map(|made| made.bytes).collect();
    assert_eq!(learned, [b"seven".to_vec(), b"eight".to_vec()]);
    let stands = sample(&one, 2).stands;
    assert_eq!(
        stands
            .values()
            .map(|hrs| hrs.height.get())
            .collect::<Vec<_>>(),
        [8]
    );
}

#[test]
fn both_sides_say_where_they_stand_and_who_comes_back_with_an_older_state_is_noticed() {
    let one = start(settings(1, &[(2, 1)]), &stands(vec![standing(3, b"three")]));
    let mut fake = Fake::named(2, 5, &one);
    loop {
        match fake.read().unwrap() {
            PeerMessage::Stands(all) => break assert_eq!(all, [standing(3, b"three")]),
            PeerMessage::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    fake.send(PeerMessage::Stands(vec![standing(20, b"x")]));
    until("it is known", || !sample(&one, 2).stands.is_empty());
    // In the same life a lower one is one that came late.
    fake.send(PeerMessage::Stands(vec![standing(19, b"x")]));
    fake.send(PeerMessage::Stands(vec![standing(20, b"x")]));
    drop(fake);
    until("it is down", || !sample(&one, 2).up);
    for (boot, height, rolled_back) in [(6, 21, false), (7, 20, true)] {
        let mut fake = Fake::named(2, boot, &one);
        fake.send(PeerMessage::Stands(vec![standing(height, b"x")]));
        until("it is known", || {
            sample(&one, 2)
                .stands
                .values()
                .any(|hrs| hrs.height.get() == height)
        });
        assert_eq!(sample(&one, 2).rolled_back, rolled_back, "{height}");
        drop(fake);
        until("it is down", || !sample(&one, 2).up);
    }
}

/// A member that is paused, say: that is seen until it gives a share, says something else or is gone.
#[test]
fn who_gives_no_share_is_seen_as_that() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let says = |refuses: Option<&str>| {
        let refuses = refuses.map(str::to_owned);
        PeerMessage::Stands(vec![MemberStanding {
            at: None,
            made: None,
            refuses,
            ..standing(1, b"x")
        }])
    };
    let chain = "c-1".parse().unwrap();
    let seen = || sample(&one, 2).refuses(&chain);
    let mut fake = Fake::greeted(2, 5, &one);
    assert_eq!(seen(), None);
    fake.send(says(Some("it is paused")));
    until("it is known", || seen().as_deref() == Some("it is paused"));
    fake.send(says(None));
    until("it is over", || seen().is_none());
    fake.send(says(Some("its disk\u{1b} is full")));
    until("it is known", || seen().is_some());
    assert!(!seen().unwrap().contains('\u{1b}'));
    // What it says is all: of another chain it gives none.
    fake.send(PeerMessage::Stands(vec![MemberStanding {
        chain_id: "c-2".parse().unwrap(),
        ..standing(1, b"x")
    }]));
    until("it is known", || {
        seen().is_some_and(|why| why.contains("does not sign for this chain"))
    });
    drop(fake);
    until("it is gone", || seen().is_none());
}

/// A chain has come: the others need not wait until it is time to say it again.
#[test]
fn where_it_stands_is_said_anew_when_it_begins_with_another_chain() {
    let mut settings = settings(1, &[(2, 1)]);
    settings.times.show = 2 * PATIENCE;
    let one = start(settings, &stands(vec![standing(3, b"three")]));
    let mut fake = Fake::named(2, 5, &one);
    let mut hears = || {
        while !matches!(fake.read().unwrap(), PeerMessage::Stands(_)) {}
    };
    hears();
    one.begin();
    hears();
}

/// A member that dials is linked before its chain is armed, and learns what the others know before it says again where it stands. And
/// what it said last is seconds old when it is gone.
#[test]
fn an_older_state_is_noticed_whenever_it_says_where_it_began() {
    let one = start(settings(1, &[(2, 1)]), &echo());
    let stood = |height: i64| {
        until("it is known", || {
            let stands = sample(&one, 2).stands;
            stands.values().any(|hrs| hrs.height.get() == height)
        });
    };
    let began = |height: i64, now: i64| MemberStanding {
        began: standing(height, b"x").at,
        ..standing(now, b"x")
    };
    for (boot, gave, next, rolled_back) in [(10, 25, 25, false), (12, 25, 24, true)] {
        let mut fake = Fake::greeted(2, boot, &one);
        // Another height than before: that it stands there is heard on another thread than its answer.
        let height = i64::try_from(boot).unwrap() + 10;
        fake.send(PeerMessage::Stands(vec![began(height, height)]));
        stood(height);
        let vote = Prevote {
            height: Height::new(gave).unwrap(),
            round: Round::FIRST,
            block: None,
            timestamp: Timestamp {
                seconds: 1,
                nanos: 0,
            },
        };
        let vote = SignBytes::prevote(&"c-1".parse().unwrap(), &vote);
        let answers = ask(&one, 2, 1, vote.as_slice());
        let number = loop {
            if let PeerMessage::Ask { number, .. } = fake.next().unwrap() {
                break number;
            }
        };
        let answer = ServedAnswer::Share(SignatureShare::from_bytes(&[0; 32]).unwrap());
        fake.send(PeerMessage::Answer { number, answer });
        assert!(answers.recv().is_ok());
        stood(gave);
        drop(fake);
        until("it is down", || !sample(&one, 2).up);
        // Not armed yet, then armed and up to date.
        let mut fake = Fake::greeted(2, boot + 1, &one);
        fake.send(PeerMessage::Stands(vec![began(next, 26)]));
        stood(26);
        assert_eq!(sample(&one, 2).rolled_back, rolled_back, "{next}");
        // For the next turn.
        fake.send(PeerMessage::Stands(vec![began(next, 20)]));
        stood(20);
        drop(fake);
        until("it is down", || !sample(&one, 2).up);
    }
}

/// Without optimisation, and with as many members as mostly sign together, the arithmetic fits on the stack of the thread that does it.
#[test]
fn the_arithmetic_fits_on_the_stack() {
    let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
    let quorum = Quorum::new(7, 7).unwrap();
    let shares = deal(&key.scalar().unwrap(), &key.public_key(), quorum).unwrap();
    let signing = scripted(move |_, _| {
        let choices = prove(&shares, &key.public_key()).unwrap();
        ServedAnswer::Refused(format!("{choices} choice"))
    });
    let (one, two) = pair(&signing, &echo());
    let answered = answer(&ask(&two, 1, 1, b"x"));
    assert_eq!(answered, PeerAnswer::Refused("1 choice".to_owned()));
    drop((one, two));
    // On the threads that read: of the member that is dialled, and of the one that dials.
    let sevenfold = |_: &_| {
        let key = SoftKey::from_bytes(&[3; 32], KeyType::Ed25519).unwrap();
        let shares = deal(
            &key.scalar().unwrap(),
            &key.public_key(),
            Quorum::new(7, 7).unwrap(),
        );
        prove(&shares.unwrap(), &key.public_key()).unwrap();
        Ok(())
    };
    let (one, two) = pair(&preparing(sevenfold), &preparing(sevenfold));
    assert_eq!(answer(&ask(&two, 1, 1, b"x")), PeerAnswer::NoNonce);
    assert_eq!(answer(&ask(&one, 2, 1, b"x")), PeerAnswer::NoNonce);
    // A link that is read on answers once more.
    assert_eq!(answer(&ask(&two, 1, 2, b"x")), PeerAnswer::NoNonce);
    assert_eq!(answer(&ask(&one, 2, 2, b"x")), PeerAnswer::NoNonce);
}
