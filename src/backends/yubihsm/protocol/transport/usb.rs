//! USB: frames in bulk transfers of interface 0, out by endpoint 1, in by endpoint 0x81.
//!
//! A device is claimed while it is used and never reset. After any error the handle is dropped, because replies
//! carry no number and a late one would be taken for the next one's. Source: libyubihsm and Yubico's Python library
//! (a transfer that fills its last packet of 64 bytes is ended by an empty one).

use std::time::{Duration, Instant};

use rusb::UsbContext;

use crate::backends::yubihsm::protocol::error::ErrorKind;
use crate::backends::yubihsm::protocol::frame;
use crate::backends::yubihsm::protocol::identity::Serial;

use super::exchange::{Transport, left};
use super::list::{choose, plugged};

const INTERFACE: u8 = 0;
const OUT: u8 = 0x01;
const IN: u8 = 0x81;
const PACKET: usize = 64;
/// How long a stale reply is waited for after opening.
const DRAIN: Duration = Duration::from_millis(10);

/// Bulk transfers of an open device.
pub trait Bulk: Send {
    /// Writes one transfer and gives the number of bytes that went out.
    fn write(&mut self, bytes: &[u8], time: Duration) -> Result<usize, ErrorKind>;
    /// Reads one transfer.
    fn read(&mut self, buffer: &mut [u8], time: Duration) -> Result<usize, ErrorKind>;
}

/// Opens a device.
pub type Open = Box<dyn FnMut() -> Result<Box<dyn Bulk>, ErrorKind> + Send>;

/// A device on the USB.
pub struct Usb {
    open: Open,
    handle: Option<Box<dyn Bulk>>,
}

impl Usb {
    /// The device with this serial number, or the only one.
    pub fn new(serial: Option<Serial>) -> Self {
        Self::with(Box::new(move || open(serial)))
    }

    /// A device that is opened in another way.
    pub fn with(open: Open) -> Self {
        Self { open, handle: None }
    }

    fn transfer(&mut self, bytes: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let handle = match &mut self.handle {
            Some(handle) => handle,
            empty => {
                let mut handle = (self.open)()?;
                let mut stale = [0; frame::LONGEST];
                while handle.read(&mut stale, DRAIN).is_ok() && left(until).is_ok() {}
                empty.insert(handle)
            }
        };
        let sent = handle.write(bytes, left(until)?)?;
        if sent != bytes.len() {
            return Err(ErrorKind::Usb(format!(
                "{sent} of {} bytes went out",
                bytes.len()
            )));
        }
        if bytes.len().is_multiple_of(PACKET) {
            handle.write(&[], left(until)?)?;
        }
        let mut buffer = vec![0; frame::LONGEST.next_multiple_of(PACKET)];
        let length = handle.read(&mut buffer, left(until)?)?;
        buffer.truncate(length);
        Ok(buffer)
    }
}

impl Transport for Usb {
    fn exchange(&mut self, frame: &[u8], until: Instant) -> Result<Vec<u8>, ErrorKind> {
        let result = self.transfer(frame, until);
        if result.is_err() {
            self.forget();
        }
        result
    }

    fn forget(&mut self) {
        self.handle = None;
    }
}

struct UsbHandle(rusb::DeviceHandle<rusb::Context>);

impl Bulk for UsbHandle {
    fn write(&mut self, bytes: &[u8], time: Duration) -> Result<usize, ErrorKind> {
        self.0.write_bulk(OUT, bytes, rounded(time)).map_err(failed)
    }

    fn read(&mut self, buffer: &mut [u8], time: Duration) -> Result<usize, ErrorKind> {
        self.0.read_bulk(IN, buffer, rounded(time)).map_err(failed)
    }
}

/// Whole milliseconds, and never 0, which libusb takes for no limit.
fn rounded(time: Duration) -> Duration {
    time.max(Duration::from_millis(1))
}

fn open(serial: Option<Serial>) -> Result<Box<dyn Bulk>, ErrorKind> {
    let wanted = choose(&plugged()?, serial)?;
    let context = rusb::Context::new().map_err(failed)?;
    let devices = context.devices().map_err(failed)?;
    let device = devices
        .iter()
        .find(|device| (device.bus_number(), device.address()) == (wanted.bus, wanted.address))
        .ok_or_else(ErrorKind::absent)?;
    let handle = device.open().map_err(failed)?;
    handle.claim_interface(INTERFACE).map_err(failed)?;
    Ok(Box::new(UsbHandle(handle)))
}

fn failed(error: rusb::Error) -> ErrorKind {
    match error {
        rusb::Error::Access => ErrorKind::Permission,
        rusb::Error::Busy => ErrorKind::Busy,
        rusb::Error::NoDevice | rusb::Error::NotFound => ErrorKind::absent(),
        rusb::Error::Timeout => ErrorKind::Late,
        other => ErrorKind::Usb(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    /// Answers each frame with itself, and has something stale to say first.
    #[derive(Default)]
    struct Echo {
        written: Vec<Vec<u8>>,
        pending: Vec<Vec<u8>>,
        trouble: Option<ErrorKind>,
    }

    struct Wire(Arc<Mutex<Echo>>);

    impl Bulk for Wire {
        fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, ErrorKind> {
            let mut echo = self.0.lock();
            echo.written.push(bytes.to_vec());
            if !bytes.is_empty() {
                echo.pending.push(bytes.to_vec());
            }
            Ok(bytes.len())
        }

        fn read(&mut self, buffer: &mut [u8], _: Duration) -> Result<usize, ErrorKind> {
            let mut echo = self.0.lock();
            if let Some(trouble) = echo.trouble.take() {
                return Err(trouble);
            }
            let bytes = echo.pending.pop().ok_or(ErrorKind::Late)?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[test]
    fn whole_packets_are_ended_by_an_empty_one_and_stale_replies_are_drained() {
        let echo = Arc::new(Mutex::new(Echo::default()));
        echo.lock().pending.push(b"stale".to_vec());
        let (inner, opened) = (echo.clone(), Arc::new(Mutex::new(0)));
        let count = opened.clone();
        let mut usb = Usb::with(Box::new(move || {
            *count.lock() += 1;
            Ok(Box::new(Wire(inner.clone())))
        }));
        assert_eq!(usb.exchange(&[1; 63], soon()).unwrap(), [1; 63]);
        assert_eq!(usb.exchange(&[2; 128], soon()).unwrap(), [2; 128]);
        assert_eq!(echo.lock().written, [vec![1; 63], vec![2; 128], vec![]]);
        assert_eq!(*opened.lock(), 1);
        echo.lock().trouble = Some(ErrorKind::absent());
        assert_eq!(usb.exchange(&[3; 10], soon()), Err(ErrorKind::absent()));
        // What came too late is not the answer to the next one.
        assert_eq!(usb.exchange(&[4; 10], soon()).unwrap(), [4; 10]);
        assert_eq!(*opened.lock(), 2);
        assert_eq!(usb.exchange(&[4; 10], Instant::now()), Err(ErrorKind::Late));
    }

    #[test]
    fn errors_of_libusb_have_their_words() {
        assert_eq!(failed(rusb::Error::Access), ErrorKind::Permission);
        assert_eq!(failed(rusb::Error::Busy), ErrorKind::Busy);
        assert_eq!(failed(rusb::Error::NoDevice), ErrorKind::absent());
        assert_eq!(failed(rusb::Error::Timeout), ErrorKind::Late);
        assert!(
            ErrorKind::Permission
                .to_string()
                .contains("10-yubihsm.rules")
        );
        assert!(ErrorKind::Busy.to_string().contains("yubihsm-connector"));
    }
}
