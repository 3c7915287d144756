//! From the bytes of `/abci_query` to the record of a validator in `slashing`.

use std::time::Duration;

use prost::Message;
use subtle_encoding::bech32;

use crate::consensus::PublicKey;
use crate::rpc::standing::SlashingRecord;
use crate::rpc::trouble::RpcTrouble;
use crate::text::base64;

use super::read::result;
use super::shapes::QueryResult;

/// The longest record, in bytes, with what is around it.
pub const LONGEST_RECORD: u64 = 16 * 1024;
/// The end of the year 9999, to which the Cosmos SDK jails whom it tombstones (`DoubleSignJailEndTime`), in seconds since 1970.
const END_OF_TIME: i64 = 253_402_300_799;

/// `cosmos.slashing.v1beta1.ValidatorSigningInfo`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct SigningInfo {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(message, optional, tag = "4")]
    jailed_until: Option<JailEnd>,
    #[prost(bool, tag = "5")]
    tombstoned: bool,
}

/// `google.protobuf.Timestamp`, to the second.
#[derive(Clone, PartialEq, Message)]
struct JailEnd {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// Reads the record of a validator; `None` where the application has none of it, or none that can be read.
///
/// # Errors
/// [`RpcTrouble`]: something else answered, or the node says that it cannot.
pub fn read_slashing(body: &[u8], key: &PublicKey) -> Result<Option<SlashingRecord>, RpcTrouble> {
    let found: QueryResult<'_> = result(body)?;
    let value = found.response.value.filter(|_| found.response.code == 0);
    let value = value.and_then(|value| base64::decode(value.as_bytes()));
    Ok(value.and_then(|value| record(&value, key)))
}

/// It has to be this validator's: an application may keep something else under such a key.
fn record(value: &[u8], key: &PublicKey) -> Option<SlashingRecord> {
    let info = SigningInfo::decode(value).ok()?;
    let (_, address) = bech32::decode(&info.address).ok()?;
    let until = info.jailed_until.map_or(0, |until| until.seconds);
    let sound = address == key.address().as_bytes() && until <= END_OF_TIME;
    sound.then(|| SlashingRecord {
        tombstoned: info.tombstoned,
        // Go's zero, and the beginning of 1970, are never.
        jailed_until: u64::try_from(until)
            .ok()
            .filter(|until| *until > 0)
            .map(Duration::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::standing::store_key;

    fn key() -> PublicKey {
        PublicKey::Ed25519([7; 32])
    }

    fn address() -> Vec<u8> {
        key().address().as_bytes().to_vec()
    }

    fn info(seconds: i64, tombstoned: bool) -> SigningInfo {
        SigningInfo {
            address: bech32::encode("cosmosvalcons", address()),
            jailed_until: Some(JailEnd { seconds }),
            tombstoned,
        }
    }

    fn read(code: u32, value: Option<&[u8]>) -> Result<Option<SlashingRecord>, RpcTrouble> {
        let value = value.map(<base64ct::Base64 as base64ct::Encoding>::encode_string);
        let answer = serde_json::json!({"jsonrpc": "2.0", "id": -1, "result": {"response": {
            "code": code, "log": "", "info": "", "index": "0", "key": null, "value": value, "proofOps": null,
            "height": "9", "codespace": ""}}});
        read_slashing(answer.to_string().as_bytes(), &key())
    }

    #[test]
    fn jailed_tombstoned_and_neither_are_told_apart() {
        let record = |seconds, tombstoned| {
            read(0, Some(&info(seconds, tombstoned).encode_to_vec()))
                .unwrap()
                .unwrap()
        };
        for never in [0, -62_135_596_800] {
            let found = record(never, false);
            assert_eq!((found.tombstoned, found.jailed_until), (false, None));
        }
        let jailed = record(1_790_000_000, false);
        assert_eq!(
            jailed.jailed_until,
            Some(Duration::from_secs(1_790_000_000))
        );
        let tombstoned = record(END_OF_TIME, true);
        assert!(tombstoned.tombstoned && tombstoned.jailed_until.is_some());
    }

    /// Made by hand: field 1 is the address, 2 and 3 heights, 4 the time with its nanoseconds, 5 the tombstone, 6 a counter.
    #[test]
    fn the_bytes_of_the_cosmos_sdk_are_read() {
        let text = bech32::encode("osmovalcons", address());
        let mut bytes = vec![0x0a, u8::try_from(text.len()).unwrap()];
        bytes.extend(text.as_bytes());
        bytes.extend([0x10, 0x05, 0x18, 0x96, 0x01]);
        bytes.extend([0x22, 0x08, 0x08, 0x80, 0xc7, 0xc5, 0xd5, 0x06, 0x10, 0x01]);
        bytes.extend([0x28, 0x01, 0x30, 0x07]);
        let found = read(0, Some(&bytes)).unwrap().unwrap();
        assert!(found.tombstoned);
        assert_eq!(found.jailed_until, Some(Duration::from_secs(1_790_010_240)));
        assert_eq!(store_key(&[9; 20])[..3], [1, 20, 9]);
    }

    #[test]
    fn an_application_without_the_module_says_nothing() {
        let good = info(5, true).encode_to_vec();
        for (code, value) in [
            (0, None),
            (0, Some(&b""[..])),
            (6, Some(&good[..])),
            (0, Some(b"\xff\xff")),
            (0, Some(b"a text")),
        ] {
            assert_eq!(read(code, value).unwrap(), None, "{code} {value:?}");
        }
        let mut other = info(5, true);
        other.address = bech32::encode("cosmosvalcons", [1; 20]);
        let beyond = info(END_OF_TIME + 1, false);
        for wrong in [other, beyond, SigningInfo::default()] {
            assert_eq!(
                read(0, Some(&wrong.encode_to_vec())).unwrap(),
                None,
                "{wrong:?}"
            );
        }
        let html = read_slashing(b"<html>", &key());
        assert!(matches!(html, Err(RpcTrouble::NotRpc(_))), "{html:?}");
        let said = br#"{"jsonrpc":"2.0","id":-1,"error":{"code":-32601,"message":"Method not found","data":""}}"#;
        assert!(matches!(
            read_slashing(said, &key()),
            Err(RpcTrouble::Said(_))
        ));
    }
}
