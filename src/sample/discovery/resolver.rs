//! resolv.conf → whom to ask, which domains to search, how long to wait. Pure: text in, values out.
//!
//! Rule: as the C library reads it (resolv.conf(5)): at most three servers and six domains, the last of `search` and
//! `domain` counts, without a server it is the local host, without a domain it is that of the host name. What it does not
//! know it skips. `rotate`, `inet6` and the like have no effect here.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const MOST_SERVERS: usize = 3;
const MOST_DOMAINS: usize = 6;

/// How this host asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// In the order in which they are asked; at least one.
    pub servers: Vec<IpAddr>,
    /// Domains to append, in order.
    pub search: Vec<String>,
    /// A name with so many dots is asked for as it is first.
    pub ndots: usize,
    /// How long one server may take.
    pub timeout: Duration,
    /// How often the list of servers is gone through.
    pub attempts: u32,
    /// Servers that are no address that can be used, as written.
    pub unusable: Vec<String>,
}

impl Resolver {
    /// Reads the text of resolv.conf on a host of this name.
    pub fn parse(text: &str, host_name: &str) -> Self {
        let mut resolver = Self {
            servers: Vec::new(),
            search: host_name.split_once('.').map(|(_, domain)| domain.to_owned()).into_iter().collect(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            unusable: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => words.take(1).for_each(|word| resolver.server(word)),
                Some("domain") => resolver.search = words.take(1).map(String::from).collect(),
                Some("search") => resolver.search = words.take(MOST_DOMAINS).map(String::from).collect(),
                Some("options") => words.for_each(|word| resolver.option(word)),
                _ => {}
            }
        }
        // A single dot stands for the root, which the bare name is tried in anyway.
        resolver.search.retain(|domain| !domain.trim_matches('.').is_empty());
        if resolver.servers.is_empty() {
            resolver.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        resolver
    }

    fn server(&mut self, word: &str) {
        match word.parse() {
            Ok(address) if self.servers.len() < MOST_SERVERS => self.servers.push(address),
            Ok(_) => {}
            Err(_) => self.unusable.push(word.to_owned()),
        }
    }

    fn option(&mut self, word: &str) {
        let Some((name, number)) = word.split_once(':') else { return };
        let Ok(number) = number.parse::<u32>() else { return };
        match name {
            "ndots" => self.ndots = number.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(number.clamp(1, 30).into()),
            "attempts" => self.attempts = number.clamp(1, 5),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_domains_and_options_are_read_in_their_order() {
        let text = "# comment\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 \nnameserver fe80::1%eth0\n\
                    domain a.example\nsearch b.example c.example.\noptions ndots:2 timeout:1 attempts:9 edns0 rotate\n";
        let resolver = Resolver::parse(text, "host");
        assert_eq!(
            resolver.servers,
            ["192.0.2.1".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]
        );
        assert_eq!(resolver.search, ["b.example", "c.example."]);
        assert_eq!((resolver.ndots, resolver.timeout.as_secs(), resolver.attempts), (2, 1, 5));
        assert_eq!(resolver.unusable, ["fe80::1%eth0"]);
    }

    #[test]
    fn an_empty_file_means_the_local_host_and_the_domain_of_the_host_name() {
        let resolver = Resolver::parse("", "host.example.org");
        assert_eq!(resolver.servers, [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(resolver.search, ["example.org"]);
        assert_eq!((resolver.ndots, resolver.timeout.as_secs(), resolver.attempts), (1, 5, 2));
        assert_eq!(Resolver::parse("search .\n", "host.example.org").search, Vec::<String>::new());
    }

    #[test]
    fn nonsense_is_skipped() {
        let resolver = Resolver::parse("nameserver\noptions ndots:x timeout:0 :\nsearch\n\0\u{fffd}\n", "h");
        assert_eq!((resolver.servers.len(), resolver.ndots, resolver.timeout.as_secs()), (1, 1, 1));
    }
}
