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
        const _: () = {
            use $crate::sflow::xdr::{DecodeError, Full, Reader, Writer, Xdr};
            impl $(<$lt>)? Xdr for $name $(<$lt>)? {
                const MIN: usize = 0 $( + <$type as Xdr>::MIN )*;
                #[inline]
                fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                    $( self.$field.encode(out)?; )*
                    $( $( self.$tail.encode(out)?; )* )?
                    Ok(())
                }
                fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                    Ok(Self {
                        $( $field: Xdr::decode(input)?, )*
                        $( $( $tail: if input.is_empty() { $absent } else { Xdr::decode(input)? }, )* )?
                    })
                }
                #[cfg(test)]
                fn any(entropy: &mut $crate::sflow::xdr::Entropy<'_>) -> Self {
                    Self { $( $field: Xdr::any(entropy), )* $( $( $tail: Xdr::any(entropy), )* )? }
                }
            }
        };
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
        const _: () = {
            use $crate::sflow::xdr::{DecodeError, Full, Reader, Writer, Xdr};
            impl $(<$lt>)? Xdr for $name $(<$lt>)? {
                const MIN: usize = 8;
                fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                    match self {
                        $( Self::$variant(value) => out.u32($number).and_then(|()| value.encode(out)), )*
                    }
                }
                fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                    let offset = input.offset();
                    match input.u32()? {
                        $( $number => Xdr::decode(input).map(Self::$variant), )*
                        value => Err(DecodeError::Choice { offset, value }),
                    }
                }
                #[cfg(test)]
                fn any(entropy: &mut $crate::sflow::xdr::Entropy<'_>) -> Self {
                    let makers: &[fn(&mut $crate::sflow::xdr::Entropy<'_>) -> Self] =
                        &[ $( |entropy| Self::$variant(Xdr::any(entropy)) ),* ];
                    makers[usize::from(entropy.byte()) % makers.len()](entropy)
                }
            }
        };
    };
}
pub(crate) use xdr_union;
