//! `hsflowctl web`: what `top` shows, as a page for a browser.
//!
//! In: datagrams (`super::feed`), requests. Out: the page, which is part of the program, and the model as JSON. Rules: nothing
//! can be changed by a request; only names of this host are answered to, so that no other site's script may read along; the
//! page loads nothing from elsewhere; a client that stalls is given up. Spec: hsflowctl(1), RFC 9110.

mod answer;
mod serve;

use super::feed::{self, Feed, News};
use super::{Exit, fail, print};
use crate::host::Clock;
use crate::view::View;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
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
    #[arg(long, value_parser = feed::parse_address, value_name = "ADDRESS:PORT", conflicts_with = "file")]
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
    clock: Clock,
    began: Instant,
    view: RefCell<View>,
    is_many: bool,
    /// The time of a recording.
    recorded: Option<crate::view::Now>,
    away: RefCell<Option<String>>,
    names: Vec<String>,
}

impl Shared {
    fn now(&self) -> crate::view::Now {
        self.recorded.unwrap_or_else(|| feed::now(&self.clock, self.began))
    }
}

/// Serves until it is told to end.
pub(super) fn web(options: &Options) -> Exit {
    let limits = match feed::limits(options.limits.as_deref()) {
        Ok(limits) => limits,
        Err(text) => return fail(&text, Exit::Usage),
    };
    let clock = Clock::system();
    let mut view = feed::view(options.receive.is_some(), limits);
    let mut recorded = None;
    if let Some(file) = &options.file {
        let outcome = feed::replay(file, &mut |now, bytes| {
            recorded = Some(now);
            view.feed(now, bytes);
        });
        if let Err(text) = outcome {
            return fail(&text, Exit::Usage);
        }
    }
    let shared = Rc::new(Shared {
        began: clock.now(),
        clock,
        view: RefCell::new(view),
        is_many: options.receive.is_some(),
        recorded,
        away: RefCell::default(),
        names: options.name.iter().map(|name| name.to_ascii_lowercase()).collect(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| {
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(run(options, shared)))
    });
    done.map_or_else(|e| fail(&format!("web: {e}"), Exit::Usage), |()| Exit::Yes)
}

async fn run(options: &Options, shared: Rc<Shared>) -> io::Result<()> {
    let mut ends = super::top::ends()?;
    let feed = match (&options.file, options.receive) {
        (Some(_), _) => None,
        (None, Some(address)) => Some(Feed::listen(address)?),
        (None, None) => Some(Feed::local(&options.socket)),
    };
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
    Ok(())
}

/// Feeds the model, for ever.
async fn follow(mut feed: Option<Feed>, shared: &Shared) {
    let mut buffer = vec![0; 65_536];
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let news = match &mut feed {
            Some(feed) => tokio::select! {
                news = feed.next(&mut buffer) => news,
                _ = ticks.tick() => {
                    shared.view.borrow_mut().tick(shared.now());
                    continue;
                }
            },
            None => std::future::pending().await,
        };
        match news {
            News::Datagram(length) => {
                shared.view.borrow_mut().feed(shared.now(), buffer.get(..length).unwrap_or_default());
            }
            News::Here => *shared.away.borrow_mut() = None,
            News::Away(why) => *shared.away.borrow_mut() = Some(why),
        }
    }
}
