//! The connector: `GET /connector/status` and `POST /connector/api`, one reply per write unless told otherwise.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::device::{Device, Profile};
use super::faults::PowerLoss;

/// A simulated device with its connector, until it is dropped.
pub struct Simulator {
    device: Arc<Mutex<Device>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Simulator {
    pub fn start(profile: Profile) -> Self {
        Self::listen("127.0.0.1:0", profile).unwrap()
    }

    pub fn listen(address: impl ToSocketAddrs, profile: Profile) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let device = Arc::new(Mutex::new(Device::new(profile)));
        let stop = Arc::new(AtomicBool::new(false));
        let (inner_device, inner_stop) = (device.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if inner_stop.load(Ordering::SeqCst) {
                    return;
                }
                let (device, stop) = (inner_device.clone(), inner_stop.clone());
                thread::spawn(move || {
                    let _ = serve(stream, &device, &stop, address);
                });
            }
        });
        Ok(Self {
            device,
            address,
            stop,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn unplug(&self) {
        let mut device = self.device();
        device.faults.unplugged = true;
    }

    pub fn plug(&self) {
        let mut device = self.device();
        device.power_cycle();
        device.faults.unplugged = false;
    }

    pub fn lose_power(&self, loss: PowerLoss) {
        self.device().faults.power_loss = Some(loss);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    device: &Mutex<Device>,
    stop: &AtomicBool,
    address: SocketAddr,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || stop.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let (method, path) = (method.to_owned(), path.to_owned());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let foreign_host = device
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .faults
            .foreign_host;
        let (status, reply) = match (method.as_str(), path.as_str()) {
            _ if foreign_host => ("403 Forbidden", b"Forbidden\n".to_vec()),
            ("GET", "/connector/status") => ("200 OK", status(device, address)),
            ("POST", "/connector/api") if (3..=3139).contains(&body.len()) => {
                match exchange(device, &body) {
                    Some(reply) => ("200 OK", reply),
                    None => ("500 Internal Server Error", b"no device\n".to_vec()),
                }
            }
            ("POST", "/connector/api") => ("400 Bad Request", Vec::new()),
            (_, "/connector/api" | "/connector/status") => ("405 Method Not Allowed", Vec::new()),
            _ => ("404 Not Found", Vec::new()),
        };
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            reply.len()
        )
        .into_bytes();
        bytes.extend(reply);
        let pieces = device
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .faults
            .pieces;
        match pieces {
            0 => writer.write_all(&bytes)?,
            size => {
                for piece in bytes.chunks(size) {
                    writer.write_all(piece)?;
                    thread::sleep(Duration::from_micros(200));
                }
            }
        }
    }
}

/// One frame at a time: the device is serial, and so is the wait for a slow one.
fn exchange(device: &Mutex<Device>, frame: &[u8]) -> Option<Vec<u8>> {
    let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = device.faults.slow + std::mem::take(&mut device.faults.slow_once);
    if !wait.is_zero() {
        thread::sleep(wait);
    }
    match device.faults.no_exchange {
        true => None,
        false => device.exchange(frame),
    }
}

fn status(device: &Mutex<Device>, address: SocketAddr) -> Vec<u8> {
    let device = device.lock().unwrap_or_else(PoisonError::into_inner);
    let state = if device.faults.unplugged {
        "NO_DEVICE"
    } else {
        "OK"
    };
    format!(
        "status={state}\nserial={:010}\nversion=3.0.5\npid={}\naddress={}\nport={}\n",
        device.profile.serial,
        std::process::id(),
        address.ip(),
        address.port()
    )
    .into_bytes()
}
