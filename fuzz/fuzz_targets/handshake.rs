//! A hostile peer: any hello, any proof.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::link::IdentityKey;
use tmkms::link::secret_connection::{HELLO, Handshake, SEALED};

fuzz_target!(|data: &[u8]| {
    let mut hello = [0; HELLO];
    let mut frame = [0; SEALED];
    let (first, second) = data.split_at(HELLO.min(data.len()));
    hello.iter_mut().zip(first).for_each(|(to, from)| *to = *from);
    frame.iter_mut().zip(second).for_each(|(to, from)| *to = *from);
    let (us, _) = Handshake::start([1; 32]);
    let identity = IdentityKey::from_seed(&[2; 32]);
    if let Ok(waiting) = us.hello(&hello, &identity, &mut Vec::new()) {
        assert!(waiting.auth(&mut frame).is_err(), "a proof was forged");
    }
});
