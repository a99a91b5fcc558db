//! `--forward`: byte for byte, to each, whatever the others do.

use crate::support::catcher::UdpCatcher;
use crate::{decode, objects, payloads, port, recorded};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn each_collector_gets_every_datagram_and_one_that_is_not_there_is_told_and_counted() {
    let (one, other) = (UdpCatcher::new(), UdpCatcher::on("[::1]:0"));
    let nobody = port::free();
    let (to_one, to_other) = (one.address().to_string(), other.address().to_string());
    let to_nobody = format!("127.0.0.1:{nobody}");
    let targets = ["--forward", &to_nobody, "--forward", &to_one, "--forward", &to_other];
    let decoded = decode(&[&targets[..], &["-r", crate::RECORDING]].concat());
    assert_eq!((decoded.status, decoded.text()), (Some(0), ""), "who sends on does not print");
    for catcher in [&one, &other] {
        assert_eq!(catcher.wait_count(42, LIMIT), payloads());
    }
    let said: Vec<_> = decoded.stderr.lines().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains(&format!("forward to {to_nobody}: ")), "{said:?}");
    assert!(said[1].contains(&format!("datagrams could not be sent to {to_nobody}")), "{said:?}");
}

#[test]
fn what_is_sent_on_is_what_a_second_decoder_reads() {
    let catcher = UdpCatcher::new();
    let page = recorded(&["--json", "--forward", &catcher.address().to_string()]);
    let printed = objects(&page);
    let read = catcher.wait_count(42, LIMIT);
    for (printed, bytes) in printed.iter().zip(&read) {
        let datagram = hsflow::sflow::decode::decode(bytes).unwrap();
        assert_eq!(printed["sequence"], datagram.sequence);
        assert_eq!(printed["samples"].as_array().unwrap().len(), datagram.samples.len());
    }
}

#[test]
fn a_circle_or_a_name_without_an_address_is_refused_at_the_start() {
    let port = port::free();
    let (listen, target) = (port.to_string(), format!("127.0.0.1:{port}"));
    let refused = decode(&["--listen", &listen, "--forward", &target]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("where this program listens"), "{}", refused.stderr);
    let unknown = decode(&["--forward", "nobody.invalid:6343", "-r", crate::RECORDING]);
    assert_eq!(unknown.status, Some(2));
    assert!(unknown.stderr.contains("nobody.invalid:6343"), "{}", unknown.stderr);
}
