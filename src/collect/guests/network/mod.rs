//! The networks of guests: their interfaces, addresses and counters, learned without entering where the kernel permits.
//!
//! In: a process of a guest. Out: its [`Network`]; its counters at every poll, those of all guests in a few system
//! calls. The namespace gets a number (`RTM_NEWNSID`) and is asked by it from here; CAP_NET_ADMIN is enough. Where that
//! is refused, or the kernel is older than 4.20, it is entered on a thread of its own. Rules: a process is needed to
//! learn and never again, so that a pid that is another's by now does no harm; a pair (veth) is counted at this host's
//! end, 2 µs each instead of 12; nothing keeps a namespace alive. Cost: learning, and looking again, 30 to 50 µs a guest.
//! Spec: rtnetlink(7), network_namespaces(7), `linux/net_namespace.h`, `linux/if_link.h`.

mod counters;
mod deaths;
mod error;
mod inside;
mod model;
mod read;
mod survey;

pub use counters::{Steady, VnicCounters};
pub use error::NetworkError;
pub use model::{Network, Vnic};

use crate::collect::interfaces::InterfaceError;
use crate::collect::interfaces::query::Query;
use crate::host::Host;
use crate::sys::errno::{EACCES, EOPNOTSUPP, EPERM};
use crate::sys::netlink::{Netlink, Protocol};
use deaths::Deaths;
use inside::{Identity, enter, identity};
use model::Way;
use nix::unistd::gettid;
use read::Buffers;
use std::path::PathBuf;
use survey::{nsid_of, number_of, vnics};

/// Room for unread answers.
const RECEIVE_BUFFER: usize = 256 * 1024;

/// Learns networks and reads their counters.
#[derive(Debug)]
pub struct Networks {
    proc: PathBuf,
    query: Query<Netlink>,
    deaths: Deaths,
    /// The thread that opened this, whose namespace is the host's.
    thread: u32,
    home: Option<Identity>,
    /// The number that the host's namespace gives itself.
    home_number: Option<u32>,
    buffers: Buffers,
}

impl Networks {
    /// Opens the sockets in the network namespace of this thread, which is the host's and must outlive the value.
    ///
    /// # Errors
    /// There are no descriptors or no memory.
    pub fn open(host: &Host) -> Result<Self, NetworkError> {
        let proc = host.path("/proc");
        Ok(Self {
            home: identity(&proc.join("thread-self/ns/net")).ok(),
            proc,
            query: Query::new(Netlink::open(Protocol::Route, RECEIVE_BUFFER)?),
            deaths: Deaths::open()?,
            thread: gettid().as_raw().unsigned_abs(),
            home_number: None,
            buffers: Buffers::default(),
        })
    }

    /// Learns the network of a process. Whether it is still the guest's own process is for the caller to know.
    ///
    /// # Errors
    /// The process is gone; or its namespace may neither be asked nor entered.
    pub fn learn(&mut self, pid: u32) -> Result<Network, NetworkError> {
        let way = Way { learned: self.deaths.read(), pid, identity: None };
        match identity(&self.path(pid)) {
            Ok(found) if Some(found) == self.home => {
                return Ok(Network { is_host: true, way, ..Network::default() });
            }
            Err(error) if error.is_absent() && self.home.is_some() => {
                return Err(NetworkError::NoProcess(pid));
            }
            // Not to be looked at: its number tells as well whether it is the host's.
            _ => {}
        }
        match self.learn_from_here(way) {
            Err(NetworkError::Ask(asked)) if must_enter(&asked) => self.learn_inside(way, asked),
            other => other,
        }
    }

    /// Looks again at a network that was learned: at addresses, interfaces, and the drops of pairs. True where something
    /// is not as it was, but for counters.
    ///
    /// # Errors
    /// The namespace is gone; or as with [`Self::learn`]. The network is as it was then.
    pub fn refresh(&mut self, network: &mut Network) -> Result<bool, NetworkError> {
        if network.is_host {
            return Ok(false);
        }
        let way = Way { learned: self.deaths.read(), ..network.way };
        let again = match (network.way.identity, network.nsid) {
            (None, Some(number)) => {
                self.check_alive(network)?;
                Network {
                    vnics: vnics(&mut self.query, Some(number), self.home_number)?,
                    way,
                    ..network.clone()
                }
            }
            _ => self.enter(way)?,
        };
        let changed = !again.is_like(network);
        *network = again;
        Ok(changed)
    }

    fn learn_from_here(&mut self, way: Way) -> Result<Network, NetworkError> {
        let home = self.home_number()?;
        let number = number_of(&mut self.query, way.pid)?;
        if number == home {
            return Ok(Network { is_host: true, way, ..Network::default() });
        }
        let vnics = vnics(&mut self.query, Some(number), Some(home))?;
        Ok(Network { nsid: Some(number), is_host: false, vnics, way })
    }

    /// The kernel tells of a pair's end at home only by this number.
    fn home_number(&mut self) -> Result<u32, NetworkError> {
        match self.home_number {
            Some(number) => Ok(number),
            None => Ok(*self.home_number.insert(number_of(&mut self.query, self.thread)?)),
        }
    }

    fn learn_inside(&mut self, way: Way, asked: InterfaceError) -> Result<Network, NetworkError> {
        match self.enter(way) {
            Err(NetworkError::Enter(entered)) if entered.is_absent() => Err(NetworkError::NoProcess(way.pid)),
            Err(NetworkError::Enter(entered)) if matches!(entered.errno(), Some(EACCES | EPERM)) => {
                Err(NetworkError::Denied { pid: way.pid, asked, entered })
            }
            other => other,
        }
    }

    fn enter(&mut self, way: Way) -> Result<Network, NetworkError> {
        let (path, thread) = (self.path(way.pid), self.thread);
        let nsid = nsid_of(&mut self.query, way.pid)?;
        let (identity, vnics) = enter(&path, way.identity, |query| {
            let host = nsid_of(query, thread)?;
            vnics(query, None, host)
        })?;
        Ok(Network { nsid, is_host: false, vnics, way: Way { identity: Some(identity), ..way } })
    }

    fn check_alive(&self, network: &Network) -> Result<(), NetworkError> {
        let alive = network.number().is_none_or(|number| self.deaths.is_alive(number, network.way.learned));
        alive.then_some(()).ok_or(NetworkError::Gone)
    }

    fn path(&self, pid: u32) -> PathBuf {
        self.proc.join(format!("{pid}/ns/net"))
    }
}

/// Whether the question itself is not possible, so that another way may be.
fn must_enter(asked: &InterfaceError) -> bool {
    matches!(asked, InterfaceError::Refused { errno: EACCES | EPERM | EOPNOTSUPP, .. })
}
