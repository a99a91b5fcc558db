//! SRV records → collectors.
//!
//! Rules: the order of an answer means nothing, so targets are sorted (priority, weight downwards, target, port); every
//! target gets every datagram, as the C agent does, unless priorities are to make stand-bys: then each priority is a
//! rank. A target of "." says that there is no such service (RFC 2782).

use super::answer::Failure;
use crate::config::dynamic::Target;
use crate::config::keys::Kind;
use crate::config::model::CollectorSettings;

/// An answer with more targets is not believed: sending to all of them would be an attack.
pub const MOST_TARGETS: usize = 32;

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower is better.
    pub priority: u16,
    /// Only an order within a priority here.
    pub weight: u16,
    /// UDP port.
    pub port: u16,
    /// Host name without the last dot; empty for ".".
    pub target: String,
}

/// What records mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// In order; empty if every record says that there is no service.
    pub targets: Vec<Target>,
    /// Records that cannot be used, a line each.
    pub remarks: Vec<String>,
}

/// The collectors that the records at `name` make.
///
/// # Errors
/// Too many records, or none that can be used: the answer is refused as a whole.
pub fn targets(name: &str, mut records: Vec<Srv>, by_priority: bool) -> Result<Targets, Failure> {
    if records.len() > MOST_TARGETS {
        return Err(Failure::TooMany(records.len()));
    }
    records.retain(|srv| !srv.target.is_empty());
    let named = !records.is_empty();
    records.iter_mut().for_each(|srv| srv.target.make_ascii_lowercase());
    records.sort_by(|a, b| {
        let of = |srv: &Srv| (srv.priority, std::cmp::Reverse(srv.weight), srv.port);
        let (left, right) = (of(a), of(b));
        (left.0, left.1, &a.target, left.2).cmp(&(right.0, right.1, &b.target, right.2))
    });
    let mut made = Targets { targets: Vec::new(), remarks: Vec::new() };
    let (mut rank, mut priority) = (0, None);
    for srv in records {
        let Srv { priority: own, weight, port, target } = &srv;
        let record = format!("SRV {name} {own} {weight} {port} {target}");
        if *port == 0 || !Kind::Host.accepts(target) {
            made.remarks.push(format!("{record}: not a target that can be sent to, ignored"));
            continue;
        }
        if priority.is_some_and(|last| last != *own) {
            rank += u16::from(by_priority);
        }
        priority = Some(*own);
        let settings =
            CollectorSettings { host: srv.target, port: srv.port, rank, ..CollectorSettings::default() };
        let same =
            |known: &Target| (&known.settings.host, known.settings.port) == (&settings.host, settings.port);
        if !made.targets.iter().any(same) {
            made.targets.push(Target { settings, record });
        }
    }
    if named && made.targets.is_empty() { Err(Failure::NoUsable) } else { Ok(made) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
        Srv { priority, weight, port, target: target.into() }
    }

    fn hosts(records: &[Srv], by_priority: bool) -> Vec<(String, u16, u16)> {
        let made = targets("n", records.to_vec(), by_priority).unwrap().targets;
        made.into_iter().map(|t| (t.settings.host, t.settings.port, t.settings.rank)).collect()
    }

    #[test]
    fn targets_are_sorted_by_priority_weight_name_and_port() {
        let records = [
            srv(20, 0, 1, "a"),
            srv(10, 5, 2, "b"),
            srv(10, 5, 1, "B"),
            srv(10, 9, 1, "z"),
            srv(10, 5, 1, "a"),
        ];
        let want = [("z", 1), ("a", 1), ("b", 1), ("b", 2), ("a", 1)];
        let want: Vec<_> = want[..4].iter().map(|(host, port)| ((*host).to_owned(), *port, 0)).collect();
        assert_eq!(hosts(&records, false), want, "and one that is there already is left out");
    }

    #[test]
    fn priorities_make_ranks_only_when_asked_to() {
        let records = [srv(100, 0, 1, "c"), srv(7, 0, 1, "a"), srv(7, 0, 1, "b"), srv(200, 0, 1, "d")];
        let ranks = |on| hosts(&records, on).into_iter().map(|(_, _, rank)| rank).collect::<Vec<_>>();
        assert_eq!(ranks(true), [0, 0, 1, 2]);
        assert_eq!(ranks(false), [0, 0, 0, 0]);
    }

    #[test]
    fn the_dot_is_no_collector() {
        assert_eq!(hosts(&[srv(0, 0, 0, "")], false), []);
        assert_eq!(hosts(&[srv(0, 0, 0, ""), srv(0, 0, 1, "a")], false), [("a".to_owned(), 1, 0)]);
    }

    #[test]
    fn too_many_or_only_useless_targets_refuse_the_answer() {
        let many: Vec<_> = (0..33).map(|port| srv(0, 0, port + 1, "a")).collect();
        assert_eq!(targets("n", many.clone(), false), Err(Failure::TooMany(33)));
        assert_eq!(targets("n", many[1..].to_vec(), false).unwrap().targets.len(), 32);
        assert_eq!(targets("n", vec![srv(0, 0, 0, "a")], false), Err(Failure::NoUsable));
        let half = targets("n", vec![srv(0, 0, 1, "a b"), srv(0, 0, 1, "a")], false).unwrap();
        assert_eq!((half.targets.len(), half.remarks.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn the_order_of_an_answer_means_nothing(
            (records, shuffled) in prop::collection::vec((0_u16..3, 0_u16..3, 1_u16..3, "[a-c]"), 1..10)
                .prop_map(|all| all.iter().map(|(p, w, port, t)| srv(*p, *w, *port, t)).collect::<Vec<_>>())
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            by_priority in any::<bool>(),
        ) {
            prop_assert_eq!(targets("n", records, by_priority), targets("n", shuffled, by_priority));
        }
    }
}
