//! The number of nftables' rule set: it grows by one with each transaction of whoever it is, in one network namespace.
//!
//! In: the payload of an `NFT_MSG_NEWGEN`. Out: the number, which wraps. The other way, [`ask`]; only `CAP_NET_ADMIN`
//! is answered. Rule: a message without the number is none of these. Spec: `linux/netfilter/nf_tables.h`,
//! `nfnetlink.h`; numbers are in network byte order.

use super::attribute::Attributes;
use super::error::ParseError;
use super::request::Request;

/// `NFNL_SUBSYS_NFTABLES` in the upper half of a message's type, `NFT_MSG_GETGEN` in the lower one.
const MSG_GET: u16 = 10 << 8 | 16;
/// `struct nfgenmsg`.
const HEADER_LEN: usize = 4;
/// `NFTA_GEN_ID`.
const ID: u16 = 1;

/// Asks for the number.
pub fn ask(buffer: &mut Vec<u8>, sequence: u32) {
    let _ = Request::get(buffer, MSG_GET, sequence, &[0; HEADER_LEN]);
}

/// The number in an answer; `None` where there is none in it.
///
/// # Errors
/// The answer is cut off.
pub fn parse(payload: &[u8]) -> Result<Option<u32>, ParseError> {
    let id = Attributes::after(payload, HEADER_LEN, "nfgenmsg")?.find(ID)?;
    id.map(|id| id.bytes("NFTA_GEN_ID").map(u32::from_be_bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_and_nothing_else_is() {
        // As Linux 6.1 answers: the number 7, the process 1 and its name.
        let answer =
            [0, 0, 0, 7, 8, 0, 1, 0, 0, 0, 0, 7, 8, 0, 2, 0, 0, 0, 0, 1, 7, 0, 3, 0, b'n', b'f', 0, 0];
        assert_eq!(parse(&answer), Ok(Some(7)));
        assert_eq!(parse(&answer[..4]), Ok(None));
        for cut in [0, 3, 6, 10] {
            assert!(parse(&answer[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_question_is_the_kernels() {
        let mut buffer = Vec::new();
        ask(&mut buffer, 9);
        assert_eq!(buffer[..4], 20_u32.to_ne_bytes());
        assert_eq!(buffer[4..6], 0x0A10_u16.to_ne_bytes());
        assert_eq!(buffer.len(), 20);
    }
}
