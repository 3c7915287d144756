//! As much protobuf as the privval messages need, by hand: the harness judges signers, ours among them, so it shares
//! no encoder with `codec` and `consensus`.
//!
//! Format: the protobuf encoding guide (wire types 0, 1, 2 and 5). As proto3 wants it, zero numbers and empty
//! strings are left out; messages are written always, because gogoproto writes what is not nullable.

/// Appends fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            // The low seven bits, with the sign that more follow.
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, tag: u64, wire_type: u64) {
        self.varint((tag << 3) | wire_type);
    }

    /// An `int32`, `int64` or enum: two's complement in 64 bits.
    pub(super) fn int(&mut self, tag: u64, value: i64) -> &mut Self {
        if value != 0 {
            self.key(tag, 0);
            self.varint(value as u64);
        }
        self
    }

    /// An `sfixed64`.
    pub(super) fn sfixed64(&mut self, tag: u64, value: i64) -> &mut Self {
        if value != 0 {
            self.key(tag, 1);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
        self
    }

    /// A `string` or `bytes`.
    pub(super) fn bytes(&mut self, tag: u64, value: &[u8]) -> &mut Self {
        if !value.is_empty() {
            self.key(tag, 2);
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
        self
    }

    /// A message, an empty one too.
    pub(super) fn message(&mut self, tag: u64, message: &Writer) -> &mut Self {
        self.key(tag, 2);
        self.varint(message.0.len() as u64);
        self.0.extend_from_slice(&message.0);
        self
    }

    /// The whole with its length before it.
    pub(super) fn delimited(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.varint(self.0.len() as u64);
        out.0.extend_from_slice(&self.0);
        out.0
    }
}

/// The bytes are not a protobuf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes that are not a protobuf message")]
pub struct NotProtobuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of one message, in the order in which they came; of several with one tag the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields<'a>(Vec<(u64, Value<'a>)>);

impl<'a> Fields<'a> {
    pub(super) fn read(mut rest: &'a [u8]) -> Result<Self, NotProtobuf> {
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            let value = match key & 7 {
                0 => Value::Number(varint(&mut rest)?),
                1 => Value::Number(fixed::<8>(&mut rest).map(u64::from_le_bytes)?),
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).map_err(|_| NotProtobuf)?;
                    Value::Bytes(take(&mut rest, length)?)
                }
                5 => Value::Number(fixed::<4>(&mut rest).map(u32::from_le_bytes)?.into()),
                _ => return Err(NotProtobuf),
            };
            fields.push((key >> 3, value));
        }
        Ok(Self(fields))
    }

    /// The tag of the last field: in a oneof that is the one in force.
    pub(super) fn last_tag(&self) -> Option<u64> {
        self.0.last().map(|(tag, _)| *tag)
    }

    pub(super) fn int(&self, tag: u64) -> i64 {
        match self.find(tag) {
            Some(Value::Number(number)) => number as i64,
            _ => 0,
        }
    }

    /// Bytes, a string or a message; `None` when the field is absent.
    pub(super) fn bytes(&self, tag: u64) -> Option<&'a [u8]> {
        match self.find(tag) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn message(&self, tag: u64) -> Result<Option<Fields<'a>>, NotProtobuf> {
        self.bytes(tag).map(Fields::read).transpose()
    }

    fn find(&self, tag: u64) -> Option<Value<'a>> {
        let field = self.0.iter().rev().find(|(found, _)| *found == tag);
        field.map(|(_, value)| *value)
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, NotProtobuf> {
    let mut value = 0_u64;
    for shift in 0..10 {
        let [byte] = fixed::<1>(rest)?;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotProtobuf)
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], NotProtobuf> {
    take(rest, N)?.try_into().map_err(|_| NotProtobuf)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], NotProtobuf> {
    let (now, later) = rest.split_at_checked(length).ok_or(NotProtobuf)?;
    *rest = later;
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_the_guide_says() {
        let mut writer = Writer::default();
        writer.int(1, 150).int(2, -1).int(3, 0).sfixed64(4, 1);
        writer.bytes(5, b"a").bytes(6, b"");
        writer.message(7, &Writer::default());
        assert_eq!(
            writer.0,
            [
                &[0x08, 0x96, 0x01][..],
                &[
                    0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1
                ],
                &[0x21, 1, 0, 0, 0, 0, 0, 0, 0],
                &[0x2a, 1, b'a'],
                &[0x3a, 0],
            ]
            .concat()
        );
        let fields = Fields::read(&writer.0).unwrap();
        assert_eq!((fields.int(1), fields.int(2), fields.int(4)), (150, -1, 1));
        assert_eq!(fields.bytes(5), Some(&b"a"[..]));
        assert_eq!(fields.last_tag(), Some(7));
    }

    #[test]
    fn what_is_cut_off_is_told() {
        for bytes in [&[0x08][..], &[0x0a, 2, 1], &[0x09, 1], &[0x0b], &[0xff; 11]] {
            assert_eq!(Fields::read(bytes), Err(NotProtobuf), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Fields::read(&bytes);
        }
    }
}
