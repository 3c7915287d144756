//! Frames of the YubiHSM 2: one byte of command, two of length, and so many of data.
//!
//! A frame whose length field does not fit its bytes is not a frame; nothing behind it is ever read. Source: Yubico's
//! command reference, "Protocol".

use super::codes::{ErrorCode, command};

/// The longest frame that any firmware takes or sends, in bytes.
pub const LONGEST: usize = 3 + 3136;

/// Why bytes are not the reply that was waited for. That of privval's frames is `codec::frame::FrameError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short, or another length than it says.
    #[error("a frame of {got} bytes says that it has {said}")]
    Length {
        /// Bytes there are.
        got: usize,
        /// Bytes that there should be.
        said: usize,
    },
    /// The reply to something else.
    #[error("a reply to command 0x{got:02x} where one to 0x{wanted:02x} was due")]
    OtherReply {
        /// The command that it answers.
        got: u8,
        /// The command sent.
        wanted: u8,
    },
    /// The data of a reply has the wrong length.
    #[error("a reply to command 0x{code:02x} has {got} bytes of data")]
    Data {
        /// The command.
        code: u8,
        /// Bytes there are.
        got: usize,
    },
    /// The device answered with an error.
    #[error("{0}")]
    Device(ErrorCode),
}

/// Builds a frame. Data longer than a frame can hold is cut; callers check lengths before.
pub fn encode(code: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut frame = Vec::with_capacity(3 + data.len());
    frame.push(code);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(data.get(..usize::from(length)).unwrap_or_default());
    frame
}

/// Takes a frame apart: code and data.
pub fn decode(bytes: &[u8]) -> Result<(u8, &[u8]), FrameError> {
    let (Some([code, high, low]), Some(data)) = (bytes.first_chunk(), bytes.get(3..)) else {
        return Err(FrameError::Length {
            got: bytes.len(),
            said: 3,
        });
    };
    let said = usize::from(u16::from_be_bytes([*high, *low]));
    match data.len() == said {
        true => Ok((*code, data)),
        false => Err(FrameError::Length {
            got: bytes.len(),
            said: said + 3,
        }),
    }
}

/// The data of the reply to `wanted`, or the device's error.
pub fn reply(wanted: u8, bytes: &[u8]) -> Result<&[u8], FrameError> {
    let (code, data) = decode(bytes)?;
    if code == command::ERROR {
        return match data {
            [code] => Err(FrameError::Device(ErrorCode(*code))),
            _ => Err(FrameError::Data {
                code,
                got: data.len(),
            }),
        };
    }
    match code == wanted | command::REPLY {
        true => Ok(data),
        false => Err(FrameError::OtherReply {
            got: code & !command::REPLY,
            wanted,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_frames_are_frames() {
        let frame = encode(command::ECHO, b"hello");
        assert_eq!(decode(&frame), Ok((command::ECHO, &b"hello"[..])));
        for cut in 0..frame.len() {
            assert!(decode(&frame[..cut]).is_err(), "{cut}");
        }
        assert!(decode(&[frame.clone(), vec![0]].concat()).is_err());
        assert_eq!(decode(&[1, 0, 0]), Ok((1, &[][..])));
    }

    #[test]
    fn replies_and_errors() {
        assert_eq!(reply(1, &encode(0x81, b"x")), Ok(&b"x"[..]));
        assert_eq!(
            reply(1, &encode(0x7f, &[0x0b])),
            Err(FrameError::Device(ErrorCode::OBJECT_NOT_FOUND))
        );
        assert!(matches!(
            reply(1, &encode(0x83, b"")),
            Err(FrameError::OtherReply { got: 3, wanted: 1 })
        ));
        assert!(matches!(
            reply(1, &encode(0x7f, &[])),
            Err(FrameError::Data { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes: Vec<u8>, code: u8) {
            let _ = reply(code, &bytes);
            if let Ok((code, data)) = decode(&bytes) {
                assert_eq!(encode(code, data), bytes);
            }
        }
    }
}
