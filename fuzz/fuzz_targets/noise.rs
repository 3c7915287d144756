//! A hostile peer on a noise link: any messages in both roles, any frames, any peer id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::link::noise::{NoiseAnswered, NoiseDialled, NoiseRandom};
use tmkms::link::{Address, IdentityKey, Libp2pId};
use zeroize::Zeroizing;

fn random(seed: u8) -> NoiseRandom {
    [Zeroizing::new([seed; 32]), Zeroizing::new([seed + 1; 32])]
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
    match choice % 5 {
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
