//! Records: the tagged elements inside a sample, and the tables that say which tag is which struct.
//!
//! A counter record and a flow record may bear the same number (`0:1` is interface counters in one and a packet
//! header in the other), so there are two tables: `counters::CounterRecord` and `flow::FlowRecord`. A record with
//! an unknown tag, or one whose fields do not end where its length says, is kept as `Raw` and written back as it came.

use super::ids::Tag;
use super::json;
use super::xdr::{DecodeError, Full, Reader, Writer, Xdr};
use serde::Serialize;

/// A struct that is sent as one record of a sample.
pub trait Record: Xdr {
    /// The number that goes before it.
    const TAG: Tag;
}

/// A sample or record that was not understood: its bytes, and what was wrong if its tag is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Raw {
    /// The number before it.
    pub tag: Tag,
    /// The body, without tag, length and padding.
    #[serde(serialize_with = "json::hex")]
    pub bytes: Vec<u8>,
    /// Why a body with a known tag was not understood; offsets count from its first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DecodeError>,
}

impl Raw {
    pub(crate) fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.element_of(self.tag.word(), &self.bytes)
    }
}

/// Decodes a whole body as `T`; the count of non-zero padding bytes goes to `outer`.
pub(crate) fn whole<T>(
    body: &[u8],
    outer: &mut Reader<'_>,
    decode: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut inner = Reader::new(body);
    let value = decode(&mut inner)?;
    outer.add_dirty_padding(inner.finish()?);
    Ok(value)
}

/// `Name` or `Name<'_>` as a type that owns its data.
macro_rules! owned {
    ($name:ident) => { $name };
    ($name:ident $lt:lifetime) => { $name<'static> };
}
pub(crate) use owned;

/// The table of one kind of record: an enum of all structs, with `Raw` for the rest.
macro_rules! record_table {
    ($(#[$meta:meta])* pub enum $table:ident { $( $name:ident $(<$lt:lifetime>)? = $enterprise:literal : $format:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs)] // each variant is the struct of its name
        pub enum $table {
            $( $name($crate::sflow::record::owned!($name $($lt)?)), )*
            /// Unknown tag, or fields and length disagree.
            Raw($crate::sflow::record::Raw),
        }

        const _: () = {
            use $crate::sflow::ids::Tag;
            use $crate::sflow::record::{Raw, Record, whole};
            use $crate::sflow::xdr::{DecodeError, Full, Reader, Writer, Xdr};

            $( impl Record for $name $(<$lt>)? {
                const TAG: Tag = Tag::new($enterprise, $format);
            } )*

            impl $table {
                /// The number that goes before the record.
                pub fn tag(&self) -> Tag {
                    match self {
                        $( Self::$name(_) => <$name as Record>::TAG, )*
                        Self::Raw(raw) => raw.tag,
                    }
                }

                /// Writes tag, length and body.
                pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                    match self {
                        $( Self::$name(record) => out.element(self.tag().word(), |out| record.encode(out)), )*
                        Self::Raw(raw) => raw.encode(out),
                    }
                }

                /// Reads one record. Only a record that does not fit into the remaining bytes is an error.
                pub fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                    let (word, body) = input.element()?;
                    let tag = Tag::from_word(word);
                    let decoded = match (tag.enterprise, tag.format) {
                        $( ($enterprise, $format) => whole(body, input, Xdr::decode).map(Self::$name), )*
                        _ => return Ok(Self::Raw(Raw { tag, bytes: body.to_vec(), reason: None })),
                    };
                    let raw = |reason| Self::Raw(Raw { tag, bytes: body.to_vec(), reason: Some(reason) });
                    Ok(decoded.unwrap_or_else(raw))
                }

                /// One record of every struct in the table, chosen by test data.
                #[cfg(test)]
                pub(crate) fn any_of_each(entropy: &mut $crate::sflow::xdr::Entropy<'_>) -> Vec<Self> {
                    vec![ $( Self::$name(Xdr::any(entropy)) ),* ]
                }
            }
        };
    };
}
pub(crate) use record_table;
