//! Protocol Buffers without a schema: the fields of a message, in the order in which they stand.
//!
//! In: the bytes of a message. Out: numbered [`Value`]s that borrow from them, or one error that names the offset, after
//! which the sequence ends. The other way, [`Message`] puts fields one behind the other. What a number means is
//! known to the caller, who passes over those that it does not know, as the format wants. Groups, which nothing has sent
//! since 2008, are errors. Spec: protobuf.dev, "Encoding".

/// What a field holds; the format does not say more than its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, a boolean or an enumeration.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// The bytes; nothing where it is a number.
    pub fn bytes(self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }

    /// Text, with a replacement character for what is none; empty where it is a number.
    pub fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// An integer; 0, the format's default, where it is none.
    pub fn integer(self) -> u64 {
        if let Self::Varint(value) = self { value } else { 0 }
    }
}

/// Why a message cannot be read on. Offsets count bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// It ends inside a field.
    #[error("offset {0}: the message ends inside a field")]
    Truncated(usize),
    /// An integer of more than 64 bits.
    #[error("offset {0}: an integer of more than 64 bits")]
    Overlong(usize),
    /// A field with a number that cannot be.
    #[error("offset {offset}: no field has the number {number}")]
    Number {
        /// Where it starts.
        offset: usize,
        /// The number.
        number: u64,
    },
    /// A field of a kind that there is not, or not any more.
    #[error("offset {offset}: field {number} has the wire type {kind}")]
    Kind {
        /// Where it starts.
        offset: usize,
        /// Its number.
        number: u32,
        /// Its wire type.
        kind: u64,
    },
}

/// The fields of a message.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { message, at: 0 }
}

/// See [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.message.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.message.len();
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Value<'a>), ProtobufError> {
        const LARGEST: u64 = (1 << 29) - 1;
        let offset = self.at;
        let tag = self.varint()?;
        let number = match u32::try_from(tag >> 3) {
            Ok(number @ 1..) if tag >> 3 <= LARGEST => number,
            _ => return Err(ProtobufError::Number { offset, number: tag >> 3 }),
        };
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            kind => return Err(ProtobufError::Kind { offset, number, kind }),
        };
        Ok((number, value))
    }

    fn varint(&mut self) -> Result<u64, ProtobufError> {
        let offset = self.at;
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ProtobufError::Overlong(offset))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtobufError> {
        let offset = self.at;
        self.take(N)?.try_into().map_err(|_| ProtobufError::Truncated(offset))
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], ProtobufError> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let taken = rest.get(..size).ok_or(ProtobufError::Truncated(self.at))?;
        self.at += size;
        Ok(taken)
    }
}

/// A message in the making.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// With text, bytes or another message in this field.
    #[must_use]
    pub fn with(mut self, number: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// With an integer in this field.
    #[must_use]
    pub fn with_integer(mut self, number: u32, value: u64) -> Self {
        self.varint(u64::from(number) << 3);
        self.varint(value);
        self
    }

    /// As it goes out.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let one = |bytes: &'static [u8]| fields(bytes).next().unwrap();
        assert_eq!(one(&[0x08, 0x96, 0x01]), Ok((1, Value::Varint(150))));
        assert_eq!(one(b"\x12\x07testing"), Ok((2, Value::Bytes(b"testing"))));
        assert_eq!(one(&[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), {
            Ok((1, Value::Varint((-2_i64).cast_unsigned())))
        });
        assert_eq!(one(&[0x0d, 1, 0, 0, 0]), Ok((1, Value::Fixed32(1))));
    }

    #[test]
    fn what_cannot_be_is_one_error_with_its_place_and_the_end() {
        for (bytes, error) in [
            (&b"\x12\x07test"[..], ProtobufError::Truncated(2)),
            (&[0x08], ProtobufError::Truncated(1)),
            (&[0x00, 0x01], ProtobufError::Number { offset: 0, number: 0 }),
            (&[0x0b], ProtobufError::Kind { offset: 0, number: 1, kind: 3 }),
            (&[0x08, 0x01, 0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], ProtobufError::Overlong(3)),
            (&[0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], ProtobufError::Truncated(11)),
        ] {
            let all: Vec<_> = fields(bytes).collect();
            assert_eq!(all.last(), Some(&Err(error)), "{bytes:?}");
            assert!(all.iter().filter(|field| field.is_err()).count() == 1);
        }
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Witness {
        #[prost(uint64, tag = "1")]
        number: u64,
        #[prost(string, tag = "2")]
        text: String,
        #[prost(bytes, tag = "300")]
        bytes: Vec<u8>,
    }

    proptest! {
        #[test]
        fn another_implementation_reads_what_is_written_and_writes_what_is_read(
            number: u64, text: String, bytes: Vec<u8>
        ) {
            let ours = Message::default().with_integer(1, number).with(2, text.as_bytes()).with(300, &bytes);
            let witness = <Witness as prost::Message>::decode(ours.as_bytes()).unwrap();
            prop_assert_eq!(&witness, &Witness { number, text: text.clone(), bytes: bytes.clone() });
            let theirs = prost::Message::encode_to_vec(&witness);
            for field in fields(&theirs) {
                match field.unwrap() {
                    (1, value) => prop_assert_eq!(value.integer(), number),
                    (2, value) => prop_assert_eq!(value.text(), text.clone()),
                    (n, value) => prop_assert_eq!((n, value), (300, Value::Bytes(&bytes))),
                }
            }
        }

        #[test]
        fn any_bytes_are_fields_or_an_error(bytes: Vec<u8>) {
            prop_assert!(fields(&bytes).filter(Result::is_err).count() <= 1);
        }
    }
}
