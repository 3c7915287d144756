//! The emulator's wire: one client at a time, and a new client gets the answers that an old one did not read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::Device;

/// Serves a device for as long as the process lives.
pub fn serve(device: Device, address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = {
                let inner = device.lock();
                if !inner.plugged {
                    continue;
                }
                inner.connection
            };
            let _ = client(&device, stream, connection);
        }
    });
    address
}

fn client(device: &Device, mut stream: TcpStream, connection: u32) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_millis(2)))?;
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => read.extend(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if let Some(length) = read.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if read.len() >= 4 + length {
                let rest = read.split_off(4 + length);
                device.command(&read[4..]);
                read = rest;
            }
        }
        match device.answer(connection, Duration::from_millis(1)) {
            Err(()) => return Ok(()),
            Ok(None) => {}
            Ok(Some(answer)) => {
                let length = (answer.len() - 2) as u32;
                stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
            }
        }
    }
}
