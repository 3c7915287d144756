//! Who pauses, or hands a chain over, waits for what is signed outside of the gate's section: extensions and raw bytes (W21,
//! W22).

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::held_key::HeldKey;
use crate::support::{SharedDisk, chain_id, maker, random_key};
use tmkms::chain::{Armed, Asker, Chain, ChainKeys, Drained, KeySchedule, Lasting, Respond};
use tmkms::gate::pause::{Pause, PauseFile};
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::reply::Reply;
use tmkms::request::{RawRequest, Request};
use tmkms::signer::Signer;

#[test]
fn an_extension_and_raw_bytes_that_were_begun_are_waited_for_and_none_is_begun_afterwards() {
    let raw = || {
        Request::SignRaw(RawRequest {
            first: b"held, raw".to_vec(),
            ..RawRequest::default()
        })
    };
    let vote = || Request::Sign(maker().precommit(1, 0, Some(1), 1, b"held, extension"));
    let pause = |chain: &Chain, file: &PauseFile| {
        let pause = Pause {
            from: None,
            why: None,
            asked: Duration::ZERO,
        };
        assert_eq!(chain.pause(pause, file).unwrap().drained, Drained::Yes);
    };
    let hand_over = |chain: &Chain, _: &PauseFile| {
        let patience = Duration::from_secs(10);
        let sealed = chain.hand_over(patience, &SystemClock, |_, _, _| {
            Ok::<_, String>(((), "it went to another host".to_owned()))
        });
        sealed.unwrap();
    };
    type End = fn(&Chain, &PauseFile);
    let ways: [(End, u32); 2] = [(pause, 13), (hand_over, 14)];
    let requests = [vote as fn() -> Request, raw];
    for ((end, code), request) in ways
        .iter()
        .flat_map(|way| requests.map(|request| (way, request)))
    {
        let (signer, was_asked, go) = HeldKey::new(b"held, ");
        let clock = SystemClock;
        let store = SharedDisk::new().store();
        let gate = Gate::arm(chain_id(), Settings::default(), store, &clock.now()).unwrap();
        let policy = RawPolicy {
            dialect: Dialect::CometbftV1,
            max_bytes: 100,
        };
        let armed = Armed::new(gate, Arc::new(signer)).signing_raw(Some(policy));
        let chain = Chain::armed(chain_id(), armed);
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let file = PauseFile::beside(&state, &chain_id(), &Default::default());
        std::thread::scope(|scope| {
            let chain = &chain;
            let answer = scope
                .spawn(move || chain.answer(request(), &clock.now(), &Asker::default(), &clock));
            was_asked.recv().unwrap();
            let (done, is_done) = channel();
            scope.spawn(move || {
                end(chain, &file);
                done.send(()).unwrap();
            });
            let early = is_done.recv_timeout(Duration::from_millis(300));
            assert!(early.is_err(), "it did not wait");
            go.send(()).unwrap();
            is_done.recv().unwrap();
            let reply = answer.join().unwrap().reply;
            assert!(matches!(reply, Reply::Signed(_) | Reply::RawSigned(_)));
        });
        match chain
            .answer(raw(), &clock.now(), &Asker::default(), &clock)
            .reply
        {
            Reply::RawRefused(error) => assert_eq!(error.code, *code as i32),
            _ => panic!("raw bytes were signed"),
        }
    }
}

/// A reload has just taken a key out, and a vote is in hand there.
#[test]
fn who_pauses_waits_for_what_is_in_hand_at_a_key_that_a_reload_takes_out() {
    let clock = SystemClock;
    let armed = |signer: Arc<dyn Signer>| {
        let store = SharedDisk::new().store();
        let gate = Gate::arm(chain_id(), Settings::default(), store, &clock.now()).unwrap();
        Armed::new(gate, signer)
    };
    let (held, was_asked, go) = HeldKey::new(b"held, ");
    let lasting = Lasting::default();
    let key = |signer: Arc<dyn Signer>| {
        let chain = Chain::armed(chain_id(), armed(signer));
        Arc::new(chain.sharing(lasting.clone()))
    };
    let keys = ChainKeys::of(key(Arc::new(held)));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let file = PauseFile::beside(&state, &chain_id(), &Default::default());
    let pause = Pause {
        from: None,
        why: None,
        asked: Duration::ZERO,
    };
    std::thread::scope(|scope| {
        let keys = &keys;
        let vote = Request::Sign(maker().precommit(1, 0, Some(1), 1, b"held, extension"));
        let answer =
            scope.spawn(move || keys.answer(vote, &clock.now(), &Asker::default(), &clock));
        was_asked.recv().unwrap();
        let next = KeySchedule::only(key(Arc::new(random_key())));
        let (swap, is_swapping) = channel();
        scope.spawn(move || {
            swap.send(()).unwrap();
            assert!(keys.replace(next));
        });
        is_swapping.recv().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let (done, is_done) = channel();
        scope.spawn(move || {
            done.send(keys.pause(pause, &file).unwrap().drained)
                .unwrap();
        });
        let early = is_done.recv_timeout(Duration::from_millis(300));
        assert!(early.is_err(), "it did not wait");
        go.send(()).unwrap();
        assert_eq!(is_done.recv().unwrap(), Drained::Yes);
        answer.join().unwrap();
    });
}
