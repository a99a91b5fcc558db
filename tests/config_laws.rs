//! Laws of the parser: no text makes it panic or point outside itself, and how a file is written does not change what it
//! means.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::config::{self, Parsed};
use proptest::prelude::*;

/// Everything a caller may do with the outcome.
fn use_all(parsed: &Parsed, text: &str) {
    assert!(parsed.problems.len() <= 303);
    for problem in &parsed.problems {
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
        let before = &text[..problem.span.start];
        let lines = before.replace("\r\n", "\n").matches(['\n', '\r']).count();
        // A problem may start between CR and LF only if the text was cut there, which it never is.
        assert_eq!(problem.line, lines + 1, "{problem:?}");
        assert!(!problem.line("f").contains('\n'));
        assert!(!problem.render("f", text, false).is_empty());
    }
    let has_error = parsed.problems.iter().any(|problem| problem.severity == config::Severity::Error);
    assert_eq!(parsed.settings.is_none(), has_error);
}

/// Words that lead deep into the parser.
fn word() -> impl Strategy<Value = String> {
    let words = "sflow { } { } = ; , \n \r\n # \" \"a\" collector ip udpport dns-sd srvPriority json opx port dev pcap dev.pattern speed sampling \
                 sampling.10G polling polling. polling.x agent.cidr uuid DNSSD jsonPort psample dropmon eapi sonic on off 10.0.0.1 \
                 ::1/12 !1/2 5 010 0x1f 5G 1G- 1G-2 0.5 -1 [a * ( \\1 ü \u{202e} eth0";
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    prop_oneof![8 => prop::sample::select(words), 1 => "\\PC{0,8}", 1 => "[0-9a-zA-Z.:/!-]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        use_all(&config::parse("f", &text), &text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), in_file in any::<bool>()) {
        let bytes = if in_file { [b"sflow { collector { ip=::1 } #", bytes.as_slice()].concat() } else { bytes };
        let (parsed, text) = config::parse_bytes("f", &bytes);
        use_all(&parsed, &text);
    }

    #[test]
    fn no_heap_of_words_makes_it_panic(words in prop::collection::vec(word(), 0..60), open in any::<bool>()) {
        let text = format!("{}{}", if open { "sflow { collector { ip=::1 } " } else { "" }, words.join(" "));
        use_all(&config::parse("f", &text), &text);
    }

    #[test]
    fn how_a_file_is_written_does_not_change_what_it_means(
        numbers in (0..=300_u32, 0..=10_000_000_u32, 0..=256_u32, 200..=8192_u32, 0..=199_999_u32, 1..=65535_u32),
        switches in prop::collection::vec(any::<bool>(), 4),
        order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
        style in prop::collection::vec((any::<bool>(), 0..7_usize), 200),
    ) {
        let (polling, sampling, header, datagram, sub_agent, port) = numbers;
        let on = |index: usize| if switches[index] { "on" } else { "off" };
        let parts = [
            format!("polling {polling}"),
            format!("sampling {sampling}"),
            format!("headerBytes {header}"),
            format!("datagramBytes {datagram}"),
            format!("subAgentId {sub_agent}"),
            format!("collector {{ ip 10.0.0.1 udpport {port} dev eth0 }}"),
            format!("docker {{ hostname {} markTraffic {} }}", on(0), on(1)),
            format!("pcap {{ dev.pattern ^en speed 1G- promisc {} }}", on(2)),
            format!("opx {{ port {{ dev e1 }} switchport ^e }} DNSSD {}", on(3)),
        ];
        let plain = format!("sflow {{ {} }}", parts.join(" "));
        let shuffled: Vec<_> = order.iter().map(|&place| parts[place].as_str()).collect();
        let styled = restyle(&format!("sflow {{ {} }}", shuffled.join(" ")), &style);
        let (plain, styled_settings) = (config::parse("f", &plain).settings, config::parse("f", &styled).settings);
        prop_assert!(plain.is_some());
        prop_assert_eq!(&plain, &styled_settings, "{}", styled);
        let settings = plain.unwrap();
        prop_assert_eq!((settings.polling_secs, settings.sampling, settings.header_bytes), (polling, sampling, header));
        prop_assert_eq!((settings.datagram_bytes, settings.sub_agent_id), (datagram, sub_agent));
        prop_assert_eq!(u32::from(settings.collectors[0].port), port);
        prop_assert_eq!(settings.modules.docker.unwrap().hostname, switches[0]);
    }
}

/// Other separators between the words, and other case of those that are not values with a case.
fn restyle(text: &str, style: &[(bool, usize)]) -> String {
    let separators = [" ", "=", ";", "\n", "\r\n", "\t", " # ü { } \" comment\n"];
    let words = text.split(' ').zip(style.iter().cycle());
    let styled = words.map(|(word, &(upper, separator))| {
        let keeps_case = matches!(word, "eth0" | "e1" | "^e" | "^en" | "1G-");
        let word = if upper && !keeps_case { word.to_uppercase() } else { word.to_owned() };
        format!("{word}{}", separators[separator])
    });
    styled.collect()
}

/// Quadratic behaviour would show as a test that never ends.
#[test]
fn big_files_of_any_kind_are_read_in_linear_time() {
    const SIZE: usize = 500_000;
    let fill = |part: &str| part.repeat(SIZE / part.len());
    let inside = |part: &str| format!("sflow {{ collector {{ ip=::1 }} {} }}", fill(part));
    let bare = ["{ ", "}", "x", "x ", "\"", "sflow { ", "\u{e9}", "# comment\n", "\r"];
    let within = [
        "polling=5 ",
        "x=5 ",
        "pcap { } ",
        "psample { } ",
        "sampling.10G=1 ",
        "agent.cidr=::/0 ",
        "docker { ",
        "5G, ",
        "jsonPort ",
        "polling=5\n",
        "collector { ip=::1 }",
        "{",
        "agent=x",
        "\"a\" ",
        "opx{port{dev=a}}",
        "nosuchthing { polling=5 }\n",
    ];
    let texts = bare.iter().map(|part| fill(part)).chain(within.iter().map(|part| inside(part)));
    for text in texts {
        let parsed = config::parse("f", &text);
        assert!(parsed.problems.len() <= 303);
    }
    let keys: String = (0..100_000).map(|number| format!("sampling.k{number}=1 ")).collect();
    let parsed = config::parse("f", &format!("sflow {{ collector {{ ip=::1 }} {keys} }}"));
    assert_eq!(parsed.settings.unwrap().keyed.len(), 100_000);
}

#[test]
fn what_is_not_listed_is_counted() {
    let text = format!("sflow {{ {} }}", "x=5 ".repeat(250));
    let problems = config::parse("f", &text).problems;
    assert_eq!(problems.len(), 101);
    assert_eq!(problems.last().unwrap().message, "150 more errors are not listed");
}
