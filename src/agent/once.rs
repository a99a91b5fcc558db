//! One poll of everything, handed to the caller instead of the collectors: `hsflowctl once`.

use super::args::Options;
use super::configuration::{self, LoadError};
use super::guard::Panicked;
use super::guests::Guests;
use super::identity;
use super::measures::{Due, Measures};
use crate::collect::interfaces::flow_control::FlowControl;
use crate::collect::interfaces::{InterfaceError, Interfaces, RECEIVE_BUFFER};
use crate::host::Host;
use crate::sample::address::elect;
use crate::sflow::datagram::{Datagrams, Stream, Unsent};
use std::path::Path;

/// Why nothing can be polled.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// The configuration is refused.
    #[error(transparent)]
    Configuration(#[from] LoadError),
    /// The kernel gives no interfaces.
    #[error(transparent)]
    Interfaces(#[from] InterfaceError),
    /// A fault of the program.
    #[error(transparent)]
    Fault(#[from] Panicked),
    /// There is no address to put into the datagrams.
    #[error("nothing would be sent: {0}")]
    NoAddress(String),
}

/// Polls everything once with the configuration in `config`. Returns the datagrams; problems go to the log.
///
/// # Errors
/// The configuration is refused, there are no interfaces, or there is no agent address.
pub fn once(host: &Host, config: &Path) -> Result<Vec<Vec<u8>>, OnceError> {
    let now = host.clock.now();
    let settings = configuration::load(config, &host.root)?.settings;
    let interfaces = Interfaces::open(RECEIVE_BUFFER, now)?;
    let mut measures = Measures::new(interfaces, host, settings.polling_secs);
    measures.set_uuid(identity::uuid(host, &Options::default(), &settings).uuid);
    measures.choose_all(&settings);
    measures.set_pfc(settings.wants_pfc());
    let candidates = identity::candidates(measures.interfaces.table(), &settings);
    let (wish, unresolved) = identity::wish(&settings);
    if let Some(why) = unresolved {
        log::warn!(target: "once", "{why}");
    }
    let election = elect(&candidates, &wish, None);
    let Some(choice) = election.choice else { return Err(OnceError::NoAddress(election.explanation)) };
    let m = &settings.modules;
    if m.kvm.is_some() || m.has_containers() || m.systemd.is_some() {
        log::info!(target: "once", "guests are left out: their engines tell of them as things happen, to a running agent");
    }
    let mut datagrams = Datagrams::new(settings.datagram_bytes as usize, choice.ip);
    let mut stream = Stream::new(choice.ip, settings.sub_agent());
    let mut due = Due::nothing(now);
    due.refill(measures.sources.keys().copied());
    let ports = measures.flow_control_ports(&due);
    if !ports.is_empty() {
        FlowControl::open()?.read(&ports, &mut measures.pfc)?;
    }
    let mut sent = Vec::new();
    let mut keep = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
    let polled = measures.poll(&due, &settings, &mut Guests::new(host), &mut datagrams, &mut keep);
    datagrams.flush(0, &mut keep);
    polled.interfaces?;
    polled.host?;
    for problem in &measures.sample.problems {
        log::warn!(target: "once", "{problem}");
    }
    Ok(sent)
}
