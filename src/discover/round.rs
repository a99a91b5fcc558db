//! One round of questions: SRV for each name until one has records, then TXT for that name.
//!
//! In: resolv.conf and the wish. Out: a [`Round`] for the machine. The rule kept: a round ends within 30 s, and trouble
//! with TXT does not cost the SRV answer.

use super::ask::Asker;
use crate::host::{Host, HotFile};
use crate::sample::discovery::Round;
use crate::sample::discovery::answer::{Answer, Failure};
use crate::sample::discovery::names::{Outcome, Search, names};
use crate::sample::discovery::resolver::Resolver;
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::timeout;

const SRV_DEADLINE: Duration = Duration::from_secs(20);
const TXT_DEADLINE: Duration = Duration::from_secs(10);

/// What to ask, and whom.
pub(super) struct Questions {
    resolver: Resolver,
    names: Vec<String>,
    known: Option<String>,
    trouble: Vec<String>,
}

/// What came of it.
pub(super) struct Asked {
    pub(super) round: Round,
    /// The names that were to be asked for.
    pub(super) names: Vec<String>,
    /// What is wrong with resolv.conf.
    pub(super) trouble: Vec<String>,
}

impl Questions {
    pub(super) fn read(host: &Host, domain: Option<&str>, known: Option<&str>) -> Self {
        let (mut host_name, mut release) = (String::new(), String::new());
        // Without a name the host has no domain of its own to search.
        _ = host.read_names(&mut host_name, &mut release);
        let mut trouble = Vec::new();
        let mut file = HotFile::new(host.path("/etc/resolv.conf"));
        // A comment in any encoding hides no server.
        let text = file.bytes().map(String::from_utf8_lossy).unwrap_or_else(|error| {
            trouble.push(format!("{error}: asking the local host"));
            Cow::default()
        });
        let resolver = Resolver::parse(&text, host_name.trim());
        trouble.extend(resolver.unusable.iter().map(|server| {
            format!(
                "/etc/resolv.conf: nameserver {} cannot be used: not an address without a zone",
                server.escape_debug()
            )
        }));
        Self { names: names(domain, &resolver), resolver, known: known.map(String::from), trouble }
    }

    pub(super) async fn ask(self) -> Asked {
        let mut asker = Asker::new(&self.resolver);
        let mut at = self.names.first().cloned().unwrap_or_default();
        let search = Search::new(self.names.clone(), self.known);
        let late = timeout(SRV_DEADLINE, search_srv(&mut asker, search, &mut at)).await;
        let outcome = late.unwrap_or(Outcome::Failed { name: at, failure: Failure::Timeout });
        let txt = match &outcome {
            Outcome::Found { name, .. } => {
                let late = timeout(TXT_DEADLINE, asker.txt(name)).await;
                late.unwrap_or(Answer::Failed(Failure::Timeout))
            }
            _ => Answer::None { ttl: None },
        };
        Asked { round: Round { outcome, txt }, names: self.names, trouble: self.trouble }
    }
}

/// `at` is the name under way, for when time is over.
async fn search_srv(asker: &mut Asker, mut search: Search, at: &mut String) -> Outcome {
    while let Some(name) = search.next_name() {
        at.clone_from(&name);
        let answer = asker.srv(&name).await;
        if let Some(outcome) = search.take(name, answer) {
            return outcome;
        }
    }
    search.end()
}
