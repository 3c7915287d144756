//! What is left in writing after a ceremony: the report on the device and the report in a file. Neither holds a secret.

use crate::backends::yubihsm::protocol::identity::Serial;
use crate::backends::yubihsm::protocol::info::DeviceInfo;
use crate::text::date::Date;

use super::plan;
use super::verify::Proof;

/// What the older program reads from the device, in its form.
pub(super) fn device_report(serial: Serial, now: Date) -> String {
    let (hour, minute, second) = now.time();
    let mut bytes = [0; 16];
    // Without random numbers the number is 0, which nobody depends on.
    let _ = getrandom::getrandom(&mut bytes);
    let number = u128::from_be_bytes(bytes) & !(0xf000_c000_u128 << 48) | (0x4000_8000_u128 << 48);
    let hex = format!("{number:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    let uuid = [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-");
    format!(
        "{{\"version\":1,\"uuid\":\"{uuid}\",\"device_serial_number\":\"{serial}\",\"hostname\":null,\"username\":null,\
         \"date\":[{},{},{hour},{minute},{second},0,0,0,0],\"software\":\"tmkms {}\"}}",
        now.year(),
        now.ordinal(),
        crate::VERSION
    )
}

/// The report's file: what was set up and proven, without any secret.
pub(super) fn file_report(info: &DeviceInfo, proof: &Proof, now: Date) -> String {
    let objects: Vec<String> = plan::whole().iter().map(plan::line).collect();
    let report = serde_json::json!({
        "version": 2,
        "software": format!("tmkms {}", crate::VERSION),
        "date": now.to_string(),
        "device_serial_number": info.serial.to_string(),
        "firmware": info.firmware.to_string(),
        "objects": objects,
        "proven": proof.good,
        "keys": proof.keys,
    });
    format!("{report:#}\n")
}
