//! Netlink messages from any bytes: nothing panics, no attribute reaches outside its message, and what is written
//! again from the attributes that were read is read as the same.

#![no_main]

use hsflow::wire::netlink::attribute::Attributes;
use hsflow::wire::netlink::header::messages;
use hsflow::wire::netlink::request::Request;
use hsflow::wire::netlink::{address, ethtool, generic, link, stats};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for message in messages(bytes).flatten() {
        let _ = message.outcome();
        parse_as_all(message.payload);
        write_again(message.payload);
    }
    parse_as_all(bytes);
});

fn parse_as_all(payload: &[u8]) {
    let _ = link::Link::parse(payload);
    let _ = address::Address::parse(payload);
    let _ = stats::parse(payload);
    let _ = generic::Family::parse(payload);
    let _ = ethtool::parse_link_change(payload);
}

fn write_again(payload: &[u8]) {
    let Ok(attributes) = Attributes::after(payload, 0, "payload") else { return };
    let read: Vec<_> = attributes.flatten().collect();
    let mut buffer = Vec::new();
    let mut request = Request::get(&mut buffer, 0, 0, &[]);
    for attribute in &read {
        assert!(attribute.offset + attribute.value.len() <= payload.len());
        request = request.attribute(attribute.kind, attribute.value);
    }
    let _ = request;
    let message = messages(&buffer).next().expect("one request").expect("well formed");
    let again = Attributes::after(message.payload, 0, "payload").expect("no header").map(|a| a.expect("whole"));
    assert!(again.map(|a| (a.kind, a.value)).eq(read.iter().map(|a| (a.kind, a.value))));
}
