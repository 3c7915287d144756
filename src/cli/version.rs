//! `tmkms version`.

use super::report::{Failure, output};

pub(super) fn run() -> Result<(), Failure> {
    output(&format!(
        "tmkms {} (signer with durable watermarks for CometBFT v0.34 to v1.0)\n\
         This is not the program of the same name on the public crate registry.\n",
        env!("CARGO_PKG_VERSION")
    ))
}
