//! A Ledger to rehearse with: the Tendermint app 0.9.1 as a program, on the emulator's wire. Never stake anything on it.
//!
//! ```text
//! cargo run --example ledger-simulator -- 127.0.0.1:9999
//! ```
//!
//! and `transport = "tcp://127.0.0.1:9999"` in the [[providers.ledgertm]]. Its buttons and cable are words on standard
//! input: `right`, `left`, `screen`, `unplug`, `plug`, `lock`, `unlock`, `app` (opens the app), `menu` (closes it).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "it is no part of the program"
)]

#[path = "../tests/it/support/ledger_simulator/mod.rs"]
mod ledger_simulator;

use std::io::BufRead;

use ledger_simulator::{Device, Open, tcp};
use sha2::{Digest, Sha256};

fn main() {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9999".to_owned());
    let device = Device::new(&Sha256::digest(b"a key that everybody knows").into());
    let address = tcp::serve(device.clone(), &address);
    eprintln!(
        "serving tcp://{address}; buttons are words on standard input, see the head of this example"
    );
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.trim() {
            "right" => device.press(true),
            "left" => device.press(false),
            "unplug" => device.unplug(),
            "plug" => device.plug(),
            "lock" => device.set(|inner| inner.locked = true),
            "unlock" => device.set(|inner| inner.locked = false),
            "app" => device.switch_to(Open::Validator),
            "menu" => device.switch_to(Open::Dashboard(0x6e01)),
            _ => {}
        }
        eprintln!("screen: {:?}, at {:?}", device.screen(), device.state());
    }
}
