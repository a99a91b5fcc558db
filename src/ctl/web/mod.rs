//! `hsflowctl web`: what `top` shows, as a page for a browser.
//!
//! In: datagrams (`super::feed`), requests. Out: the page, which is part of the program, and the model as JSON. Rules: nothing
//! can be changed by a request; only names of this host are answered to, so that no other site's script may read along; the
//! page loads nothing from elsewhere; a client that stalls is given up. Spec: hsflowctl(1), RFC 9110.

mod answer;
mod serve;

use super::ends::{self, Ends};
use super::feed::{self, Feed};
use super::watched::Watched;
use super::{Exit, fail, listen, print};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

/// Where the page is, and what it shows.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Serve the page here.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Names by which browsers may ask, beside addresses and localhost.
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Receive the sFlow of many hosts here: ADDRESS:PORT, or a port on every address.
    #[arg(long, value_parser = listen::parse_address, value_name = "ADDRESS:PORT", conflicts_with = "file")]
    receive: Option<SocketAddr>,
    /// Show a capture file (pcap or pcapng) instead of the running agent.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What is high [default: /etc/hsflowd/top.toml].
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// The agent's control socket.
    #[arg(long, default_value = "/run/hsflowd/control.sock")]
    socket: PathBuf,
}

/// What requests are answered from.
struct Shared {
    watched: RefCell<Watched>,
    names: Vec<String>,
}

/// Serves until it is told to end.
pub(super) fn web(options: &Options) -> Exit {
    let limits = match feed::limits(options.limits.as_deref()) {
        Ok(limits) => limits,
        Err(text) => return fail(&text, Exit::Usage),
    };
    let mut watched = Watched::new(options.receive.is_some(), limits);
    if let Some(Err(text)) = options.file.as_ref().map(|file| watched.replay(file)) {
        return fail(&text, Exit::Usage);
    }
    let shared = Rc::new(Shared {
        watched: RefCell::new(watched),
        names: options.name.iter().map(|name| name.to_ascii_lowercase()).collect(),
    });
    ends::run("web", async { tokio::task::LocalSet::new().run_until(run(options, shared)).await })
}

async fn run(options: &Options, shared: Rc<Shared>) -> io::Result<Exit> {
    let mut ends = Ends::catch()?;
    let feed = Feed::open(options.file.is_some(), options.receive, &options.socket)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|e| io::Error::new(e.kind(), format!("listen on {}: {e}", options.listen)))?;
    let address = listener.local_addr()?;
    // Whoever wants no address gets none.
    let _ = print(&format!("http://{address}/\n"));
    if !address.ip().is_loopback() {
        eprintln!(
            "hsflowctl: warning: whoever reaches {address} sees what this host does, without a password"
        );
    }
    tokio::select! {
        () = ends.recv() => {}
        () = follow(feed, &shared) => {}
        () = serve::serve(listener, &shared) => {}
    }
    Ok(Exit::Yes)
}

/// Feeds the model, for ever.
async fn follow(mut feed: Feed, shared: &Shared) {
    let mut buffer = vec![0; 65_536];
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            news = feed.next(&mut buffer) => shared.watched.borrow_mut().take(news, &buffer),
            _ = ticks.tick() => shared.watched.borrow_mut().tick(),
        }
    }
}
