//! What may lie where a key file is named: every form that is read, and what every other file is told to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::backends::softsign::passphrase::Passphrase;
use tmkms::backends::softsign::pem;
use tmkms::consensus::KeyType;
use tmkms::secret_file::kind;
use tmkms::secret_file::sealed::block::KeyBlock;
use tmkms::secret_file::sealed::pbes2;

fuzz_target!(|bytes: &[u8]| {
    if let Some(kind) = kind::look(bytes) {
        let _ = kind.to_string();
    }
    let _ = Passphrase::of(bytes);
    for kind in KeyType::ALL {
        let _ = SoftKey::from_json(bytes, kind);
        if let Ok(key) = SoftKey::from_bytes(bytes, kind) {
            let _ = key.public_key();
        }
    }
    if let Ok(read) = pem::read(bytes, None, None) {
        assert!(!pem::is_encrypted(bytes));
        let _ = read.key.public_key();
    }
    // Without the cost of opening it.
    let _ = pbes2::judge(bytes);
    if let Ok(block) = KeyBlock::read(bytes) {
        let _ = pbes2::judge(&block.der);
        let text = KeyBlock::text(block.label, "", "k", &block.der);
        assert_eq!(KeyBlock::read(text.as_bytes()).expect("what was written is read").der, block.der);
    }
});
