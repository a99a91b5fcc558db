//! The counters of many guests at once.
//!
//! In: networks. Out: for each its sum, or why there is none. All pairs go in one exchange with the kernel, all other
//! interfaces in another; only the interfaces of namespaces that had to be entered cost an entry each. The memory of
//! both is kept. Rule: an interface that is gone costs only its guest.

use super::Networks;
use super::counters::VnicCounters;
use super::error::NetworkError;
use super::inside::enter;
use super::model::{Network, Vnic};
use crate::collect::interfaces::query::Question;
use crate::collect::interfaces::{InterfaceError, LinkStats};
use crate::wire::netlink::link::{self, Link};
use std::iter::Peekable;
use std::slice::Iter;

const GET_LINK: Question = Question { name: "RTM_GETLINK", slot: 4096, batch: 32 };

/// What is asked for and what was answered, in the same order.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    here: Vec<u32>,
    here_answers: Vec<(u32, LinkStats)>,
    inside: Vec<(u32, u32)>,
    inside_answers: Vec<((u32, u32), LinkStats)>,
}

/// Answers that are still to be handed out.
struct Answers<'a> {
    here: Peekable<Iter<'a, (u32, LinkStats)>>,
    inside: Peekable<Iter<'a, ((u32, u32), LinkStats)>>,
}

impl Networks {
    /// Reads the counters of one guest; all zero for one that has no interfaces, or uses the host's.
    ///
    /// # Errors
    /// As with [`Self::read_all`].
    pub fn read_counters(&mut self, network: &Network) -> Result<VnicCounters, NetworkError> {
        let mut read = Err(NetworkError::Gone);
        self.read_all(&[network], |_, counters| read = counters);
        read
    }

    /// Reads the counters of all these, and hands out each with its place in `networks`. A network that is not as it was
    /// ([`NetworkError::Gone`], [`NetworkError::Changed`]) is to be learned again.
    pub fn read_all(
        &mut self,
        networks: &[&Network],
        mut each: impl FnMut(usize, Result<VnicCounters, NetworkError>),
    ) {
        self.deaths.read();
        let mut buffers = std::mem::take(&mut self.buffers);
        let asked = self.ask(networks, &mut buffers);
        let mut answers = Answers {
            here: buffers.here_answers.iter().peekable(),
            inside: buffers.inside_answers.iter().peekable(),
        };
        for (place, network) in networks.iter().enumerate() {
            let sum = self.sum(network, &mut answers);
            let counters = match (&asked, sum) {
                (Err(failed), Err(NetworkError::Changed(_))) => Err(failed.clone().into()),
                (_, sum) => sum,
            };
            each(place, counters);
        }
        self.buffers = buffers;
    }

    fn ask(&mut self, networks: &[&Network], buffers: &mut Buffers) -> Result<(), InterfaceError> {
        let Buffers { here, here_answers, inside, inside_answers } = buffers;
        here.clear();
        here_answers.clear();
        inside.clear();
        inside_answers.clear();
        for network in networks {
            here.extend(network.vnics.iter().filter_map(|vnic| vnic.host_if_index));
            if let Some(number) = network.number() {
                let others = network.vnics.iter().filter(|vnic| vnic.host_if_index.is_none());
                inside.extend(others.map(|vnic| (number, vnic.if_index)));
            }
        }
        let write =
            |buffer: &mut Vec<u8>, sequence, (number, index)| link::get_in(buffer, sequence, number, index);
        let others = self.query.ask(&GET_LINK, inside, write, |about, answer| {
            let link = answer.ok().and_then(|message| Link::parse(message.payload).ok());
            let link = link.filter(|link| link.target_netnsid == Some(about.0));
            inside_answers.extend(link.and_then(|link| Some((about, link.stats?))));
        });
        self.query.counters(here, here_answers).and(others)
    }

    fn sum(&self, network: &Network, answers: &mut Answers<'_>) -> Result<VnicCounters, NetworkError> {
        let mut sum = VnicCounters::default();
        let mut gone = None;
        for vnic in &network.vnics {
            match answers.take(network, vnic) {
                Some(counters) => sum += counters,
                None => gone = Some(vnic),
            }
        }
        self.check_alive(network)?;
        match gone {
            None => Ok(sum),
            Some(_) if network.way.identity.is_some() => self.sum_inside(network),
            Some(vnic) => Err(NetworkError::Changed(vnic.name.clone())),
        }
    }

    /// All interfaces of a namespace that has to be entered.
    fn sum_inside(&self, network: &Network) -> Result<VnicCounters, NetworkError> {
        let indexes: Vec<u32> = network.vnics.iter().map(|vnic| vnic.if_index).collect();
        let (_, stats) = enter(&self.path(network.way.pid), network.way.identity, |query| {
            let mut stats = Vec::new();
            query.counters(&indexes, &mut stats)?;
            Ok(stats)
        })?;
        let missing =
            network.vnics.iter().find(|vnic| stats.iter().all(|(index, _)| *index != vnic.if_index));
        if let Some(vnic) = missing {
            return Err(NetworkError::Changed(vnic.name.clone()));
        }
        let mut sum = VnicCounters::default();
        stats.into_iter().for_each(|(_, stats)| sum += stats.into());
        Ok(sum)
    }
}

impl Answers<'_> {
    fn take(&mut self, network: &Network, vnic: &Vnic) -> Option<VnicCounters> {
        match vnic.host_if_index {
            Some(index) => {
                let (_, stats) = self.here.next_if(|(answered, _)| *answered == index)?;
                Some(VnicCounters::of_pair(stats, &vnic.counters))
            }
            None => {
                let about = (network.number()?, vnic.if_index);
                let (_, stats) = self.inside.next_if(|(answered, _)| *answered == about)?;
                Some((*stats).into())
            }
        }
    }
}
