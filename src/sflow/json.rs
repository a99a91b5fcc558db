//! How decoded values read in JSON where their Rust type would print as a list of numbers.

use serde::Serializer;
use serde::ser::SerializeSeq;
use std::fmt;

struct Hex<'a>(&'a [u8], &'static str);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes, separator) = self;
        bytes.iter().enumerate().try_for_each(|(i, byte)| {
            f.write_str(if i == 0 { "" } else { separator })?;
            write!(f, "{byte:02x}")
        })
    }
}

/// Bytes as one row of hexadecimal digits.
pub(crate) fn hex<S: Serializer>(bytes: impl AsRef<[u8]>, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&Hex(bytes.as_ref(), ""))
}

/// A hardware address with colons.
pub(crate) fn mac<S: Serializer>(mac: &[u8; 6], out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&Hex(mac, ":"))
}

/// A list of hardware addresses.
pub(crate) fn macs<S: Serializer>(macs: &[[u8; 6]], out: S) -> Result<S::Ok, S::Error> {
    let mut list = out.serialize_seq(Some(macs.len()))?;
    macs.iter().try_for_each(|mac| list.serialize_element(&Hex(mac, ":").to_string()))?;
    list.end()
}

/// A UUID in its 8-4-4-4-12 form.
pub(crate) fn uuid<S: Serializer>(uuid: &[u8; 16], out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&hyphenated(uuid))
}

/// A UUID as people write it.
pub(crate) fn hyphenated(uuid: &[u8; 16]) -> String {
    let [a, b, c, d] = [&uuid[..4], &uuid[4..6], &uuid[6..8], &uuid[8..10]].map(|part| Hex(part, ""));
    format!("{a}-{b}-{c}-{d}-{}", Hex(&uuid[10..], ""))
}

/// A hardware address as people write it.
pub(crate) fn colons(mac: [u8; 6]) -> String {
    Hex(&mac, ":").to_string()
}
