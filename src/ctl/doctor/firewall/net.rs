//! A network of addresses. In: `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, an address. Out: whether an address is in it.

use std::net::IpAddr;

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    bits: u8,
}

impl Net {
    /// `None` where there are more bits than an address has.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, mask) =
            text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match mask {
            None => most,
            Some(mask) => match mask.parse::<IpAddr>() {
                Ok(mask) => ones(mask).filter(|_| mask.is_ipv4() == address.is_ipv4())?,
                Err(_) => mask.parse().ok()?,
            },
        };
        Self::new(address, bits)
    }

    /// Whether it has this address; never one of the other family.
    pub fn has(&self, address: IpAddr) -> bool {
        if self.address.is_ipv4() != address.is_ipv4() {
            return false;
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let differing = number(self.address) ^ number(address);
        // A shift by the whole width is none.
        differing.checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

/// How many bits a mask has; none where they do not all come first, which no `Net` is.
fn ones(mask: IpAddr) -> Option<u8> {
    let width = if mask.is_ipv4() { 32 } else { 128 };
    let bits = number(mask) << (128 - width);
    (bits.leading_ones() == bits.count_ones()).then(|| u8::try_from(bits.count_ones()).ok())?
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}
