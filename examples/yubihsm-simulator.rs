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

#[path = "../tests/support/yubihsm_simulator/mod.rs"]
mod yubihsm_simulator;

use yubihsm_simulator::{Profile, Simulator};

const USAGE: &str = "usage: yubihsm-simulator --listen 127.0.0.1:PORT [--serial N] [--firmware 2.2.0|2.3.1|2.4.0] [--fips]";

fn main() {
    let mut listen = None;
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
            _ => usage(),
        }
    }
    let simulator = Simulator::listen(listen.unwrap_or_else(usage), profile).unwrap();
    println!(
        "simulated YubiHSM 2, NO HSM, at http://{}",
        simulator.address()
    );
    loop {
        std::thread::park();
    }
}

fn usage<T>() -> T {
    eprintln!("{USAGE}");
    std::process::exit(2)
}
