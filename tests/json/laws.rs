//! Messages by the hundred thousand, good ones and ones that were damaged: each keeps the law that the fuzzer also tries.
//! The seed is fixed, so that a failure comes again.

use crate::law::law;
use hsflow::sample::application::message::Reader;

/// Pieces of messages, put anywhere.
const PIECES: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "4294967296",
    "1e400",
    "1.5",
    "18446744073709551616",
    "\"\"",
    "\"x\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\ud800",
    "\\u00e9",
    "é",
    "\u{feff}",
    "\u{0}",
    "\"type\":",
    "\"value\":",
    "\"value\":\"0x1f\"",
    "{\"type\":\"ip\",\"value\":\"1.2\"}",
    "\"app_name\":\"n\",",
    "\"rtmetric\":",
    "\"flow_sample\":",
    "\"sampling_rate\":null,",
    "\"APP_OPERATION\":{}",
    "\"datasource\":\"7\",",
];
const TYPES: &[&str] = &[
    "string",
    "counter32",
    "counter64",
    "gauge32",
    "gauge64",
    "gaugeFloat",
    "gaugeDouble",
    "mac",
    "ip",
    "ip6",
    "int32",
    "int64",
    "float",
    "double",
    "Double",
];
const VALUES: &[&str] = &[
    "1",
    "-1",
    "0",
    "2.75",
    "1e3",
    "4294967295",
    "4294967297",
    "18446744073709551615",
    "\"12abc\"",
    "\"0x10\"",
    "\"010\"",
    "\"\"",
    "\"caf\\u00e9 \\ud83d\\ude00\"",
    "\"ééééééééééééééééééééééééééééééééééééé\"",
    "\"10.0.0.1\"",
    "\"::1\"",
    "\"020000000001\"",
    "null",
    "true",
    "{}",
    "[[]]",
];
const KEYS: &[&str] = &[
    "app_name",
    "service_port",
    "client",
    "sampling_rate",
    "operation",
    "attributes",
    "status_descr",
    "status",
    "req_bytes",
    "resp_bytes",
    "uS",
    "application",
    "actor",
    "protocol",
    "local_ip",
    "remote_ip",
    "local_port",
    "remote_port",
    "success",
    "timeout",
    "user_time",
    "mem_used",
    "fd_open",
    "workers_max",
    "req_dropped",
    "datasource",
    "type",
    "value",
    "other",
    "Ünknown",
];
const OBJECTS: &[&str] = &[
    "app_operation",
    "app_parent_context",
    "app_initiator",
    "app_target",
    "extended_socket_ipv4",
    "extended_socket_ipv6",
    "app_operations",
    "app_resources",
    "app_workers",
    "m1",
    "m-2",
];
const TOPS: &[&str] = &["flow_sample", "counter_sample", "rtmetric", "rtflow", "Flow_Sample", "unknown"];

/// Marsaglia's xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn members(&mut self, at_most: usize, mut one: impl FnMut(&mut Self) -> String) -> String {
        let members: Vec<_> = (0..=self.below(at_most)).map(|_| one(self)).collect();
        members.join(",")
    }

    fn plain(&mut self) -> String {
        format!("\"{}\":{}", self.one(KEYS), self.one(VALUES))
    }

    /// A message that has all it needs, in most of which some member is of a wrong kind.
    fn message(&mut self) -> String {
        let sample = |dice: &mut Self| {
            let object = |dice: &mut Self| {
                let name = dice.one(OBJECTS);
                let typed = format!("\"type\":\"{}\",\"value\":{},", dice.one(TYPES), dice.one(VALUES));
                let members = dice.members(3, Self::plain);
                format!("\"{name}\":{{{typed}{members}}}")
            };
            let needed = r#""app_name":"n","datasource":"d","app_operation":{"status":3},"m":{"type":"gauge32","value":1}"#;
            let (top, needed) = (dice.one(TOPS), if dice.below(9) == 0 { "\"x\":0" } else { needed });
            let (objects, plain) = (dice.members(4, object), dice.members(2, Self::plain));
            let rest = if dice.below(3) == 0 { format!(",{plain}") } else { String::new() };
            format!("\"{top}\":{{{needed},{objects}{rest}}}")
        };
        format!("{{{}}}", self.members(2, sample))
    }

    /// Up to four changes of bytes; the message may not be UTF-8 any more.
    fn damage(&mut self, message: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let (from, to) = (self.below(message.len() + 1), self.below(message.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            match self.below(5) {
                0 => drop(message.splice(from..from, self.one(PIECES).bytes())),
                1 => drop(message.splice(from..to.min(from + 8), self.one(PIECES).bytes())),
                2 => drop(message.drain(from..to.min(from + 8))),
                3 if from < message.len() => message[from] ^= 1 << self.below(8),
                3 => message.truncate(to),
                _ => {
                    let copy = message[from..to].to_vec();
                    drop(message.splice(to..to, copy));
                }
            }
        }
    }
}

#[test]
fn a_hundred_thousand_messages_are_told_as_they_are_or_have_a_fault() {
    let mut dice = Dice(0x2026_1121);
    let mut accepted = 0;
    for round in 0..100_000 {
        let mut message = dice.message().into_bytes();
        if round % 2 == 0 {
            dice.damage(&mut message);
        }
        accepted += usize::from(Reader::default().parse(&message).is_ok());
        law(&message);
    }
    assert!((10_000..90_000).contains(&accepted), "{accepted} accepted: no test of both");
}

#[test]
fn bytes_of_any_kind_have_a_fault() {
    let mut dice = Dice(7);
    for length in 0..2000 {
        let bytes: Vec<_> = (0..length).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
        assert!(Reader::default().parse(&bytes).is_err());
        law(&bytes);
    }
}

#[test]
fn every_beginning_of_a_message_has_a_fault() {
    let message = br#"{"flow_sample":{"app_name":"a","app_operation":{"status":1}},"rtmetric":{"m":{"type":"ip","value":"\u00e9"}}} "#;
    for end in 0..message.len() - 2 {
        assert!(Reader::default().parse(&message[..end]).is_err());
    }
}
