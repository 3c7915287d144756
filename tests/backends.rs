//! One contract for every backend. So far there is softsign, in each of its forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::{SharedDisk, chain_id, maker, moment};
use tmkms::backends::KeySource;
use tmkms::backends::softsign::key::SoftKey;
use tmkms::backends::softsign::{FileFormat, KeyFile, Purpose};
use tmkms::gate::{Admission, Gate, Settings};
use tmkms::secret_file::{self, SecretSource};
use tmkms::signer::Signer;

/// What every signer owes: a public key that does not change, and valid signatures of exactly the permit's bytes.
fn keeps_the_contract(signer: &Arc<dyn Signer>) {
    let key = signer.public_key();
    let mut gate = Gate::arm(
        chain_id(),
        Settings::default(),
        SharedDisk::new().store(),
        &moment(0),
    )
    .unwrap();
    for height in 1..10 {
        let request = maker().precommit(height, 0, Some(1), 1, b"extension");
        let Ok(Admission::Sign {
            permit, extension, ..
        }) = gate.admit(&request, &moment(0), Duration::MAX)
        else {
            panic!("not admitted");
        };
        let signature = signer.sign(&permit).unwrap();
        assert!(key.verify(permit.bytes(), &signature));
        assert!(key.verify(request.sign_bytes().as_slice(), &signature));
        let extension = extension.unwrap();
        let extension_signature = signer.sign(&extension).unwrap();
        assert!(key.verify(extension.bytes(), &extension_signature));
        assert!(!key.verify(permit.bytes(), &extension_signature));
        gate.complete(permit, &signature);
        assert_eq!(signer.public_key(), key);
    }
}

fn file(path: &Path, purpose: Purpose, format: FileFormat) -> KeyFile {
    KeyFile {
        source: SecretSource::File(path.to_owned()),
        format,
        purpose,
    }
}

#[test]
fn softsign_keys_of_both_types() {
    let folder = tempfile::tempdir().unwrap();
    for (name, purpose) in [
        ("consensus", Purpose::Consensus),
        ("account", Purpose::Account),
    ] {
        let path = folder.path().join(name);
        let (key, text) = SoftKey::generate(purpose).unwrap();
        secret_file::create(&path, &text).unwrap();
        let (signer, warnings) = file(&path, purpose, FileFormat::Base64).open().unwrap();
        assert_eq!(signer.public_key(), Signer::public_key(&key));
        assert!(warnings.is_empty());
        keeps_the_contract(&signer);
    }
}

#[test]
fn what_is_wrong_with_a_key_file_names_the_file_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let error = |format| {
        file(&path, Purpose::Consensus, format)
            .open()
            .err()
            .unwrap()
            .to_string()
    };
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let good = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert!(error(FileFormat::Base64).contains("does not exist"));
    for (text, mode, format, words) in [
        (good, 0o644, FileFormat::Base64, "chmod 600"),
        ("", 0o600, FileFormat::Base64, "is empty"),
        ("{}", 0o600, FileFormat::Base64, "key_format = \"json\""),
        ("not base64", 0o600, FileFormat::Base64, "not base64"),
        ("====", 0o600, FileFormat::Base64, "not base64"),
        ("AAAA", 0o600, FileFormat::Base64, "holds 3 bytes"),
        (good, 0o600, FileFormat::Json, "priv_validator_key.json"),
    ] {
        write(text, mode);
        let error = error(format);
        assert!(
            error.contains(words) && error.contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    write(good, 0o640);
    let (_, warnings) = file(&path, Purpose::Consensus, FileFormat::Base64)
        .open()
        .unwrap();
    assert_eq!(warnings.len(), 1, "the group may read it");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(error(FileFormat::Base64).contains("not a regular file"));
}
