use super::*;
use crate::policy::desk::{Origin, Version, Wish};
use crate::policy::file::{self, Wishes};
use crate::policy::lines::Dialect;
use crate::policy::model::Expiry;
use crate::policy::wanted::{Carrier, Outcome};
use proptest::prelude::*;
use std::time::Duration;

fn at(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + secs)
}

fn read(text: &str) -> Wishes {
    let wishes = file::parse(&[("policy.toml", text)], Dialect::Linux);
    assert_eq!(wishes.faults, vec![]);
    wishes
}

fn drop_of(name: &str, address: &str, life: u64) -> Policy {
    let text = format!("[policy.{name}]\nexpires = \"{life}s\"\nsource = \"{address}\"\naction = \"drop\"\n");
    read(&text).policies.remove(0)
}

fn put(book: &mut Book, policy: Policy, confirm: Option<u64>, now: u64) -> Result<Change, Rejection> {
    let wish = Wish::Put { policies: vec![policy], confirm: confirm.map(Duration::from_secs) };
    book.take(&wish, Origin::Asked, "test", at(now))
}

fn names_in(book: &Book, now: u64) -> Vec<String> {
    book.wanted(at(now)).policies.iter().map(|policy| policy.name.to_string()).collect()
}

fn guilty(name: &str) -> Outcome {
    Outcome { faults: [(name.parse().unwrap(), "no such match".to_owned())].into(), ..Outcome::default() }
}

#[test]
fn a_policy_is_wanted_until_the_second_it_ends() {
    let mut book = Book::new(false);
    put(&mut book, drop_of("a", "10.0.0.1", 60), None, 0).unwrap();
    assert_eq!(book.next_end(), Some(at(60)));
    assert_eq!(names_in(&book, 59), ["a"]);
    assert_eq!(book.expire(at(59)), []);
    assert_eq!(names_in(&book, 60), [""; 0]);
    assert_eq!(book.expire(at(60)), [Ended::Over("a".parse().unwrap())]);
    assert_eq!(book.next_end(), None);
}

#[test]
fn what_nobody_confirms_gives_way_to_what_was_confirmed() {
    let mut book = Book::new(false);
    put(&mut book, drop_of("a", "10.0.0.1", 600), None, 0).unwrap();
    put(&mut book, drop_of("a", "10.0.0.2", 600), Some(30), 10).unwrap();
    put(&mut book, drop_of("a", "10.0.0.3", 600), Some(30), 20).unwrap();
    assert_eq!(book.expire(at(50)), [Ended::Reverted("a".parse().unwrap())]);
    let back = &book.wanted(at(50)).policies[0];
    assert_eq!(back.body, drop_of("a", "10.0.0.1", 600).body);
    assert_eq!(back.expiry, Expiry::At(at(600)));
    put(&mut book, drop_of("b", "10.0.0.2", 600), Some(30), 60).unwrap();
    book.take(&Wish::Confirm("b".parse().unwrap()), Origin::Asked, "test", at(61)).unwrap();
    assert_eq!(book.expire(at(100)), []);
    let none = book.take(&Wish::Confirm("c".parse().unwrap()), Origin::Asked, "test", at(61));
    assert_eq!(none, Err(Rejection::Unknown("c".parse().unwrap())));
}

#[test]
fn a_new_version_that_ends_before_it_is_confirmed_gives_way_to_the_former() {
    let mut book = Book::new(false);
    put(&mut book, drop_of("a", "10.0.0.1", 600), None, 0).unwrap();
    put(&mut book, drop_of("a", "10.0.0.2", 5), Some(30), 10).unwrap();
    assert_eq!(book.expire(at(15)), [Ended::Reverted("a".parse().unwrap())]);
    assert_eq!(book.wanted(at(15)).policies[0].body, drop_of("a", "10.0.0.1", 600).body);
}

#[test]
fn what_is_tried_again_after_so_long_is_so_though_the_date_is_set() {
    let mut book = Book::new(false);
    book.replace_files(read("[policy.a]\naction = \"drop\"\n"), at(0));
    book.settle(Carrier::Tables, &guilty("a"), at(0));
    book.follow(at(10), at(100_010));
    assert_eq!(book.next_end(), Some(at(100_600)));
    book.follow(at(100_010), at(10));
    assert_eq!(book.next_end(), Some(at(600)));
}

#[test]
fn an_order_on_condition_is_taken_while_its_policy_is_as_it_was() {
    let mut book = Book::new(false);
    let mut put_if = |version| {
        let wish = Wish::Put { policies: vec![drop_of("a", "10.0.0.1", 60)], confirm: None };
        let wish = Wish::If("a".parse().unwrap(), version, Box::new(wish));
        let change = book.take(&wish, Origin::Asked, "test", at(0));
        (change.is_ok(), book.page().policies.values().next().map(|shown| shown.version))
    };
    assert_eq!(put_if(Version::Present), (false, None));
    let (is_taken, first) = put_if(Version::Absent);
    assert!(is_taken && !put_if(Version::Absent).0);
    let (is_taken, second) = put_if(Version::This(first.unwrap()));
    assert!(is_taken && first != second);
    assert_eq!(put_if(Version::This(first.unwrap())), (false, second));
}

#[test]
fn a_plan_costs_what_it_plans() {
    let mut book = Book::new(false);
    book.replace_files(read("[limits]\nwrites_per_second = 2\n"), at(0));
    let plan = Wish::Plan(vec![drop_of("a", "10.0.0.1", 60), drop_of("b", "10.0.0.1", 60)]);
    book.take(&plan, Origin::Asked, "test", at(0)).unwrap();
    assert_eq!(book.take(&plan, Origin::Asked, "test", at(0)), Err(Rejection::Busy));
}

#[test]
fn an_order_names_the_back_ends_that_have_something_to_do_for_it() {
    let mut book = Book::new(false);
    let put = put(&mut book, drop_of("a", "10.0.0.1", 60), None, 0).unwrap();
    assert_eq!(put.carriers, [Carrier::Tables].into());
    let owner = book.policies().next().unwrap().owner.clone();
    for (wish, carriers) in [
        (Wish::RemoveOf("nobody".parse().unwrap()), [].into()),
        (Wish::RemoveOf(owner), [Carrier::Tables].into()),
    ] {
        assert_eq!(book.take(&wish, Origin::Asked, "test", at(0)).unwrap().carriers, carriers);
    }
}

#[test]
fn what_ended_is_swept_until_its_back_end_has_taken_it_out() {
    let mut book = Book::new(false);
    let text = "[policy.a]\naction = \"accept\"\nexpires = \"60s\"\n";
    book.replace_files(read(text), at(0));
    book.expire(at(60));
    assert_eq!(book.keep().sweep(at(60)).0.len(), 1);
    book.settle(Carrier::Tables, &Outcome { trouble: Some("no".into()), ..Outcome::default() }, at(60));
    assert_eq!(book.keep().sweep(at(60)).0.len(), 1);
    book.settle(Carrier::Tables, &Outcome::default(), at(61));
    assert_eq!(book.keep().sweep(at(61)), (vec![], vec![]));
    let mut again = Book::new(false);
    again.restore(book.keep(), at(62));
    again.replace_files(read(text), at(62));
    assert_eq!(names_in(&again, 62), [""; 0], "the same text does not bring it back");
}

#[test]
fn an_order_that_does_not_work_is_taken_back_and_the_former_one_comes_back() {
    let mut book = Book::new(false);
    let first = put(&mut book, drop_of("a", "10.0.0.1", 600), None, 0).unwrap();
    book.settle(Carrier::Tables, &Outcome::default(), at(0));
    book.verdict(first).unwrap();
    let second = put(&mut book, drop_of("a", "10.0.0.2", 600), None, 1).unwrap();
    book.settle(Carrier::Tables, &guilty("a"), at(1));
    let why = Rejection::Quarantined { name: "a".parse().unwrap(), why: "no such match".into() };
    assert_eq!(book.verdict(second), Err(why));
    assert_eq!(book.wanted(at(1)).policies[0].body, drop_of("a", "10.0.0.1", 600).body);
    assert_eq!(book.page().policies.values().next().unwrap().state, State::Live);
}

#[test]
fn what_a_file_says_and_does_not_work_is_tried_again_after_ten_minutes() {
    let mut book = Book::new(false);
    book.replace_files(read("[policy.a]\naction = \"drop\"\n[policy.b]\naction = \"accept\"\n"), at(0));
    book.settle(Carrier::Tables, &guilty("a"), at(0));
    assert_eq!(names_in(&book, 599), ["b"]);
    assert_eq!(book.next_end(), Some(at(600)));
    assert_eq!(names_in(&book, 600), ["a", "b"]);
    book.settle(Carrier::Tables, &guilty("a"), at(600));
    assert_eq!(book.next_end(), Some(at(1200)));
}

#[test]
fn a_file_goes_before_what_was_asked_for_and_is_not_changed_by_it() {
    let mut book = Book::new(false);
    put(&mut book, drop_of("a", "10.0.0.1", 600), None, 0).unwrap();
    let told = book.replace_files(read("[policy.a]\naction = \"accept\"\nexpires = \"60s\"\n"), at(5));
    assert_eq!(told.len(), 1);
    let no = put(&mut book, drop_of("a", "10.0.0.1", 600), None, 6);
    assert_eq!(no, Err(Rejection::OfFile("a".parse().unwrap())));
    // Reading it again neither lengthens its life nor brings it back.
    book.replace_files(read("[policy.a]\naction = \"accept\"\nexpires = \"60s\"\n"), at(30));
    assert_eq!(book.next_end(), Some(at(65)));
    book.expire(at(65));
    book.replace_files(read("[policy.a]\naction = \"accept\"\nexpires = \"60s\"\n"), at(70));
    assert_eq!(names_in(&book, 70), [""; 0]);
    book.replace_files(read("[policy.a]\naction = \"accept\"\nexpires = \"61s\"\n"), at(70));
    assert_eq!(names_in(&book, 70), ["a"]);
}

#[test]
fn what_a_file_says_and_is_over_is_the_files_name_still() {
    let mut book = Book::new(false);
    book.replace_files(read("[policy.a]\naction = \"accept\"\nexpires = \"60s\"\n"), at(0));
    book.expire(at(60));
    let no = put(&mut book, drop_of("a", "10.0.0.1", 600), None, 61);
    assert_eq!(no, Err(Rejection::OfFile("a".parse().unwrap())));
    assert_eq!(book.keep().policies.len(), 1);
}

#[test]
fn a_group_of_a_file_has_nothing_of_one_that_was_asked_for() {
    let mut book = Book::new(false);
    let wish = Wish::Group("g".parse().unwrap(), Some(["10.0.0.1".parse().unwrap()].into()));
    book.take(&wish, Origin::Asked, "test", at(0)).unwrap();
    let told = book.replace_files(read("[group.g]\naddresses = \"10.0.0.2\"\n"), at(1));
    assert_eq!(told.len(), 1);
    let members: Vec<_> =
        book.wanted(at(1)).members.into_values().flatten().map(|member| member.to_string()).collect();
    assert_eq!(members, ["10.0.0.2/32"]);
}

#[test]
fn what_nobody_confirmed_yet_ends_in_the_kernel_too() {
    let mut book = Book::new(false);
    put(&mut book, drop_of("a", "10.0.0.1", 600), Some(30), 0).unwrap();
    assert_eq!(book.wanted(at(1)).policies[0].expiry, Expiry::At(at(30)));
    book.take(&Wish::Confirm("a".parse().unwrap()), Origin::Asked, "test", at(2)).unwrap();
    assert_eq!(book.wanted(at(3)).policies[0].expiry, Expiry::At(at(600)));
}

#[test]
fn a_group_that_rules_name_stays_and_cannot_be_filled_with_what_is_protected() {
    let mut book = Book::new(false);
    book.replace_files(read("[[protect]]\npeer = \"192.0.2.9\"\n"), at(0));
    let group = |members: Option<&str>| {
        Wish::Group("g".parse().unwrap(), members.map(|member| [member.parse().unwrap()].into()))
    };
    let ask = |book: &mut Book, wish: &Wish| book.take(wish, Origin::Asked, "test", at(0));
    ask(&mut book, &group(Some("10.0.0.1"))).unwrap();
    let both = read(
        "[group.g]\naddresses = \"10.0.0.1\"\n[policy.a]\ndirection = \"in\"\nsource = \"@g\"\naction = \"drop\"",
    );
    put(&mut book, both.policies[0].clone(), None, 0).unwrap();
    assert!(matches!(ask(&mut book, &group(None)), Err(Rejection::Group(..))));
    assert!(matches!(ask(&mut book, &group(Some("192.0.2.0/24"))), Err(Rejection::Refused { .. })));
    let members = book.wanted(at(0)).members;
    assert_eq!(members.values().next().unwrap().iter().next().unwrap().to_string(), "10.0.0.1/32");
}

#[test]
fn writes_a_second_are_limited_and_come_back_with_time() {
    let mut book = Book::new(false);
    book.replace_files(read("[limits]\nwrites_per_second = 2\n"), at(0));
    for n in 0..2 {
        put(&mut book, drop_of(&format!("a{n}"), "10.0.0.1", 60), None, 0).unwrap();
    }
    assert_eq!(put(&mut book, drop_of("b", "10.0.0.1", 60), None, 0), Err(Rejection::Busy));
    put(&mut book, drop_of("b", "10.0.0.1", 60), None, 1).unwrap();
}

#[test]
fn what_is_asked_for_without_an_end_gets_one_unless_for_ever_is_allowed() {
    let forever = || read("[policy.a]\naction = \"accept\"").policies.remove(0);
    let mut book = Book::new(false);
    put(&mut book, forever(), None, 0).unwrap();
    assert_eq!(book.next_end(), Some(at(3_600)));
    let mut book = Book::new(false);
    book.replace_files(read("[limits]\ndefault_ttl = \"never\"\nendless = true\n"), at(0));
    put(&mut book, forever(), None, 0).unwrap();
    assert_eq!(book.next_end(), None);
    let refused = file::parse(&[("p", "[limits]\ndefault_ttl = \"never\"")], Dialect::Linux);
    assert_eq!(refused.faults[0].key, "limits.default_ttl");
    assert!(refused.pace.default_life.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a list of names and ends, which is all that policies without confirmation need.
    #[test]
    fn nothing_is_lost_nothing_is_over_its_time_or_over_the_limits(steps in prop::collection::vec((0u8..6, 1u64..40, 0u64..15, any::<bool>()), 1..60)) {
        let mut book = Book::new(false);
        book.replace_files(read("[limits]\npolicies = 4\n"), at(0));
        let mut model: BTreeMap<String, u64> = BTreeMap::new();
        let mut now = 0;
        for (name, life, wait, is_put) in steps {
            now += wait;
            let name = format!("p{name}");
            model.retain(|_, end| *end > now);
            book.expire(at(now));
            if is_put {
                let is_room = model.contains_key(&name) || model.len() < 4;
                let answer = put(&mut book, drop_of(&name, "10.0.0.1", life), None, now);
                prop_assert_eq!(answer.is_ok(), is_room);
                if is_room {
                    model.insert(name, now + life);
                }
            } else {
                let wish = Wish::Remove(vec![name.parse().unwrap()]);
                let change = book.take(&wish, Origin::Asked, "test", at(now)).unwrap();
                prop_assert_eq!(change.changed, model.remove(&name).is_some());
            }
            prop_assert_eq!(names_in(&book, now), model.keys().cloned().collect::<Vec<_>>());
            prop_assert_eq!(book.next_end(), model.values().min().map(|end| at(*end)));
        }
    }
}
