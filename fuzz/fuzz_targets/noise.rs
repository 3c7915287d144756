//! A hostile peer on a noise link: any messages in both roles, any proofs of identity in sound messages, any frames, any peer id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::link::noise::{NoiseAnswered, NoiseDialled, NoiseRandom};
use tmkms::link::{Address, IdentityKey, Libp2pId};
use zeroize::Zeroizing;

fn random(seed: u8) -> NoiseRandom {
    [Zeroizing::new([seed; 32]), Zeroizing::new([seed + 1; 32])]
}

/// Noise itself as the peer has it, with keys that are the same each time.
fn peer() -> snow::Builder<'static> {
    let builder = snow::Builder::new("Noise_XX_25519_ChaChaPoly_SHA256".parse().unwrap());
    let builder = builder.fixed_ephemeral_key_for_testing_only(&[9; 32]);
    builder.local_private_key(&[8; 32]).unwrap()
}

/// As a node that proves itself with `payload`: who it is to us.
fn node_with(payload: &[u8]) -> Option<Libp2pId> {
    let (mut state, mut out) = (peer().build_responder().unwrap(), [0; 65_535]);
    let mut hello = Vec::new();
    let dialled = NoiseDialled::start(random(1), &mut hello).unwrap();
    state.read_message(&hello[2..], &mut [0; 64]).unwrap();
    let length = state.write_message(payload, &mut out).unwrap();
    dialled.answered(&out[..length]).ok().map(|met| met.peer)
}

/// As a signer that proves itself with `payload` to the harness.
fn signer_with(payload: &[u8]) -> Option<Libp2pId> {
    let (mut state, mut out) = (peer().build_initiator().unwrap(), [0; 65_535]);
    let length = state.write_message(&[], &mut out).unwrap();
    let (us, mut answer) = (IdentityKey::from_seed(&[3; 32]), Vec::new());
    let node = NoiseAnswered::answer(&out[..length], random(5), &us, &mut answer).unwrap();
    state.read_message(&answer[2..], &mut [0; 1024]).unwrap();
    let length = state.write_message(payload, &mut out).unwrap();
    node.finish(&out[..length]).ok().map(|keys| keys.peer)
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let (us, them) = (IdentityKey::from_seed(&[2; 32]), IdentityKey::from_seed(&[3; 32]));
    let mut hello = Vec::new();
    let dialled = NoiseDialled::start(random(1), &mut hello).unwrap();
    let mut answer = Vec::new();
    let node = NoiseAnswered::answer(&hello[2..], random(5), &them, &mut answer).unwrap();
    match choice % 7 {
        0 => {
            let Ok(met) = dialled.answered(data) else { return };
            // Only the seed is an answer to this hello.
            assert!(met.peer == Libp2pId::of(&them), "a proof was forged");
        }
        1 => {
            let _ = NoiseAnswered::answer(data, random(5), &us, &mut Vec::new());
        }
        2 => assert!(node.finish(data).is_err(), "a proof was forged"),
        3 => {
            let met = dialled.answered(&answer[2..]).unwrap();
            let mut keys = met.finish(&us, &mut Vec::new()).unwrap();
            let mut opened = 0;
            let fed = data.chunks(7).try_for_each(|piece| keys.opener.feed(piece, |_| opened += 1));
            assert!(opened == 0, "a frame was forged: {fed:?}");
        }
        // No longer than a message of the handshake may be.
        4 => assert!(node_with(&data[..data.len().min(4000)]).is_none(), "a proof was forged"),
        5 => assert!(signer_with(&data[..data.len().min(4000)]).is_none(), "a proof was forged"),
        _ => {
            let text = String::from_utf8_lossy(data);
            if let Ok(id) = text.parse::<Libp2pId>() {
                assert!(id.to_string().parse() == Ok(id));
            }
            if let Ok(address) = text.parse::<Address>() {
                assert!(address.to_string().parse() == Ok(address));
            }
        }
    }
});
