//! `--anonymise`: no address comes out, each output has the same others, and they are those that `nfanon` makes.

use crate::captured::fields;
use crate::support::TempDir;
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use crate::{decode, objects, payloads, port, recorded, rows, tool};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "0x0123456789abcdef0123456789ABCDEFfedcba9876543210fedcba9876543210";

/// What stands in place of each address of the recording's packets.
fn replaced(plain: &str, other: &str) -> BTreeMap<String, String> {
    let (plain, other) = (rows(plain, "FLOW"), rows(other, "FLOW"));
    assert_eq!((plain.len(), other.len()), (103, 103));
    let mut map = BTreeMap::new();
    for (plain, other) in plain.iter().zip(&other) {
        for column in [3, 4, 8, 9] {
            let before = map.insert(plain[column].clone(), other[column].clone());
            assert!(before.is_none_or(|before| before == other[column]), "{} has two", plain[column]);
            assert_ne!(plain[column], other[column]);
        }
        for column in [1, 2, 5, 10, 13, 14, 15, 16, 17, 18] {
            assert_eq!(plain[column], other[column], "column {column}");
        }
    }
    map
}

#[test]
fn every_output_has_the_same_other_addresses_and_none_of_the_own() {
    let (dir, catcher) = (TempDir::new(), UdpCatcher::new());
    let key = dir.write("key", format!("{KEY}\n"));
    let capture = dir.path().join("samples.pcap");
    let to = catcher.address().to_string();
    let with_key = ["--anonymise-key", key.to_str().unwrap()];
    let more = ["--json", "--pcap", capture.to_str().unwrap(), "--forward", &to];
    let json = recorded(&[&with_key[..], &more].concat());
    let csv = recorded(&[&with_key[..], &["--csv"]].concat());
    let map = replaced(&recorded(&["--csv"]), &csv);
    assert!(map.len() >= 4, "{map:?}");

    let mut pages = vec![json.clone(), csv.clone()];
    pages.extend(["--grep", "--influx"].map(|format| recorded(&[&with_key[..], &[format]].concat())));
    pages.push(recorded(&with_key));
    for page in &pages {
        for ours in ["192.0.2.2", "10.99.0.1", "10.99.0.2", "d6c3b118c515", "d6:c3:b1:18:c5:15", "0a630001"] {
            assert!(!page.contains(ours), "{ours} in {}", page.lines().find(|l| l.contains(ours)).unwrap());
        }
    }
    let flows = rows(&csv, "FLOW");
    for (packet, flow) in
        fields(&capture, &["eth.src", "eth.dst", "ip.src", "ip.dst", "ip.checksum.status"]).iter().zip(&flows)
    {
        assert_eq!(
            [&packet[0], &packet[1]].map(|mac| mac.replace(':', "")),
            [&flow[3], &flow[4]].map(String::clone)
        );
        assert_eq!(packet[2..4], flow[8..10]);
    }
    let datagrams = catcher.wait_count(42, LIMIT);
    let stream = dir.write("stream.pcap", crate::tshark::capture(&datagrams));
    let again = decode(&["--csv", "-r", stream.to_str().unwrap()]);
    assert_eq!(again.text(), csv, "what was sent on is what was printed");
    let lengths = |datagrams: &[Vec<u8>]| datagrams.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&datagrams), lengths(&payloads()));
    assert_eq!(objects(&json).len(), 42);
}

#[test]
fn wireshark_finds_the_ip_checksums_right() {
    let dir = TempDir::new();
    let capture = dir.path().join("samples.pcap");
    recorded(&["--anonymise", "--pcap", capture.to_str().unwrap()]);
    let mut command = tool("tshark", "tshark");
    command
        .args(["-o", "ip.check_checksum:TRUE", "-T", "fields", "-e", "ip.checksum.status", "-r"])
        .arg(&capture);
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    // 1 is "good".
    assert_eq!(output.lines().filter(|line| *line == "1").count(), 103, "{output}");
}

#[test]
fn a_key_that_is_forgotten_is_another_each_time() {
    let plain = recorded(&["--csv"]);
    let maps = [(); 2].map(|()| replaced(&plain, &recorded(&["--anonymise", "--csv"])));
    assert_ne!(maps[0], maps[1]);
}

#[test]
fn what_is_no_sflow_is_not_sent_on_and_a_key_that_is_none_is_refused() {
    let (dir, catcher) = (TempDir::new(), UdpCatcher::new());
    let good = payloads()[0].clone();
    let file =
        dir.write("mixed.pcap", crate::tshark::capture(&[good[..good.len() - 4].to_vec(), good.clone()]));
    let to = catcher.address().to_string();
    let decoded = decode(&["--anonymise", "--forward", &to, "-r", file.to_str().unwrap()]);
    assert_eq!(decoded.status, Some(0));
    assert!(
        decoded.stderr.contains("are not sFlow") && !decoded.stderr.contains("127.0.0.1:"),
        "{}",
        decoded.stderr
    );
    let read = catcher.wait_count(1, LIMIT);
    assert_eq!((read.len(), read[0].len()), (1, good.len()));
    let key = dir.write("key", "too short");
    let refused = decode(&["--anonymise-key", key.to_str().unwrap(), "-r", file.to_str().unwrap()]);
    assert_eq!((refused.status, refused.text()), (Some(2), ""));
    assert!(refused.stderr.contains("32 characters"), "{}", refused.stderr);
}

/// Addresses of the flows in nfdump's files.
fn addresses(dir: &Path) -> BTreeSet<String> {
    let mut nfdump = tool("nfdump", "nfdump");
    let output = nfdump.arg("-R").arg(dir).args(["-q", "-6", "-o", "fmt:%sa %da"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_same_key_gives_the_addresses_that_nfanon_gives() {
    let dir = TempDir::new();
    let port = port::free();
    let mut command = tool("sfcapd", "nfdump-sflow");
    command.args(["-4", "-b", "127.0.0.1", "-t", "3600", "-p", &port.to_string(), "-w"]).arg(dir.path());
    let mut sfcapd = Process::start(&mut command);
    port::wait_bound(port);
    port::send(port, &payloads());
    sfcapd.stop(LIMIT);
    let plain = addresses(dir.path());
    let nfanon = tool("nfanon", "nfdump").args(["-q", "-K", KEY, "-r"]).arg(dir.path()).output().unwrap();
    assert!(nfanon.status.success(), "{nfanon:?}");
    let theirs = addresses(dir.path());
    assert!(theirs.is_disjoint(&plain) && !theirs.is_empty(), "{theirs:?}");

    let other = TempDir::new();
    let key = other.write("key", KEY);
    let csv = recorded(&["--csv", "--anonymise-key", key.to_str().unwrap()]);
    let ours: BTreeSet<_> = rows(&csv, "FLOW").iter().flat_map(|flow| flow[8..10].to_vec()).collect();
    assert_eq!(ours, theirs);
}
