use super::*;
use crate::config::parse;
use crate::sflow::flow::app::AppOperation;
use proptest::prelude::*;

fn rates(body: &str) -> ApplicationRates {
    let text = format!("sflow {{ collector {{ ip=::1 }} {body} }}");
    ApplicationRates::of(&parse("test", &text).settings.unwrap())
}

fn table(body: &str) -> Table {
    let mut table = Table::new(42);
    table.set_rates(rates(body), 0);
    table
}

fn one(name: &str) -> Transaction<'_> {
    Transaction {
        app_name: name.into(),
        service_port: None,
        client: false,
        one_in: 1,
        operation: AppOperation::default(),
        parent: None,
        initiator: None,
        target: None,
        socket4: None,
        socket6: None,
    }
}

fn on_port(name: &str, port: u16) -> Transaction<'_> {
    Transaction { service_port: Some(port), ..one(name) }
}

fn of_client(name: &str, one_in: u32) -> Transaction<'_> {
    Transaction { client: true, one_in, ..one(name) }
}

fn source(table: &Table, name: &str) -> DataSource {
    table.iter().find(|(known, _)| *known == name).unwrap().1.source
}

/// One transaction; the header of its sample.
fn transact(table: &mut Table, told: &Transaction<'_>, second: u64) -> Option<FlowHeader> {
    let mut header = None;
    let written = table.transaction(told, second, |h| {
        header = Some(*h);
        Ok(())
    });
    assert_eq!(written, Ok(header.is_some()));
    header
}

fn counted(name: &str, own: bool) -> Counters<'_> {
    let operations = own.then(AppOperations::default);
    Counters { app_name: name.into(), service_port: None, operations, resources: None, workers: None }
}

/// Counters, with operations of their own or without; sequence number and successes.
fn count(table: &mut Table, name: &str, second: u64, own: bool) -> (u32, u32) {
    let mut seen = (0, 0);
    table
        .counters(&counted(name, own), second, |header, operations| {
            seen = (header.sequence, operations.success);
            Ok(())
        })
        .unwrap();
    seen
}

/// What a poll sends: name, sequence number, successes.
fn polled(table: &mut Table, second: u64) -> Vec<(String, u32, u32)> {
    let mut seen = Vec::new();
    table.poll(second, |header, operations| {
        seen.push((operations.application.to_string(), header.sequence, operations.success));
        Ok(())
    });
    seen
}

#[test]
fn a_port_belongs_to_the_first_that_named_it() {
    let mut table = table("");
    transact(&mut table, &on_port("web", 8080), 1);
    assert_eq!(source(&table, "web").to_string(), "3:8080");
    transact(&mut table, &on_port("web", 9), 1);
    assert_eq!(source(&table, "web").to_string(), "3:8080", "it keeps its data source");
    assert_eq!(table.take_conflict(), None);
    transact(&mut table, &on_port("other", 8080), 1);
    let other = source(&table, "other");
    assert!((150_000..200_000).contains(&other.index), "{other}");
    let said = table.take_conflict().unwrap().to_string();
    assert_eq!(said, format!("service_port 8080 of \"other\" is that of \"web\": it is {other} instead"));
    transact(&mut table, &on_port("other", 8080), 1);
    assert_eq!(table.take_conflict(), None, "said once");
    transact(&mut table, &on_port("third", 8080), 1);
    transact(&mut table, &one("fourth"), 1);
    assert_eq!(table.take_conflict().unwrap().name, "third", "whoever else is new in the same message");
}

#[test]
fn a_name_has_the_same_number_after_a_restart_whoever_came_before_it() {
    let names: Vec<_> = (0..MOST).map(|n| format!("app{n}")).collect();
    let (mut first, mut other) = (table(""), table(""));
    names.iter().for_each(|name| _ = transact(&mut first, &one(name), 1));
    names.iter().rev().for_each(|name| _ = transact(&mut other, &one(name), 9));
    let same = names.iter().filter(|name| source(&first, name) == source(&other, name)).count();
    assert!(same > 970, "{same}: only where two names meet on a number the order decides");
    let mut numbers: Vec<_> = first.iter().map(|(_, app)| app.source).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), MOST);
    // Reckoned elsewhere: the number is part of what collectors see.
    let mut small = table("");
    transact(&mut small, &one("a"), 1);
    assert_eq!(source(&small, "a").index, 150_000 + NUMBER_OF_A);
}

#[test]
fn beyond_a_thousand_a_new_one_takes_the_place_of_the_one_that_is_silent_longest() {
    let mut table = table("sampling=1");
    transact(&mut table, &one("app0"), 99);
    for n in 1..MOST {
        transact(&mut table, &one(&format!("app{n}")), 100);
    }
    let refused = |table: &mut Table, name: &str, second| {
        table.transaction(&one(name), second, |_| panic!("not written")) == Err(Refusal::TooMany)
    };
    assert!(refused(&mut table, "late", 100) && refused(&mut table, "late", 218));
    assert!(transact(&mut table, &one("app7"), 218).is_some(), "known ones go on");
    assert!(transact(&mut table, &one("late"), 219).is_some(), "app0 was silent for two minutes");
    assert!(refused(&mut table, "later", 219), "the others not yet");
    assert_eq!(table.iter().count(), MOST);
    assert!(table.iter().all(|(name, _)| name != "app0"));
    polled(&mut table, 7300);
    let mut left: Vec<_> = table.iter().map(|(name, _)| name).collect();
    left.sort_unstable();
    assert_eq!(left, ["app7", "late"], "two hours of silence");
}

#[test]
fn the_pool_has_every_transaction_and_a_sample_that_was_not_written_no_number() {
    let mut table = table("sampling.app=1");
    let refuse = |table: &mut Table| table.transaction(&of_client("web", 10), 1, |_| Err(Full));
    assert_eq!(refuse(&mut table), Err(Refusal::Full));
    let mut header = None;
    let written = table.transaction(&of_client("web", 5), 1, |h| {
        header = Some(*h);
        Ok(())
    });
    let header = header.unwrap();
    assert_eq!((written, header.sequence, header.sample_pool, header.sampling_rate), (Ok(true), 1, 15, 5));
    assert_eq!((header.input.value, header.output.value, header.drops), (0x3FFF_FFFF, 0, 0));
    let server = transact(&mut table, &one("web"), 1).unwrap();
    assert_eq!((server.input.value, server.output.value), (0, 0x3FFF_FFFF));
    table.set_rates(rates("sampling.app=0"), 2);
    assert_eq!(transact(&mut table, &one("web"), 2), None);
    table.set_rates(rates("sampling.app=1"), 3);
    let header = transact(&mut table, &one("web"), 3).unwrap();
    assert_eq!((header.sequence, header.sample_pool), (3, 18), "a change of rates keeps the numbers");
}

#[test]
fn counters_are_made_here_when_the_applications_own_have_stayed_away_for_two_minutes() {
    let mut table = table("sampling.app=0 polling.app=10");
    transact(&mut table, &one("web"), 1000);
    let first = (1001..2000).find(|&second| !polled(&mut table, second).is_empty()).unwrap();
    assert!((1120..1130).contains(&first), "{first}");
    transact(&mut table, &one("web"), first);
    assert_eq!(table.next_poll(), Some(first + 10));
    assert_eq!(polled(&mut table, first + 10), [("web".to_owned(), 2, 2)]);
    // Its own message without operations goes on with the same counts, and so with the same sequence.
    assert_eq!(count(&mut table, "web", first + 11, false), (3, 2));
    assert_eq!((first + 12..first + 131).filter(|&s| !polled(&mut table, s).is_empty()).count(), 0);
    let again = (first + 131..).find_map(|second| polled(&mut table, second).pop()).unwrap();
    assert_eq!(again, ("web".to_owned(), 4, 2));
}

#[test]
fn the_sequence_begins_anew_only_where_somebody_else_counts() {
    let mut table = table("");
    assert_eq!(count(&mut table, "web", 1, true).0, 1);
    assert_eq!(count(&mut table, "web", 2, true).0, 2);
    assert_eq!(count(&mut table, "web", 3, false).0, 1);
    assert_eq!(count(&mut table, "web", 4, false).0, 2);
    assert_eq!(count(&mut table, "web", 5, true).0, 1);
}

#[test]
fn an_application_without_transactions_is_not_polled() {
    let mut table = table("polling=1");
    count(&mut table, "batch", 10, true);
    assert!((11..1000).all(|second| polled(&mut table, second).is_empty()));
    transact(&mut table, &one("batch"), 1000);
    assert_eq!(table.next_poll(), Some(1001));
    assert_eq!(polled(&mut table, 1001), [("batch".to_owned(), 1, 1)], "now its own counters are long ago");
}

#[test]
fn a_new_interval_holds_at_once_and_zero_ends_the_polls() {
    let mut table = table("polling=300 sampling=0");
    transact(&mut table, &one("web"), 0);
    polled(&mut table, 500);
    table.set_rates(rates("polling=5"), 500);
    assert!((500..=505).contains(&table.next_poll().unwrap()));
    table.set_rates(rates("polling.app.web=0"), 501);
    assert_eq!(table.next_poll(), Some(7200), "only to forget it");
}

#[test]
fn new_settings_in_the_second_of_a_poll_do_not_poll_again() {
    let mut table = table("polling=1");
    transact(&mut table, &one("web"), 1000);
    assert_eq!(polled(&mut table, 1120).len(), 1);
    table.set_rates(rates("polling=1 sampling=7"), 1120);
    assert_eq!(table.next_poll(), Some(1121));
    assert_eq!(polled(&mut table, 1120), []);
    // Nothing was read for an hour: the seconds since then are not made up for.
    table.set_rates(rates("polling=1"), 4720);
    assert_eq!(polled(&mut table, 4720).len(), 1);
}

#[test]
fn a_long_name_is_one_application_and_its_record_has_the_start_of_it() {
    let mut table = table("polling=1");
    let (long, longer) = ("a".repeat(31) + "é", "a".repeat(31) + "éa");
    transact(&mut table, &one(&long), 1);
    transact(&mut table, &one(&longer), 1);
    assert_eq!(table.iter().count(), 2);
    assert!(polled(&mut table, 500).iter().all(|(name, ..)| *name == "a".repeat(31)));
    transact(&mut table, &one(&"b".repeat(9000)), 500);
    assert_eq!(table.iter().map(|(name, _)| name.len()).max(), Some(255), "memory is bounded");
}

proptest! {
    #[test]
    fn sequences_have_no_gaps_and_tallies_add_up_whatever_happens(
        steps in prop::collection::vec((0_u8..4, 0_usize..5, 0_u32..13, 1_u32..9, any::<bool>(), 0_u64..90), 0..300),
    ) {
        let mut table = table("sampling.app=3 polling.app=7");
        let (mut flows, mut second) = (HashMap::<u32, u32>::new(), 0);
        let mut sent = HashMap::<String, u32>::new();
        for (step, who, status, one_in, fits, passed) in steps {
            second += passed;
            let name = ["a", "b", "c.d", "e", "f"][who];
            let fit = |()| if fits { Ok(()) } else { Err(Full) };
            match step {
                0 | 1 => {
                    *sent.entry(name.to_owned()).or_default() += one_in;
                    let operation = AppOperation { status, ..AppOperation::default() };
                    let told = Transaction { one_in, operation, ..one(name) };
                    let _ = table.transaction(&told, second, |header| {
                        let last = flows.entry(header.source.index).or_default();
                        assert_eq!(header.sequence, *last + 1);
                        *last += u32::from(fits);
                        fit(())
                    });
                }
                2 => _ = table.counters(&counted(name, status > 3), second, |_, _| fit(())),
                _ => _ = table.poll(second, |_, _| fit(())),
            }
            for (name, application) in table.iter() {
                let o = application.operations(name);
                let total = o.success + o.other + o.timeout + o.internal_error + o.bad_request + o.forbidden
                    + o.too_large + o.not_implemented + o.not_found + o.unavailable + o.unauthorized;
                prop_assert_eq!(total, sent.get(name).copied().unwrap_or(0));
            }
            prop_assert!(table.next_poll().is_none_or(|wake| wake <= second + FORGET_SECS));
        }
    }
}

/// By a program of its own: FNV-1a of one byte and the closing rounds, modulo 50,000.
const NUMBER_OF_A: u32 = 41_715;
