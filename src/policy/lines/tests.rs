use super::*;
use crate::policy::model::{Chain, Table};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// What sFlow-RT's script for reflection attacks sends to a switch.
const DDOS: [&str; 3] = [
    "[iptables]",
    "# block UDP reflection attack",
    "-A FORWARD --in-interface swp+ -d 10.0.0.1 -p udp --sport 53 -j DROP",
];

fn rule(line: &str) -> Result<RawRule, (usize, Code)> {
    let section = if line.contains("::") || line.contains("icmp6") { "[ip6tables]" } else { "[iptables]" };
    let parsed = parse([section, line], Dialect::Linux);
    parsed.map(|mut rules| rules.remove(0)).map_err(|faults| (faults[0].column, faults[0].code))
}

#[test]
fn the_lines_that_controllers_send_are_taken() {
    let rules = parse(DDOS, Dialect::Linux).unwrap();
    assert_eq!(emit(&rules), "[iptables]\n-A FORWARD -i swp+ -d 10.0.0.1 -p udp --sport 53 -j DROP\n");
    let marking = [
        "[iptables]",
        "-t mangle -A FORWARD --in-interface swp+ -p tcp --dport 80 -j SETQOS --set-dscp 10 --set-cos 5",
    ];
    let rules = parse(marking, Dialect::Cumulus).unwrap();
    assert_eq!((rules[0].table(), rules[0].chain()), (Table::Mangle, Chain::Forward));
    assert_eq!(parse(marking, Dialect::Linux).unwrap_err()[0].code, Code::CumulusOnly);
    assert!(parse(["[ebtables]", "-A FORWARD -p 0x0806 -i swp1 -j DROP"], Dialect::Cumulus).is_ok());
    assert_eq!(parse(["[ebtables]"], Dialect::Linux).unwrap_err()[0].code, Code::CumulusOnly);
    assert_eq!(parse([""], Dialect::Linux), Ok(Vec::new()));
}

#[test]
fn what_is_not_on_the_lists_is_refused_where_it_stands() {
    for (line, column, code) in [
        ("-F", 1, Code::Command),
        ("-X hsflowd-forward", 1, Code::Command),
        ("-P FORWARD DROP", 1, Code::Command),
        ("-I FORWARD -j DROP", 1, Code::Command),
        ("-A FORWARD -j DROP -F", 20, Code::Command),
        ("-A FORWARD -D FORWARD 1", 12, Code::Command),
        ("-A FORWARD --modprobe=/tmp/x -j DROP", 12, Code::Option),
        ("-A FORWARD --modprobe /tmp/x -j DROP", 12, Code::Command),
        ("-t nat -A PREROUTING -j DNAT", 4, Code::Table),
        ("-A FORWARD -t mangle -j DROP", 12, Code::Table),
        ("-A FORWARD -j DROP -t nat", 20, Code::Option),
        ("-A DOCKER-USER -j DROP", 4, Code::Chain),
        ("-A PREROUTING -j DROP", 4, Code::Chain),
        ("-t raw -A FORWARD -j DROP", 11, Code::Chain),
        ("-A FORWARD -j DOCKER", 15, Code::Target),
        ("-A FORWARD -g DOCKER", 12, Code::Option),
        ("-A FORWARD -j MARK --set-xmark 0x1/0x1", 15, Code::Target),
        ("-A FORWARD -j DSCP --set-dscp 1", 15, Code::Target),
        ("-A FORWARD -m bpf --bytecode 1 -j DROP", 15, Code::Module),
        ("-A FORWARD --sport 53 -j DROP", 12, Code::Option),
        ("-A FORWARD -p udp --spor 53 -j DROP", 19, Code::Option),
        ("-A FORWARD -pudp -j DROP", 12, Code::Option),
        ("-A FORWARD -s example.org -j DROP", 15, Code::Argument),
        ("-A FORWARD -s ! 10.0.0.1 -j DROP", 15, Code::Negation),
        ("-A FORWARD ! ! -s 10.0.0.1 -j DROP", 14, Code::Negation),
        ("-A FORWARD ! -j DROP", 14, Code::Negation),
        ("-A FORWARD -s 10.0.0.1 -s 10.0.0.2 -j DROP", 24, Code::Duplicate),
        ("-A FORWARD -i a23456789012345678 -j DROP", 15, Code::Argument),
        ("-A FORWARD \"-s\" 10.0.0.1 -j DROP", 12, Code::Option),
        ("-A FORWARD -m comment --comment \"-t nat\" -j DROP", 33, Code::Argument),
        ("-A FORWARD -j DROP; reboot", 19, Code::Character),
        ("-A FORWARD -s ::1 -s 10.0.0.1 -j DROP", 19, Code::Duplicate),
        ("-A FORWARD -d 10.0.0.1 -m set --match-set ::1 src -j DROP", 15, Code::Argument),
        ("-A INPUT -o eth0 -j DROP", 10, Code::Option),
        ("-t mangle -A INPUT -j CLASSIFY --set-class 1:1", 23, Code::Target),
        ("-A FORWARD", 11, Code::Target),
        ("-A", 3, Code::Argument),
    ] {
        assert_eq!(rule(line), Err((column, code)), "{line}");
    }
}

#[test]
fn every_bad_line_is_told_and_none_of_the_set_is_taken() {
    let faults =
        parse(["-A FORWARD -j DROP", "[iptables]", DDOS[2], "-F", "[nat]"], Dialect::Linux).unwrap_err();
    let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.code)).collect();
    assert_eq!(told, [(1, Code::Section), (4, Code::Command), (5, Code::Section)]);
    assert!(faults[1].to_string().starts_with("4:1: command: "));
}

#[test]
fn an_array_element_cannot_bring_a_second_line() {
    let hostile = "-A FORWARD -j ACCEPT\nCOMMIT\n*nat\n-F";
    assert_eq!(parse(["[iptables]", hostile], Dialect::Linux).unwrap_err()[0].code, Code::Control);
}

/// Words of all kinds, good ones more often, so that some lines are taken.
fn word() -> impl Strategy<Value = String> {
    let words = "-A FORWARD INPUT OUTPUT PREROUTING -j DROP -j ACCEPT -j REJECT LOG RETURN -s 10.0.0.1 -d 10.0.0.0/8 -i swp+ eth0 -o ! -p udp tcp gre \
        --sport --dport 53 1:2 -m multiport --dports 53,80 -m conntrack --ctstate NEW -m comment --comment \"a b\" \
        -F -X -P -I -D -R -N -E -Z -L -S -t nat mangle filter raw --modprobe /tmp/x -j DOCKER MARK --set-xmark 0x1 -g \
        -c [0:0] --set-dscp 10 DSCP -m limit --limit 10/s -m hashlimit --hashlimit-name a --log-prefix \"-t nat\" \
        COMMIT *nat :FORWARD $(reboot) ;reboot `id` && | > \\n \n \0 -- --table=nat --jump=DROP -jDROP -pudp ::1";
    let words: Vec<String> = words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    prop_oneof![20 => prop::sample::select(words), 1 => "\\PC{0,8}", 1 => any::<String>()]
}

fn line() -> impl Strategy<Value = String> {
    let start = prop_oneof![Just("-A FORWARD "), Just("-t mangle -A INPUT "), Just("")];
    let end = prop_oneof![Just(" -j DROP"), Just(" -j ACCEPT"), Just("")];
    (start, prop::collection::vec(word(), 0..6), end)
        .prop_map(|(start, words, end)| format!("{start}{}{end}", words.join(" ")))
}

/// Every word that a rule may hold is an option, module or target of the tables, or went through an argument check,
/// which is repeated here by other means: by the characters.
fn is_harmless(rule: &RawRule) -> bool {
    const NEVER: [&str; 14] =
        ["-F", "-X", "-P", "-I", "-D", "-R", "-N", "-E", "-Z", "-t", "-g", "--modprobe", "-C", "COMMIT"];
    let words: Vec<&str> = rule.words().collect();
    let jumps = words.iter().filter(|word| **word == "-j").count();
    let target = words.iter().position(|word| *word == "-j").and_then(|at| words.get(at + 1)).copied();
    let known = allowed::TARGETS.iter().any(|known| Some(known.name) == target);
    let modules = words
        .windows(2)
        .filter(|pair| pair[0] == "-m")
        .all(|pair| allowed::MODULES.iter().any(|m| m.name == pair[1]));
    let clean = |word: &&str| {
        word.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && !word.contains(['\\', '$', '`', ';', '|', '&', '\''])
            && !NEVER.contains(word)
            && !word.trim_matches('"').starts_with("-t")
    };
    jumps == 1 && known && modules && words.iter().all(clean)
}

#[test]
fn hostile_lines_are_near_enough_to_good_ones() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let lines = (0..2000).map(|_| line().new_tree(&mut runner).unwrap().current());
    let taken = lines.filter(|line| parse(["[iptables]", line.as_str()], Dialect::Linux).is_ok()).count();
    assert!((100..1500).contains(&taken), "{taken} of 2000 are taken");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_holds_nothing_outside_the_lists_and_reads_back(line in line()) {
        for dialect in [Dialect::Linux, Dialect::Cumulus] {
            let Ok(rules) = parse(["[iptables]", line.as_str()], dialect) else { continue };
            prop_assert!(rules.iter().all(is_harmless), "{rules:?}");
            let text = emit(&rules);
            prop_assert_eq!(text.lines().count(), if rules.is_empty() { 0 } else { 1 + rules.len() });
            prop_assert_eq!(parse(text.lines(), dialect), Ok(rules));
        }
    }

    #[test]
    fn a_refusal_points_into_its_line(line in any::<String>()) {
        if let Err(faults) = parse(["[iptables]", line.as_str()], Dialect::Cumulus) {
            prop_assert_eq!(faults.len(), 1);
            prop_assert!(faults[0].line == 2 && (1..=line.chars().count() + 1).contains(&faults[0].column));
        }
    }
}
