//! `RTM_GETNSID`: the number that this network namespace gives another one.
//!
//! ```text
//! family u8, padded to 4 │ NETNSA_NSID i32, or in the question NETNSA_FD u32 or NETNSA_PID u32
//! ```
//! In: the payload of an `RTM_NEWNSID` or `RTM_DELNSID`. Out: the number, the same as in `IFLA_LINK_NETNSID` of an
//! interface whose other end is there. Rules: −1 says that the namespace has none, as one to which nothing leads from
//! here; a number dies with its namespace and may then be another's. Asking needs no privilege beyond an open file of the
//! namespace, or a process of it; giving one needs CAP_NET_ADMIN. Spec: rtnetlink(7), `linux/net_namespace.h`.

use super::attribute::Attributes;
use super::error::ParseError;
use super::request::Request;

/// `RTM_NEWNSID`.
pub const NEW_NSID: u16 = 88;
/// `RTM_DELNSID`.
pub const DEL_NSID: u16 = 89;
/// `RTNLGRP_NSID`: numbers that are given and taken away.
pub const GROUP: u32 = 28;
const RTM_GETNSID: u16 = 90;
const HEADER_LEN: usize = 1;
const NETNSA_NSID: u16 = 1;
const NETNSA_PID: u16 = 2;
const NETNSA_FD: u16 = 3;
/// Any number that is free.
const ANY: i32 = -1;

/// Asks for the number of the namespace whose file the sender has open under this descriptor.
pub fn get(buffer: &mut Vec<u8>, sequence: u32, descriptor: u32) {
    let request = Request::get(buffer, RTM_GETNSID, sequence, &[0; HEADER_LEN]);
    let _ = request.attribute(NETNSA_FD, &descriptor.to_ne_bytes());
}

/// Asks for the number of the namespace that this process, as the sender numbers it, is in.
pub fn get_of_process(buffer: &mut Vec<u8>, sequence: u32, pid: u32) {
    let request = Request::get(buffer, RTM_GETNSID, sequence, &[0; HEADER_LEN]);
    let _ = request.attribute(NETNSA_PID, &pid.to_ne_bytes());
}

/// Gives that namespace a number; `EEXIST` where it has one.
pub fn give_to_process(buffer: &mut Vec<u8>, sequence: u32, pid: u32) {
    let request = Request::change(buffer, NEW_NSID, sequence, &[0; HEADER_LEN]);
    let _ = request.attribute(NETNSA_NSID, &ANY.to_ne_bytes()).attribute(NETNSA_PID, &pid.to_ne_bytes());
}

/// Reads an answer's payload; `None` where the namespace has no number.
pub fn parse(payload: &[u8]) -> Result<Option<u32>, ParseError> {
    let number = Attributes::after(payload, HEADER_LEN, "rtgenmsg")?.find(NETNSA_NSID)?;
    let number = number.map(|attribute| attribute.u32("NETNSA_NSID")).transpose()?;
    Ok(number.filter(|number| *number <= i32::MAX.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_to_another_implementation_what_they_mean() {
        use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
        use netlink_packet_route::{RouteNetlinkMessage as R, nsid::NsidAttribute as A};
        let read = |write: fn(&mut Vec<u8>, u32, u32)| {
            let mut buffer = Vec::new();
            write(&mut buffer, 7, 4321);
            match NetlinkMessage::<R>::deserialize(&buffer).unwrap().payload {
                NetlinkPayload::InnerMessage(R::GetNsId(message)) => ("get", message.attributes),
                NetlinkPayload::InnerMessage(R::NewNsId(message)) => ("new", message.attributes),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(get), ("get", vec![A::Fd(4321)]));
        assert_eq!(read(get_of_process), ("get", vec![A::Pid(4321)]));
        assert_eq!(read(give_to_process), ("new", vec![A::Id(-1), A::Pid(4321)]));
    }

    /// As Linux 6.18 answered for a namespace with the number 7 and for one without.
    #[test]
    fn number_is_read_and_minus_one_is_none() {
        let answer = |number: i32| [&[0, 0, 0, 0, 8, 0, 1, 0][..], &number.to_ne_bytes()].concat();
        assert_eq!(parse(&answer(7)), Ok(Some(7)));
        assert_eq!(parse(&answer(0)), Ok(Some(0)));
        assert_eq!(parse(&answer(-1)), Ok(None));
        assert_eq!(parse(&[0; 4]), Ok(None));
    }

    #[test]
    fn every_truncation_is_an_error_or_no_number_and_never_a_wrong_one() {
        let answer = [0, 0, 0, 0, 8, 0, 1, 0, 7, 0, 0, 0];
        for length in 0..answer.len() {
            assert!(!matches!(parse(&answer[..length]), Ok(Some(_))), "{length}");
        }
    }
}
