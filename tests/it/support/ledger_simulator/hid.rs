//! The device's USB side: packets, and several devices on one bus.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tmkms::backends::ledger::frame::{Assembler, PACKET, packets};
use tmkms::backends::ledger::transport::hid::{Hid, Packets};
use tmkms::backends::ledger::transport::{ApduTransport, Connector, PluggedDevice, TransportError};

use super::Device;

/// What is plugged in, or was.
#[derive(Clone, Default)]
pub struct Bus(pub Arc<Mutex<Vec<Device>>>);

impl Bus {
    pub fn of(devices: &[Device]) -> Self {
        Self(Arc::new(Mutex::new(devices.to_vec())))
    }

    /// A device's path changes each time it is plugged in.
    fn path(at: usize, device: &Device) -> String {
        format!(
            "/dev/hidraw{}",
            at * 100 + device.lock().connection as usize
        )
    }

    fn devices(&self) -> Vec<(String, Device)> {
        let devices = self.0.lock().unwrap().clone();
        devices
            .into_iter()
            .enumerate()
            .filter(|(_, device)| device.lock().plugged)
            .map(|(at, device)| (Self::path(at, &device), device))
            .collect()
    }
}

impl Connector for Bus {
    fn list(&self) -> Result<Vec<PluggedDevice>, TransportError> {
        let info = |(path, _): (String, Device)| PluggedDevice {
            path,
            model: "Nano S".to_owned(),
        };
        Ok(self.devices().into_iter().map(info).collect())
    }

    fn open(&self, info: &PluggedDevice) -> Result<Box<dyn ApduTransport>, TransportError> {
        let found = self
            .devices()
            .into_iter()
            .find(|(path, _)| *path == info.path);
        let (_, device) = found.ok_or(TransportError::Gone("no such device".to_owned()))?;
        let mut inner = device.lock();
        if inner.held {
            return Err(TransportError::Busy);
        }
        inner.held = true;
        let connection = inner.connection;
        drop(inner);
        Ok(Box::new(Hid::new(Cable {
            device,
            connection,
            command: Vec::new(),
        })))
    }
}

/// An open handle.
pub struct Cable {
    pub device: Device,
    pub connection: u32,
    command: Vec<u8>,
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.device.lock().held = false;
    }
}

impl Cable {
    fn gone() -> TransportError {
        TransportError::Gone("No such device".to_owned())
    }
}

impl Packets for Cable {
    fn write(&mut self, packet: &[u8; PACKET]) -> Result<(), TransportError> {
        let inner = self.device.lock();
        if !inner.plugged || inner.connection != self.connection {
            return Err(Self::gone());
        }
        drop(inner);
        self.command.extend(packet);
        // The device's own reassembly: as ours, but of a command.
        let mut command = Assembler::default();
        for packet in self.command.chunks(PACKET) {
            if let Some(apdu) = command.push(packet).unwrap() {
                self.device.command(&apdu);
                self.command.clear();
                break;
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        packet: &mut [u8; PACKET],
        patience: Duration,
    ) -> Result<Option<usize>, TransportError> {
        let connected = |inner: &super::device::Inner, connection| {
            inner.plugged && inner.connection == connection
        };
        let mut inner = self.device.lock();
        if inner.packets.is_empty() {
            drop(inner);
            let answer = self
                .device
                .answer(self.connection, patience)
                .map_err(|()| Self::gone())?;
            inner = self.device.lock();
            if let Some(answer) = answer {
                inner.packets.extend(packets(&answer).unwrap());
                if std::mem::take(&mut inner.garble) {
                    inner.packets[0][4] ^= 1;
                }
            }
        }
        if !connected(&inner, self.connection) {
            return Err(Self::gone());
        }
        Ok(inner.packets.pop_front().map(|next| {
            *packet = next;
            PACKET
        }))
    }
}
