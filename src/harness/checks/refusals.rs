//! What must not be signed, and how it is told: conflicts, regressions, other chains, what no node asks.

use crate::harness::probe::Trouble;
use crate::harness::reply::{self, NotAReply, Reply};
use crate::harness::test_message::{PRECOMMIT, PREVOTE, PROPOSAL};

use super::basics::pong;
use super::subject::{describe, flaw, unexpected};
use super::{CheckFailure, Judged, SignerUnderTest};

pub(super) fn conflict(subject: &mut SignerUnderTest) -> Judged {
    for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
        let height = subject.fresh_height();
        let first = subject.ballot(kind, height, Some(1));
        subject.signed(&first)?;
        let mut others = vec![Some(2)];
        if kind != PROPOSAL {
            others.push(None);
        }
        for block in others {
            let other = subject.ballot(kind, height, block);
            let what = format!("{} after one for another block", describe(&other));
            subject.refused(&other, &what)?;
        }
    }
    // The same block with another pol_round is another proposal.
    let height = subject.fresh_height();
    let mut first = subject.ballot(PROPOSAL, height, Some(1));
    first.round = 2;
    subject.signed(&first)?;
    let mut other = first.clone();
    other.pol_round = 1;
    subject.refused(
        &other,
        &format!("{} with another pol_round", describe(&other)),
    )?;
    // A vote for nil is a vote, too.
    let height = subject.fresh_height();
    let nil = subject.ballot(PRECOMMIT, height, None);
    subject.signed(&nil)?;
    let other = subject.ballot(PRECOMMIT, height, Some(2));
    subject.refused(&other, &format!("{} after one for nil", describe(&other)))?;
    Ok("none signed: 7 requests for another block, for nil, or with another pol_round".to_owned())
}

pub(super) fn height(subject: &mut SignerUnderTest) -> Judged {
    let (lower, height) = (subject.fresh_height(), subject.fresh_height());
    subject.signed(&subject.ballot(PREVOTE, height, Some(1)))?;
    for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
        let below = subject.ballot(kind, lower, Some(1));
        subject.refused(
            &below,
            &format!("{} after height {height}", describe(&below)),
        )?;
    }
    Ok("none of 3 signed".to_owned())
}

pub(super) fn round(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let mut ballot = subject.ballot(PREVOTE, height, Some(1));
    ballot.round = 2;
    subject.signed(&ballot)?;
    for kind in [PROPOSAL, PREVOTE, PRECOMMIT] {
        let mut below = subject.ballot(kind, height, Some(1));
        below.round = 1;
        subject.refused(&below, &format!("{} after round 2", describe(&below)))?;
    }
    Ok("none of 3 signed".to_owned())
}

pub(super) fn step(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    subject.signed(&subject.ballot(PREVOTE, height, Some(1)))?;
    let proposal = subject.ballot(PROPOSAL, height, Some(1));
    subject.refused(
        &proposal,
        &format!("{} after a prevote", describe(&proposal)),
    )?;
    subject.signed(&subject.ballot(PRECOMMIT, height, Some(1)))?;
    for kind in [PROPOSAL, PREVOTE] {
        let below = subject.ballot(kind, height, Some(1));
        subject.refused(&below, &format!("{} after a precommit", describe(&below)))?;
    }
    Ok("none of 3 signed".to_owned())
}

pub(super) fn wrong_chain(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let mut ballot = subject.ballot(PREVOTE, height, Some(1));
    // Of the harness's own kind, so that no chain in use is asked for.
    ballot.chain_id = match ballot.chain_id.as_str() {
        "harness-other-chain" => "harness-another-chain".to_owned(),
        _ => "harness-other-chain".to_owned(),
    };
    let what = format!("{} of chain {}", describe(&ballot), ballot.chain_id);
    subject.refused(&ballot, &what)?;
    Ok(format!("chain {} was refused", ballot.chain_id))
}

pub(super) fn in_band(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    subject.signed(&subject.ballot(PREVOTE, height, Some(1)))?;
    let links = subject.probe.links();
    for block in [Some(2), None, Some(3)] {
        let other = subject.ballot(PREVOTE, height, block);
        subject.refused(
            &other,
            &format!("{} after one for another block", describe(&other)),
        )?;
    }
    pong(subject)?;
    if let Some(first) = subject.dropped.first() {
        return Err(CheckFailure::Fail(format!(
            "{} refusals by ending the link, which stalls a node for up to 5 s; the first: {first}",
            subject.dropped.len()
        )));
    }
    match subject.probe.links() == links {
        true => Ok(format!(
            "{} refusals so far, each an answer",
            subject.answered
        )),
        false => Err(CheckFailure::Fail(
            "the link was ended after a refusal".to_owned(),
        )),
    }
}

pub(super) fn raw_bytes(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    let vote = subject.ballot(PRECOMMIT, height, Some(9));
    let bytes = vote.sign_bytes(vote.time);
    match subject.probe.ask(&reply::sign_bytes_request(&bytes)) {
        Ok(Reply::RawSigned(signature)) => {
            let key = subject.key();
            let vote = key.is_some_and(|key| key.verifies(&bytes, &signature));
            Err(CheckFailure::Fail(match vote {
                true => "a precommit was SIGNED as raw bytes: any vote can be had so, past the watermark".to_owned(),
                false => "raw bytes that are a precommit were answered with a signature".to_owned(),
            }))
        }
        Ok(Reply::Refused { words, .. }) => Ok(format!("refused: {words}")),
        Ok(other) => Err(unexpected("a refusal", &other)),
        Err(Trouble::NotAReply(NotAReply::Empty)) => Ok(
            "not signed: the message is unknown to the signer, which answers with an empty one"
                .to_owned(),
        ),
        Err(Trouble::Closed | Trouble::Silent(_)) => {
            pong(subject)?;
            Ok("not signed: the message is unknown to the signer, which ends the link".to_owned())
        }
        Err(trouble) => Err(flaw(trouble)),
    }
}

pub(super) fn odd_votes(subject: &mut SignerUnderTest) -> Judged {
    let height = subject.fresh_height();
    for (kind, height) in [(3, height), (0, height), (PREVOTE, -1), (PRECOMMIT, 0)] {
        let odd = subject.ballot(kind, height, Some(1));
        let what = describe(&odd);
        match subject.ask(&odd) {
            Ok(Reply::Signed(_)) => return Err(CheckFailure::Fail(format!("{what} was SIGNED"))),
            Ok(_) | Err(Trouble::Closed | Trouble::Silent(_) | Trouble::NotAReply(_)) => {}
            Err(trouble) => return Err(flaw(trouble)),
        }
        pong(subject).map_err(|flaw| match flaw {
            CheckFailure::Gone(words) => CheckFailure::Gone(format!("after {what}: {words}")),
            CheckFailure::Fail(words) => CheckFailure::Fail(format!("after {what}: {words}")),
            other => other,
        })?;
    }
    Ok("none of 4 signed, and the signer answers on".to_owned())
}
