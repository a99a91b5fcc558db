//! Connections: who is at the other end, and whether there is a place.
//!
//! In: listeners. Out: connections for `answer`, each with who it is. Rules: who it is comes before a place is taken, so
//! that strangers take none; 256 connections at a time, 64 of one user or address, and 8 of strangers, who are told that
//! they are nobody; a peer that is gone without a word is noticed.

use super::access::{self, Caller};
use super::places::{Peer, Places};
use super::{Paths, Shared, certificate};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

const MOST_CONNECTIONS: usize = 256;
const MOST_OF_ONE: usize = 64;
const MOST_STRANGERS: usize = 8;
/// To be told that one is nobody.
const A_MOMENT: Duration = Duration::from_secs(1);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Where there is no place; it is not waited for the request.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Where TCP is heard.
#[derive(Clone)]
pub(super) struct Door {
    /// As the settings have it.
    pub(super) at: SocketAddr,
    pub(super) listener: Arc<TcpListener>,
    pub(super) paths: Paths,
    /// Everybody on this host may come in.
    pub(super) is_open: bool,
    pub(super) tls: Option<TlsAcceptor>,
}

/// The other end of a connection.
pub(super) struct Client {
    pub(super) paths: Paths,
    /// Who it is, as far as a connection tells.
    pub(super) caller: Option<Caller>,
    /// Over TCP.
    pub(super) at: Option<SocketAddr>,
    /// For the log, where it is nobody.
    pub(super) name: String,
}

/// Out of file descriptors, most likely: they come back, and asking at once would take all the time there is.
async fn pause(why: &io::Error) {
    log::warn!("policy: a connection was not taken: {why}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

impl Shared {
    pub(super) async fn local(self: Arc<Self>, listener: Arc<UnixListener>) {
        let known = Places::new(MOST_CONNECTIONS, MOST_OF_ONE);
        let strangers = Places::new(MOST_STRANGERS, MOST_STRANGERS);
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.over() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.guest(stream, &known, &strangers),
                Err(why) => pause(&why).await,
            }
        }
    }

    /// A process of this host.
    fn guest(self: &Arc<Self>, stream: UnixStream, known: &Arc<Places>, strangers: &Arc<Places>) {
        let Ok(peer) = stream.peer_cred() else { return };
        let caller = access::process(&self.settings, (peer.uid(), peer.gid(), peer.pid()));
        let (places, patience) =
            if caller.is_some() { (known, Duration::MAX) } else { (strangers, A_MOMENT) };
        let Some(place) = places.take(Peer::User(peer.uid())) else {
            let _ = stream.try_write(FULL);
            return;
        };
        let name = Caller::Process { uid: peer.uid(), pid: peer.pid() }.to_string();
        let client = Client { paths: Paths::Own, caller, at: None, name };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(patience, shared.connection(stream, client)).await;
            drop(place);
        });
    }

    pub(super) async fn remote(self: Arc<Self>, door: Door) {
        // Whoever fills the places of TCP does not lock this host's own people out.
        let places = Places::new(MOST_CONNECTIONS, MOST_OF_ONE);
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.over() => return,
                accepted = door.listener.accept() => accepted,
            };
            let (stream, at) = match accepted {
                Ok(accepted) => accepted,
                Err(why) => {
                    pause(&why).await;
                    continue;
                }
            };
            let Some(place) = places.take(Peer::Address(at.ip().to_canonical())) else {
                if door.tls.is_none() {
                    let _ = stream.try_write(FULL);
                }
                continue;
            };
            let keepalive = TcpKeepalive::new()
                .with_time(Duration::from_secs(60))
                .with_interval(Duration::from_secs(10))
                .with_retries(3);
            // Without it a connection lasts longer than it need.
            let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
            let (shared, tls) = (Arc::clone(&self), door.tls.clone());
            let anybody = door.is_open.then_some(Caller::Anybody(at));
            let client = Client { paths: door.paths, caller: anybody, at: Some(at), name: at.to_string() };
            tokio::spawn(async move {
                match tls {
                    None => shared.connection(stream, client).await,
                    Some(tls) => shared.secured(&tls, stream, client).await,
                }
                drop(place);
            });
        }
    }

    /// A client without a good certificate, where that is a must, does not come as far as HTTP.
    async fn secured(self: &Arc<Self>, tls: &TlsAcceptor, stream: TcpStream, mut client: Client) {
        let stream = match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => {
                let text = format!("not let in: {why}");
                return self.desk.refusals.tell(self.clock.wall(), &client.name, text);
            }
            Err(_) => return,
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        if let (Some(certificate), Some(at)) = (certificate, client.at) {
            client.caller = Some(Caller::Certificate { name: certificate::common_name(certificate), at });
        }
        self.connection(stream, client).await;
    }
}
