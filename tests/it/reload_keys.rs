//! Reloads that take the state of one chain for another's: each is refused by name before anything is changed.

#[cfg(feature = "yubihsm")]
use std::fs;

use tmkms::backends::softsign::key::SoftKey;
#[cfg(feature = "yubihsm")]
use tmkms::harness::Listener;

#[cfg(feature = "yubihsm")]
use crate::support::chain::Chain;
#[cfg(feature = "yubihsm")]
use crate::support::home::{Home, PATIENCE, sign};
use crate::support::world::World;
#[cfg(feature = "yubihsm")]
use crate::support::yubihsm_simulator::{Body, Object, Simulator};
#[cfg(feature = "yubihsm")]
use crate::yubihsm_program;

#[cfg(feature = "yubihsm")]
fn refuses(home: &Home, words: &str) {
    let (code, text) = home.run(&["reload"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("nothing was changed"), "{text}");
    assert!(text.contains(words), "{text}");
}

/// A further key of Ed25519 on the device.
#[cfg(feature = "yubihsm")]
fn add_a_key(simulator: &Simulator, id: u16, secret: u8) {
    use tmkms::backends::yubihsm::protocol::codes::{algorithm, capability, object};
    simulator.device().insert(Object {
        id,
        kind: object::ASYMMETRIC_KEY,
        algorithm: algorithm::ED25519,
        label: [0; 40],
        domains: 1,
        capabilities: capability::SIGN_EDDSA,
        delegated: 0,
        sequence: 0,
        origin: 1,
        body: Body::from_put(algorithm::ED25519, &[secret; 32]).unwrap(),
    });
}

#[test]
fn a_chain_with_the_state_file_of_one_that_is_gone_is_refused() {
    let mut world = World::signing();
    let (_, text) = SoftKey::generate(Default::default()).unwrap();
    let other = world.home.path().join("another.key");
    tmkms::secret_file::create(&other, &text).unwrap();
    let good = world.home.config();
    let renamed = good.replace("test-1", "test-9");
    world
        .home
        .configure(&renamed.replace("consensus.key", "another.key"));
    world.refuses("test-1 is gone and test-9 has its `state_file` now");
    world.home.configure(&good);
    world.reloads("nothing is different\n");
    assert!(world.signs(2, 1));
}

#[cfg(feature = "yubihsm")]
#[test]
fn a_chain_that_is_renamed_with_its_device_key_opened_in_another_way_is_refused() {
    let simulator = yubihsm_program::simulator(8, 173);
    add_a_key(&simulator, 7, 173);
    let (home, listener) = yubihsm_program::home(&[&simulator], 173);
    home.init();
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    assert!(sign(&mut node, &home.key, 1, 1));
    let text = home.config();
    let state = "state.json";
    assert!(text.contains(state), "{text}");
    let renamed = text.replace("test-1", "test-9").replace(state, "nine.json");
    fs::copy(home.path().join("password"), home.path().join("elsewhere")).unwrap();
    let login = renamed.replace("\"password\"", "\"elsewhere\"");
    for other in [login, renamed.replace("key = 1", "key = 7")] {
        assert_ne!(other, renamed);
        home.configure(&other);
        refuses(&home, "test-1 is gone and its key signs for test-9 now");
    }
    home.configure(&text);
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "nothing is different\n"));
    assert!(sign(&mut node, &home.key, 2, 1), "{}", service.log());
    service.has_times(1, "[test-1] armed");
}

#[cfg(feature = "yubihsm")]
#[test]
fn two_chains_that_exchange_their_device_keys_are_refused() {
    let simulator = yubihsm_program::simulator(8, 174);
    add_a_key(&simulator, 7, 175);
    let (home, listener) = yubihsm_program::home(&[&simulator], 174);
    let second = Listener::tcp().unwrap();
    let section =
        Chain::with_state("test-2", "two.json").node_with_identity(second.address().unwrap());
    let one = "{ chain_ids = [\"test-1\"], key = 1 }";
    let keys = |first: u8, second: u8| {
        format!(
            "{{ chain_ids = [\"test-1\"], key = {first} }}, {{ chain_ids = [\"test-2\"], key = {second} }}"
        )
    };
    let text = home.config();
    assert!(text.contains(one), "{text}");
    let before = format!("{section}{}", text.replace(one, &keys(1, 7)));
    home.configure(&before);
    home.init();
    let (code, said) = home.run(&["state", "init", "test-2", "--never-signed"]);
    assert_eq!(code, 0, "{said}");
    let service = home.start();
    let mut node = listener.accept(PATIENCE).unwrap();
    drop(second.accept(PATIENCE).unwrap());
    assert!(sign(&mut node, &home.key, 1, 1));
    fs::copy(home.path().join("password"), home.path().join("elsewhere")).unwrap();
    let swapped = format!("{section}{}", text.replace(one, &keys(7, 1)));
    home.configure(&swapped.replace("\"password\"", "\"elsewhere\""));
    refuses(&home, "the state of a chain belongs to its key");
    home.configure(&before);
    let (code, said) = home.run(&["reload"]);
    assert_eq!((code, &*said), (0, "nothing is different\n"));
    assert!(sign(&mut node, &home.key, 2, 1), "{}", service.log());
}
