//! The device simulator, judged by the client of the `yubihsm` crate: another program's SCP03, frames and objects.
//! Yubico's own client judges it in `interop/yubihsm`.
#![cfg(feature = "yubihsm")]

use crate::support::yubihsm_simulator::{Profile, Simulator};
use ed25519_dalek::{SigningKey, VerifyingKey};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256};
use yubihsm::connector::HttpConfig;
use yubihsm::{Capability, Client, Connector, Credentials, Domain, asymmetric, object, wrap};

fn client(simulator: &Simulator, credentials: Credentials) -> Client {
    let connector = Connector::http(&HttpConfig {
        addr: simulator.address().ip().to_string(),
        port: simulator.address().port(),
        timeout_ms: 5_000,
    });
    Client::open(connector, credentials, true).unwrap()
}

#[test]
fn generated_keys_sign() {
    for version in [(2, 2, 0), (2, 3, 1), (2, 4, 0)] {
        let simulator = Simulator::start(Profile::new(42, version));
        let client = client(&simulator, Credentials::default());
        let info = client.device_info().unwrap();
        assert_eq!(info.serial_number.to_string(), "0000000042");
        assert_eq!(client.echo("hello").unwrap(), b"hello");
        let generate = |id, capability, algorithm| {
            client
                .generate_asymmetric_key(
                    id,
                    "key".parse().unwrap(),
                    Domain::DOM1,
                    capability,
                    algorithm,
                )
                .unwrap()
        };
        generate(16, Capability::SIGN_EDDSA, asymmetric::Algorithm::Ed25519);
        let public = client.get_public_key(16).unwrap();
        let public = VerifyingKey::from_bytes(public.as_ref().try_into().unwrap()).unwrap();
        let signature = client.sign_ed25519(16, b"vote".as_slice()).unwrap();
        public.verify_strict(b"vote", &signature).unwrap();

        generate(17, Capability::SIGN_ECDSA, asymmetric::Algorithm::EcK256);
        let point = [&[4], client.get_public_key(17).unwrap().as_ref()].concat();
        let public = k256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
        for text in ["a", "b", "c", "d", "e", "f"] {
            let digest = Sha256::digest(text);
            let der = client
                .sign_ecdsa_prehash_raw(17, digest.as_slice())
                .unwrap();
            let signature = k256::ecdsa::Signature::from_der(&der).unwrap();
            let low = signature.normalize_s().unwrap_or(signature);
            public.verify_prehash(&digest, &low).unwrap();
        }
        assert_eq!(client.list_objects(&[]).unwrap().len(), 3);
    }
}

#[test]
fn a_backup_restores_the_same_key() {
    let simulator = Simulator::start(Profile::new(42, (2, 4, 0)));
    let client = client(&simulator, Credentials::default());
    let wraps = Capability::EXPORT_WRAPPED | Capability::IMPORT_WRAPPED;
    client
        .put_wrap_key(
            1,
            "primary".parse().unwrap(),
            Domain::all(),
            wraps,
            Capability::all(),
            wrap::Algorithm::Aes256Ccm,
            vec![5; 32],
        )
        .unwrap();
    let seed = SigningKey::from_bytes(&[9; 32]);
    client
        .put_asymmetric_key(
            16,
            "consensus".parse().unwrap(),
            Domain::DOM1,
            Capability::SIGN_EDDSA | Capability::EXPORTABLE_UNDER_WRAP,
            asymmetric::Algorithm::Ed25519,
            seed.to_bytes(),
        )
        .unwrap();
    let blob = client
        .export_wrapped(1, object::Type::AsymmetricKey, 16)
        .unwrap();
    client
        .delete_object(16, object::Type::AsymmetricKey)
        .unwrap();
    client.import_wrapped(1, blob).unwrap();
    let public = client.get_public_key(16).unwrap();
    assert_eq!(public.as_ref(), seed.verifying_key().to_bytes());
    let signature = client.sign_ed25519(16, b"vote".as_slice()).unwrap();
    seed.verifying_key()
        .verify_strict(b"vote", &signature)
        .unwrap();
}

#[test]
fn refusals_arrive() {
    let simulator = Simulator::start(Profile::new(42, (2, 4, 0)));
    let client = client(&simulator, Credentials::default());
    assert!(client.sign_ed25519(16, b"vote".as_slice()).is_err());
    client.reset_device().unwrap();
    let connector = Connector::http(&HttpConfig {
        addr: simulator.address().ip().to_string(),
        port: simulator.address().port(),
        timeout_ms: 5_000,
    });
    let wrong = Credentials::from_password(1, b"wrong");
    assert!(Client::open(connector, wrong, false).is_err());
}
