//! What goes beside votes: extensions and raw bytes, each within what every member's own operator allows.

use super::net::Life;
use super::{HostSettings, Hosts, SLOW};
use crate::support::{chain_id, maker};
use tmkms::backends::cosign::{AskedShare, Serve, ServedAnswer, ShownTo};
use tmkms::consensus::{Height, Round, SignBytes};
use tmkms::gate::raw::{Dialect, RawPolicy};
use tmkms::gate::{Settings, SignExtensions};
use tmkms::reply::Reply;
use tmkms::request::RawRequest;

fn never() -> HostSettings {
    HostSettings {
        gate: Settings {
            sign_extensions: SignExtensions::Never,
            ..Settings::default()
        },
        raw: None,
    }
}

fn extension(height: i64, round: i32, data: &[u8]) -> SignBytes {
    let (height, round) = (Height::new(height).unwrap(), Round::new(round).unwrap());
    SignBytes::extension(&chain_id(), height, round, data)
}

/// What a member says to a question of its own for these bytes, asked by member 3.
fn asked_of(hosts: &Hosts, member: u16, bytes: &SignBytes) -> ServedAnswer {
    let serving = hosts.net.members.read()[&member].serving.clone();
    let from = ShownTo {
        member: 3,
        boot: Life::new().boot,
    };
    let shown = serving.show(from).unwrap();
    let (_, own) = hosts.host(3).party.commit();
    let asked = AskedShare {
        joint: Default::default(),
        chain_id: chain_id(),
        bytes: bytes.as_slice().to_vec(),
        nonce: shown.nonce,
        commitments: [(member, shown.commitments), (3, own)].into(),
    };
    serving.serve(from, &asked)
}

#[test]
fn an_extension_is_signed_with_its_precommit_and_by_members_that_had_no_part_in_that() {
    let hosts = Hosts::of(2, 3);
    let precommit = || maker().precommit(1, 0, Some(1), 1, b"extension");
    let check = |signature| {
        let bytes = extension(1, 0, b"extension");
        assert!(hosts.key.verify(bytes.as_slice(), &signature));
    };
    check(hosts.signed(3, precommit()).extension_signature.unwrap());
    let served = hosts.net.served.lock().clone();
    assert!(!served.iter().any(|(member, _)| *member == 2), "{served:?}");
    // The same vote again, when the one that had a part is gone.
    hosts.kill(1);
    check(hosts.signed(3, precommit()).extension_signature.unwrap());
    check(hosts.signed(2, precommit()).extension_signature.unwrap());
    // Nil has none, and one that says skip neither.
    let nil = maker().precommit(2, 0, None, 1, b"");
    assert_eq!(hosts.signed(2, nil).extension_signature, None);
}

/// Two that ask have nothing to agree on, so nobody is asked before the others.
#[test]
fn an_extension_waits_for_nobody_who_is_asked_first() {
    let hosts = Hosts::of(3, 5);
    hosts.signed(5, maker().precommit(1, 0, Some(1), 1, b""));
    hosts.wire(5, 1, SLOW);
    hosts.wire(5, 2, SLOW);
    let began = std::time::Instant::now();
    hosts.signed(5, maker().precommit(1, 0, Some(1), 1, b"extension"));
    // Both are late together, once.
    assert!(began.elapsed().as_millis() < 290, "{:?}", began.elapsed());
}

#[test]
fn an_extension_of_anything_but_the_precommit_that_was_just_signed_is_refused_by_each_member() {
    let hosts = Hosts::of(2, 3);
    hosts.signed(1, maker().precommit(5, 1, Some(1), 1, b"one"));
    for member in [1, 2] {
        let asked = |bytes| asked_of(&hosts, member, &bytes);
        for wrong in [
            extension(5, 0, b"one"),
            extension(5, 2, b"one"),
            extension(4, 1, b"one"),
            extension(6, 1, b"one"),
            extension(1 << 62, 1, b"one"),
        ] {
            let answer = asked(wrong.clone());
            assert!(
                matches!(answer, ServedAnswer::Refused(_)),
                "{wrong:?}: {answer:?}"
            );
        }
        let other: tmkms::consensus::ChainId = "test-2".parse().unwrap();
        let (height, round) = (Height::new(5).unwrap(), Round::new(1).unwrap());
        let elsewhere = SignBytes::extension(&other, height, round, b"one");
        assert!(matches!(asked(elsewhere), ServedAnswer::Refused(_)));
        assert!(matches!(
            asked(extension(5, 1, b"one")),
            ServedAnswer::Share(_)
        ));
    }
    // Beside a prevote, and beside a precommit of nil.
    hosts.signed(1, maker().prevote(6, 0, Some(1), 1));
    assert!(matches!(
        asked_of(&hosts, 2, &extension(6, 0, b"")),
        ServedAnswer::Refused(_)
    ));
    hosts.signed(1, maker().precommit(6, 0, None, 1, b""));
    assert!(matches!(
        asked_of(&hosts, 2, &extension(6, 0, b"")),
        ServedAnswer::Refused(_)
    ));
}

#[test]
fn a_member_whose_operator_wants_no_extensions_gives_no_share_of_one() {
    let hosts = Hosts::with(2, 3, |member| match member {
        1 => never(),
        _ => HostSettings::default(),
    });
    let signed = hosts.signed(3, maker().precommit(1, 0, Some(1), 1, b"extension"));
    assert!(signed.extension_signature.is_some());
    assert!(hosts.net.served.lock().contains(&(1, 3)));
    // Where two of three do not want them there are none: the vote is refused, as a whole signer's is whose key gives none.
    let hosts = Hosts::with(2, 3, |member| match member {
        1 | 2 => never(),
        _ => HostSettings::default(),
    });
    let error = hosts.refused(3, maker().precommit(1, 0, Some(1), 1, b"extension"));
    assert!(error.description.contains("member 1 refuses"), "{error:?}");
    let signed = hosts.signed(1, maker().precommit(1, 0, Some(1), 1, b"extension"));
    assert_eq!(signed.extension_signature, None);
}

fn policies() -> [(RawPolicy, RawRequest, RawRequest); 2] {
    let celestia = |purpose: &[u8]| RawRequest {
        first: chain_id().as_str().as_bytes().to_vec(),
        second: b"bytes".to_vec(),
        third: purpose.to_vec(),
    };
    let v1 = |bytes: &[u8]| RawRequest {
        first: bytes.to_vec(),
        ..RawRequest::default()
    };
    let with = |dialect| RawPolicy {
        dialect,
        max_bytes: 200,
    };
    [
        (
            with(Dialect::CometbftV1),
            v1(b"bytes"),
            v1(maker().prevote(9, 0, None, 1).sign_bytes().as_slice()),
        ),
        (
            with(Dialect::Celestia {
                ids: ["fibre".to_owned()].into(),
            }),
            celestia(b"fibre"),
            celestia(b"other"),
        ),
    ]
}

#[test]
fn raw_bytes_are_signed_together_within_the_policy_of_each_member() {
    for (policy, right, wrong) in policies() {
        let allowed = |members: &'static [u16]| {
            let policy = policy.clone();
            Hosts::with(2, 3, move |member| HostSettings {
                raw: members.contains(&member).then(|| policy.clone()),
                ..HostSettings::default()
            })
        };
        let hosts = allowed(&[1, 2, 3]);
        for member in 1..=3 {
            let bytes = policy.admit(&chain_id(), &right, std::time::Duration::MAX);
            match hosts.raw(member, right.clone()) {
                Reply::RawSigned(signature) => {
                    assert!(hosts.key.verify(bytes.unwrap().bytes(), &signature));
                }
                other => panic!("{other:?}"),
            }
            let reply = hosts.raw(member, wrong.clone());
            assert!(matches!(reply, Reply::RawRefused(_)), "{reply:?}");
            assert_eq!(hosts.last(member), None);
        }
        // One that was not told to sign any: the others do.
        let hosts = allowed(&[2, 3]);
        let reply = hosts.raw(3, right.clone());
        assert!(matches!(reply, Reply::RawSigned(_)), "{reply:?}");
        assert!(matches!(hosts.raw(1, right.clone()), Reply::RawRefused(_)));
        assert!(!hosts.net.served.lock().iter().any(|(_, from)| *from == 1));
        // With one alone there is no signature, and the answer says why.
        let hosts = allowed(&[3]);
        match hosts.raw(3, right) {
            Reply::RawRefused(error) => {
                let why = "member 1 refuses: raw bytes are not signed";
                assert!(
                    error.description.contains("member 1 refuses"),
                    "{why}: {error:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A member reads them by itself: the dialect of whoever asks is not its own.
#[test]
fn raw_bytes_in_another_dialect_are_refused_by_a_member() {
    let [(v1, right, _), (celestia, other, _)] = policies();
    for (policy, request) in [(celestia, right), (v1, other)] {
        let hosts = Hosts::with(2, 2, |member| {
            let [(v1, ..), (celestia, ..)] = policies();
            let here = match policy.dialect {
                Dialect::CometbftV1 => v1,
                Dialect::Celestia { .. } => celestia.clone(),
            };
            let there = match policy.dialect {
                Dialect::CometbftV1 => celestia,
                Dialect::Celestia { .. } => policies()[0].0.clone(),
            };
            HostSettings {
                raw: Some(if member == 1 { here } else { there }),
                ..HostSettings::default()
            }
        });
        let reply = hosts.raw(2, request.clone());
        match policy.dialect {
            Dialect::Celestia { .. } => match reply {
                Reply::RawRefused(error) => {
                    assert!(error.description.contains("member 1 refuses"), "{error:?}");
                }
                other => panic!("{other:?}"),
            },
            // Celestia's bytes are bytes for the other dialect, which signs any: so its operator said.
            Dialect::CometbftV1 => assert!(matches!(reply, Reply::RawSigned(_)), "{reply:?}"),
        }
    }
}
