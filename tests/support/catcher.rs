//! A collector for tests: a UDP socket on loopback, read by a thread that keeps every datagram it gets.

use super::make_room;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes: a burst while the machine is busy or a test looks at what came.
const ROOM: usize = 32 << 20;

/// Collects datagrams from its making until it is dropped.
pub struct UdpCatcher {
    address: SocketAddr,
    caught: Arc<Caught>,
}

#[derive(Default)]
struct Caught {
    datagrams: Mutex<Vec<Vec<u8>>>,
    changed: Condvar,
}

impl Caught {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // a test that panicked while it held the lock has not damaged a list
        self.datagrams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UdpCatcher {
    /// Listens on a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self::on("127.0.0.1:0")
    }

    /// Listens on an address, such as `[::1]:0`.
    pub fn on(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap_or_else(|e| panic!("bind UDP {address}: {e}"));
        make_room(&socket, ROOM);
        let address = socket.local_addr().expect("a bound socket has an address");
        // how long the thread outlives the catcher at most
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("not zero");
        let caught = Arc::new(Caught::default());
        let alive = Arc::downgrade(&caught);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                let received = socket.recv(&mut buffer);
                let Some(caught) = alive.upgrade() else { return };
                if let Ok(length) = received {
                    caught.lock().push(buffer[..length].to_vec());
                    caught.changed.notify_all();
                }
            }
        });
        Self { address, caught }
    }

    /// Where to send to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port alone, for a `udpport =`.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All datagrams so far, oldest first.
    pub fn datagrams(&self) -> Vec<Vec<u8>> {
        self.caught.lock().clone()
    }

    /// Forgets what has come so far.
    pub fn clear(&self) {
        self.caught.lock().clear();
    }

    /// Waits until the datagrams caught so far satisfy `enough`, and returns them.
    #[track_caller]
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        mut enough: impl FnMut(&[Vec<u8>]) -> bool,
    ) -> Vec<Vec<u8>> {
        let (datagrams, result) = self
            .caught
            .changed
            .wait_timeout_while(self.caught.lock(), limit, |datagrams| !enough(datagrams))
            .unwrap_or_else(PoisonError::into_inner);
        let count = datagrams.len();
        assert!(!result.timed_out(), "not within {limit:?}: {what}; {count} datagrams came");
        datagrams.clone()
    }

    /// Waits for at least so many datagrams.
    #[track_caller]
    pub fn wait_count(&self, count: usize, limit: Duration) -> Vec<Vec<u8>> {
        self.wait_for(&format!("{count} datagrams"), limit, |datagrams| datagrams.len() >= count)
    }
}
