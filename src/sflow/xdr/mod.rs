//! XDR as sFlow v5 uses it (RFC 4506): big-endian words, opaque data padded with zeros to a multiple of 4.
//!
//! `Writer` fills a fixed buffer and says `Full` instead of growing; `Reader` walks a slice and says
//! `DecodeError` with the offset instead of panicking. `Xdr` is a value that knows both ways; the macros below
//! make it from a struct's field list, so that the list is the only place where a layout is written down.

mod field;
mod reader;
mod writer;

pub use field::Xdr;
pub use reader::{DecodeError, Reader};
pub use writer::{Full, Writer};

#[cfg(test)]
pub use field::Entropy;

/// Structs whose fields stand in wire order. Fields after `;` may be absent at the end of an older encoding:
/// they then have the value after `absent`.
macro_rules! xdr_structs {
    ($( $(#[$meta:meta])* pub struct $name:ident $(<$lt:lifetime>)? {
        $( $(#[$fmeta:meta])* pub $field:ident : $type:ty ),* $(,)?
        $(; absent $absent:expr => $( $(#[$tmeta:meta])* pub $tail:ident : $ttype:ty ),* $(,)? )?
    } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[allow(missing_docs)] // fields bear the specification's names
        pub struct $name $(<$lt>)? {
            $( $(#[$fmeta])* pub $field : $type, )*
            $( $( $(#[$tmeta])* pub $tail : $ttype, )* )?
        }
        impl $(<$lt>)? $crate::sflow::xdr::Xdr for $name $(<$lt>)? {
            const MIN: usize = 0 $( + <$type as $crate::sflow::xdr::Xdr>::MIN )*;
            #[inline]
            fn encode(&self, out: &mut $crate::sflow::xdr::Writer<'_>) -> Result<(), $crate::sflow::xdr::Full> {
                $( $crate::sflow::xdr::Xdr::encode(&self.$field, out)?; )*
                $( $( $crate::sflow::xdr::Xdr::encode(&self.$tail, out)?; )* )?
                Ok(())
            }
            fn decode(input: &mut $crate::sflow::xdr::Reader<'_>) -> Result<Self, $crate::sflow::xdr::DecodeError> {
                Ok(Self {
                    $( $field: $crate::sflow::xdr::Xdr::decode(input)?, )*
                    $( $( $tail: if input.is_empty() { $absent } else { $crate::sflow::xdr::Xdr::decode(input)? }, )* )?
                })
            }
            #[cfg(test)]
            fn any(entropy: &mut $crate::sflow::xdr::Entropy<'_>) -> Self {
                Self {
                    $( $field: $crate::sflow::xdr::Xdr::any(entropy), )*
                    $( $( $tail: $crate::sflow::xdr::Xdr::any(entropy), )* )?
                }
            }
        }
    )* };
}
pub(crate) use xdr_structs;

/// An enum sent as a 32-bit discriminant, then the variant's value.
macro_rules! xdr_union {
    ($(#[$meta:meta])* pub enum $name:ident $(<$lt:lifetime>)? {
        $( $(#[$vmeta:meta])* $variant:ident ( $type:ty ) = $number:literal ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name $(<$lt>)? { $( $(#[$vmeta])* $variant($type) ),* }
        impl $(<$lt>)? $crate::sflow::xdr::Xdr for $name $(<$lt>)? {
            const MIN: usize = 8;
            fn encode(&self, out: &mut $crate::sflow::xdr::Writer<'_>) -> Result<(), $crate::sflow::xdr::Full> {
                match self {
                    $( Self::$variant(value) => { out.u32($number)?; $crate::sflow::xdr::Xdr::encode(value, out) } )*
                }
            }
            fn decode(input: &mut $crate::sflow::xdr::Reader<'_>) -> Result<Self, $crate::sflow::xdr::DecodeError> {
                let offset = input.offset();
                match input.u32()? {
                    $( $number => Ok(Self::$variant($crate::sflow::xdr::Xdr::decode(input)?)), )*
                    value => Err($crate::sflow::xdr::DecodeError::Choice { offset, value }),
                }
            }
            #[cfg(test)]
            fn any(entropy: &mut $crate::sflow::xdr::Entropy<'_>) -> Self {
                let makers: &[fn(&mut $crate::sflow::xdr::Entropy<'_>) -> Self] =
                    &[ $( |entropy| Self::$variant($crate::sflow::xdr::Xdr::any(entropy)) ),* ];
                makers[usize::from(entropy.byte()) % makers.len()](entropy)
            }
        }
    };
}
pub(crate) use xdr_union;
