//! One question to the name servers, one after the other, as the C library asks them.
//!
//! In: a name. Out: what `sample/discovery/answer` makes of the response. hickory does UDP with a random port and number,
//! EDNS, and TCP where an answer is truncated. The rules kept: one server at a time, each with its own deadline; an error
//! code is that server's last word, silence is asked again, and who was silent comes last for the rest of the round;
//! nothing is cached, so that times to live are the server's.

use crate::sample::discovery::answer::{Answer, Entry, Failure, Response, classify};
use crate::sample::discovery::collectors::Srv;
use crate::sample::discovery::machine::Strings;
use crate::sample::discovery::resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::FirstAnswer;
use hickory_resolver::net::{DnsError, DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use std::sync::Arc;

/// Characters of a foreign error message that are kept.
const LONGEST_MESSAGE: usize = 160;

/// The servers, one pool each.
pub(super) struct Asker {
    servers: Vec<NameServerPool<TokioRuntimeProvider>>,
    attempts: u32,
}

/// Whether another attempt may help.
enum Trouble {
    Silence(Failure),
    Word(Failure),
}

impl Asker {
    pub(super) fn new(resolver: &Resolver) -> Self {
        let mut options = ResolverOpts::default();
        options.timeout = resolver.timeout;
        options.num_concurrent_reqs = 1;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        // Without TLS in the build there is nothing that could fail.
        let context = TlsConfig::new().map(|tls| Arc::new(PoolContext::new(options, tls)));
        let pool = |server| {
            let config = NameServerConfig::udp_and_tcp(server);
            let context = context.as_ref().ok()?;
            Some(NameServerPool::from_config([config], Arc::clone(context), TokioRuntimeProvider::default()))
        };
        Self {
            servers: resolver.servers.iter().copied().filter_map(pool).collect(),
            attempts: resolver.attempts,
        }
    }

    pub(super) async fn srv(&mut self, name: &str) -> Answer<Srv> {
        let read = |data: &RData| match data {
            RData::SRV(srv) => {
                let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
                Some(Srv { priority, weight, port, target: plain(&srv.target) })
            }
            _ => None,
        };
        self.ask(name, RecordType::SRV, read).await
    }

    pub(super) async fn txt(&mut self, name: &str) -> Answer<Strings> {
        let read = |data: &RData| match data {
            RData::TXT(txt) => Some(txt.txt_data.iter().map(|string| string.to_vec()).collect()),
            _ => None,
        };
        self.ask(name, RecordType::TXT, read).await
    }

    async fn ask<T>(&mut self, name: &str, kind: RecordType, read: fn(&RData) -> Option<T>) -> Answer<T> {
        let Ok(name) = Name::from_ascii(format!("{name}.")) else {
            return Answer::Failed(Failure::Name);
        };
        let mut failure = Failure::Timeout;
        for _ in 0..self.attempts {
            let mut silent = false;
            for (place, server) in self.servers.iter().enumerate() {
                match exchange(server, &name, kind, read).await {
                    Ok(response) => match classify(&plain(&name), response) {
                        Answer::Failed(why) => failure = why,
                        definite => {
                            // A dead server costs the round its deadline once, not once a name.
                            self.servers.rotate_left(if silent { place } else { 0 });
                            return definite;
                        }
                    },
                    Err(Trouble::Word(why)) => failure = why,
                    Err(Trouble::Silence(why)) => (failure, silent) = (why, true),
                }
            }
            if !silent {
                break;
            }
        }
        Answer::Failed(failure)
    }
}

async fn exchange<T>(
    server: &NameServerPool<TokioRuntimeProvider>,
    name: &Name,
    kind: RecordType,
    read: fn(&RData) -> Option<T>,
) -> Result<Response<T>, Trouble> {
    let query = Query::query(name.clone(), kind);
    match server.lookup(query, DnsRequestOptions::default()).first_answer().await {
        Ok(response) => response_of(&response, read),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => Ok(Response {
            nxdomain: none.response_code == ResponseCode::NXDomain,
            referral: none.ns.is_some(),
            negative_ttl: none.negative_ttl,
            aliases: Vec::new(),
            records: Vec::new(),
        }),
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            Err(Trouble::Word(Failure::Code(code.to_string())))
        }
        Err(NetError::Timeout) => Err(Trouble::Silence(Failure::Timeout)),
        Err(error @ (NetError::Io(_) | NetError::NoConnections | NetError::Busy)) => {
            Err(Trouble::Silence(Failure::Exchange(message(&error))))
        }
        Err(error) => Err(Trouble::Word(Failure::Exchange(message(&error)))),
    }
}

fn response_of<T>(response: &DnsResponse, read: fn(&RData) -> Option<T>) -> Result<Response<T>, Trouble> {
    let nxdomain = match response.response_code {
        ResponseCode::NoError => false,
        ResponseCode::NXDomain => true,
        code => return Err(Trouble::Word(Failure::Code(code.to_string()))),
    };
    let (mut aliases, mut records) = (Vec::new(), Vec::new());
    for record in &response.answers {
        let (name, ttl) = (plain(&record.name), record.ttl);
        if let RData::CNAME(to) = &record.data {
            aliases.push(Entry { name, ttl, data: plain(&to.0) });
        } else if let Some(data) = read(&record.data) {
            records.push(Entry { name, ttl, data });
        }
    }
    let referral = response.authorities.iter().any(|record| record.record_type() == RecordType::NS);
    Ok(Response { nxdomain, referral, negative_ttl: response.negative_ttl(), aliases, records })
}

/// Without the last dot; empty for the root.
fn plain(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

/// It may quote what came from outside.
fn message(error: &NetError) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}
