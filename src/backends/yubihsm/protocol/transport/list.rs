//! Which YubiHSMs are plugged in, told without opening, resetting or disturbing any of them.
//!
//! On Linux the kernel keeps each device's descriptors below `/sys/bus/usb/devices`; elsewhere libusb reads the serial
//! number from the device, which needs permission to open it and claims nothing.

use std::path::Path;

use rusb::UsbContext;

use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::identity::Serial;

/// Yubico.
pub const VENDOR: u16 = 0x1050;
/// YubiHSM 2.
pub const PRODUCT: u16 = 0x0030;

/// A device on the USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugged {
    /// Its serial number.
    pub serial: Serial,
    /// The bus.
    pub bus: u8,
    /// Its address there.
    pub address: u8,
}

/// All YubiHSMs of this host, by serial number.
pub fn plugged() -> Result<Vec<Plugged>, ErrorKind> {
    let sysfs = Path::new("/sys/bus/usb/devices");
    let mut found = match sysfs.is_dir() {
        true => from_sysfs(sysfs),
        false => from_libusb()?,
    };
    found.sort();
    Ok(found)
}

/// The one to use: the one with this serial number, or the only one.
pub fn choose(found: &[Plugged], serial: Option<Serial>) -> Result<Plugged, ErrorKind> {
    match (serial, found) {
        (Some(serial), found) => {
            let named = found.iter().find(|device| device.serial == serial);
            named.copied().ok_or_else(ErrorKind::absent)
        }
        (None, []) => Err(ErrorKind::absent()),
        (None, [only]) => Ok(*only),
        (None, several) => Err(ErrorKind::Ambiguous(
            several.iter().map(|device| device.serial).collect(),
        )),
    }
}

fn from_sysfs(folder: &Path) -> Vec<Plugged> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let text = |name: &str| {
                let text = std::fs::read_to_string(entry.path().join(name)).ok()?;
                Some(text.trim().to_owned())
            };
            let number = |name: &str| u16::from_str_radix(&text(name)?, 16).ok();
            if (number("idVendor")?, number("idProduct")?) != (VENDOR, PRODUCT) {
                return None;
            }
            Some(Plugged {
                serial: Serial(text("serial")?.parse().ok()?),
                bus: text("busnum")?.parse().ok()?,
                address: text("devnum")?.parse().ok()?,
            })
        })
        .collect()
}

fn from_libusb() -> Result<Vec<Plugged>, ErrorKind> {
    // A context of our own: the library's shared one panics where there is no USB at all.
    let Ok(context) = rusb::Context::new() else {
        return Ok(Vec::new());
    };
    let devices = context.devices();
    let devices = devices.map_err(|error| ErrorKind::Usb(error.to_string()))?;
    let mut found = Vec::new();
    for device in devices.iter() {
        let Ok(descriptor) = device.device_descriptor() else {
            continue;
        };
        if (descriptor.vendor_id(), descriptor.product_id()) != (VENDOR, PRODUCT) {
            continue;
        }
        let text = device
            .open()
            .and_then(|handle| handle.read_serial_number_string_ascii(&descriptor));
        if let Some(serial) = text.ok().and_then(|text| text.trim().parse().ok()) {
            found.push(Plugged {
                serial: Serial(serial),
                bus: device.bus_number(),
                address: device.address(),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysfs_tells_serial_numbers_and_nothing_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let device = |name: &str, product: &str, serial: &str, address: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            for (file, text) in [
                ("idVendor", "1050"),
                ("idProduct", product),
                ("serial", serial),
                ("busnum", "3"),
                ("devnum", address),
            ] {
                std::fs::write(path.join(file), format!("{text}\n")).unwrap();
            }
        };
        device("3-1", "0030", "0007550054", "17");
        device("3-2", "0407", "0000000001", "18");
        device("3-3", "0030", "0001234567", "19");
        std::fs::create_dir(folder.path().join("3-0:1.0")).unwrap();
        let mut found = from_sysfs(folder.path());
        found.sort();
        let serials: Vec<String> = found.iter().map(|one| one.serial.to_string()).collect();
        assert_eq!(serials, ["0001234567", "0007550054"]);
        assert_eq!((found[1].bus, found[1].address), (3, 17));

        assert_eq!(choose(&found, Some(Serial(7_550_054))).unwrap().address, 17);
        assert_eq!(choose(&found, Some(Serial(1))), Err(ErrorKind::absent()));
        assert_eq!(choose(&[], None), Err(ErrorKind::absent()));
        assert!(matches!(choose(&found, None), Err(ErrorKind::Ambiguous(both)) if both.len() == 2));
        assert_eq!(choose(&found[..1], None).unwrap().address, 19);
    }
}
