//! What nodes get when all members are up.

use std::thread;
use std::time::{Duration, Instant};

use tmkms::codec::node::{Answer, Ask};

use super::support::{Members, prevote};
use crate::support::maker;

#[test]
fn every_member_signs_for_its_node() {
    let mut members = Members::signing(2, 3);
    for (id, height) in [1, 2, 3].into_iter().zip(1..) {
        members.ask(id, maker().proposal(height, 0, 1, 1)).unwrap();
        members.signs(id, height);
        // With an extension, which has a signature of its own.
        let precommit = maker().precommit(height, 0, Some(1), 1, b"extension");
        let answer = members.member(id).node().ask(&Ask::Sign(precommit.clone()));
        let answer = answer.unwrap();
        let Answer::Signed {
            extension_signature: Some(signature),
            ..
        } = &answer
        else {
            panic!("{answer:?}");
        };
        let key = members.member(id).home.key.clone();
        let (height, round, extension) = precommit.extension().unwrap();
        let bytes = tmkms::consensus::SignBytes::extension(
            &precommit.chain_id,
            height,
            round,
            &extension.data,
        );
        assert!(key.verify(bytes.as_slice(), signature));
        members.given.note(&precommit, answer).unwrap();
    }
    // What was signed elsewhere is signed again here, and nothing else at its place.
    for id in [1, 2, 3] {
        let precommit = |tag| maker().precommit(3, 0, Some(tag), 9, b"extension");
        assert!(members.ask(id, precommit(9)).is_err());
        assert_eq!(members.ask(id, precommit(1)).unwrap().seconds, 1);
    }
}

/// Nodes never agree on the time, and sometimes not on the block.
#[test]
fn nodes_that_ask_at_once_get_one_vote() {
    const HEIGHTS: i64 = 40;
    let mut members = Members::signing(2, 3);
    for id in [1, 2, 3] {
        members.signs(id, 1);
    }
    for height in 2..2 + HEIGHTS {
        // At each second height all are for one block.
        let tag = |id: i64| if height % 2 == 0 { 1 } else { id as u8 };
        let request = |id: i64| maker().prevote(height, 0, Some(tag(id)), height * 10 + id);
        let given = &members.given;
        let signed: Vec<bool> = thread::scope(|scope| {
            let all = members.all.iter_mut().map(|member| {
                let request = request(member.id as i64);
                scope.spawn(move || {
                    let began = Instant::now();
                    let answer = member.node().ask(&Ask::Sign(request.clone())).unwrap();
                    // Who is not quick enough is told so, and does not wait for members that have no more nonces for it.
                    assert!(began.elapsed() < Duration::from_secs(1), "{answer:?}");
                    given.note(&request, answer).is_ok()
                })
            });
            let all: Vec<_> = all.collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let expected: &[usize] = if height % 2 == 0 { &[3] } else { &[1, 0] };
        let many = signed.iter().filter(|signed| **signed).count();
        assert!(expected.contains(&many), "height {height}: {signed:?}");
    }
    let two_blocks = members.ask(1, prevote(HEIGHTS + 2, 1));
    assert!(two_blocks.is_ok(), "{two_blocks:?}");
}
