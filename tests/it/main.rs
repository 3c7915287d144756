//! The tests of the program and the library from outside, in one crate: it is linked once, and `support` compiled once.
//! A file is a module, so `cargo test --test it session::` runs those of one.
//!
//! They run beside each other in one process, so that a test here changes nothing that belongs to the process (its
//! folder, environment, limits, signals), and opens no state file twice: see `tests/state_files`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may end so"
)]

mod adopt;
mod architecture;
mod backends;
mod bounds;
mod bugs;
mod cli;
mod completions;
mod config;
mod cosign_config;
mod cosign_links;
mod cosign_program;
mod cosign_slips;
mod cosign_status;
mod demo;
mod deploy;
mod device_hangs;
mod docs;
mod documented_commands;
mod door;
mod elsewhere;
mod encrypted;
mod environment;
mod evidence;
mod exposed;
mod gate_used_up;
mod half_written;
mod harness;
mod harness_bad_input;
mod harness_long_run;
mod in_line;
mod init_again;
mod key_files;
mod key_types;
mod keys;
mod ledger;
mod ledger_golden;
mod ledger_service;
mod links;
mod logs;
mod metrics;
mod metrics_load;
mod metrics_votes;
mod moving;
mod names;
mod node_addresses;
mod noise;
mod operator;
mod pause_chain;
mod pause_outside;
mod pause_reload;
mod pair_locks;
mod paused;
mod planted;
mod prometheus;
mod refused_double_sign;
mod reload;
mod reload_hard;
mod reload_keys;
mod reload_load;
mod rotate;
mod rotate_program;
mod remedies;
mod replicas;
mod rpc;
mod rpc_load;
mod rpc_set;
mod rpc_tls;
mod second_state;
mod secret_connection;
mod service;
mod session;
mod sessions;
mod settings_later;
mod shared_program;
mod signals;
mod start;
mod status_page;
mod state_hook;
mod sticky;
mod status_pictures;
mod support;
mod takeover;
mod vanish;
mod wire;
mod word;
mod yubihsm;
mod yubihsm_backups;
mod yubihsm_ceremony;
mod yubihsm_ceremony_program;
mod yubihsm_looks;
mod yubihsm_program;
mod yubihsm_simulator;
