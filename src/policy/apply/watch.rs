//! Hearing that somebody changed rules: firewalld, docker, `nft flush ruleset`, an administrator; or devices and queues.
//!
//! In: the kernel's news of nftables, or of links and `tc`, in the program's own namespace. Out: that it is time to look. Rule: news in a
//! bunch are one; of legacy iptables, of ipset and of other namespaces there are none, so every half minute it is time
//! too. Our own changes are news as well: looking finds nothing to do, and that is the end of it.
//! Spec: `linux/netfilter/nfnetlink.h`.

use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::sys::readable::readable;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

/// `NFNLGRP_NFTABLES`.
const RULES: (Protocol, &[u32]) = (Protocol::Netfilter, &[7]);
/// `RTNLGRP_LINK` and `RTNLGRP_TC`.
const TRAFFIC: (Protocol, &[u32]) = (Protocol::Route, &[1, 4]);
const EVERY: Duration = Duration::from_secs(30);
/// As long as nothing came for so long, a bunch is over; and after so many such times in any case.
const QUIET: (Duration, u32) = (Duration::from_millis(20), 10);
/// What news say is not read; only that there are some.
const SLOT: usize = 512;
const ROOM: usize = 64 * 1024;

/// Watches over rules.
#[derive(Debug)]
pub struct Watch {
    news: Option<(Netlink, AsyncFd<OwnedFd>)>,
    tick: Interval,
    is_pending: bool,
}

impl Watch {
    /// Over rules, from now on. Where the kernel gives no news, the second value says why, and the clock alone is left.
    /// Belongs to a tokio runtime.
    pub fn new() -> (Self, Option<SysError>) {
        Self::over(RULES)
    }

    /// Likewise, over links and what `tc` has on them.
    pub fn of_traffic() -> (Self, Option<SysError>) {
        Self::over(TRAFFIC)
    }

    fn over(groups: (Protocol, &[u32])) -> (Self, Option<SysError>) {
        let (news, why) = match listen(groups) {
            Ok(news) => (Some(news), None),
            Err(why) => (None, Some(why)),
        };
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        (Self { news, tick, is_pending: false }, why)
    }

    /// Waits until it is time to look. May be given up and asked again; nothing is lost by it.
    pub async fn changed(&mut self) {
        if !self.is_pending {
            tokio::select! {
                _ = self.tick.tick() => return,
                () = heard(self.news.as_mut()) => self.is_pending = true,
            }
        }
        for _ in 0..QUIET.1 {
            sleep(QUIET.0).await;
            if !self.news.as_mut().is_some_and(|(socket, _)| drain(socket)) {
                break;
            }
        }
        self.is_pending = false;
    }
}

fn listen((protocol, groups): (Protocol, &[u32])) -> Result<(Netlink, AsyncFd<OwnedFd>), SysError> {
    let socket = Netlink::open(protocol, ROOM)?;
    groups.iter().try_for_each(|group| socket.join(*group))?;
    let ready = readable(&socket).map_err(|e| SysError::io("epoll_ctl", format!("{protocol:?}"), &e))?;
    Ok((socket, ready))
}

async fn heard(news: Option<&mut (Netlink, AsyncFd<OwnedFd>)>) {
    let Some((socket, ready)) = news else { return std::future::pending().await };
    loop {
        match ready.readable().await {
            Ok(mut guard) => {
                guard.clear_ready();
                if drain(socket) {
                    return;
                }
            }
            Err(_) => return std::future::pending().await,
        }
    }
}

/// Whether there was anything. What was lost for want of room is news too.
fn drain(socket: &mut Netlink) -> bool {
    let mut was_any = false;
    loop {
        match socket.receive(SLOT, Duration::ZERO) {
            Ok(datagrams) if datagrams.is_empty() => return was_any,
            Ok(_) => was_any = true,
            Err(error) if error.is_overrun() => was_any = true,
            Err(_) => return was_any,
        }
    }
}
