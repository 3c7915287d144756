//! A simulated YubiHSM 2 behind a connector's HTTP. NOT an HSM: for tests and for trying things out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::exit,
    missing_docs,
    dead_code,
    reason = "test support"
)]

#[path = "../tests/it/support/yubihsm_simulator/mod.rs"]
mod yubihsm_simulator;

use yubihsm_simulator::{Object, Profile, Simulator};

const USAGE: &str =
    "usage: yubihsm-simulator --listen 127.0.0.1:PORT [--serial N] [--firmware 2.2.0|2.3.1|2.4.0] \
[--fips] [--ed25519 ID:SEED]
SEED is 64 hexadecimal digits. Lines of standard input: unplug, plug, power-cycle.";

fn main() {
    let mut listen = None;
    let mut keys = Vec::new();
    let mut profile = Profile::new(1_234_567, (2, 4, 0));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(usage);
        match argument.as_str() {
            "--listen" => listen = Some(value()),
            "--serial" => profile.serial = value().parse().unwrap_or_else(|_| usage()),
            "--firmware" => {
                let version: Vec<u8> = value()
                    .split('.')
                    .map(|part| part.parse().unwrap_or_else(|_| usage()))
                    .collect();
                let [major, minor, patch] = version[..] else {
                    usage()
                };
                profile.version = (major, minor, patch);
            }
            "--fips" => profile.fips = true,
            "--ed25519" => keys.push(value()),
            _ => usage(),
        }
    }
    let simulator = Simulator::listen(listen.unwrap_or_else(usage), profile).unwrap();
    for key in keys {
        let (id, seed) = key.split_once(':').unwrap_or_else(usage);
        let seed = subtle_encoding::hex::decode(seed).unwrap_or_else(|_| usage());
        let id = id.parse().unwrap_or_else(|_| usage());
        let seed = seed.try_into().unwrap_or_else(|_| usage());
        simulator.device().insert(Object::ed25519(id, &seed));
    }
    println!(
        "simulated YubiHSM 2, NO HSM, at http://{}",
        simulator.address()
    );
    for line in std::io::stdin().lines().map_while(Result::ok) {
        match line.trim() {
            "unplug" => simulator.unplug(),
            "plug" => simulator.plug(),
            "power-cycle" => simulator.device().power_cycle(),
            _ => {}
        }
    }
    loop {
        std::thread::park();
    }
}

fn usage<T>() -> T {
    eprintln!("{USAGE}");
    std::process::exit(2)
}
