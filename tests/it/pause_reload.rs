//! A paused chain stays so whatever a reload makes of it (W22).

use std::fs;
use std::thread;

use serde_json::Value;
use tmkms::codec::node::{Answer, Ask};
use tmkms::harness::messages::Maker;
use tmkms::harness::{Listener, Node};

use crate::pause_chain::{Scene, refusal};
use crate::support::home::{PATIENCE, sign};

/// Reloads while a node is dialled.
fn reload_with(scene: &Scene, listener: &Listener, said: &str) -> Node {
    thread::scope(|scope| {
        let reload = scope.spawn(|| scene.run(&["reload"], 0));
        let node = listener.accept(PATIENCE).unwrap();
        let text = reload.join().unwrap();
        assert!(text.contains(said), "{text}");
        node
    })
}

/// The key of `test-1` in another file, so that it is opened anew.
fn key_elsewhere(scene: &Scene) {
    let (config, path) = (scene.home.config(), scene.home.path());
    fs::copy(path.join("consensus.key"), path.join("moved.key")).unwrap();
    scene
        .home
        .configure(&config.replace("consensus.key", "moved.key"));
}

#[test]
fn one_in_memory_only_outlasts_a_key_that_is_opened_anew() {
    let scene = Scene::with_nodes(1);
    let (_service, mut nodes) = scene.start();
    assert!(sign(&mut nodes[0], &scene.home.key, 1, 1));
    fs::create_dir(scene.pause_file()).unwrap();
    scene.run(&["pause", "test-1", "--why", "no room"], 1);
    // A file that is there again by then says nothing against it.
    fs::remove_dir(scene.pause_file()).unwrap();
    key_elsewhere(&scene);
    let said = "test-1: the key is opened anew";
    let mut node = reload_with(&scene, &scene.listeners[0], said);
    assert!(refusal(&mut node, 2, 1).contains("paused"));
    let paused = scene.chain()["paused"].clone();
    assert_eq!(paused["why"], "no room");
    assert_ne!(paused["unsaved"], Value::Null);
    scene.run(&["resume", "test-1"], 0);
    assert!(sign(&mut node, &scene.home.key, 2, 1));
}

#[test]
fn one_outlasts_a_chain_that_is_taken_out_and_added_again() {
    for in_memory in [true, false] {
        let scene = Scene::with_nodes(1);
        let one = scene.home.config();
        let listener = Listener::tcp().unwrap();
        scene.home.add_a_chain(&listener.address().unwrap());
        let two = scene.home.config();
        let (_service, mut nodes) = scene.start();
        let maker = Maker::new("test-2".parse().unwrap());
        let is_paused =
            |node: &mut Node| match node.ask(&Ask::Sign(maker.prevote(3, 0, Some(1), 3))) {
                Ok(Answer::Error(error)) => error.description.contains("paused"),
                Ok(Answer::Signed { .. }) => false,
                other => panic!("{other:?}"),
            };
        let mut other = listener.accept(PATIENCE).unwrap();
        let file = scene.home.path().join("two.json.paused");
        if in_memory {
            fs::create_dir(&file).unwrap();
        }
        scene.run(&["pause", "test-2"], i32::from(in_memory));
        if in_memory {
            fs::remove_dir(&file).unwrap();
        }
        assert!(is_paused(&mut other));
        scene.home.configure(&one);
        assert_eq!(scene.run(&["reload"], 0), "test-2: removed\n");
        scene.home.configure(&two);
        let mut other = reload_with(&scene, &listener, "test-2: added\n");
        assert!(is_paused(&mut other), "in memory: {in_memory}");
        assert!(sign(&mut nodes[0], &scene.home.key, 1, 1));
        scene.run(&["resume", "test-2"], 0);
        assert!(!is_paused(&mut other));
    }
}

#[test]
fn one_that_is_kept_outlasts_other_settings_and_ends_with_its_file() {
    let scene = Scene::with_nodes(1);
    let (_service, mut nodes) = scene.start();
    scene.run(&["pause", "test-1", "--at", "7"], 0);
    let config = scene.home.config();
    let gap = config.replacen("[[chain]]\n", "[[chain]]\nmax_gap = 50000\n", 1);
    assert_ne!(gap, config);
    scene.home.configure(&gap);
    scene.run(&["reload"], 0);
    assert!(sign(&mut nodes[0], &scene.home.key, 6, 1));
    assert!(refusal(&mut nodes[0], 7, 1).contains("paused"));
    key_elsewhere(&scene);
    let said = "test-1: the key is opened anew";
    let mut node = reload_with(&scene, &scene.listeners[0], said);
    assert!(refusal(&mut node, 7, 1).contains("paused"));
    // What the file says counts where the pause could be written.
    fs::remove_file(scene.pause_file()).unwrap();
    scene.home.configure(&gap);
    let said = "test-1: the key is opened anew";
    let mut node = reload_with(&scene, &scene.listeners[0], said);
    assert!(sign(&mut node, &scene.home.key, 7, 1));
}
