//! The way out: the agent's one stream of datagrams, the collectors that get it and the programs of this host that read
//! along. In: datagrams without a number, from the threads that make samples. Out: numbered datagrams. Rule: numbering
//! and sending are one step under one lock, taken once a datagram, so the numbers reach the wire in order. What takes
//! longer than a send is done under it only where a collector's socket has to be opened (again).

use crate::export::Collectors;
use crate::export::readers::Readers;
use crate::host::Clock;
use crate::sflow::datagram::{Stream, Unsent};
use crate::status::metrics::Shelf;
use socket2::Socket;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a sample waits for others in its datagram.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// The same while somebody reads along. Before and after it a sample waits for its thread's next visit, which is 30 ms
/// at the most, and the three together are to be 100 ms.
const WATCHED_WAIT: Duration = Duration::from_millis(40);

/// Stream, collectors and readers.
pub struct Outlet {
    /// Where datagrams go.
    pub collectors: Collectors,
    /// Datagrams handed to the collectors, counted once whatever their number.
    pub datagrams: u64,
    /// Datagrams thrown away for want of an agent address, or of a collector with a known address, whoever read them here.
    pub unsent: u64,
    /// Programs of this host that get the datagrams too.
    readers: Readers,
    watched: Arc<AtomicBool>,
    /// Counter samples for the page of metrics, with the clock that dates them; none while nobody wants it.
    kept: Option<(Shelf, Clock)>,
    /// There is no agent address now.
    mute: bool,
    stream: Stream,
    start: Instant,
}

/// The outlet, as all threads have it.
#[derive(Clone)]
pub struct SharedOutlet {
    outlet: Arc<Mutex<Outlet>>,
    watched: Arc<AtomicBool>,
}

impl SharedOutlet {
    /// An outlet without collectors or an agent address, which takes datagrams and sends none. `start` is the moment
    /// that the collectors count time from.
    pub fn new(root: &Path, sub_agent_id: u32, start: Instant) -> Self {
        let stream = Stream::new(NOBODY, sub_agent_id);
        let watched = Arc::<AtomicBool>::default();
        let outlet = Outlet {
            collectors: Collectors::new(root),
            datagrams: 0,
            unsent: 0,
            readers: Readers::default(),
            watched: Arc::clone(&watched),
            kept: None,
            mute: true,
            stream,
            start,
        };
        Self { outlet: Arc::new(Mutex::new(outlet)), watched }
    }

    /// How long a sample may wait for others in its datagram, from now on.
    pub fn patience(&self) -> Duration {
        if self.is_watched() { WATCHED_WAIT } else { LONGEST_WAIT }
    }

    /// True while somebody reads along.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// The outlet for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Outlet> {
        // A panic under the lock cost a datagram; counters and sockets are whole.
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Numbers a datagram and sends it to every collector and reader. One that can go nowhere takes no number: a gap is to
    /// tell of a loss on the way, not of the time before there was anybody.
    pub fn send(&mut self, unsent: Unsent<'_>, now: Instant) {
        if let Some((shelf, clock)) = &mut self.kept {
            shelf.take(unsent.samples(), clock.unix_ms());
        }
        let to_collectors = !self.mute && !self.collectors.lack_addresses();
        if !to_collectors {
            // Where metrics are all that is wanted, nothing is missing.
            let is_lost = self.kept.is_none() || !self.collectors.are_none();
            self.unsent += u64::from(is_lost);
            if self.mute || self.readers.is_empty() {
                return;
            }
        }
        let datagram = self.stream.complete(unsent);
        if to_collectors {
            self.datagrams += 1;
            self.collectors.send(datagram, since(self.start, now));
        }
        if !self.readers.is_empty() && self.readers.send(datagram) {
            self.watch();
        }
    }

    /// Keeps counter samples from now on, dated by this clock, or does not.
    pub fn keep(&mut self, clock: Option<Clock>) {
        self.kept = clock.map(|clock| (Shelf::default(), clock));
    }

    /// The counter samples that were sent last, where they are kept.
    pub fn kept(&self) -> Option<&Shelf> {
        self.kept.as_ref().map(|(shelf, _)| shelf)
    }

    /// Forgets the counters of those that have been silent for long.
    pub fn forget_silent(&mut self, now_ms: u64) {
        if let Some((shelf, _)) = &mut self.kept {
            shelf.forget(now_ms);
        }
    }

    /// Takes in somebody who reads along from the next datagram on.
    pub fn welcome(&mut self, reader: Socket) {
        if !self.readers.add(reader) {
            log::debug!(target: "stream", "too many readers: one is turned away");
        }
        self.watch();
    }

    /// Those who read along now.
    pub fn readers(&mut self) -> &Readers {
        self.readers.prune();
        self.watch();
        &self.readers
    }

    fn watch(&self) {
        self.watched.store(!self.readers.is_empty(), Ordering::Relaxed);
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
    use crate::sflow::ids::{DataSource, Tag};
    use std::io::Read;
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

    #[test]
    fn counters_are_kept_while_somebody_wants_them_whoever_they_are_sent_to() {
        let now = Clock::system().now();
        let shared = SharedOutlet::new(Path::new("/"), 7, now);
        let mut outlet = shared.lock();
        outlet.set_agent(Some(AGENT));
        let poll = |outlet: &mut Outlet| {
            let mut queue = Datagrams::new(1400, AGENT);
            queue.add_counters(5, DataSource::HOST, 1, |_| Ok(()), &mut |_| {}).unwrap();
            queue.flush(5, &mut |unsent| outlet.send(unsent, now));
        };
        poll(&mut outlet);
        assert!((outlet.kept().is_none(), outlet.unsent) == (true, 1));
        outlet.keep(Some(Clock::system()));
        poll(&mut outlet);
        assert_eq!(outlet.kept().map(Shelf::len), Some(1));
        assert_eq!(outlet.unsent, 1, "there is nobody who would miss it");
        outlet.keep(None);
        assert!(outlet.kept().is_none());
    }

    #[test]
    fn samples_wait_less_while_somebody_reads_along() {
        let shared = SharedOutlet::new(Path::new("/"), 7, Clock::system().now());
        let unwatched = shared.patience();
        let (ours, theirs) = Socket::pair(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
        shared.lock().welcome(ours);
        assert!(shared.is_watched() && shared.patience() < unwatched);
        drop(theirs);
        assert!(shared.lock().readers().is_empty());
        assert_eq!((shared.is_watched(), shared.patience()), (false, unwatched));
    }

    #[test]
    fn a_reader_gets_numbered_datagrams_where_there_is_no_collector_and_none_without_an_agent_address() {
        let now = Clock::system().now();
        let shared = SharedOutlet::new(Path::new("/"), 7, now);
        let (ours, theirs) = Socket::pair(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut outlet = shared.lock();
        outlet.set_agent(Some(AGENT));
        send(&mut outlet, now);
        outlet.welcome(ours);
        send(&mut outlet, now);
        outlet.set_agent(None);
        send(&mut outlet, now);
        assert_eq!((outlet.datagrams, outlet.unsent), (0, 3));
        let mut bytes = [0; 1500];
        let length = (&theirs).read(&mut bytes).unwrap();
        assert_eq!(decode(&bytes[..length]).unwrap().sequence, 1, "nobody missed the one before");
        assert!((&theirs).read(&mut bytes).is_err());
    }
}
