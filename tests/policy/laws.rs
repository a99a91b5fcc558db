//! Laws of the plan: carried out it leads to what is wanted and nowhere else, from anywhere, and back.

use crate::kernel::Kernel;
use crate::wishes::{desired, text};
use hsflow::policy::model::Family;
use hsflow::policy::plan::{Desired, Echoes, Program, Step, plan};
use proptest::prelude::*;

/// Others' rules, some of which look like ours.
fn inhabited() -> Kernel {
    let mut kernel = Kernel::new();
    kernel
        .run(Program::Ipset, "create f2b-sshd hash:ip family inet\nadd f2b-sshd 10.0.0.1 timeout 5 -exist\n");
    for family in Family::ALL {
        kernel.run(
            Program::Tables(family),
            "*filter\n:DOCKER - [0:0]\n-A FORWARD -j DOCKER\n-A DOCKER -m comment --comment \"hsflowd-policy:p1:0\" -j RETURN\n\
             -A INPUT -m comment --comment hsflowd-rs -j NFLOG\n-A INPUT -m set --match-set f2b-sshd src -j DROP\nCOMMIT\n",
        );
    }
    kernel
}

fn steps(desired: &Desired, kernel: &Kernel) -> Vec<Step> {
    plan(desired, &kernel.observe(), &Echoes::default())
}

fn carry_out(kernel: &mut Kernel, steps: &[Step]) {
    steps.iter().for_each(|step| kernel.run(step.program, &step.input));
}

fn reach(kernel: &mut Kernel, desired: &Desired) {
    let steps = steps(desired, kernel);
    carry_out(kernel, &steps);
}

/// The kernel holds this, no more and no less; counters apart.
fn assert_holds(kernel: &Kernel, desired: &Desired) {
    let observed = kernel.observe();
    let mut tables = observed.tables;
    tables.values_mut().flat_map(|chains| chains.values_mut()).flat_map(|chain| &mut chain.rules).for_each(
        |rule| {
            assert_eq!(rule.counters, (1, 2));
            rule.counters = (0, 0);
        },
    );
    tables.retain(|_, chains| !chains.is_empty());
    assert_eq!(tables, desired.tables);
    let members = |sets: &hsflow::policy::plan::Sets| {
        let all = sets
            .iter()
            .flat_map(|(name, set)| set.members.iter().map(move |(p, m)| (name.clone(), *p, m.secs)));
        (sets.keys().cloned().collect::<Vec<_>>(), all.collect::<Vec<_>>())
    };
    assert_eq!(members(&observed.sets), members(&desired.sets));
}

/// Rules and members that are wanted before and after.
fn lasting(before: &Desired, after: &Desired) -> Vec<String> {
    let after = names(&after.tables, &after.sets);
    names(&before.tables, &before.sets).into_iter().filter(|name| after.contains(name)).collect()
}

fn names(tables: &hsflow::policy::plan::Tables, sets: &hsflow::policy::plan::Sets) -> Vec<String> {
    let rules = tables.iter().flat_map(|(place, chains)| {
        chains.iter().flat_map(move |(chain, own)| {
            own.rules.iter().map(move |rule| format!("{place:?} {chain:?} {}", rule.words))
        })
    });
    let members =
        sets.iter().flat_map(|(name, set)| set.members.keys().map(move |prefix| format!("{name} {prefix}")));
    rules.chain(members).collect()
}

/// What the rules of each chain do, in their order: of those that drop or accept and count nothing, that; of others, all.
fn verdicts(desired: &Desired) -> Vec<String> {
    let rules = desired.tables.iter().flat_map(|(place, chains)| {
        chains.iter().flat_map(move |(chain, own)| {
            own.rules.iter().map(move |rule| {
                let target = ["-j DROP", "-j ACCEPT"].into_iter().find(|target| rule.words.ends_with(target));
                let is_counted = rule.words.contains("hashlimit");
                let what = target.filter(|_| !is_counted).unwrap_or(&rule.words);
                format!("{place:?} {chain:?} {what}")
            })
        })
    });
    rules.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_leads_from_anything_to_what_is_wanted_and_back(before in text(), after in text()) {
        let (before, after) = (desired(&before), desired(&after));
        let mut kernel = inhabited();
        let foreign = kernel.foreign();
        carry_out(&mut kernel, &steps(&before, &inhabited()));
        assert_holds(&kernel, &before);
        prop_assert_eq!(steps(&before, &kernel), Vec::new(), "applying twice does nothing");

        let start = kernel.clone();
        let changes = steps(&after, &kernel);
        let lasting = lasting(&before, &after);
        for step in &changes {
            kernel.run(step.program, &step.input);
            let observed = kernel.observe();
            let there = names(&observed.tables, &observed.sets);
            prop_assert!(lasting.iter().all(|name| there.contains(name)), "{step:?}");
            prop_assert_eq!(kernel.foreign(), foreign.clone());
        }
        assert_holds(&kernel, &after);

        let mut undone = kernel.clone();
        changes.iter().rev().for_each(|step| undone.run(step.program, &step.undo));
        prop_assert_eq!(undone, start, "every change is taken back");

        reach(&mut kernel, &Desired::default());
        prop_assert_eq!(&kernel, &foreign, "nothing of ours stays");
    }

    #[test]
    fn what_may_stand_in_any_order_stays_where_it_is(before in text(), after in text()) {
        let (before, after) = (desired(&before), desired(&after));
        let mut kernel = inhabited();
        carry_out(&mut kernel, &steps(&before, &inhabited()));
        let observed = kernel.observe();
        let beside = after.beside(&observed);
        prop_assert_eq!(verdicts(&beside), verdicts(&after), "none of another kind is passed");
        let sorted = |desired: &Desired| {
            let mut all = names(&desired.tables, &desired.sets);
            all.sort_unstable();
            all
        };
        prop_assert_eq!(sorted(&beside), sorted(&after));
        prop_assert_eq!(&after.beside(&observed).beside(&observed), &beside);
        reach(&mut kernel, &beside);
        assert_holds(&kernel, &beside);
        prop_assert_eq!(steps(&after.beside(&kernel.observe()), &kernel), Vec::new(), "applying twice does nothing");
    }

    #[test]
    fn any_step_that_fails_leaves_a_way_back(before in text(), after in text(), at in any::<prop::sample::Index>()) {
        let (before, after) = (desired(&before), desired(&after));
        let mut kernel = inhabited();
        carry_out(&mut kernel, &steps(&before, &inhabited()));
        let (start, changes) = (kernel.clone(), steps(&after, &kernel));
        let done = if changes.is_empty() { 0 } else { at.index(changes.len()) };
        carry_out(&mut kernel, &changes[..done]);
        let mut resumed = kernel.clone();
        carry_out(&mut resumed, &steps(&after, &kernel));
        assert_holds(&resumed, &after);
        changes[..done].iter().rev().for_each(|step| kernel.run(step.program, &step.undo));
        prop_assert_eq!(kernel, start);
    }

    #[test]
    fn any_damage_to_our_chains_is_repaired(wanted in text(), hits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 1..4)) {
        let wanted = desired(&wanted);
        let mut kernel = inhabited();
        carry_out(&mut kernel, &steps(&wanted, &inhabited()));
        for (index, kind) in hits {
            let observed = kernel.observe();
            let chains: Vec<_> = observed.tables.iter().flat_map(|((family, table), chains)| chains.keys().map(move |chain| (*family, *table, *chain))).collect();
            if chains.is_empty() {
                continue;
            }
            let (family, table, chain) = chains[index.index(chains.len())];
            let line = match kind {
                0 => format!("-F {}", chain.ours()),
                1 => format!("-I {} 1 -j ACCEPT", chain.ours()),
                2 => format!("-I {} 1 -j LOG", chain.builtin()),
                _ => format!("-F {}", chain.builtin()),
            };
            kernel.run(Program::Tables(family), &format!("*{}\n{line}\nCOMMIT\n", table.name()));
        }
        let (foreign, repair) = (kernel.foreign(), steps(&wanted, &kernel));
        carry_out(&mut kernel, &repair);
        assert_holds(&kernel, &wanted);
        prop_assert_eq!(kernel.foreign(), foreign);
    }
}

#[test]
fn one_policy_more_is_one_rule_more() {
    let thousand = |count: u32| {
        let each = |n| {
            format!(
                "[policy.p{n}]\nprotocol = \"udp\"\nsource_port = {n}\ndirection = \"forward\"\naction = \"drop\"\n"
            )
        };
        desired(&(1..=count).map(each).collect::<String>())
    };
    let mut kernel = Kernel::new();
    carry_out(&mut kernel, &steps(&thousand(1000), &Kernel::new()));
    let more = steps(&thousand(1001), &kernel);
    let rules: usize = more.iter().map(|step| step.input.lines().count() - 2).sum();
    assert_eq!((more.len(), rules), (2, 2), "one of each family: {more:?}");
    let beside = steps(&thousand(1001).beside(&kernel.observe()), &kernel);
    assert!(beside.iter().all(|step| step.input.contains("-A hsflowd-forward ")), "read nothing: {beside:?}");
}

#[test]
fn a_drop_passes_no_accept() {
    let of = |names: &[(&str, &str)]| {
        let each = |(name, action): &(&str, &str)| {
            format!("[policy.{name}]\nprotocol = \"udp\"\ndirection = \"forward\"\naction = \"{action}\"\n")
        };
        desired(&names.iter().map(each).collect::<String>())
    };
    let mut kernel = Kernel::new();
    let old = of(&[("b", "drop"), ("d", "accept"), ("f", "drop")]);
    carry_out(&mut kernel, &steps(&old, &Kernel::new()));
    let new =
        of(&[("a", "drop"), ("b", "drop"), ("c", "drop"), ("d", "accept"), ("e", "drop"), ("f", "drop")]);
    let observed = kernel.observe();
    reach(&mut kernel, &new.beside(&observed));
    for chains in kernel.observe().tables.values() {
        let marks = chains.values().flat_map(|own| own.rules.iter().filter_map(|rule| rule.mark.as_deref()));
        let order: Vec<_> = marks.filter_map(|mark| mark.split(':').nth(1)).collect();
        assert_eq!(order, ["b", "a", "c", "d", "f", "e"]);
    }
}

#[test]
fn a_rule_that_somebody_changed_is_known_by_its_echo() {
    let wanted = desired("[policy.a]\nprotocol = \"udp\"\ndirection = \"in\"\naction = \"drop\"\n");
    let mut kernel = Kernel::new();
    carry_out(&mut kernel, &steps(&wanted, &Kernel::new()));
    let echoes = Echoes::learn(&kernel.observe());
    assert_eq!(plan(&wanted, &kernel.observe(), &echoes), Vec::new());
    let words = wanted.tables.values().next().unwrap().values().next().unwrap().rules[0]
        .words
        .replace("-j DROP", "-j ACCEPT");
    let swap = format!("*filter\n-D hsflowd-input 1\n-A hsflowd-input {words}\nCOMMIT\n");
    kernel.run(Program::Tables(Family::V4), &swap);
    let repair = plan(&wanted, &kernel.observe(), &echoes);
    carry_out(&mut kernel, &repair);
    assert_holds(&kernel, &wanted);
}

#[test]
fn a_chain_that_others_jump_to_is_emptied_and_stays() {
    let wanted = desired("[policy.a]\nprotocol = \"udp\"\ndirection = \"in\"\naction = \"drop\"\n");
    let mut kernel = Kernel::new();
    carry_out(&mut kernel, &steps(&wanted, &Kernel::new()));
    kernel.run(Program::Tables(Family::V4), "*filter\n-A FORWARD -j hsflowd-input\nCOMMIT\n");
    reach(&mut kernel, &Desired::default());
    let left: Vec<_> =
        kernel.observe().tables.values().flat_map(|chains| chains.values()).map(|c| c.rules.len()).collect();
    assert_eq!(left, [0]);
    assert_eq!(steps(&Desired::default(), &kernel), Vec::new());
}

#[test]
fn a_set_that_cannot_hold_its_members_is_made_anew_and_swapped() {
    let wanted = desired(
        "[group.a]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n[policy.a]\nsource = \"@a\"\naction = \"drop\"\n",
    );
    let small = "hash:net family inet maxelem 1 timeout 0 comment\n";
    let there =
        format!("create hsflowd-g4-a {small}add hsflowd-g4-a 10.0.0.9/32 timeout 0 comment \"a\" -exist\n");
    for leftover in ["", "create hsflowd-new "] {
        let mut kernel = inhabited();
        kernel.run(Program::Ipset, &there);
        let start = kernel.clone();
        if !leftover.is_empty() {
            kernel.run(Program::Ipset, &format!("{leftover}{small}"));
        }
        let changes = steps(&wanted, &kernel);
        carry_out(&mut kernel, &changes);
        assert_holds(&kernel, &wanted);
        assert_eq!(steps(&wanted, &kernel), Vec::new());
        changes.iter().rev().for_each(|step| kernel.run(step.program, &step.undo));
        assert_eq!(kernel, start, "what a crash left over stays away");
    }
}
