//! Simulated YubiHSMs with the keys that tests sign with.
#![allow(dead_code, reason = "each user takes a part of this")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::yubihsm_simulator::{Body, Object, Profile, Simulator};
use tmkms::backends::replicas::Policy;
use tmkms::backends::yubihsm::device::key::DeviceKeySource;
use tmkms::backends::yubihsm::device::provider::{Password, Provider};
use tmkms::backends::yubihsm::protocol::auth_key::AuthKey;
use tmkms::backends::yubihsm::protocol::codes::{algorithm, capability, object};
use tmkms::backends::yubihsm::protocol::key_type::DeviceKeyType;
use tmkms::backends::yubihsm::protocol::transport::DeviceAddress;

/// One device, or several with the same keys.
pub struct SimulatorBench {
    pub simulators: Vec<Simulator>,
    pub key_type: DeviceKeyType,
    pub policy: Policy,
}

/// Firmware 2.4, with the keys of [`add_keys`].
pub fn simulator(serial: u32) -> Simulator {
    let simulator = Simulator::start(Profile::new(serial, (2, 4, 0)));
    add_keys(&simulator, 1);
    simulator
}

/// Key 1 of Ed25519 and key 2 of secp256k1 made from `seed`; key 3 that may not sign; key 5 in another domain; and
/// authentication key 4 with the password `validator`, as the ceremony makes it.
pub fn add_keys(simulator: &Simulator, seed: u8) {
    let mut device = simulator.device();
    let key = |id, algorithm, capabilities, secret: u8| Object {
        id,
        kind: object::ASYMMETRIC_KEY,
        algorithm,
        label: [0; 40],
        domains: 1,
        capabilities,
        delegated: 0,
        sequence: 0,
        origin: 1,
        body: Body::from_put(algorithm, &[secret; 32]).unwrap(),
    };
    device.insert(key(1, algorithm::ED25519, capability::SIGN_EDDSA, seed));
    device.insert(key(2, algorithm::SECP256K1, capability::SIGN_ECDSA, seed));
    device.insert(key(3, algorithm::ED25519, 0, 3));
    let mut hidden = key(5, algorithm::ED25519, capability::SIGN_EDDSA, 5);
    hidden.domains = 2;
    device.insert(hidden);
    device.insert(Object {
        id: 4,
        kind: object::AUTHENTICATION_KEY,
        algorithm: algorithm::AES128_YUBICO_AUTHENTICATION,
        label: [0; 40],
        domains: 1,
        capabilities: capability::SIGN_EDDSA | capability::SIGN_ECDSA,
        delegated: 0,
        sequence: 0,
        origin: 2,
        body: Body::Auth(auth_key("validator")),
    });
}

/// Derived once: without optimisation it takes a while.
pub fn auth_key(password: &str) -> AuthKey {
    static KNOWN: Mutex<BTreeMap<String, AuthKey>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let key = known.entry(password.to_owned());
    key.or_insert_with(|| AuthKey::from_password(password.as_bytes()))
        .clone()
}

/// The simulator's key as a configuration names it.
pub fn key_source(simulator: &Simulator, key_type: DeviceKeyType) -> Arc<DeviceKeySource> {
    let provider = Provider::new(
        DeviceAddress::Http(simulator.address().to_string()),
        None,
        4,
        Password::Inline("validator".to_owned().into()),
        Duration::from_secs(1),
    );
    let id = match key_type {
        DeviceKeyType::Ed25519 => 1,
        DeviceKeyType::Secp256k1 | DeviceKeyType::Secp256k1Eth => 2,
    };
    Arc::new(DeviceKeySource::new(Arc::new(provider), id, key_type))
}
