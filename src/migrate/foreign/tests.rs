//! Files of other programs as they occur.

use super::*;
use ed25519_dalek::Signer;
use subtle_encoding::base64;

fn chain() -> ChainId {
    "test-1".parse().unwrap()
}

fn secret() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

fn key() -> PublicKey {
    PublicKey::Ed25519(secret().verifying_key().to_bytes())
}

fn shown(text: &str, named: Option<Format>) -> Result<String, ForeignError> {
    let foreign = read(text.as_bytes(), named, &chain(), &key())?;
    Ok(format!(
        "{:?} {}",
        foreign.format.map(Format::as_str).unwrap_or("?"),
        foreign.watermark.hrs().unwrap()
    ))
}

#[test]
fn files_are_told_by_their_fields() {
    let cases = [
        (
            r#"{"height":"123","round":"0","step":1,"block_id":null}"#,
            r#""tmkms" 123/0/prevote"#,
        ),
        (
            r#"{"height":"5","round":"2","step":2,"block_id":{"hash":"","parts":{"total":0,"hash":""}}}"#,
            r#""tmkms" 5/2/precommit"#,
        ),
        (
            r#"{"height":"123","round":0,"step":2,"signature":""}"#,
            r#""cometbft" 123/0/prevote"#,
        ),
        (
            r#"{"height":"123","round":0,"step":2}"#,
            r#""?" 123/0/precommit"#,
        ),
        (
            r#"{"height":"123","round":"1","step":1,"nonce_public":"","signature":""}"#,
            r#""horcrux" 123/1/proposal"#,
        ),
        (
            r#"{"height":"123","round":"2","step":2}"#,
            r#""?" 123/2/precommit"#,
        ),
        (
            r#"{"height":"123","round":"2","step":1}"#,
            r#""?" 123/2/prevote"#,
        ),
        (
            r#"{"height":"9","round":"2147483647","step":127}"#,
            r#""?" 9 (whole height)"#,
        ),
        (
            r#"{"height":"9","round":2147483647,"step":3}"#,
            r#""?" 9 (whole height)"#,
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(shown(text, None).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_the_operator_says_decides_where_fields_do_not() {
    let bare = r#"{"height":"123","round":"2","step":2}"#;
    assert_eq!(
        shown(bare, Some(Format::Horcrux)).unwrap(),
        r#""horcrux" 123/2/prevote"#
    );
    assert_eq!(
        shown(bare, Some(Format::Tmkms)).unwrap(),
        r#""tmkms" 123/2/precommit"#
    );
    let tmkms = r#"{"height":"123","round":"0","step":1,"block_id":null}"#;
    assert!(matches!(
        shown(tmkms, Some(Format::Cometbft)),
        Err(ForeignError::OtherFormat { .. })
    ));
}

#[test]
fn nothing_is_no_state() {
    for (text, wanted) in [
        ("", ForeignError::Empty),
        (" \n", ForeignError::Empty),
        ("{}", ForeignError::Field("height")),
        (
            r#"{"height":"0","round":"0","step":0}"#,
            ForeignError::NothingSigned,
        ),
        (
            r#"{"height":"-5","round":"0","step":0}"#,
            ForeignError::Field("height"),
        ),
        (
            r#"{"height":"5","round":"0","step":9}"#,
            ForeignError::Field("step"),
        ),
        (
            r#"{"height":"5","round":"99999999999","step":1}"#,
            ForeignError::Field("round"),
        ),
    ] {
        assert_eq!(shown(text, None), Err(wanted), "{text}");
    }
    assert!(matches!(
        shown("height: 5", None),
        Err(ForeignError::NotJson(_))
    ));
    assert_eq!(
        shown("[1]", None),
        Err(ForeignError::OtherKind(FileKind::Numbers))
    );
    assert!(matches!(shown("[{}]", None), Err(ForeignError::NotJson(_))));
    let twice = r#"{"height":"9","round":"0","step":1,"height":"8"}"#;
    let Err(ForeignError::NotJson(why)) = shown(twice, None) else {
        panic!("one of two heights was believed")
    };
    assert!(why.contains("`height` stands there twice"), "{why}");
}

#[test]
fn sign_bytes_are_taken_over_only_when_all_fits() {
    let vote = crate::consensus::Prevote {
        height: Height::new(8).unwrap(),
        round: Round::new(1).unwrap(),
        block: None,
        timestamp: crate::consensus::Timestamp {
            seconds: 5,
            nanos: 0,
        },
    };
    let bytes = SignBytes::prevote(&chain(), &vote);
    let hexed = String::from_utf8(hex::encode_upper(bytes.as_slice())).unwrap();
    let signature = secret().sign(bytes.as_slice()).to_bytes();
    let signed = String::from_utf8(base64::encode(signature)).unwrap();
    let file = |height: u32, signature: &str| {
        format!(
            r#"{{"height":"{height}","round":1,"step":2,"signature":"{signature}","signbytes":"{hexed}"}}"#
        )
    };
    let good = read(file(8, &signed).as_bytes(), None, &chain(), &key()).unwrap();
    let Watermark::Message(last) = good.watermark else {
        panic!("not taken over")
    };
    assert_eq!(
        (last.bytes(), last.signature().map(Signature::as_slice)),
        (&bytes, Some(&signature[..]))
    );
    // A higher position than the bytes': the position counts, the bytes do not.
    let higher = read(file(9, &signed).as_bytes(), None, &chain(), &key()).unwrap();
    assert!(matches!(higher.watermark, Watermark::UpTo(_)));
    // A lower one: the file contradicts itself.
    assert!(read(file(7, &signed).as_bytes(), None, &chain(), &key()).is_err());
    let other = PublicKey::Ed25519(
        ed25519_dalek::SigningKey::from_bytes(&[8; 32])
            .verifying_key()
            .to_bytes(),
    );
    assert_eq!(
        read(file(8, &signed).as_bytes(), None, &chain(), &other),
        Err(ForeignError::OtherKey)
    );
    let elsewhere = "test-2".parse().unwrap();
    assert!(matches!(
        read(file(8, &signed).as_bytes(), None, &elsewhere, &key()),
        Err(ForeignError::OtherChain(_))
    ));
}
