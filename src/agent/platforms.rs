//! What the agent says of `nlroute { }` and of the network operating systems whose own interfaces it does not speak. In: the
//! settings. Out: component states, each with what does instead. Rule: an object that the file names has a state, so that
//! nobody waits for samples that cannot come.

use super::daemon::Agent;
use crate::status::registry::State;

/// The components of systems that the agent does not speak to.
pub const UNSUPPORTED: [&str; 3] = ["eapi", "opx", "sonic"];

const EAPI: &str = "EOS is not asked for its sFlow settings; collector { } and polling in \
                    this file say them, and pcap { } samples the ports";
const OPX: &str = "OPX is not told to sample; pcap { dev.pattern = … } samples the ports, \
                   and switchport has them send counters";
const SONIC: &str = "SONiC's database is not asked; collector { } in this file says where to \
                     send, psample { egress = on } takes the samples that SONiC has set up, with Linux's numbers of \
                     interfaces, and switchport has ports send counters";

impl Agent {
    /// The states of these objects.
    pub(super) fn report_platforms(&mut self) {
        let modules = &self.settings.modules;
        let (eapi, opx, sonic) = (modules.eapi, modules.opx.is_some(), modules.sonic.is_some());
        self.show("nlroute", modules.nlroute.as_ref().map(|_| State::Running));
        let of = [(eapi, EAPI), (opx, OPX), (sonic, SONIC)];
        for (name, (named, instead)) in UNSUPPORTED.into_iter().zip(of) {
            let state = || State::unavailable(&format!("not supported in this version: {instead}"));
            self.show(name, named.then(state));
        }
    }
}
