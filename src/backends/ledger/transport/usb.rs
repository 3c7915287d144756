//! Ledgers on the USB bus, through the kernel's hidraw devices; no libudev.
//!
//! A device is locked (`flock` on its node) for as long as it is open: two open handles would get each other's
//! answers, a signature included.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

use hidapi::{HidApi, HidDevice, HidError};

use crate::backends::ledger::frame::PACKET;

use super::connector::{ApduTransport, Connector, PluggedDevice, TransportError};
use super::hid::{Hid, Packets};

/// Ledger's vendor id.
const VENDOR: u16 = 0x2c97;
/// The usage page of the interface that takes commands.
const USAGE_PAGE: u16 = 0xffa0;

/// The USB bus.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsbConnector;

impl Connector for UsbConnector {
    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError> {
        let mut bus = HidApi::new().map_err(failed)?;
        bus.add_devices(VENDOR, 0).map_err(failed)?;
        // One entry for each usage of a device.
        let mut found = BTreeMap::new();
        for device in bus.device_list() {
            if device.vendor_id() == VENDOR && device.usage_page() == USAGE_PAGE {
                let path = device.path().to_string_lossy().into_owned();
                found.insert(path, model(device.product_id()));
            }
        }
        Ok(found
            .into_iter()
            .map(|(path, model)| PluggedDevice {
                path,
                model: model.to_owned(),
            })
            .collect())
    }

    fn open(&self, info: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError> {
        let node = File::open(&info.path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => TransportError::Permission(error.to_string()),
            io::ErrorKind::NotFound => TransportError::Gone(error.to_string()),
            _ => TransportError::Failed(error.to_string()),
        })?;
        match node.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TransportError::Busy),
            Err(TryLockError::Error(error)) => {
                return Err(TransportError::Failed(format!(
                    "it cannot be locked: {error}"
                )));
            }
        }
        let path = CString::new(info.path.as_str())
            .map_err(|_| TransportError::Failed("its path holds a zero".to_owned()))?;
        let bus = HidApi::new().map_err(failed)?;
        let device = bus.open_path(&path).map_err(|error| {
            let text = error.to_string();
            match text.contains("Permission denied") {
                true => TransportError::Permission(text),
                false => TransportError::Failed(text),
            }
        })?;
        Ok(Box::new(Hid::new(Raw {
            device,
            _lock: node,
        })))
    }
}

/// An open hidraw device.
struct Raw {
    device: HidDevice,
    _lock: File,
}

impl Packets for Raw {
    fn write(&mut self, packet: &[u8; PACKET]) -> Result<(), TransportError> {
        // The first byte is the number of the report: there is one, without a number.
        let report = [&[0], &packet[..]].concat();
        match self.device.write(&report).map_err(gone)? {
            written if written == report.len() => Ok(()),
            written => Err(TransportError::Gone(format!(
                "{written} of {} bytes written",
                report.len()
            ))),
        }
    }

    fn read(
        &mut self,
        packet: &mut [u8; PACKET],
        patience: Duration,
    ) -> Result<Option<usize>, TransportError> {
        let whole = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // Less than a millisecond is not "do not wait".
        let milliseconds = whole.max(i32::from(!patience.is_zero()));
        match self.device.read_timeout(packet, milliseconds) {
            Ok(0) => Ok(None),
            Ok(length) => Ok(Some(length)),
            Err(error) => Err(gone(error)),
        }
    }
}

/// The model, by the upper half of the product id; the lower half says which interfaces there are. Old firmware has
/// the model's number only.
fn model(product: u16) -> &'static str {
    let number = match product >> 8 {
        0 => product << 4,
        upper => upper,
    };
    match number {
        0x10 => "Nano S",
        0x40 => "Nano X",
        0x50 => "Nano S Plus",
        0x60 => "Stax",
        0x70 => "Flex",
        0x80 => "Apex",
        0 => "Blue",
        _ => "Ledger",
    }
}

fn failed(error: HidError) -> TransportError {
    TransportError::Failed(error.to_string())
}

fn gone(error: HidError) -> TransportError {
    TransportError::Gone(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_product_id() {
        let models = [0x1011, 0x0001, 0x4015, 0x0004, 0x5011, 0x0000, 0x9000].map(model);
        assert_eq!(
            models,
            [
                "Nano S",
                "Nano S",
                "Nano X",
                "Nano X",
                "Nano S Plus",
                "Blue",
                "Ledger"
            ]
        );
    }

    #[test]
    fn a_bus_without_ledgers_is_empty() {
        assert!(UsbConnector.list().is_ok());
        let nowhere = PluggedDevice {
            path: "/dev/no-such-hidraw".to_owned(),
            model: String::new(),
        };
        assert!(matches!(
            UsbConnector.open(&nowhere),
            Err(TransportError::Gone(_))
        ));
    }
}
