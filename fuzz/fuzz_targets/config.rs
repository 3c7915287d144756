//! Any configuration text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::settings::Base;
use tmkms::config::Config;

fuzz_target!(|text: &str| {
    let base = Base { folder: "/etc/tmkms".into(), home: Some("/root".into()), ..Base::default() };
    let _ = Config::read(text, "tmkms.toml", &base);
});
