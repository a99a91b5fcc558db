//! What one answer to one question means: found, none, or failed.
//!
//! In: the parts of a DNS response as plain values. Out: [`Answer`]. Rules: aliases are followed inside the answer, as a
//! recursive resolver fills it in; an alias that leads in a circle or out of the answer is a failure; "none" is only what
//! a server says with authority: NXDOMAIN, or no records and no referral (RFC 2308). Times to live of 0, or with their
//! highest bit set, count as unset (RFC 2181 section 8 and the C agent).

/// A record: its owner, time to live in seconds, and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Owner name without the last dot.
    pub name: String,
    /// As received.
    pub ttl: u32,
    /// What it says.
    pub data: T,
}

/// A response without an error code other than NXDOMAIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<T> {
    /// The name does not exist (or that which an alias leads to).
    pub nxdomain: bool,
    /// It points at other servers instead of answering.
    pub referral: bool,
    /// From the SOA record, if there is one.
    pub negative_ttl: Option<u32>,
    /// CNAME records.
    pub aliases: Vec<Entry<String>>,
    /// Records of the kind asked for.
    pub records: Vec<Entry<T>>,
}

/// What is known now.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// At least one record.
    Found {
        /// In the order of the answer.
        records: Vec<T>,
        /// Smallest time to live in seconds; `None` if unset.
        ttl: Option<u32>,
    },
    /// Certainly none.
    None {
        /// Seconds for which that may be remembered; `None` if unset.
        ttl: Option<u32>,
    },
    /// Nothing is known.
    Failed(Failure),
}

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No server answered in time.
    #[error("no answer in time")]
    Timeout,
    /// A server answered with an error (RFC 1035 section 4.1.1: SERVFAIL, REFUSED…).
    #[error("the server says {0}")]
    Code(String),
    /// The answer cannot be read, or the network failed.
    #[error("{0}")]
    Exchange(String),
    /// The name is none.
    #[error("not a name that DNS can be asked for")]
    Name,
    /// Aliases lead in a circle.
    #[error("CNAME records lead in a circle")]
    Circle,
    /// An alias leads to a name that the answer says nothing about.
    #[error("a CNAME leads to {0}, about which the answer says nothing")]
    Astray(String),
    /// The server is not responsible, nor asks others.
    #[error("the server refers to others instead of answering")]
    Referral,
    /// More records than are believable.
    #[error("{0} SRV records, more than {most}: refused as a whole", most = super::collectors::MOST_TARGETS)]
    TooMany(usize),
    /// Every record names something that cannot be sent to.
    #[error("no SRV record names a usable target")]
    NoUsable,
}

/// What a response to a question for `name` means.
pub fn classify<T>(name: &str, response: Response<T>) -> Answer<T> {
    let Response { nxdomain, referral, negative_ttl, aliases, records } = response;
    let (mut at, mut ttl) = (name.to_owned(), u32::MAX);
    let mut steps = 0;
    while let Some(alias) = aliases.iter().find(|alias| alias.name.eq_ignore_ascii_case(&at)) {
        steps += 1;
        if steps > aliases.len() {
            return Answer::Failed(Failure::Circle);
        }
        ttl = ttl.min(set(alias.ttl).unwrap_or(u32::MAX));
        at.clone_from(&alias.data);
    }
    let mut found = Vec::new();
    for Entry { name, ttl: own, data } in records {
        if name.eq_ignore_ascii_case(&at) {
            ttl = ttl.min(set(own).unwrap_or(u32::MAX));
            found.push(data);
        }
    }
    if !found.is_empty() {
        return Answer::Found { records: found, ttl: (ttl != u32::MAX).then_some(ttl) };
    }
    let negative = negative_ttl.and_then(set);
    if nxdomain || negative_ttl.is_some() {
        Answer::None { ttl: negative }
    } else if steps > 0 {
        Answer::Failed(Failure::Astray(at))
    } else if referral {
        Answer::Failed(Failure::Referral)
    } else {
        Answer::None { ttl: None }
    }
}

fn set(ttl: u32) -> Option<u32> {
    (1..=i32::MAX.unsigned_abs()).contains(&ttl).then_some(ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<T>(name: &str, ttl: u32, data: T) -> Entry<T> {
        Entry { name: name.into(), ttl, data }
    }

    fn empty() -> Response<u8> {
        Response { nxdomain: false, referral: false, negative_ttl: None, aliases: vec![], records: vec![] }
    }

    #[test]
    fn records_of_the_name_are_found_with_their_smallest_time_to_live() {
        let records = vec![entry("N", 60, 1), entry("other", 5, 2), entry("n", 30, 3)];
        let answer = classify("n", Response { records, ..empty() });
        assert_eq!(answer, Answer::Found { records: vec![1, 3], ttl: Some(30) });
    }

    #[test]
    fn zero_and_absurd_times_to_live_count_as_unset() {
        for (ttl, want) in
            [(0, None), (1 << 31, None), (u32::MAX, None), ((1 << 31) - 1, Some((1 << 31) - 1))]
        {
            let answer = classify("n", Response { records: vec![entry("n", ttl, 1)], ..empty() });
            assert_eq!(answer, Answer::Found { records: vec![1], ttl: want });
        }
        let records = vec![entry("n", 0, 1), entry("n", 40, 2)];
        let answer = classify("n", Response { records, ..empty() });
        assert_eq!(answer, Answer::Found { records: vec![1, 2], ttl: Some(40) });
    }

    #[test]
    fn no_such_name_and_no_such_records_are_none() {
        assert_eq!(classify("n", empty()), Answer::None { ttl: None });
        assert_eq!(classify("n", Response { nxdomain: true, ..empty() }), Answer::None { ttl: None });
        let soa = Response { negative_ttl: Some(120), ..empty() };
        assert_eq!(classify("n", soa), Answer::None { ttl: Some(120) });
    }

    #[test]
    fn a_referral_is_a_failure_and_not_none() {
        let answer = classify("n", Response { referral: true, ..empty() });
        assert_eq!(answer, Answer::Failed(Failure::Referral));
        let told = Response { referral: true, negative_ttl: Some(0), ..empty() };
        assert_eq!(
            classify("n", told),
            Answer::None { ttl: None },
            "an SOA answers, whatever NS stands beside it"
        );
    }

    #[test]
    fn aliases_are_followed_and_count_for_the_time_to_live() {
        let aliases = vec![entry("b", 20, "c".into()), entry("n", 50, "B".into())];
        let records = vec![entry("c", 60, 1)];
        let answer = classify("n", Response { aliases, records, ..empty() });
        assert_eq!(answer, Answer::Found { records: vec![1], ttl: Some(20) });
    }

    #[test]
    fn a_circle_of_aliases_is_a_failure() {
        let aliases = vec![entry("n", 20, "b".into()), entry("b", 50, "n".into())];
        let answer = classify("n", Response { aliases, records: vec![entry("c", 1, 1)], ..empty() });
        assert_eq!(answer, Answer::Failed(Failure::Circle));
        let itself = vec![entry("n", 20, "n".into())];
        assert_eq!(classify("n", Response { aliases: itself, ..empty() }), Answer::Failed(Failure::Circle));
    }

    #[test]
    fn an_alias_without_records_is_none_only_where_that_is_said() {
        let aliases = vec![entry("n", 20, "b".to_owned())];
        let astray = Response { aliases, ..empty() };
        assert_eq!(classify("n", astray.clone()), Answer::Failed(Failure::Astray("b".into())));
        assert_eq!(classify("n", Response { nxdomain: true, ..astray.clone() }), Answer::None { ttl: None });
        assert_eq!(
            classify("n", Response { negative_ttl: Some(9), ..astray }),
            Answer::None { ttl: Some(9) }
        );
    }
}
