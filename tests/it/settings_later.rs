//! Settings that come while a vote is being signed.

use std::sync::Arc;

use crate::support::held_key::HeldKey;
use crate::support::home::PATIENCE;
use crate::support::{SharedDisk, chain_id, maker};
use tmkms::chain::{Armed, Asker, Chain, KeySettings, Respond};
use tmkms::gate::heights::bucket::Rate;
use tmkms::gate::{Gate, Settings};
use tmkms::os::clock::{Clock, SystemClock};
use tmkms::remedy::Commands;
use tmkms::request::Request;

#[test]
fn settings_wait_for_the_vote_in_hand_and_the_last_ones_count() {
    let clock = SystemClock;
    let (signer, was_asked, go) = HeldKey::new(b"test-1");
    let store = SharedDisk::new().store();
    let gate = Gate::arm(chain_id(), Settings::default(), store, &clock.now()).unwrap();
    let chain = Chain::armed(chain_id(), Armed::new(gate, Arc::new(signer)));
    let wanted = |max_gap| KeySettings {
        settings: Settings {
            rate: Rate {
                max_gap,
                ..Rate::default()
            },
            ..Settings::default()
        },
        raw: None,
        commands: Commands::default().of_key(max_gap),
    };
    let max_gap = || chain.seen().gate.unwrap().rate.max_gap;
    std::thread::scope(|scope| {
        let chain = &chain;
        let vote = Request::Sign(maker().prevote(1, 0, Some(1), 1));
        scope.spawn(move || chain.answer(vote, &clock.now(), &Asker::default(), &clock));
        was_asked.recv_timeout(PATIENCE).unwrap();
        assert!(!chain.follow(wanted(5), &clock));
        assert!(!chain.follow(wanted(7), &clock));
        assert_eq!(max_gap(), Rate::default().max_gap, "the gate is another's");
        go.send(()).unwrap();
    });
    assert!(chain.catch_up(&clock));
    assert_eq!(max_gap(), 7);
    assert!(chain.follow(wanted(7), &clock), "nothing to do");
}
