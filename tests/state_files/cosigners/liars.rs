//! One member that lies, in each way that there is: the others sign without it, and it is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Hosts, at};
use crate::support::{chain_id, maker};
use tmkms::backends::cosign::{AskedShare, Commitments, ServedAnswer, ShownNonce, SignatureShare};
use tmkms::consensus::{SignBytes, Signature, Timestamp};

type Kind = (
    &'static str,
    bool,
    fn(ServedAnswer, &AskedShare) -> ServedAnswer,
);

fn asked_for(asked: &AskedShare) -> SignBytes {
    SignBytes::from_record(asked.bytes.clone()).unwrap().0
}

fn locked_at(asked: &AskedShare, seconds: i64, nanos: i32) -> ServedAnswer {
    let time = Timestamp { seconds, nanos };
    let bytes = asked_for(asked).at_time(time).unwrap();
    ServedAnswer::Locked(bytes.as_slice().to_vec())
}

fn locked_on(request: tmkms::request::SignRequest) -> ServedAnswer {
    ServedAnswer::Locked(request.sign_bytes().as_slice().to_vec())
}

/// What it says, whether that shows that it lies, and how.
const KINDS: [Kind; 14] = [
    ("a wrong share", true, |answer, _| match answer {
        ServedAnswer::Share(share) => {
            let mut bytes: [u8; 32] = share.to_bytes().try_into().unwrap();
            bytes[0] ^= 1;
            ServedAnswer::Share(SignatureShare::from_bytes(&bytes).unwrap_or(share))
        }
        other => other,
    }),
    ("locked on another block", true, |_, _| {
        locked_on(maker().prevote(1, 0, Some(9), 1))
    }),
    ("locked on nil", true, |_, _| {
        locked_on(maker().prevote(1, 0, None, 1))
    }),
    ("locked on another height", true, |_, _| {
        locked_on(maker().prevote(7, 0, Some(1), 1))
    }),
    ("locked on another step", true, |_, _| {
        locked_on(maker().precommit(1, 0, Some(1), 1, b""))
    }),
    ("locked on what was asked for", true, |_, asked| {
        ServedAnswer::Locked(asked.bytes.clone())
    }),
    ("locked on garbage", true, |_, _| {
        ServedAnswer::Locked(b"garbage".to_vec())
    }),
    ("locked on nothing", true, |_, _| {
        ServedAnswer::Locked(Vec::new())
    }),
    ("locked at a time that no node has", true, |_, asked| {
        locked_at(asked, i64::MAX, 0)
    }),
    ("locked at an absurd time", false, |_, asked| {
        locked_at(asked, 1 << 36, 0)
    }),
    ("a wrong whole signature", true, |_, _| {
        ServedAnswer::Signed {
            signature: Signature::from_bytes(vec![7; 64]),
            timestamp: at(1),
        }
    }),
    ("no nonce, for ever", false, |_, _| ServedAnswer::NoNonce),
    ("too busy, for ever", false, |_, _| ServedAnswer::Busy),
    ("no, whatever it is", false, |_, _| {
        ServedAnswer::Refused("it has other plans".to_owned())
    }),
];

#[test]
fn whatever_one_member_says_the_others_sign_and_a_lie_is_counted() {
    for (name, is_lie, lie) in KINDS {
        for liar in 1..=3 {
            let hosts = Hosts::of(2, 3);
            hosts.lie(liar, lie);
            for asked in (1..=3).filter(|asked| *asked != liar) {
                let began = Instant::now();
                let height = i64::from(asked);
                let signed = hosts.signed(asked, maker().prevote(height, 0, Some(1), 1));
                assert_eq!(signed.timestamp, at(1), "{name}");
                assert!(began.elapsed() < Duration::from_millis(1_000), "{name}");
                let was_asked = hosts.net.served.lock().contains(&(liar, asked));
                let bad = hosts.counted_bad(asked, liar);
                assert_eq!(
                    bad > 0,
                    is_lie && was_asked,
                    "{name} by {liar} to {asked}: {bad}"
                );
                let honest = 6 - liar - asked;
                assert_eq!(hosts.counted_bad(asked, honest), 0, "{name}");
            }
            assert_eq!(hosts.net.signed(), 2, "{name}");
        }
    }
}

/// Where nobody else is left the vote is lost, in-band and in time, and the answer says why.
#[test]
fn where_a_liar_is_needed_the_answer_names_it() {
    std::thread::scope(|scope| {
        for (name, is_lie, lie) in KINDS {
            scope.spawn(move || {
                let hosts = Hosts::of(2, 2);
                hosts.lie(1, lie);
                let error = hosts.refused(2, maker().prevote(1, 0, Some(1), 1));
                assert!(error.description.contains("member 1 "), "{name}: {error:?}");
                assert_eq!(hosts.counted_bad(2, 1) > 0, is_lie, "{name}");
                assert_eq!(hosts.net.signed(), 0, "{name}");
            });
        }
    });
}

/// Who was caught is not asked first again for a while.
#[test]
fn the_next_votes_begin_without_a_liar() {
    let hosts = Hosts::of(2, 3);
    hosts.lie(1, KINDS[0].2);
    for height in 1..=10 {
        hosts.signed(3, maker().prevote(height, 0, Some(1), 1));
    }
    let served = hosts.net.served.lock();
    let asked = served.iter().filter(|(member, _)| *member == 1).count();
    assert_eq!(asked, 1, "{served:?}");
    assert_eq!(hosts.counted_bad(3, 1), 1);
}

/// A member that names another time at each question would use up all sets.
#[test]
fn a_member_that_is_locked_at_two_times_lies() {
    let hosts = Hosts::of(3, 4);
    let next = std::sync::atomic::AtomicI64::new(100);
    hosts.lie(1, move |_, asked| {
        locked_at(asked, next.fetch_add(1, Ordering::Relaxed), 0)
    });
    let signed = hosts.signed(4, maker().prevote(1, 0, Some(1), 90));
    // Its first word was taken over, which is what an honest member's would be.
    assert_eq!(signed.timestamp, at(100));
    assert_eq!(hosts.counted_bad(4, 1), 1);
    assert!(hosts.host(4).coordinator.tally().counts().more_sets <= 2);
}

#[test]
fn nonces_that_are_not_its_own_cost_a_member_nothing_but_its_share() {
    let hosts = Hosts::of(2, 3);
    let foreign = hosts.host(3).party.clone();
    hosts.lie_of_nonces(
        1,
        Arc::new(move |shown: ShownNonce| ShownNonce {
            commitments: foreign.commit().1,
            ..shown
        }),
    );
    for (height, asked) in [(1, 2), (2, 3)] {
        hosts.signed(asked, maker().prevote(height, 0, Some(1), 1));
    }
}

/// The sets that are tried last as long as the node waits: a member that is busy for a second is not given up after eight
/// questions within a fifth of one.
#[test]
fn a_member_that_is_busy_for_a_second_signs_after_it() {
    let hosts = Hosts::of(2, 2);
    let is_busy = Arc::new(AtomicBool::new(true));
    let busy = is_busy.clone();
    hosts.lie(1, move |answer, _| match busy.load(Ordering::Relaxed) {
        true => ServedAnswer::Busy,
        false => answer,
    });
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            is_busy.store(false, Ordering::Relaxed);
        });
        hosts.signed(2, maker().prevote(1, 0, Some(1), 1));
    });
}

/// As a member that is asked sees it: whoever asks, what it asks for is read here again.
#[test]
fn questions_of_a_member_that_lies_are_answered_in_band_and_lock_nobody_where_they_are_refused() {
    use super::net::Life;
    use tmkms::backends::cosign::{Serve, ShownTo};
    let hosts = Hosts::of(2, 3);
    let serving = hosts.net.members.read()[&1].serving.clone();
    let from = ShownTo {
        member: 3,
        boot: Life::new().boot,
    };
    let ask = |bytes: Vec<u8>, chain: &str| {
        let shown = serving.show(from).unwrap();
        let (_, own) = hosts.host(3).party.commit();
        let asked = AskedShare {
            joint: Default::default(),
            chain_id: chain.parse().unwrap(),
            bytes,
            nonce: shown.nonce,
            commitments: [(1, shown.commitments), (3, own)].into(),
        };
        let answer = serving.serve(from, &asked);
        // The same question again, and from somebody else.
        assert_eq!(serving.serve(from, &asked), again(&answer));
        let other = ShownTo { member: 2, ..from };
        assert_eq!(serving.serve(other, &asked), again(&answer));
        answer
    };
    fn again(first: &ServedAnswer) -> ServedAnswer {
        match first {
            // A chain that is not there is told before a nonce is looked for.
            ServedAnswer::NotYet(why) if why.contains("does not sign for the chain") => {
                first.clone()
            }
            _ => ServedAnswer::NoNonce,
        }
    }
    let bytes = |request: tmkms::request::SignRequest| request.sign_bytes().as_slice().to_vec();
    let other = tmkms::harness::messages::Maker::new("test-2".parse().unwrap());
    let here = chain_id();
    let here = here.as_str();
    let is_refused = |answer: &ServedAnswer| {
        matches!(answer, ServedAnswer::Refused(_) | ServedAnswer::NotYet(_))
    };
    let vote = bytes(maker().prevote(5, 1, Some(1), 1));
    assert!(matches!(ask(vote.clone(), here), ServedAnswer::Share(_)));
    let stands = hosts.host(1).disk.watermark();
    for (bytes, chain) in [
        (vote.clone(), "test-2"),
        (bytes(other.prevote(6, 0, Some(1), 1)), here),
        (bytes(other.prevote(6, 0, Some(1), 1)), "test-2"),
        (bytes(maker().prevote(1 << 62, 0, Some(1), 1)), here),
        (bytes(maker().prevote(4, 9, Some(1), 1)), here),
        (bytes(maker().prevote(5, 0, Some(1), 1)), here),
        (bytes(maker().proposal(5, 1, 1, 1)), here),
        (bytes(maker().prevote(5, 1, Some(2), 1)), here),
        (bytes(maker().prevote(5, 1, None, 1)), here),
        (bytes(maker().prevote(6, 10_001, Some(1), 1)), here),
        (bytes(maker().prevote(6, 0, Some(1), i64::MAX)), here),
        (vote[1..].to_vec(), here),
        ([&vote[..], &[0]].concat(), here),
        (Vec::new(), here),
        (b"raw".to_vec(), here),
    ] {
        let answer = ask(bytes.clone(), chain);
        assert!(is_refused(&answer), "{bytes:?}: {answer:?}");
        assert_eq!(hosts.host(1).disk.watermark(), stands, "{bytes:?}");
    }
    assert!(matches!(
        ask(bytes(maker().prevote(5, 1, Some(1), 2)), here),
        ServedAnswer::Locked(on) if on == vote
    ));
    // Commitments of other members than of two, or without its own nonce: no share, though it is locked.
    let nonce = serving.show(from).unwrap();
    let next = bytes(maker().prevote(5, 2, Some(1), 1));
    let shown = || nonce.commitments.clone();
    for commitments in [
        [(1, shown())].into(),
        [(2, shown()), (3, shown())].into(),
        [(1, hosts.host(2).party.commit().1), (3, shown())].into(),
        [(1, shown()), (4, shown())].into(),
        // Points that are none.
        [(1, Commitments::unread([0xff; 64])), (3, shown())].into(),
    ] {
        let shown = serving.show(from).unwrap();
        let answer = serving.serve(
            from,
            &AskedShare {
                chain_id: chain_id(),
                bytes: next.clone(),
                nonce: shown.nonce,
                commitments,
                joint: Default::default(),
            },
        );
        assert!(is_refused(&answer), "{answer:?}");
    }
}

/// What a chain says is what the member that asks is told: that its turn at the gate did not come is no refusal, and a remedy is
/// not cut off.
#[test]
fn a_busy_gate_is_asked_again_and_a_refusal_is_told_with_its_reason() {
    use tmkms::backends::cosign::{Serve, Serving, ShownTo};
    use tmkms::consensus::ChainId;
    use tmkms::cosigner::{Given, MemberGate};
    use tmkms::gate::permit::Permit;
    use tmkms::gate::refusal::{Reason, Refusal};

    struct Says(ChainId, fn() -> Reason);
    impl MemberGate for Says {
        fn chain_id(&self) -> &ChainId {
            &self.0
        }
        fn give(&self, _: Vec<u8>, _: &mut dyn FnMut(), _: &mut dyn FnMut(&Permit)) -> Given {
            Given::Refused(Refusal::of((self.1)()))
        }
        fn learn(&self, _: Vec<u8>, _: &Signature) -> Result<(), Refusal> {
            Ok(())
        }
        fn stands(&self) -> tmkms::cosigner::GateStands {
            Default::default()
        }
    }
    let hosts = Hosts::of(2, 3);
    let told = |reason: fn() -> Reason| {
        let chain: Arc<dyn MemberGate> = Arc::new(Says(chain_id(), reason));
        let serving = Serving::new(hosts.host(1).party.clone(), 1);
        serving.join(&chain_id(), Arc::downgrade(&chain), None);
        let from = ShownTo { member: 2, boot: 1 };
        let asked = AskedShare {
            joint: Default::default(),
            chain_id: chain_id(),
            bytes: Vec::new(),
            nonce: serving.show(from).unwrap().nonce,
            commitments: Default::default(),
        };
        serving.serve(from, &asked)
    };
    assert_eq!(told(|| Reason::Busy), ServedAnswer::Busy);
    let why = "the key is in the other safe; ask Ms Oduya for it, who has been told, or come back on Monday";
    match told(|| {
        Reason::NotArmed(
            "the key is in the other safe; ask Ms Oduya for it, who has been told, or come back on Monday".to_owned(),
        )
    }) {
        ServedAnswer::NotYet(told) => assert!(told.ends_with(why), "{told}"),
        other => panic!("{other:?}"),
    }
    match told(|| Reason::NotArmed("a".repeat(10_000))) {
        ServedAnswer::NotYet(told) => assert!(told.len() < 500, "{told}"),
        other => panic!("{other:?}"),
    }
}
