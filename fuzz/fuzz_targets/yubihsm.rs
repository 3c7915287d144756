//! What a YubiHSM, a connector or somebody in between may send: frames, session messages, device and object infos.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::backends::yubihsm::protocol::frame;
use tmkms::backends::yubihsm::protocol::info::{DeviceInfo, ObjectInfo, read_list, read_public_key};
use tmkms::backends::yubihsm::protocol::auth_key::AuthKey;
use tmkms::backends::yubihsm::protocol::scp03::Handshake;

fuzz_target!(|bytes: &[u8]| {
    let Some((code, data)) = bytes.split_first() else {
        return;
    };
    if let Ok((found, inner)) = frame::decode(data) {
        assert_eq!(frame::encode(found, inner), data);
    }
    let _ = frame::reply(*code, data);
    let _ = DeviceInfo::read(data);
    let _ = ObjectInfo::read(data);
    let _ = read_list(data);
    let _ = read_public_key(data);
    let handshake = Handshake::new(&AuthKey::from_bytes(&[1; 32]), [2; 8], [3; 8]);
    let (channel, proof) = handshake
        .prove(handshake.card_cryptogram())
        .unwrap()
        .authenticate(0);
    assert!(channel.unwrap(data).is_err(), "nobody made a MAC with these keys");
    assert!(handshake.prove(data).is_none() || data == handshake.card_cryptogram());
    let mut card = handshake.accept(0, &proof).expect("the same keys");
    assert!(card.unwrap_command(data).is_err());
});
