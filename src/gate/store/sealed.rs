//! A record as one line of JSON that ends with a SHA-256 of all bytes before it, whatever store it lies in.

use sha2::{Digest, Sha256};
use subtle_encoding::hex;

/// What stands before the checksum, which is the last field.
const CHECKSUM: &str = ",\"checksum\":\"";

/// Adds the checksum to a JSON object that has at least one field.
pub(crate) fn seal(line: &mut Vec<u8>) {
    line.pop(); // the closing brace
    let sum = hex::encode(Sha256::digest(&*line));
    line.extend_from_slice(CHECKSUM.as_bytes());
    line.extend_from_slice(&sum);
    line.extend_from_slice(b"\"}");
}

/// The JSON object without its checksum.
///
/// # Errors
/// A text that says what is wrong with the line.
pub(crate) fn unseal(line: &str) -> Result<String, &'static str> {
    let (body, sum) = line.rsplit_once(CHECKSUM).ok_or("it has no checksum")?;
    let sum = sum
        .strip_suffix("\"}")
        .ok_or("it does not end as a record")?;
    match hex::encode(Sha256::digest(body.as_bytes())) == sum.as_bytes() {
        true => Ok(format!("{body}}}")),
        false => Err("its checksum does not match its content"),
    }
}
