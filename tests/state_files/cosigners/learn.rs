//! Members that had no part in a signature hear of it, and believe nothing else.

use super::net::Wire;
use super::{HostSettings, Hosts};
use crate::support::{chain_id, key, maker};
use tmkms::backends::cosign::{MadeSignature, Serve};
use tmkms::consensus::{Height, Hrs, Signature};
use tmkms::gate::Settings;
use tmkms::gate::heights::bucket::Rate;
use tmkms::harness::messages::Maker;
use tmkms::reply::Reply;
use tmkms::request::SignRequest;

/// The third one may skip a single height by itself.
fn one_may_skip_little() -> Hosts {
    Hosts::with(2, 3, |member| {
        let rate = Rate {
            max_gap: if member == 3 { 10 } else { 1_000 },
            max_blocks_per_second: 1,
        };
        let gate = Settings {
            rate,
            ..Settings::default()
        };
        HostSettings { gate, raw: None }
    })
}

#[test]
fn an_idle_member_follows_further_than_it_could_go_by_itself_and_signs_when_it_is_needed() {
    let hosts = one_may_skip_little();
    hosts.signed(3, maker().prevote(1, 0, Some(1), 1));
    for height in 2..=60 {
        hosts.signed(1, maker().prevote(height, 0, Some(1), 1));
    }
    assert_eq!(hosts.last(3).unwrap().height.get(), 60);
    hosts.kill(1);
    hosts.signed(2, maker().prevote(61, 0, Some(1), 1));
}

#[test]
fn one_that_heard_of_nothing_refuses_and_says_why() {
    let hosts = one_may_skip_little();
    hosts.signed(3, maker().prevote(1, 0, Some(1), 1));
    for other in [1, 2] {
        hosts.wire(3, other, Wire::Down);
    }
    for height in 2..=60 {
        hosts.signed(1, maker().prevote(height, 0, Some(1), 1));
    }
    hosts.wire(3, 2, Wire::Up);
    hosts.refuses(1);
    let error = hosts.refused(2, maker().prevote(61, 0, Some(1), 1));
    assert!(error.description.contains("member 3 refuses"), "{error:?}");
    // Its own node hears it as what it is, and nobody else is asked or locked for it.
    let before = (hosts.last(2), hosts.net.served.lock().len());
    let error = hosts.refused(3, maker().prevote(62, 0, Some(1), 1));
    assert!(error.description.contains("ahead"), "{error:?}");
    assert_eq!((hosts.last(2), hosts.net.served.lock().len()), before);
    // As soon as somebody tells, it follows.
    hosts.net.lies.lock().clear();
    hosts.signed(1, maker().prevote(63, 0, Some(1), 1));
    hosts.signed(2, maker().prevote(64, 0, Some(1), 1));
    assert_eq!(hosts.last(3).unwrap().height.get(), 64);
}

#[test]
fn what_is_forged_old_or_of_something_else_moves_nothing() {
    let hosts = Hosts::of(2, 3);
    let at = |height| maker().prevote(height, 0, Some(1), 1);
    let old = hosts.signed(1, at(1)).signature;
    let last = hosts.signed(1, at(5)).signature;
    let serving = hosts.net.members.read()[&3].serving.clone();
    let told = |request: &SignRequest, chain: &str, signature: &Signature| {
        serving.learn(MadeSignature {
            chain_id: chain.parse().unwrap(),
            bytes: request.sign_bytes().as_slice().to_vec(),
            signature: signature.clone(),
        });
        hosts.last(3).unwrap().height.get()
    };
    let here = chain_id();
    let here = here.as_str();
    let of_another_key = |request: &SignRequest| {
        let mut gate = crate::support::SharedDisk::new();
        sign_with_another_key(&mut gate, request)
    };
    assert_eq!(told(&at(1), here, &old), 5);
    assert_eq!(told(&at(5), here, &last), 5);
    assert_eq!(told(&at(6), here, &last), 5);
    assert_eq!(told(&at(6), here, &Signature::from_bytes(vec![0; 64])), 5);
    assert_eq!(told(&at(6), here, &Signature::from_bytes(Vec::new())), 5);
    assert_eq!(told(&at(6), here, &of_another_key(&at(6))), 5);
    let elsewhere = Maker::new("test-2".parse().unwrap()).prevote(6, 0, Some(1), 1);
    assert_eq!(told(&elsewhere, here, &last), 5);
    assert_eq!(told(&elsewhere, "test-2", &last), 5);
    serving.learn(MadeSignature {
        chain_id: chain_id(),
        bytes: b"garbage".to_vec(),
        signature: last,
    });
    assert_eq!(hosts.last(3).unwrap().height.get(), 5);
    hosts.signed(3, at(6));
}

fn sign_with_another_key(
    disk: &mut crate::support::SharedDisk,
    request: &SignRequest,
) -> Signature {
    use tmkms::chain::{Armed, Asker, Chain, Respond};
    use tmkms::os::clock::{Clock, SystemClock};
    let now = SystemClock.now();
    let gate = tmkms::gate::Gate::arm(chain_id(), Settings::default(), disk.store(), &now).unwrap();
    let chain = Chain::armed(chain_id(), Armed::new(gate, std::sync::Arc::new(key(9))));
    let request = tmkms::request::Request::Sign(request.clone());
    match chain
        .answer(request, &now, &Asker::default(), &SystemClock)
        .reply
    {
        Reply::Signed(signed) => signed.signature,
        other => panic!("{other:?}"),
    }
}

/// Its lock is what it gave a share of, or may have given one of.
#[test]
fn one_that_is_locked_on_something_else_stays_so() {
    let hosts = Hosts::of(2, 3);
    let other = maker().prevote(1, 0, Some(2), 1).sign_bytes();
    hosts.lock(3, other.clone());
    hosts.signed(1, maker().prevote(1, 0, Some(1), 1));
    assert!(
        matches!(hosts.host(3).disk.watermark(), tmkms::gate::watermark::Watermark::Message(last) if *last.bytes() == other)
    );
    let error = hosts.refused(3, maker().prevote(1, 0, Some(1), 1));
    assert!(
        error.description.contains("member") || error.code > 0,
        "{error:?}"
    );
    // At the next position it is one of them again.
    hosts.kill(2);
    hosts.signed(3, maker().precommit(1, 0, Some(1), 1, b""));
}

/// Links are up before a chain is armed, so what others tell comes before it can be taken in. It counts all the same.
#[test]
fn what_was_told_before_the_chain_was_armed_is_known_before_a_share_is_given() {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use tmkms::backends::cosign::{AskedShare, ServedAnswer, Serving, ShownTo};
    use tmkms::chain::Chain;
    use tmkms::cosigner::MemberGate;
    use tmkms::gate::watermark::Watermark;

    let hosts = Hosts::of(2, 3);
    for other in [1, 2] {
        hosts.wire(3, other, Wire::Down);
    }
    let told = |signed: &tmkms::reply::Signed| {
        let bytes = signed.request.sign_bytes().at_time(signed.timestamp);
        MadeSignature {
            chain_id: chain_id(),
            bytes: bytes.unwrap().as_slice().to_vec(),
            signature: signed.signature.clone(),
        }
    };
    let earlier = told(&hosts.signed(1, maker().prevote(4, 0, Some(1), 1)));
    let made = told(&hosts.signed(1, maker().prevote(5, 0, Some(1), 1)));
    let forged = MadeSignature {
        bytes: maker()
            .prevote(9, 0, Some(1), 1)
            .sign_bytes()
            .as_slice()
            .to_vec(),
        ..made.clone()
    };
    let host = hosts.host(3);
    assert_eq!(host.disk.watermark(), Watermark::Never);
    let serving = Serving::new(host.party.clone(), 9);
    for told in [made.clone(), earlier, forged] {
        serving.learn(told);
    }
    let to = ShownTo { member: 1, boot: 1 };
    let ask = || {
        let asked = AskedShare {
            joint: Default::default(),
            chain_id: chain_id(),
            bytes: maker()
                .prevote(5, 0, Some(2), 1)
                .sign_bytes()
                .as_slice()
                .to_vec(),
            nonce: serving.show(to).unwrap().nonce,
            commitments: BTreeMap::new(),
        };
        match serving.serve(to, &asked) {
            ServedAnswer::Refused(why) | ServedAnswer::NotYet(why) => why,
            other => panic!("{other:?}"),
        }
    };
    let opening: Arc<dyn MemberGate> = Arc::new(Chain::opening(chain_id()));
    serving.join(&chain_id(), Arc::downgrade(&opening), None);
    assert!(ask().contains("being opened"), "{}", ask());
    let armed: Arc<dyn MemberGate> = host.chain.clone();
    let at = |height| Some(Hrs::end_of(Height::new(height).unwrap()));
    serving.join(&chain_id(), Arc::downgrade(&armed), at(1));
    assert!(ask().contains("double sign"), "{}", ask());
    // What it says of its beginning is from before that, also when it is armed again.
    serving.join(&chain_id(), Arc::downgrade(&armed), at(9));
    assert_eq!(serving.standings()[0].began, at(1));
    match host.disk.watermark() {
        Watermark::Message(last) => assert_eq!(last.bytes().as_slice(), made.bytes),
        other => panic!("{other:?}"),
    }
}

/// The same where its own node is the first to ask, before any other member does.
#[test]
fn what_was_told_before_the_chain_was_armed_is_known_before_it_asks_the_others() {
    use tmkms::backends::cosign::{CosignSigner, Serving};
    use tmkms::cosigner::{AskedJointly, Cosigner, NotJoint};
    use tmkms::os::clock::{Clock, SystemClock};

    let hosts = Hosts::of(2, 3);
    for other in [1, 2] {
        hosts.wire(3, other, Wire::Down);
    }
    let vote = maker().prevote(5, 0, Some(1), 1);
    let signed = hosts.signed(1, vote.clone());
    hosts.wire(3, 2, Wire::Up);
    let host = hosts.host(3);
    let serving = std::sync::Arc::new(Serving::new(host.party.clone(), 9));
    serving.learn(MadeSignature {
        chain_id: chain_id(),
        bytes: vote.sign_bytes().as_slice().to_vec(),
        signature: signed.signature,
    });
    let signer = CosignSigner::new(host.party.clone(), serving, host.coordinator.clone());
    let asked = AskedJointly {
        bytes: maker().prevote(5, 0, Some(2), 1).sign_bytes().clone(),
        is_locked: false,
    };
    let until = SystemClock.monotonic() + std::time::Duration::from_secs(2);
    let error = signer.sign_jointly(asked, &*host.chain, until).unwrap_err();
    assert!(matches!(error, NotJoint::TooFew(_)), "{error:?}");
    // Had the others known nothing, its own gate would have refused.
    match host.disk.watermark() {
        tmkms::gate::watermark::Watermark::Message(last) => {
            assert_eq!(last.bytes(), &vote.sign_bytes());
        }
        other => panic!("{other:?}"),
    }
}

/// A member that gave a share of a vote that came to nothing still knows the one before, and says so to one that was set back.
#[test]
fn one_that_is_locked_without_a_signature_tells_the_last_one_that_it_knows() {
    use tmkms::backends::cosign::ServedAnswer;

    let hosts = Hosts::of(2, 3);
    let before = hosts.signed(1, maker().prevote(5, 0, Some(1), 1));
    hosts.refuses(2);
    hosts.lie(1, |_, _| ServedAnswer::NoNonce);
    hosts.refused(3, maker().prevote(6, 0, Some(1), 1));
    let serving = hosts.net.members.read()[&1].serving.clone();
    let standing = serving.standings().remove(0);
    assert_eq!(standing.at.unwrap().height.get(), 6);
    let made = standing.made.unwrap();
    assert_eq!(made.bytes, before.request.sign_bytes().as_slice());
    assert_eq!(made.signature, before.signature);
    // With a signature there it is that one.
    hosts.net.lies.lock().clear();
    let now = hosts.signed(1, maker().prevote(7, 0, Some(1), 1));
    let made = serving.standings().remove(0).made.unwrap();
    assert_eq!(made.signature, now.signature);
}

/// One that was just started has links before its chain is armed: that passes within the time of a vote.
#[test]
fn one_that_cannot_yet_is_asked_again() {
    use std::time::{Duration, Instant};
    use tmkms::backends::cosign::ServedAnswer;

    let hosts = Hosts::of(2, 3);
    hosts.kill(3);
    let began = Instant::now();
    hosts.lie(1, move |answer, _| match began.elapsed() {
        early if early < Duration::from_millis(300) => ServedAnswer::NotYet("not armed".to_owned()),
        _ => answer,
    });
    hosts.signed(2, maker().prevote(1, 0, Some(1), 1));
    assert!(began.elapsed() >= Duration::from_millis(300));
}

/// A question has to fit into a frame between members, with what stands around the bytes.
#[test]
fn an_extension_that_fits_no_question_moves_nothing() {
    let hosts = Hosts::of(2, 3);
    let long = vec![1; tmkms::codec::frame::MAX_FRAME - 300];
    let error = hosts.refused(1, maker().precommit(1, 0, Some(1), 1, &long));
    assert!(error.description.contains("signs"), "{error:?}");
    assert_eq!(hosts.last(1), None);
    let fits = vec![1; tmkms::codec::frame::MAX_FRAME - 2_000];
    hosts.signed(1, maker().precommit(1, 0, Some(1), 1, &fits));
}
