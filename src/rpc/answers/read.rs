//! From the bytes of an answer to what it says.

use serde::Deserialize;

use crate::consensus::{ChainId, Height, KeyType, PublicKey, Round};
use crate::rpc::trouble::RpcTrouble;
use crate::rpc::vote::{self, CommitEntry, CommitHead, VoteInCommit};
use crate::text::excerpt::brief;

use super::shapes::{
    CommitResult, CommitSignature, MOST, RpcAnswer, StatusResult, ValidatorsResult, bytes_of,
};

/// The longest `/status` that is read, in bytes.
pub const LONGEST_STATUS: u64 = 64 * 1024;
/// The longest page of `/validators`, in bytes: a hundred of them have 280,000 with keys of type ML-DSA-65, the longest.
pub const LONGEST_VALIDATORS: u64 = 512 * 1024;
/// How many validators are on a page; nodes give no more.
pub const PER_PAGE: u64 = 100;
/// How much of a text that a node sends is kept, in bytes.
const LONGEST_TEXT: usize = 200;

/// The longest `/commit`, in bytes, where our key is of this type. That of 10,000 validators has two and a half million with
/// signatures of 64 bytes, and three and a half with those of BLS12-381. One of ML-DSA-65 has 4,412 digits: so much is read of 3,500
/// validators, and of 800 where our key is of another type than theirs.
pub fn longest_commit(ours: KeyType) -> u64 {
    match ours {
        KeyType::MlDsa65 => 16 * 1024 * 1024,
        KeyType::Ed25519 | KeyType::Secp256k1 | KeyType::Secp256k1Eth | KeyType::Bls12381 => {
            4 * 1024 * 1024
        }
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The height of its newest block; 0 where it has none.
    pub latest: i64,
    /// The height of its oldest block.
    pub earliest: i64,
    /// It is still fetching blocks.
    pub catching_up: bool,
}

/// What a block's commit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitAnswer {
    /// It is the one that the next block holds, and not what this node has merely seen.
    pub canonical: bool,
    /// The hash of the validators that could sign it.
    pub validators: [u8; 32],
    /// Our vote in it.
    pub vote: VoteInCommit,
}

/// One page of the validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorsPage {
    /// How many there are on all pages.
    pub total: u64,
    /// How many are on this one.
    pub count: usize,
    /// Our voting power, where we are on this page.
    pub power: Option<i64>,
}

/// Reads `/status` of a node that must be one of this chain.
///
/// # Errors
/// [`RpcTrouble`]: something else answered, or a node of another chain.
pub fn read_status(body: &[u8], chain: &ChainId) -> Result<NodeStatus, RpcTrouble> {
    let status: StatusResult<'_> = result(body)?;
    if status.node_info.network != chain.as_str() {
        return Err(other_chain(&status.node_info.network, chain));
    }
    let sync = status.sync_info;
    let height = |text: &str| text.parse().ok().filter(|height| *height >= 0);
    Ok(NodeStatus {
        latest: height(&sync.latest_block_height)
            .ok_or(RpcTrouble::NotRpc("the height is none"))?,
        earliest: sync
            .earliest_block_height
            .as_deref()
            .and_then(height)
            .unwrap_or(0),
        catching_up: sync.catching_up,
    })
}

/// Reads `/commit?height=` for the commit of the block at `height`, and verifies our vote in it.
///
/// # Errors
/// [`RpcTrouble`]: something else answered, a block of another chain or height, or none.
pub fn read_commit(
    body: &[u8],
    chain: &ChainId,
    height: Height,
    key: &PublicKey,
) -> Result<CommitAnswer, RpcTrouble> {
    let found: CommitResult<'_> = result(body)?;
    let (Some(header), Some(commit)) = (found.signed_header.header, found.signed_header.commit)
    else {
        return Err(RpcTrouble::Said("it does not have this block".to_owned()));
    };
    if header.chain_id != chain.as_str() {
        return Err(other_chain(&header.chain_id, chain));
    }
    let is_asked = |text: &str| text.parse() == Ok(height.get());
    if !is_asked(&header.height) || !is_asked(&commit.height) {
        return Err(RpcTrouble::NotRpc("the commit is that of another height"));
    }
    let validators = bytes_of(&header.validators_hash).and_then(|hash| hash.try_into().ok());
    let head = CommitHead {
        height,
        round: Round::new(commit.round).ok_or(RpcTrouble::NotRpc("the round is none"))?,
        block: commit
            .block_id
            .read()
            .ok_or(RpcTrouble::NotRpc("the block id is none"))?,
    };
    let address = key.address().to_string();
    let ours = commit.signatures.0.iter();
    let ours = ours.filter(|found| found.validator_address.eq_ignore_ascii_case(&address));
    let entries: Vec<CommitEntry> = ours.filter_map(CommitSignature::read).collect();
    Ok(CommitAnswer {
        canonical: found.canonical,
        validators: validators.ok_or(RpcTrouble::NotRpc("the hash of the validators is none"))?,
        vote: vote::judge(&head, &entries, chain, key),
    })
}

/// Reads a page of `/validators`.
///
/// # Errors
/// [`RpcTrouble`]: something else answered, or more validators than any chain has.
pub fn read_validators(body: &[u8], key: &PublicKey) -> Result<ValidatorsPage, RpcTrouble> {
    let page: ValidatorsResult<'_> = result(body)?;
    let total = page.total.as_deref().and_then(|total| total.parse().ok());
    let total = total.filter(|total| usize::try_from(*total).is_ok_and(|n| n <= MOST));
    let address = key.address().to_string();
    let mut validators = page.validators.0.iter();
    let ours = validators.find(|found| found.address.eq_ignore_ascii_case(&address));
    let power = ours.map(|ours| ours.voting_power.parse());
    Ok(ValidatorsPage {
        count: page.validators.0.len(),
        total: total.ok_or(RpcTrouble::NotRpc("the number of validators is none"))?,
        power: power
            .transpose()
            .map_err(|_| RpcTrouble::NotRpc("the voting power is none"))?,
    })
}

/// The result in an answer, or what the node says in its stead.
pub(super) fn result<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, RpcTrouble> {
    let answer: RpcAnswer<T> = serde_json::from_slice(body).map_err(|error| {
        RpcTrouble::NotRpc(match error.classify() {
            serde_json::error::Category::Data => "its JSON has other fields",
            _ => "it is not JSON, or not all of it",
        })
    })?;
    match (answer.result, answer.error) {
        (Some(result), None) => Ok(result),
        (_, Some(error)) => {
            let text = error.data.filter(|data| !data.is_empty());
            let text = text.unwrap_or(error.message);
            Err(RpcTrouble::Said(brief(&text, LONGEST_TEXT).into_owned()))
        }
        (None, None) => Err(RpcTrouble::NotRpc("its JSON has no result")),
    }
}

fn other_chain(found: &str, wanted: &ChainId) -> RpcTrouble {
    RpcTrouble::OtherChain {
        found: brief(found, LONGEST_TEXT).into_owned(),
        wanted: wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::vote::Sighting;

    /// Series whose nodes' answers are recorded (`interop/rig/answers.go`).
    const SERIES: [&str; 6] = ["v0.34", "v0.37", "v0.38", "v0.39", "v0.40", "v1.0"];
    /// Of these commits: one that all four validators signed, and one that a stopped node did not.
    const PRESENT: i64 = 3;
    const ABSENT: i64 = 9;

    fn recorded(series: &str, name: &str) -> Vec<u8> {
        std::fs::read(format!("tests/rpc/{series}/{name}.json")).unwrap()
    }

    fn chain() -> ChainId {
        "interop-1".parse().unwrap()
    }

    fn height(height: i64) -> Height {
        Height::new(height).unwrap()
    }

    fn key_of(json: &serde_json::Value) -> PublicKey {
        let text = json["value"].as_str().unwrap();
        let bytes = crate::text::base64::decode(text.as_bytes()).unwrap();
        PublicKey::from_bytes("ed25519", &bytes).unwrap()
    }

    fn key(series: &str) -> PublicKey {
        key_of(&serde_json::from_slice(&recorded(series, "key")).unwrap())
    }

    /// The validators of a recorded chain, on two pages.
    fn validators(series: &str) -> Vec<PublicKey> {
        let pages = ["validators-1", "validators-2"].map(|name| {
            let page: serde_json::Value = serde_json::from_slice(&recorded(series, name)).unwrap();
            let all = page["result"]["validators"].as_array().unwrap().clone();
            all.into_iter().map(|one| key_of(&one["pub_key"]))
        });
        pages.into_iter().flatten().collect()
    }

    fn signed(answer: &CommitAnswer) -> Option<&Sighting> {
        match &answer.vote {
            VoteInCommit::Signed(sighting) => Some(sighting),
            VoteInCommit::Nothing | VoteInCommit::Forged => None,
        }
    }

    #[test]
    fn every_series_is_read_and_every_signature_verified() {
        for series in SERIES {
            let status = read_status(&recorded(series, "status"), &chain()).unwrap();
            assert!(status.latest >= 12 && status.earliest == 1, "{status:?}");
            assert!(!status.catching_up);
            let all = validators(series);
            assert_eq!(all.len(), 4, "{series}");
            assert!(all.contains(&key(series)), "{series}");
            let missing = |name: &str, at: i64| {
                let body = recorded(series, name);
                let read = |key: &PublicKey| read_commit(&body, &chain(), height(at), key).unwrap();
                let found = all.iter().filter(|key| {
                    let answer = read(key);
                    assert!(answer.canonical, "{series}");
                    let vote = signed(&answer);
                    assert!(vote.is_none_or(|vote| vote.height.get() == at));
                    vote.is_none_or(|vote| vote.block.is_none())
                });
                found.count()
            };
            assert_eq!(missing("commit", PRESENT), 0, "{series}");
            assert_eq!(missing("commit-absent", ABSENT), 1, "{series}");
            let of = |name: &str| {
                let page = read_validators(&recorded(series, name), &key(series)).unwrap();
                assert_eq!(page.total, 4);
                page.power
            };
            let powers = [of("validators-1"), of("validators-2")];
            assert_eq!(powers.into_iter().flatten().collect::<Vec<_>>(), [10]);
        }
    }

    #[test]
    fn what_a_node_has_merely_seen_is_told_from_the_canonical_commit() {
        for series in SERIES {
            let body = recorded(series, "commit-last");
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let at = json["result"]["signed_header"]["commit"]["height"]
                .as_str()
                .unwrap();
            let at = height(at.parse().unwrap());
            let answer = read_commit(&body, &chain(), at, &key(series)).unwrap();
            assert!(!answer.canonical, "{series}");
        }
    }

    #[test]
    fn what_a_node_cannot_answer_is_told_in_its_words() {
        for series in SERIES {
            let (one, key) = (height(1 << 62), key(series));
            let told = read_commit(&recorded(series, "commit-unknown"), &chain(), one, &key);
            let Err(RpcTrouble::Said(text)) = told else {
                panic!("{series}: {told:?}");
            };
            assert!(text.contains("4611686018427387904"), "{text}");
            let told = read_validators(&recorded(series, "validators-beyond"), &key);
            assert!(
                matches!(told, Err(RpcTrouble::Said(_))),
                "{series}: {told:?}"
            );
        }
    }

    /// A recorded commit with one part of it replaced by another of the same meaning to JSON.
    fn changed(pairs: &[(&str, &str)]) -> CommitAnswer {
        let mut text = String::from_utf8(recorded("v0.38", "commit")).unwrap();
        for (from, to) in pairs {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        read_commit(text.as_bytes(), &chain(), height(PRESENT), &key("v0.38")).unwrap()
    }

    #[test]
    fn nothing_that_was_changed_counts_as_our_signature() {
        assert!(signed(&changed(&[])).is_some());
        let text = String::from_utf8(recorded("v0.38", "commit")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let commit = &json["result"]["signed_header"]["commit"];
        let ours = key("v0.38").address().to_string();
        let mut entries = commit["signatures"].as_array().unwrap().iter();
        let ours_in = entries
            .find(|entry| entry["validator_address"] == ours)
            .unwrap();
        let texts = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let (signature, time) = (texts(&ours_in["signature"]), texts(&ours_in["timestamp"]));
        let block = texts(&commit["block_id"]["hash"]);
        let round = format!("\"round\":{},", commit["round"]);
        let other_block = "AB".repeat(32);
        let forged: &[&[(&str, &str)]] = &[
            // Another's signature, another block, round and time, and a vote for none made one for the block.
            &[(&signature, "AAAA")],
            &[(&signature, "")],
            &[(&format!("\"{signature}\""), "null")],
            &[(&block, &other_block)],
            &[(&round, "\"round\":7,")],
            &[(&time, "2026-01-01T00:00:00Z")],
            &[(&time, "yesterday")],
            &[("\"block_id_flag\":2", "\"block_id_flag\":3")],
        ];
        for change in forged {
            assert_eq!(changed(change).vote, VoteInCommit::Forged, "{change:?}");
        }
        // An entry that says it is absent is no lie.
        let absent = changed(&[("\"block_id_flag\":2", "\"block_id_flag\":1")]);
        assert_eq!(absent.vote, VoteInCommit::Nothing);
    }

    #[test]
    fn another_chain_another_height_and_no_block_are_told_apart() {
        let body = recorded("v0.38", "commit");
        let key = key("v0.38");
        let other: ChainId = "other-1".parse().unwrap();
        let told = read_commit(&body, &other, height(PRESENT), &key);
        assert!(
            matches!(told, Err(RpcTrouble::OtherChain { .. })),
            "{told:?}"
        );
        let told = read_status(&recorded("v0.38", "status"), &other).unwrap_err();
        let words = told.to_string();
        assert!(words.contains("interop-1, not of other-1"), "{words}");
        let told = read_commit(&body, &chain(), height(PRESENT + 1), &key);
        assert!(matches!(told, Err(RpcTrouble::NotRpc(_))), "{told:?}");
        let none =
            br#"{"result":{"signed_header":{"header":null,"commit":null},"canonical":true}}"#;
        let told = read_commit(none, &chain(), height(1), &key);
        assert!(matches!(told, Err(RpcTrouble::Said(_))), "{told:?}");
    }

    #[test]
    fn what_is_no_answer_of_a_node_is_refused_in_words() {
        let key = key("v0.38");
        let whole = recorded("v0.38", "commit");
        let cut = whole.get(..whole.len() / 2).unwrap().to_vec();
        let many = format!(
            r#"{{"result":{{"validators":[{}],"total":"1"}}}}"#,
            vec![r#"{"address":"A","voting_power":"1"}"#; MOST + 1].join(",")
        );
        let deep = "[".repeat(100_000);
        for body in [
            b"<html><body>502 Bad Gateway</body></html>".to_vec(),
            b"".to_vec(),
            b"null".to_vec(),
            b"{}".to_vec(),
            br#"{"result":[]}"#.to_vec(),
            br#"{"result":{"validators":[],"total":"99999999999"}}"#.to_vec(),
            many.into_bytes(),
            deep.into_bytes(),
            cut,
        ] {
            let shown = String::from_utf8_lossy(body.get(..60).unwrap_or(&body)).into_owned();
            let read = read_commit(&body, &chain(), height(PRESENT), &key);
            assert!(
                matches!(read, Err(RpcTrouble::NotRpc(_))),
                "{shown}: {read:?}"
            );
            let read = read_validators(&body, &key);
            assert!(
                matches!(read, Err(RpcTrouble::NotRpc(_))),
                "{shown}: {read:?}"
            );
            let read = read_status(&body, &chain());
            assert!(
                matches!(read, Err(RpcTrouble::NotRpc(_))),
                "{shown}: {read:?}"
            );
        }
        let long = format!(
            r#"{{"error":{{"message":"m","data":"{}"}}}}"#,
            "x".repeat(60_000)
        );
        let told = read_status(long.as_bytes(), &chain())
            .unwrap_err()
            .to_string();
        assert!(told.len() < 300, "{told}");
    }

    #[test]
    fn a_set_of_ten_thousand_validators_is_read() {
        let key = key("v0.38");
        let body = String::from_utf8(recorded("v0.38", "commit")).unwrap();
        let absent = r#"{"block_id_flag":1,"validator_address":"","timestamp":"0001-01-01T00:00:00Z","signature":null},"#;
        let other = absent.replace("\"\"", &format!("\"{}\"", "AB".repeat(20)));
        let other = other.replace("_flag\":1", "_flag\":2");
        for kind in KeyType::ALL {
            let digits = kind.signature_length().div_ceil(3) * 4;
            let other = other.replace("null", &format!("\"{}\"", "A".repeat(digits)));
            let many = match kind {
                KeyType::MlDsa65 => 3500,
                _ => 10_000,
            };
            let body = body.replace(
                "\"signatures\":[",
                &format!("\"signatures\":[{}", other.repeat(many)),
            );
            assert!(u64::try_from(body.len()).unwrap() < longest_commit(kind));
            let answer = read_commit(body.as_bytes(), &chain(), height(PRESENT), &key).unwrap();
            assert!(signed(&answer).is_some());
        }
    }

    /// Our own votes over canonical bytes: for a block and for none, with both types of keys.
    #[test]
    fn a_vote_for_none_and_a_key_of_the_other_type() {
        use crate::consensus::{Extension, Precommit, SignBytes};
        use k256::ecdsa::signature::Signer as _;
        let ed = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let secp = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = secp.verifying_key().to_encoded_point(true);
        let secp_key = PublicKey::from_bytes("secp256k1", point.as_bytes()).unwrap();
        let ed_key = PublicKey::Ed25519(ed.verifying_key().to_bytes());
        let block = crate::consensus::BlockId::from_parts(&[1; 32], 2, &[3; 32])
            .unwrap()
            .unwrap();
        for (flag, block_signed) in [(2, Some(block)), (3, None)] {
            let vote = Precommit {
                height: height(5),
                round: Round::new(1).unwrap(),
                block: block_signed.map(|block| (block, Extension::default())),
                timestamp: crate::consensus::Timestamp {
                    seconds: 951_825_600,
                    nanos: 5,
                },
            };
            let bytes = SignBytes::precommit(&chain(), &vote);
            let low: k256::ecdsa::Signature = secp.sign(bytes.as_slice());
            let low = low.normalize_s().unwrap_or(low);
            let both = [
                (
                    ed_key.clone(),
                    ed.sign(bytes.as_slice()).to_bytes().to_vec(),
                ),
                (secp_key.clone(), low.to_bytes().to_vec()),
            ];
            for (key, signature) in both {
                let signature = <base64ct::Base64 as base64ct::Encoding>::encode_string(&signature);
                let body = format!(
                    r#"{{"result":{{"signed_header":{{"header":{{"chain_id":"interop-1","height":"5","validators_hash":"{}"}},
                    "commit":{{"height":"5","round":1,"block_id":{{"hash":"{}","parts":{{"total":2,"hash":"{}"}}}},
                    "signatures":[{{"block_id_flag":{flag},"validator_address":"{}","timestamp":"2000-02-29T12:00:00.000000005Z",
                    "signature":"{signature}"}}]}}}},"canonical":true}}}}"#,
                    "00".repeat(32),
                    "01".repeat(32),
                    "03".repeat(32),
                    key.address()
                );
                let answer = read_commit(body.as_bytes(), &chain(), height(5), &key).unwrap();
                assert_eq!(signed(&answer).unwrap().block, block_signed);
            }
        }
    }
}
