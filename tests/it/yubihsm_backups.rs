//! Keys and their backups: a power cut before and after every frame of `generate`, and what is refused.
#![cfg(feature = "yubihsm")]

use crate::support::yubihsm_simulator;
use std::path::Path;

use crate::support::yubihsm_person::{Host, Person, Wire};
use crate::support::yubihsm_simulator::{Moment, Profile};
use tmkms::backends::yubihsm::backup::{self, BackupError, NewKey, is_named};
use tmkms::backends::yubihsm::ceremony::derive::{Role, wrap_key};
use tmkms::backends::yubihsm::ceremony::mnemonic::Mnemonic;
use tmkms::backends::yubihsm::ceremony::paper::words::MnemonicSheets;
use tmkms::backends::yubihsm::ceremony::setup::{Logins, SetupOptions, carry_out};
use tmkms::backends::yubihsm::ceremony::target::{Secrets, SetupTarget, factory};
use tmkms::backends::yubihsm::protocol::auth_key::Credentials;
use tmkms::backends::yubihsm::protocol::codes::{command, object};
use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;
use tmkms::backends::yubihsm::protocol::transport::Transport;
use tmkms::backends::yubihsm::session::objects::Objects;
use tmkms::consensus::{PublicKey, key_text};
use tmkms::secret_file::NewFile;

/// Derived once: without optimisation it takes a while.
fn secrets() -> &'static Secrets {
    static SECRETS: std::sync::OnceLock<Secrets> = std::sync::OnceLock::new();
    SECRETS.get_or_init(|| Secrets::of(&mnemonic()))
}

fn mnemonic() -> Mnemonic {
    Mnemonic::from_entropy(&[7; 32])
}

fn at_site<T>(wire: &Wire, work: impl FnOnce(&SetupTarget<'_>) -> T) -> T {
    let inner = wire.clone();
    let connect = move || Box::new(inner.clone()) as Box<dyn Transport>;
    work(&wire.site(&connect))
}

/// A device that was set up.
fn device(serial: u32) -> Wire {
    static FACTORY: std::sync::OnceLock<Credentials> = std::sync::OnceLock::new();
    let wire = Wire::new(Profile::new(serial, (2, 4, 0)));
    let logins = Logins {
        factory: FACTORY.get_or_init(factory),
        configured: None,
    };
    let wishes = SetupOptions {
        restore: true,
        ..SetupOptions::default()
    };
    let mut person = Person::new(&serial.to_string());
    at_site(&wire, |site| {
        carry_out(
            site,
            &wishes,
            logins,
            Some(secrets()),
            None,
            MnemonicSheets::default(),
            &mut person,
        )
        .unwrap()
    });
    wire
}

fn login(wire: &Wire, role: Role) -> Objects {
    at_site(wire, |site| {
        Objects::new(site.client(Credentials {
            id: role.id(),
            key: secrets().role(role).clone(),
        }))
    })
}

fn key(id: u16) -> NewKey {
    NewKey {
        id,
        label: "consensus".to_owned(),
        key_type: DeviceKeyType::Ed25519,
        exportable: true,
    }
}

fn make(wire: &Wire, path: &Path, resume: bool) -> Result<PublicKey, BackupError> {
    let file = NewFile::open(path).map_err(BackupError::File)?;
    let mut login = login(wire, Role::Operator);
    let (public, _) = key(1).generate(&mut login, resume)?;
    backup::write(&mut login, 1, 1, &public, file, Some(&secrets().wrap))?;
    Ok(public)
}

#[test]
fn a_key_and_its_backup_and_the_same_key_on_a_second_device() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let (one, two) = (device(1), device(2));
    let public = make(&one, &path, false).unwrap();
    let text = std::fs::read(&path).unwrap();
    assert_eq!(text.len(), 248, "as the older program writes it");

    let bytes = backup::read(&path).unwrap();
    let (wrapped, found) = backup::open(&path, &bytes, &secrets().wrap).ok().unwrap();
    assert_eq!((wrapped.info.id, found), (1, public.clone()));
    // A line end that an editor or a mail added.
    std::fs::write(&path, [&text[..], b"\r\n"].concat()).unwrap();
    assert_eq!(backup::read(&path).unwrap(), bytes);

    let mut second = login(&two, Role::Operator);
    assert_eq!(
        second.import(1, &bytes).unwrap(),
        (object::ASYMMETRIC_KEY, 1)
    );
    assert_eq!(second.public_key(1).unwrap(), public);
    assert!(second.import(1, &bytes).is_err(), "never over another");

    // The other mnemonic's wrap key.
    let other = wrap_key(&Mnemonic::from_entropy(&[8; 32]), 1);
    let error = backup::open(&path, &bytes, &other)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("set up from another mnemonic"), "{error}");
    let error = backup::check(&path, &bytes, &secrets().wrap, 2, &public).unwrap_err();
    assert!(error.to_string().contains("key 0x0002"), "{error}");
}

#[test]
fn what_is_there_is_neither_overwritten_nor_taken_for_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let wire = device(1);
    std::fs::write(&path, "something").unwrap();
    assert!(matches!(
        make(&wire, &path, false),
        Err(BackupError::File(_))
    ));
    assert_eq!(wire.device().executed(command::GENERATE_ASYMMETRIC_KEY), 0);
    assert_eq!(std::fs::read(&path).unwrap(), b"something");

    let path = folder.path().join("second");
    make(&wire, &path, false).unwrap();
    let third = folder.path().join("third");
    assert!(matches!(
        make(&wire, &third, false),
        Err(BackupError::Taken { id: 1, .. })
    ));
    assert!(!third.exists(), "an empty file is not left");
    let place = (object::ASYMMETRIC_KEY, 1);
    wire.device().objects.get_mut(&place).unwrap().origin = 0x11;
    let error = make(&wire, &third, true).unwrap_err();
    assert!(
        error.to_string().contains("was not generated there"),
        "{error}"
    );
    wire.device().objects.get_mut(&place).unwrap().origin = 1;
    wire.device().objects.get_mut(&place).unwrap().capabilities |= 1 << 7;
    let error = make(&wire, &third, true).unwrap_err();
    assert!(error.to_string().contains("may do other things"), "{error}");
    assert_eq!(wire.device().executed(command::GENERATE_ASYMMETRIC_KEY), 1);
}

#[test]
fn a_wrap_key_that_is_not_the_mnemonics_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let wire = device(1);
    let place = (object::WRAP_KEY, 1);
    wire.device().objects.get_mut(&place).unwrap().body =
        yubihsm_simulator::Body::Wrap(vec![1; 32]);
    let error = make(&wire, &path, false).unwrap_err();
    assert!(error.to_string().contains("another mnemonic"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_key_is_named_in_any_form() {
    let public = PublicKey::Ed25519([5; 32]);
    for text in [
        key_text::to_base64(&public),
        key_text::to_hex(&public).to_lowercase(),
        key_text::to_json(&public).replace(',', ", "),
        key_text::to_bech32(&public, "cosmosvalconspub"),
        public.address().to_string(),
    ] {
        assert!(is_named(&public, &text), "{text}");
        assert!(!is_named(&PublicKey::Ed25519([6; 32]), &text), "{text}");
    }
    assert!(!is_named(&public, ""));
}

/// A power cut before and after every frame: `--resume` ends with one key and its proven backup.
#[test]
fn a_power_cut_anywhere_in_generate_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let wire = device(1);
    let before = wire.frames();
    make(&wire, &folder.path().join("whole"), false).unwrap();
    let frames = wire.frames() - before;
    assert!(frames >= 8, "{frames}");
    for moment in [Moment::Before, Moment::After] {
        for host in [Host::Lives, Host::Dies] {
            for frame in 1..=frames {
                let case = format!("{frame} {moment:?} {host:?}");
                let path = folder.path().join(&case);
                let wire = device(1);
                wire.cut(frame, moment, host);
                let first = make(&wire, &path, false);
                wire.boot();
                if first.is_err() {
                    // There was no name to be removed by a host that had no time.
                    assert!(!path.exists(), "{case}");
                    make(&wire, &path, true).unwrap_or_else(|error| panic!("{case}: {error}"));
                } else {
                    assert!(host == Host::Lives || frame == frames, "{case}");
                }
                let device = wire.device();
                let keys = device
                    .objects
                    .keys()
                    .filter(|(kind, _)| *kind == object::ASYMMETRIC_KEY);
                assert_eq!(keys.count(), 1, "{case}");
                let key = device.objects[&(object::ASYMMETRIC_KEY, 1)]
                    .body
                    .public_key()
                    .unwrap();
                let bytes = backup::read(&path).unwrap();
                let (_, public) = backup::open(&path, &bytes, &secrets().wrap).ok().unwrap();
                assert_eq!(public.as_bytes(), key, "{case}");
            }
        }
    }
}
