//! The same with the real programs. Needs iptables, ip6tables and ipset, and a kernel with their matches.

use crate::apply::good;
use crate::netns::isolated;
use crate::support::wait_until;
use crate::wishes::{block, desired, now, text, wanted};
use hsflow::policy::apply::{Runner, Tables};
use hsflow::policy::model::Family;
use hsflow::policy::plan::{Desired, Echoes, Observed, Program, Step, plan};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Runs a program with a text on its input: what it printed, or its complaint.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let mut to = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || to.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn done(program: &str, arguments: &[&str], input: &str) -> String {
    run(program, arguments, input).unwrap_or_else(|why| panic!("{why}\n{input}"))
}

/// False, with a word about it, where the programs cannot do anything here.
pub(crate) fn can_run(name: &str) -> bool {
    let tried = [run("ipset", &["save"], ""), run("iptables-save", &[], ""), run("ip6tables-save", &[], "")];
    let trial = tried.into_iter().collect::<Result<Vec<_>, _>>().and_then(|_| {
        run(
            "iptables-restore",
            &["--noflush", "--test"],
            "*filter\n-A FORWARD -m u32 --u32 0x0=0x0 -j DROP\nCOMMIT\n",
        )
    });
    trial.inspect_err(|why| println!("SKIP {name}: {why}")).is_ok()
}

fn observe() -> Observed {
    let mut observed = Observed::default();
    observed.read_tables(Family::V4, &done("iptables-save", &["-c"], ""));
    observed.read_tables(Family::V6, &done("ip6tables-save", &["-c"], ""));
    observed.read_sets(&done("ipset", &["save"], ""));
    observed
}

fn carry_out(step: &Step, input: &str) {
    let (program, arguments) = step.program.command(5);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if matches!(step.program, Program::Tables(_)) {
        done(program, &[&arguments[..], &["--test"]].concat(), input);
    }
    if step.may_be_busy {
        // One at a time, because what was destroyed is not there the second time.
        for line in input.lines() {
            wait_until(line, LIMIT, || run(program, &arguments, &format!("{line}\n")).ok());
        }
    } else {
        done(program, &arguments, input);
    }
}

fn reach(wanted: &Desired) -> Vec<Step> {
    let steps = plan(wanted, &observe(), &Echoes::default());
    steps.iter().for_each(|step| carry_out(step, &step.input));
    steps
}

/// Everything but ours; counters and times aside.
fn foreign() -> String {
    let saved =
        [done("iptables-save", &[], ""), done("ip6tables-save", &[], ""), done("ipset", &["save"], "")]
            .concat();
    saved
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("hsflowd-"))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn settle() {
    done("ipset", &["restore"], "create f2b-sshd hash:ip family inet\nadd f2b-sshd 10.0.0.1\n");
    let rules = "*filter\n:DOCKER - [0:0]\n-A FORWARD -j DOCKER\n-A DOCKER -m comment --comment \"a \\\" b\" -j RETURN\n\
                 -A INPUT -m comment --comment not-ours -j LOG\nCOMMIT\n*mangle\n-A FORWARD -j TOS --set-tos 0x10/0xff\nCOMMIT\n";
    done("iptables-restore", &["--noflush"], rules);
    done("ip6tables-restore", &["--noflush"], rules);
}

/// What is there says the same as what is wanted; of rates the kernel keeps and prints its own rounding.
fn assert_there(wanted: &Desired) {
    let observed = observe();
    let chains: Vec<_> = observed.tables.iter().filter(|(_, chains)| !chains.is_empty()).collect();
    assert_eq!(chains.len(), wanted.tables.len());
    for (place, chains) in chains {
        for (chain, own) in chains {
            let is = &wanted.tables[place][chain];
            assert_eq!(own.jumps, is.jumps);
            let marks = |rules: &[hsflow::policy::plan::ChainRule]| {
                rules.iter().map(|rule| rule.mark.clone()).collect::<Vec<_>>()
            };
            assert_eq!(marks(&own.rules), marks(&is.rules));
            for (there, wanted) in own.rules.iter().zip(&is.rules) {
                // A host with /etc/protocols has a name for it.
                let words = there.words.replace("-p ospf ", "-p 89 ");
                assert!(
                    words == wanted.words || wanted.words.contains("hashlimit"),
                    "\n{}\n{}",
                    there.words,
                    wanted.words
                );
            }
        }
    }
    let members = |sets: &hsflow::policy::plan::Sets| {
        sets.iter()
            .map(|(n, s)| (n.clone(), s.members.keys().copied().collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    assert_eq!(members(&observed.sets), members(&wanted.sets));
    // Where this took long, ends that are far away are due to be put off again; after that nothing is.
    let is_put_off =
        |line: &str| line.starts_with("add ") && line.contains(" timeout ") && !line.contains(" timeout 0 ");
    let observed = wait_until("twice does nothing", LIMIT, || {
        let observed = observe();
        let steps = plan(wanted, &observed, &Echoes::default());
        let is_late = |step: &Step| step.program == Program::Ipset && step.input.lines().all(is_put_off);
        assert!(steps.iter().all(is_late), "twice does nothing: {steps:?}");
        steps.iter().for_each(|step| carry_out(step, &step.input));
        steps.is_empty().then_some(observed)
    });
    assert_eq!(plan(wanted, &observed, &Echoes::learn(&observed)), Vec::new());
}

#[test]
fn what_is_printed_afterwards_is_what_was_wanted() {
    const NAME: &str = "real::what_is_printed_afterwards_is_what_was_wanted";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        settle();
        let others = foreign();
        let mut runner = TestRunner::deterministic();
        for _ in 0..if std::env::var_os("HSFLOW_LONG").is_some() { 300 } else { 12 } {
            let wanted = desired(&text().new_tree(&mut runner).unwrap().current());
            let before = observe();
            let steps = reach(&wanted);
            assert_there(&wanted);
            assert_eq!(foreign(), others);
            steps.iter().rev().for_each(|step| carry_out(step, &step.undo));
            let back = observe();
            let words = |observed: &Observed| {
                let chains = observed.tables.iter().filter(|(_, chains)| !chains.is_empty());
                chains
                    .map(|(place, chains)| {
                        format!(
                            "{place:?} {:?}",
                            chains
                                .iter()
                                .map(|(c, own)| (
                                    c,
                                    own.rules.iter().map(|r| r.words.clone()).collect::<Vec<_>>()
                                ))
                                .collect::<Vec<_>>()
                        )
                    })
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&back), words(&before));
            assert_eq!(back.sets.keys().collect::<Vec<_>>(), before.sets.keys().collect::<Vec<_>>());
            reach(&wanted);
            assert_there(&wanted);
        }
        reach(&Desired::default());
        assert_eq!(foreign(), others);
        assert!(observe().sets.is_empty());
    });
}

#[test]
fn what_others_break_is_repaired() {
    const NAME: &str = "real::what_others_break_is_repaired";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let wanted = desired(
            "[policy.a]\nprotocol = \"udp\"\ndirection = \"forward\"\naction = \"drop\"\n[policy.b]\nsource = \"10.0.0.1\"\naction = \"drop\"\n",
        );
        reach(&wanted);
        // A set of ours that is too small, and what a crash left over.
        let small = "hash:net family inet maxelem 1 timeout 0 comment\n";
        done("ipset", &["restore"], &format!("create hsflowd-new {small}create hsflowd-g4-a {small}"));
        let group = "[group.a]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n[policy.a]\nsource = \"@a\"\naction = \"drop\"\n";
        reach(&desired(group));
        assert_there(&desired(group));
        reach(&wanted);
        let echoes = Echoes::learn(&observe());
        let mark =
            wanted.tables.values().next().unwrap().values().next().unwrap().rules[0].mark.clone().unwrap();
        let changed = ["-R", "hsflowd-forward", "1", "-m", "comment", "--comment", &mark, "-j", "ACCEPT"];
        for damage in
            [&["-F", "FORWARD"][..], &["-F", "hsflowd-forward"], &["-D", "hsflowd-forward", "1"], &changed]
        {
            done("iptables", damage, "");
            let steps = plan(&wanted, &observe(), &echoes);
            assert_eq!(steps.len(), 1, "{damage:?}");
            steps.iter().for_each(|step| carry_out(step, &step.input));
            assert_eq!(Echoes::learn(&observe()), echoes, "{damage:?}");
            assert_there(&wanted);
        }
    });
}

#[test]
fn the_kernel_forgets_a_drop_by_address_by_itself() {
    const NAME: &str = "real::the_kernel_forgets_a_drop_by_address_by_itself";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        reach(&desired(
            "[policy.a]\nsource = [\"10.0.0.1\", \"::1\"]\nexpires = \"1s\"\naction = \"drop\"\n[policy.b]\nsource = \"10.0.0.2\"\naction = \"drop\"\n",
        ));
        let members = || observe().sets.values().map(|set| set.members.len()).sum::<usize>();
        wait_until("the kernel has forgotten", LIMIT, || (members() == 1).then_some(()));
    });
}

#[test]
fn a_drop_by_address_counts_what_it_drops_for_its_policy_and_goes_on_when_it_is_renewed() {
    const NAME: &str =
        "real::a_drop_by_address_counts_what_it_drops_for_its_policy_and_goes_on_when_it_is_renewed";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let mut tables = Tables::new(Runner::new());
        let mut met = |secs: u32, packets: u64| {
            let text = format!(
                "[policy.a]\nsource = \"127.0.0.9\"\ndirection = \"in\"\nexpires = \"{secs}s\"\naction = \"drop\"\n[policy.b]\nsource = \"127.0.0.8\"\naction = \"drop\"\n"
            );
            good(&block(tables.apply(&wanted(&text), now())));
            let from = std::net::UdpSocket::bind("127.0.0.9:0").unwrap();
            (0..3).for_each(|_| drop(from.send_to(b"12345678", "127.0.0.1:9")));
            // A busy kernel takes them in a moment later.
            wait_until("all are counted", LIMIT, || {
                let hits = block(tables.count());
                let hits = hits.iter().map(|(name, hits)| (name.to_string(), hits.packets, hits.bytes));
                let hits: Vec<_> = hits.collect();
                hits.first().is_some_and(|(_, met, _)| *met >= packets).then_some(hits)
            })
        };
        // Of IPv4 and UDP 20 + 8 bytes, and 8 of ours.
        assert_eq!(met(500, 3), [("a".to_owned(), 3, 108), ("b".to_owned(), 0, 0)]);
        assert_eq!(met(900, 6), [("a".to_owned(), 6, 216), ("b".to_owned(), 0, 0)]);
    });
}

#[test]
fn a_thousand_policies_are_put_in_at_once_and_one_more_later() {
    const NAME: &str = "real::a_thousand_policies_are_put_in_at_once_and_one_more_later";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let many = |count: u32| {
            let each = |n| {
                format!(
                    "[policy.p{n}]\nprotocol = \"udp\"\nsource_port = {n}\ndirection = \"forward\"\nsource = \"10.0.0.0/8\"\naction = \"drop\"\n"
                )
            };
            desired(&(1..=count).map(each).collect::<String>())
        };
        let clock = hsflow::host::Clock::system();
        for count in [1000, 1001] {
            let (wanted, start) = (many(count), clock.now());
            let steps = plan(&wanted, &observe(), &Echoes::default());
            for step in &steps {
                let (program, arguments) = step.program.command(5);
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                done(program, &arguments, &step.input);
            }
            println!("{count} policies: {:?}", clock.now() - start);
            assert_there(&wanted);
        }
    });
}

/// An IPv4 packet to this host with so many words of options that do nothing.
fn packet(options: usize, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut header =
        etherparse::Ipv4Header::new(length, 64, protocol.into(), [127, 0, 0, 1], [127, 0, 0, 1]).unwrap();
    header.options = etherparse::Ipv4Options::try_from(vec![1_u8; options * 4].as_slice()).unwrap();
    header.header_checksum = header.calc_header_checksum();
    let mut packet = Vec::new();
    header.write(&mut packet).unwrap();
    packet.extend(payload);
    packet
}

#[test]
fn the_kernel_finds_keys_behind_ip_options() {
    const NAME: &str = "real::the_kernel_finds_keys_behind_ip_options";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        reach(&desired(
            "[policy.gre]\ngre_key = 7\ndirection = \"in\"\naction = \"drop\"\n[policy.vni]\nvni = 9\ndirection = \"in\"\naction = \"drop\"\n",
        ));
        let raw = socket2::Type::from(nix::libc::SOCK_RAW);
        let socket = socket2::Socket::new(
            socket2::Domain::IPV4,
            raw,
            Some(socket2::Protocol::from(nix::libc::IPPROTO_RAW)),
        )
        .unwrap();
        let to: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        for options in [0, 1, 5, 10] {
            // Keys right and wrong, without and with a checksum; the last without a key.
            let gre: [&[u8]; 5] = [
                &[0x20, 0, 8, 0, 0, 0, 0, 7],
                &[0x20, 0, 8, 0, 0, 0, 0, 8],
                &[0xA0, 0, 8, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 7],
                &[0xA0, 0, 8, 0, 0, 0, 0, 7, 0, 0, 0, 8],
                &[0, 0, 8, 0, 0, 0, 0, 7],
            ];
            for bytes in gre {
                socket.send_to(&packet(options, 47, bytes), &to.into()).unwrap();
            }
            for vni in [9, 10] {
                let vxlan = [0x20, 0, 0x12, 0xB5, 0, 16, 0, 0, 8, 0, 0, 0, 0, 0, vni, 0];
                socket.send_to(&packet(options, 17, &vxlan), &to.into()).unwrap();
            }
        }
        let counted = || {
            let observed = observe();
            let v4 = observed.tables.iter().filter(|((family, _), _)| *family == Family::V4);
            let rules = v4.flat_map(|(_, chains)| chains.values()).flat_map(|chain| &chain.rules);
            rules.map(|rule| rule.counters.0).collect::<Vec<_>>()
        };
        // Two of GRE and one of VXLAN for each length of the header.
        wait_until("all are counted", LIMIT, || (counted().iter().sum::<u64>() >= 12).then_some(()));
        assert_eq!(counted(), [8, 4]);
    });
}
