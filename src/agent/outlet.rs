//! The way out: the agent's one stream of datagrams and the collectors that get it. In: datagrams without a number, from
//! the threads that make samples. Out: numbered datagrams on UDP. Rule: numbering and sending are one step under one
//! lock, taken once a datagram, so the numbers reach the wire in order. What takes longer than a send is done under it
//! only where a collector's socket has to be opened (again).

use crate::export::Collectors;
use crate::sflow::datagram::{Stream, Unsent};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Stream and collectors.
pub struct Outlet {
    /// Where datagrams go.
    pub collectors: Collectors,
    /// Datagrams handed to the collectors, counted once whatever their number.
    pub datagrams: u64,
    /// Datagrams thrown away for want of an agent address, or of a collector with a known address.
    pub unsent: u64,
    /// There is no agent address now.
    mute: bool,
    stream: Stream,
    start: Instant,
}

/// The outlet, as all threads have it.
#[derive(Clone)]
pub struct SharedOutlet(Arc<Mutex<Outlet>>);

impl SharedOutlet {
    /// An outlet without collectors or an agent address, which takes datagrams and sends none. `start` is the moment
    /// that the collectors count time from.
    pub fn new(root: &Path, sub_agent_id: u32, start: Instant) -> Self {
        let stream = Stream::new(NOBODY, sub_agent_id);
        Self(Arc::new(Mutex::new(Outlet {
            collectors: Collectors::new(root),
            datagrams: 0,
            unsent: 0,
            mute: true,
            stream,
            start,
        })))
    }

    /// The outlet for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Outlet> {
        // A panic under the lock cost a datagram; counters and sockets are whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Outlet {
    /// The agent address of the datagrams from now on; none: nothing is sent, and the numbers go on when the same address
    /// is back.
    pub fn set_agent(&mut self, agent: Option<IpAddr>) {
        self.mute = agent.is_none();
        if let Some(agent) = agent {
            self.stream.set_agent(agent);
        }
    }

    /// The agent address, the last one while there is none; unspecified before the first.
    pub fn agent(&self) -> IpAddr {
        self.stream.agent()
    }

    /// A datagram stream is one sub-agent's: with another number it begins anew.
    pub fn restart(&mut self, sub_agent_id: u32) {
        self.stream = Stream::new(self.stream.agent(), sub_agent_id);
    }

    /// Numbers a datagram and sends it to every collector. One that can go nowhere takes no number: a gap is to tell
    /// collectors of a loss on the way, not of the time before they were found.
    pub fn send(&mut self, unsent: Unsent<'_>, now: Instant) {
        if self.mute || self.collectors.lack_addresses() {
            self.unsent += 1;
            return;
        }
        self.datagrams += 1;
        self.collectors.send(self.stream.complete(unsent), since(self.start, now));
    }
}

fn since(start: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::CollectorSettings;
    use crate::export::Resolve;
    use crate::host::Clock;
    use crate::sflow::datagram::Datagrams;
    use crate::sflow::decode::decode;
    use crate::sflow::ids::Tag;
    use std::net::UdpSocket;
    use std::sync::mpsc::channel;

    const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn send(outlet: &mut Outlet, now: Instant) {
        let mut queue = Datagrams::new(1400, AGENT);
        queue.add(5, Tag::new(1, 1), |out| out.fixed(&[0; 4]), &mut |_| {}).unwrap();
        queue.flush(5, &mut |unsent| outlet.send(unsent, now));
    }

    #[test]
    fn datagrams_before_the_first_name_is_found_take_no_number() {
        let far_end = UdpSocket::bind((AGENT, 0)).unwrap();
        let (let_it_answer, answer) = channel::<()>();
        let (answer, address) = (Mutex::new(answer), far_end.local_addr().unwrap());
        let resolve: Resolve = Arc::new(move |_| {
            answer.lock().unwrap().recv().unwrap();
            Ok(vec![address])
        });
        let now = Clock::system().now();
        let shared = SharedOutlet::new(Path::new("/"), 7, now);
        let mut outlet = shared.lock();
        outlet.collectors = Collectors::new("/").with_resolver(resolve);
        outlet.set_agent(Some(AGENT));
        let (host, port) = ("c.example.org".to_owned(), address.port());
        let settings = CollectorSettings { host, port, ..CollectorSettings::default() };
        outlet.collectors.apply(&[settings], Duration::ZERO);
        send(&mut outlet, now);
        send(&mut outlet, now);
        assert_eq!((outlet.datagrams, outlet.unsent), (0, 2));

        let_it_answer.send(()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answered = outlet.collectors.answered();
        let bell = async { tokio::time::timeout(Duration::from_secs(10), answered.notified()).await };
        runtime.block_on(bell).expect("an answer");
        assert!(outlet.collectors.tick(Duration::ZERO));
        send(&mut outlet, now);
        let mut bytes = [0; 1500];
        far_end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = far_end.recv(&mut bytes).unwrap();
        assert_eq!(decode(&bytes[..length]).unwrap().sequence, 1);
        assert_eq!((outlet.datagrams, outlet.unsent), (1, 2));
    }
}
