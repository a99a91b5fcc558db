//! Policies: reading a thousand, planning them from nothing, and one more.
#![allow(missing_docs)] // criterion's macros make undocumented items

use criterion::{Criterion, criterion_group, criterion_main};
use hsflow::policy::file;
use hsflow::policy::lines::Dialect;
use hsflow::policy::model::{Family, Policy};
use hsflow::policy::plan::{Desired, Echoes, Members, Observed, plan};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::SystemTime;

/// Half of them by address, half by port.
fn text(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let matching = match number % 2 {
            0 => format!("source = \"10.{}.{}.0/24\"", number / 250, number % 250),
            _ => format!("protocol = \"udp\"\nsource_port = {number}\nfrom = \"swp+\""),
        };
        let _ = writeln!(text, "[policy.p{number}]\n{matching}\naction = \"drop\"");
    }
    text
}

fn policies(count: usize) -> Vec<Policy> {
    file::parse(&[("policy.toml", &text(count))], Dialect::Linux).policies
}

fn desired(policies: &[Policy]) -> Desired {
    Desired::new(policies, &Members::new(), SystemTime::UNIX_EPOCH)
}

/// The texts that the programs would print.
fn saved(desired: &Desired) -> (Vec<(Family, String)>, String) {
    let mut tables = Vec::new();
    for ((family, table), chains) in &desired.tables {
        let mut text = format!("*{}\n", table.name());
        for (chain, own) in chains {
            let _ = writeln!(text, ":{} - [0:0]\n-A {} {}", chain.ours(), chain.builtin(), own.jumps[0]);
            for rule in &own.rules {
                let _ = writeln!(text, "[0:0] -A {} {}", chain.ours(), rule.words);
            }
        }
        tables.push((*family, text + "COMMIT\n"));
    }
    let mut sets = String::new();
    for (name, set) in &desired.sets {
        let _ = writeln!(sets, "create {name} {}", set.header);
        for (prefix, member) in &set.members {
            let _ =
                writeln!(sets, "add {name} {prefix} timeout {} comment \"{}\"", member.secs, member.comment);
        }
    }
    (tables, sets)
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("policy_plan");
    let text = text(1000);
    group.bench_function("read_1000", |b| {
        b.iter(|| file::parse(&[("policy.toml", black_box(&text))], Dialect::Linux));
    });
    let (thousand, more) = (policies(1000), policies(1001));
    let nothing = Observed::default();
    group.bench_function("plan_1000_from_nothing", |b| {
        b.iter(|| plan(&desired(black_box(&thousand)), &nothing, &Echoes::default()));
    });
    let (tables, sets) = saved(&desired(&thousand));
    let observe = || {
        let mut observed = Observed::default();
        tables.iter().for_each(|(family, text)| observed.read_tables(*family, text));
        observed.read_sets(&sets);
        observed
    };
    let echoes = Echoes::learn(&observe());
    assert!(plan(&desired(&thousand), &observe(), &echoes).is_empty());
    group.bench_function("plan_1_more_with_reading_what_is_there", |b| {
        b.iter(|| plan(&desired(black_box(&more)), &observe(), &echoes));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
