//! Values that go on the wire and come back: the XDR types that sFlow's field lists are made of.

use super::{DecodeError, Full, Reader, Writer};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A value with one XDR form.
pub trait Xdr: Sized {
    /// Bytes of the shortest encoding: the exact size where no field varies. Never 0, so that a list's count
    /// can be checked against the bytes that are there before anything is allocated.
    const MIN: usize;
    /// Writes the value.
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full>;
    /// Reads a value, and no byte more.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
    /// Some value, chosen by test data.
    #[cfg(test)]
    fn any(entropy: &mut Entropy<'_>) -> Self;
}

/// Test data read as choices; zeros once it is used up.
#[cfg(test)]
pub struct Entropy<'a>(pub(crate) std::slice::Iter<'a, u8>);

#[cfg(test)]
impl Entropy<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}

/// The fixed-size forms: writer call, reader call, and a value from test bytes.
macro_rules! plain {
    ($( $type:ty, $size:literal, $put:expr, $get:expr, $any:expr; )*) => { $(
        impl Xdr for $type {
            const MIN: usize = $size;
            #[inline]
            fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                let put: fn(&Self, &mut Writer<'_>) -> Result<(), Full> = $put;
                put(self, out)
            }
            #[inline]
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let get: fn(&mut Reader<'_>) -> Result<Self, DecodeError> = $get;
                get(input)
            }
            #[cfg(test)]
            fn any(entropy: &mut Entropy<'_>) -> Self {
                let any: fn(&mut Entropy<'_>) -> Self = $any;
                any(entropy)
            }
        }
    )* };
}

// Floats of the tests are whole numbers: a NaN would not equal itself.
plain! {
    u32, 4, |v, out| out.u32(*v), |i| i.u32(), |e| u32::from_be_bytes(e.array());
    i32, 4, |v, out| out.u32(v.cast_unsigned()), |i| Ok(i.u32()?.cast_signed()), |e| i32::from_be_bytes(e.array());
    u64, 8, |v, out| out.u64(*v), |i| i.u64(), |e| u64::from_be_bytes(e.array());
    f32, 4, |v, out| out.u32(v.to_bits()), |i| Ok(f32::from_bits(i.u32()?)), |e| f32::from(i16::from_be_bytes(e.array()));
    f64, 8, |v, out| out.u64(v.to_bits()), |i| Ok(f64::from_bits(i.u64()?)), |e| f64::from(i32::from_be_bytes(e.array()));
    [u8; 4], 4, |v, out| out.fixed(v), |i| i.fixed(), |e| e.array();
    [u8; 6], 8, |v, out| out.fixed(v), |i| i.fixed(), |e| e.array();
    [u8; 16], 16, |v, out| out.fixed(v), |i| i.fixed(), |e| e.array();
    Ipv4Addr, 4, |v, out| out.fixed(&v.octets()), |i| Ok(i.fixed::<4>()?.into()), |e| e.array::<4>().into();
    Ipv6Addr, 16, |v, out| out.fixed(&v.octets()), |i| Ok(i.fixed::<16>()?.into()), |e| e.array::<16>().into();
    IpAddr, 8, put_address, get_address, any_address;
}

fn put_address(address: &IpAddr, out: &mut Writer<'_>) -> Result<(), Full> {
    match address {
        IpAddr::V4(v4) => out.u32(1).and_then(|()| v4.encode(out)),
        IpAddr::V6(v6) => out.u32(2).and_then(|()| v6.encode(out)),
    }
}

/// Type 0 ("unknown") has no agreed body and makes collectors give up, so it is an error here too.
fn get_address(input: &mut Reader<'_>) -> Result<IpAddr, DecodeError> {
    let offset = input.offset();
    match input.u32()? {
        1 => Ipv4Addr::decode(input).map(IpAddr::V4),
        2 => Ipv6Addr::decode(input).map(IpAddr::V6),
        value => Err(DecodeError::Choice { offset, value }),
    }
}

#[cfg(test)]
fn any_address(entropy: &mut Entropy<'_>) -> IpAddr {
    if entropy.byte().is_multiple_of(2) {
        Ipv4Addr::any(entropy).into()
    } else {
        Ipv6Addr::any(entropy).into()
    }
}

impl Xdr for String {
    const MIN: usize = 4;
    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.opaque(self.as_bytes())
    }
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = input.offset();
        let text = std::str::from_utf8(input.opaque()?).map_err(|_| DecodeError::Text { offset })?;
        Ok(text.to_owned())
    }
    #[cfg(test)]
    fn any(entropy: &mut Entropy<'_>) -> Self {
        let length = entropy.byte() % 12;
        (0..length).map(|_| char::from(entropy.byte())).collect()
    }
}

impl Xdr for Cow<'_, str> {
    const MIN: usize = 4;
    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.opaque(self.as_bytes())
    }
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        String::decode(input).map(Cow::Owned)
    }
    #[cfg(test)]
    fn any(entropy: &mut Entropy<'_>) -> Self {
        Cow::Owned(String::any(entropy))
    }
}

impl Xdr for Cow<'_, [u8]> {
    const MIN: usize = 4;
    #[inline]
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.opaque(self)
    }
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Cow::Owned(input.opaque()?.to_vec()))
    }
    #[cfg(test)]
    fn any(entropy: &mut Entropy<'_>) -> Self {
        let length = entropy.byte() % 12;
        (0..length).map(|_| entropy.byte()).collect()
    }
}

impl<T: Xdr> Xdr for Vec<T> {
    const MIN: usize = 4;
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.u32(u32::try_from(self.len()).map_err(|_| Full)?)?;
        self.iter().try_for_each(|entry| entry.encode(out))
    }
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let offset = input.offset();
        let count = input.u32()?;
        if count as usize > input.remaining() / T::MIN {
            return Err(DecodeError::Count { offset, count, left: input.remaining() });
        }
        (0..count).map(|_| T::decode(input)).collect()
    }
    #[cfg(test)]
    fn any(entropy: &mut Entropy<'_>) -> Self {
        let length = entropy.byte() % 4;
        (0..length).map(|_| T::any(entropy)).collect()
    }
}
