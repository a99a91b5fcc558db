//! The way of a datagram through the chains. In: chains, a datagram. Out: what drops it first, and how sure that is. Rule: each
//! chain that the kernel hands packets to must let it pass; a loop of jumps, which no kernel has, ends.

use super::{Chain, Datagram, Match, Question, Rule, Verdict};

/// Longer ways of jumps are not followed: the kernel allows 16 in nft.
const DEEPEST: usize = 32;
/// Nor are more rules looked at: rules that lead to each other could have no end otherwise.
const MOST_RULES: usize = 200_000;

/// What becomes of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No rule is in its way.
    Passes,
    /// This rule, or policy, drops it.
    Dropped(String),
    /// This rule, or policy, may drop it: not all that the rules ask is understood.
    MayBeDropped(String),
}

/// How a packet and a rule go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Maybe,
    Yes,
}

/// What a chain has decided.
enum Decision {
    Accepted,
    Dropped(String),
    Undecided,
}

/// What is known so far.
#[derive(Default)]
struct Doubts {
    /// The first rule that drops it, if it fits.
    drop: Option<String>,
    /// A rule that accepts it, if it fits.
    accept: bool,
    /// Rules that were looked at.
    rules: usize,
}

/// What becomes of this datagram.
pub fn ask(chains: &[Chain], datagram: Datagram) -> Answer {
    let mut doubt = None;
    for chain in chains.iter().filter(|chain| chain.is_output) {
        let mut doubts = Doubts::default();
        let decision = walk(chains, chain, datagram, &mut doubts, 0);
        let dropped = match decision {
            Decision::Dropped(by) => Some(by),
            Decision::Undecided if chain.drops => {
                Some(format!("the policy of chain {} of table {}", chain.name, chain.table))
            }
            _ => None,
        };
        match dropped {
            Some(by) if !doubts.accept => return Answer::Dropped(doubts.drop.unwrap_or(by)),
            dropped => doubt = doubt.or(doubts.drop).or(dropped),
        }
    }
    doubt.map_or(Answer::Passes, Answer::MayBeDropped)
}

fn walk(chains: &[Chain], chain: &Chain, datagram: Datagram, doubts: &mut Doubts, depth: usize) -> Decision {
    for rule in &chain.rules {
        doubts.rules += 1;
        if doubts.rules > MOST_RULES {
            break;
        }
        let fit = rule.matches.iter().map(|m| fit(m, datagram)).min().unwrap_or(Fit::Yes);
        let (to, is_goto) = match &rule.verdict {
            _ if fit == Fit::No => continue,
            Verdict::Jump(to) => (to, false),
            Verdict::Goto(to) => (to, true),
            verdict => match (decide(verdict, rule, fit, doubts), fit) {
                (Some(decision), Fit::Yes) => return decision,
                _ => continue,
            },
        };
        let Some(target) = chains.iter().find(|c| c.table == chain.table && c.name == *to) else { continue };
        if depth >= DEEPEST {
            continue;
        }
        let decision = walk(chains, target, datagram, doubts, depth + 1);
        match (decision, fit) {
            (Decision::Undecided, Fit::Yes) if is_goto => return Decision::Undecided,
            (Decision::Undecided, _) => {}
            (decided, Fit::Yes) => return decided,
            (Decision::Accepted, _) => doubts.accept = true,
            (Decision::Dropped(by), _) => doubts.drop = doubts.drop.take().or(Some(by)),
        }
    }
    Decision::Undecided
}

/// What a rule decides that does not lead elsewhere; notes what it may decide.
fn decide(verdict: &Verdict, rule: &Rule, fit: Fit, doubts: &mut Doubts) -> Option<Decision> {
    match (verdict, fit) {
        (Verdict::Accept, Fit::Yes) => Some(Decision::Accepted),
        (Verdict::Accept, _) => {
            doubts.accept = true;
            None
        }
        (Verdict::Drop, Fit::Yes) => Some(Decision::Dropped(rule.text.clone())),
        (Verdict::Drop, _) => {
            doubts.drop = doubts.drop.take().or_else(|| Some(rule.text.clone()));
            None
        }
        (Verdict::Return, _) => Some(Decision::Undecided),
        _ => None,
    }
}

fn fit(m: &Match, datagram: Datagram) -> Fit {
    let is_local = datagram.to.is_loopback();
    let holds = match &m.what {
        Question::Protocol(names) => {
            names.iter().any(|name| matches!(name.as_str(), "udp" | "17" | "all" | "0"))
        }
        Question::Port(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&datagram.port)),
        Question::To(nets) => nets.iter().any(|net| net.has(datagram.to)),
        Question::Out(names) if names.iter().all(|name| name == "lo") => is_local,
        // Which device it leaves by is the routes' business; loopback's own addresses leave by none other.
        Question::Out(_) if is_local => false,
        Question::State(names) => names.iter().any(|name| name.eq_ignore_ascii_case("new")),
        Question::Out(_) | Question::Unknown => return Fit::Maybe,
    };
    if holds != m.not { Fit::Yes } else { Fit::No }
}
