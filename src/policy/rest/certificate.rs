//! The name in a certificate, for the log of changes.
//!
//! In: a certificate that was found good. Out: the common name of its subject. Pure. Rule: it is a word for people and
//! decides nothing, and what is no certificate has no name. Spec: RFC 5280 section 4.1, X.690.

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
/// Fields before the subject: serial number, signature, issuer, validity.
const BEFORE_SUBJECT: usize = 4;

/// Tag, content and what follows of the first element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut len = usize::from(first);
    if first >= 0x80 {
        len = 0;
        let digits = usize::from(first & 0x7f);
        for byte in rest.get(..digits)? {
            len = len.checked_mul(256)?.checked_add(usize::from(*byte))?;
        }
        rest = rest.get(digits..)?;
    }
    Some((tag, rest.get(..len)?, rest.get(len..)?))
}

fn inside(der: &[u8]) -> Option<&[u8]> {
    element(der).filter(|(tag, ..)| *tag == SEQUENCE).map(|(_, content, _)| content)
}

/// The last common name of the subject, which is the most particular one.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let mut fields = inside(inside(der)?)?;
    if let Some((VERSION, _, rest)) = element(fields) {
        fields = rest;
    }
    for _ in 0..BEFORE_SUBJECT {
        (_, _, fields) = element(fields)?;
    }
    let mut names = inside(fields)?;
    let mut found = None;
    while let Some((_, set, rest)) = element(names) {
        names = rest;
        let Some(value) = inside(set).and_then(|pair| pair.strip_prefix(COMMON_NAME)) else { continue };
        let (_, text, _) = element(value)?;
        found = std::str::from_utf8(text).ok();
    }
    found.filter(|name| !name.is_empty()).map(|name| name.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(content: &[u8]) -> Vec<u8> {
        [&[SEQUENCE, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn the_subjects_name_is_taken_and_not_the_issuers() {
        let name = |text: &[u8]| {
            let value = [&[0x0c, u8::try_from(text.len()).unwrap()], text].concat();
            let pair = sequence(&[COMMON_NAME, &value].concat());
            sequence(&[&[0x31, u8::try_from(pair.len()).unwrap()], &*pair].concat())
        };
        let fields =
            [&[VERSION, 1, 2, 2, 1, 7][..], &sequence(b""), &name(b"ca"), &sequence(b""), &name(b"ops\n")];
        let der = sequence(&sequence(&fields.concat()));
        assert_eq!(common_name(&der).as_deref(), Some("ops\\n"));
        for cut in 0..der.len() {
            assert_eq!(common_name(der.get(..cut).unwrap()), None, "{cut}");
        }
    }
}
