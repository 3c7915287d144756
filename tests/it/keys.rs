//! Key files, with tendermint-config as the judge: it reads what we read, and both say the same of it.

use subtle_encoding::base64;
use tendermint_config::PrivValidatorKey;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::consensus::KeyType;

/// A `priv_validator_key.json` of a seed, as a node writes it.
fn json(seed: [u8; 32]) -> String {
    let public = SoftKey::from_bytes(&seed, KeyType::Ed25519)
        .unwrap()
        .public_key();
    let b64 = |bytes: &[u8]| String::from_utf8(base64::encode(bytes)).unwrap();
    format!(
        r#"{{
  "address": "{}",
  "pub_key": {{ "type": "tendermint/PubKeyEd25519", "value": "{}" }},
  "priv_key": {{ "type": "tendermint/PrivKeyEd25519", "value": "{}" }}
}}"#,
        public.address(),
        b64(public.as_bytes()),
        b64(&[&seed[..], public.as_bytes()].concat())
    )
}

#[test]
fn both_read_the_same_key_and_address() {
    for seed in [[1; 32], [7; 32], [255; 32]] {
        let text = json(seed);
        let ours = SoftKey::from_json(text.as_bytes(), KeyType::Ed25519)
            .unwrap()
            .public_key();
        let theirs = PrivValidatorKey::parse_json(&text).unwrap();
        assert_eq!(theirs.pub_key.to_bytes(), ours.as_bytes());
        assert_eq!(theirs.address.to_string(), ours.address().to_string());
        let id = tendermint::account::Id::from(theirs.pub_key);
        assert_eq!(id.as_bytes(), ours.address().as_bytes());
    }
}

#[test]
fn what_it_refuses_we_refuse() {
    let good = json([1; 32]);
    for spoilt in [
        good.replace("priv_key", "private_key"),
        good.replace("PrivKeyEd25519", "PrivKeySr25519"),
        "{}".to_owned(),
    ] {
        assert!(PrivValidatorKey::parse_json(&spoilt).is_err(), "{spoilt}");
        assert!(
            SoftKey::from_json(spoilt.as_bytes(), KeyType::Ed25519).is_err(),
            "{spoilt}"
        );
    }
}
