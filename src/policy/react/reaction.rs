//! What is done about too much: a rule of detection with the policy that a raised key becomes.
//!
//! In: a `[[react]]` table's values, a raised [`Key`]. Out: a [`Rule`] for a detector, and a [`Policy`]. Rules: what is cut
//! is what was counted, so every condition of the filter stands in the policy too; the name is the same for the same
//! key, whoever computes it and when. A policy has a short life that is renewed while the alarm lasts: detection that
//! dies leaves nothing behind.

use super::detector::{Measure, Rule, WHOLE};
use super::filter::Only;
use super::key::{Field, Key};
use crate::policy::model::{
    Action, Body, Contradiction, Direction, End, Expiry, Match, Owner, Policy, PolicyName, Ports, Prefix,
    Protocol, Rate, Rule as PolicyRule, Traffic,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Steps that the window slides in.
pub const SLICES: u8 = 10;
/// Keys that a detector follows.
pub const PLACES: usize = 1024;
/// That one of parts of links follows on all of them, and links on which a key is taken to be.
const OF_LINKS: (usize, usize) = (4 * PLACES, 4);
/// Characters of a reaction's name; with `react-` before it and 16 digits behind it is a policy's.
pub const LONGEST: usize = 40;
const WINDOW: Duration = Duration::from_secs(1);

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// So much.
    Rate(Rate),
    /// So many per cent of the speed of the link it was sampled on, 1 to 100.
    Percent(u8),
}

/// One `[[react]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Unlike every other's; at most [`LONGEST`] characters.
    pub name: PolicyName,
    /// What packets have in common that are counted together.
    pub fields: Vec<Field>,
    /// Those that are looked at.
    pub only: Only,
    /// What is too much.
    pub threshold: Threshold,
    /// Below which it is over, measured alike; `None` is half of the threshold.
    pub release: Option<Threshold>,
    /// How long it has to be too much, beyond the window's second.
    pub duration: Duration,
    /// How long it has to be over.
    pub hold: Duration,
    /// Policies that may stand at a time.
    pub most: usize,
    /// What is done.
    pub action: Action,
    /// To which packets.
    pub directions: BTreeSet<Direction>,
    /// Lower ones come first.
    pub priority: u16,
    /// How long a policy stands that nobody renews.
    pub life: Duration,
}

impl Reaction {
    /// For a detector.
    pub fn rule(&self) -> Rule {
        let (measure, raise) = measured(self.threshold);
        // A key is one on each link, and one policy.
        let (places, links) = if measure == Measure::Link { OF_LINKS } else { (PLACES, 1) };
        Rule {
            fields: self.fields.clone(),
            only: self.only.clone(),
            measure,
            raise_per_sec: raise,
            release_per_sec: self.release.map_or(raise / 2, |release| measured(release).1),
            duration: self.duration,
            hold: self.hold,
            most: self.most * links,
            window: WINDOW,
            slices: SLICES,
            places,
        }
    }

    /// The policy for a key.
    ///
    /// # Errors
    /// The key and the conditions are no match, or not one that the action goes with.
    pub fn policy(&self, key: &Key, owner: &Owner) -> Result<Policy, Contradiction> {
        let only = self.only.clone();
        let traffic = Traffic {
            directions: self.directions.clone(),
            sources: ends(key.source, only.sources),
            destinations: ends(key.destination, only.destinations),
            protocol: key.protocol.map(Protocol).or(only.protocol),
            source_ports: key.source_port.map_or(only.source_ports, |port| vec![Ports::one(port)]),
            destination_ports: key
                .destination_port
                .map_or(only.destination_ports, |port| vec![Ports::one(port)]),
            ..Traffic::default()
        };
        let rule = Match::new(traffic).and_then(|matching| PolicyRule::new(matching, self.action.clone()))?;
        Ok(Policy {
            name: self.policy_name(key),
            owner: owner.clone(),
            priority: self.priority,
            expiry: Expiry::After(self.life),
            netns: None,
            forced: false,
            body: Body::Rule(Box::new(rule)),
        })
    }

    /// Whether keys of some IP version become policies.
    ///
    /// # Errors
    /// Why none does.
    pub fn check(&self, owner: &Owner) -> Result<(), Contradiction> {
        let key = |address: IpAddr| {
            let has = |field| self.fields.contains(&field);
            Key {
                source: has(Field::Source).then_some(address),
                destination: has(Field::Destination).then_some(address),
                source_port: has(Field::SourcePort).then_some(1),
                destination_port: has(Field::DestinationPort).then_some(1),
                protocol: has(Field::Protocol).then_some(Protocol::UDP.0),
                ..Key::default()
            }
        };
        let four = self.policy(&key(Ipv4Addr::LOCALHOST.into()), owner);
        four.or_else(|why| self.policy(&key(Ipv6Addr::LOCALHOST.into()), owner).map_err(|_| why)).map(drop)
    }

    /// `react-NAME-` and 16 digits that the key alone gives.
    fn policy_name(&self, key: &Key) -> PolicyName {
        // Senders choose keys: a weak digest would let them give two keys one name. What it was sampled on is no part
        // of the policy, and so not of its name.
        let digest = sha1_smol::Sha1::from(Key { sampled: None, ..*key }.to_string()).digest().bytes();
        let mut name = format!("react-{}-", self.name);
        for byte in digest.iter().take(8) {
            let _ = write!(name, "{byte:02x}");
        }
        name.parse().unwrap_or_else(|_| self.name.clone())
    }
}

/// Of a key that has the address it alone; it fits the conditions, or it would not have been counted.
fn ends(address: Option<IpAddr>, only: Vec<Prefix>) -> Vec<End> {
    let one = address.map(|address| vec![Prefix::from(address)]);
    one.unwrap_or(only).into_iter().map(End::Prefix).collect()
}

fn measured(threshold: Threshold) -> (Measure, u64) {
    match threshold {
        Threshold::Rate(Rate::Bits(bits)) => (Measure::Bytes, bits / 8),
        Threshold::Rate(Rate::Packets(packets)) => (Measure::Packets, packets),
        Threshold::Percent(part) => (Measure::Link, WHOLE / 100 * u64::from(part)),
    }
}

impl Threshold {
    /// Whether it is more than another; `None` where the two are not measured alike.
    pub fn is_above(self, other: Self) -> Option<bool> {
        let ((own, much), (its, less)) = (measured(self), measured(other));
        (own == its).then_some(much > less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sflow::ids::DataSource;

    fn reaction() -> Reaction {
        Reaction {
            name: "udp".parse().unwrap(),
            fields: vec![Field::Destination, Field::SourcePort],
            only: Only { protocol: Some(Protocol::UDP), ..Only::default() },
            threshold: Threshold::Rate("100 Mbit/s".parse().unwrap()),
            release: None,
            duration: Duration::ZERO,
            hold: Duration::from_secs(10),
            most: 16,
            action: Action::Drop,
            directions: [Direction::In, Direction::Forward].into(),
            priority: 500,
            life: Duration::from_secs(60),
        }
    }

    fn key() -> Key {
        Key { destination: Some([10, 0, 0, 2].into()), source_port: Some(53), ..Key::default() }
    }

    #[test]
    fn a_key_becomes_a_policy_on_what_was_counted() {
        let policy = reaction().policy(&key(), &"react".parse().unwrap()).unwrap();
        let Body::Rule(rule) = &policy.body else { panic!("a rule") };
        let traffic = rule.matching().traffic();
        assert_eq!(traffic.destinations, [End::Prefix("10.0.0.2".parse().unwrap())]);
        assert_eq!((traffic.protocol, &*traffic.source_ports), (Some(Protocol::UDP), &[Ports::one(53)][..]));
        assert_eq!((policy.forced, policy.expiry), (false, Expiry::After(Duration::from_secs(60))));
    }

    #[test]
    fn a_key_has_one_name_wherever_it_was_sampled_and_other_keys_have_others() {
        let name = |key: Key| reaction().policy(&key, &"react".parse().unwrap()).unwrap().name.to_string();
        // By sha1sum: printf 'destination=10.0.0.2 source_port=53'.
        assert_eq!(name(key()), "react-udp-ba8094c5a52c5cc0");
        assert_eq!(name(key()), name(Key { sampled: Some(DataSource::interface(7)), ..key() }));
        assert_ne!(name(key()), name(Key { source_port: Some(123), ..key() }));
    }

    #[test]
    fn rates_are_counted_in_bytes_or_packets_and_parts_of_a_link_in_parts() {
        let rule = reaction().rule();
        assert_eq!((rule.measure, rule.raise_per_sec), (Measure::Bytes, 12_500_000));
        assert_eq!(rule.release_per_sec, 6_250_000);
        let packets = Reaction { threshold: Threshold::Rate("5 kpps".parse().unwrap()), ..reaction() }.rule();
        assert_eq!((packets.measure, packets.raise_per_sec), (Measure::Packets, 5000));
        let release = Some(Threshold::Percent(2));
        let part = Reaction { threshold: Threshold::Percent(10), release, ..reaction() }.rule();
        assert_eq!(
            (part.measure, part.raise_per_sec, part.release_per_sec),
            (Measure::Link, WHOLE / 10, WHOLE / 50)
        );
    }

    #[test]
    fn ports_without_a_protocol_are_found_before_there_is_an_attack() {
        let owner = "react".parse().unwrap();
        assert_eq!(reaction().check(&owner), Ok(()));
        let six = Only { sources: vec!["2001:db8::/32".parse().unwrap()], ..reaction().only };
        assert_eq!(Reaction { only: six, ..reaction() }.check(&owner), Ok(()));
        assert!(Reaction { only: Only::default(), ..reaction() }.check(&owner).is_err());
    }
}
