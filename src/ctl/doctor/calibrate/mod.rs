//! `hsflowctl doctor --calibrate`: the real samplers on traffic that is known. In: nothing. Out: a check for each sampler: were as
//! many packets sampled as the rate says, and do the samples tell that rate. Rules: all of it happens in a network namespace
//! of its own, which the kernel removes with its devices when the thread ends, whatever happens; chance is allowed for: five
//! times the standard deviation of a binomial distribution, which a right sampler misses once in two million times.

mod law;
mod wire;

use super::Check;
use super::read::has;
use crate::source::{Obstacle, Source, af_packet, ebpf, psample};
use caps::Capability;
use law::{Counted, verdict};
use nix::sched::{CloneFlags, unshare};
use std::num::NonZeroU32;
use wire::{Wire, WireError};

/// Packets that are sent, and one in how many is to be sampled.
const TRIALS: [(u32, u32); 2] = [(2000, 1), (40_000, 10)];
/// Group of `tc`'s samples, in a namespace where nobody else has one.
const GROUP: u32 = 1;
const SNAP: u16 = 128;

/// Each sampler that this kernel has.
pub(super) fn checks() -> Vec<Check> {
    let needed = [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];
    let missing: Vec<String> = needed.into_iter().filter(|c| !has(*c)).map(|c| c.to_string()).collect();
    if !missing.is_empty() {
        let found = format!("a network namespace of its own needs root, or {}", missing.join(", "));
        return vec![Check::unsure("calibration", found, "sudo hsflowctl doctor --calibrate")];
    }
    let thread = std::thread::Builder::new().name("calibrate".to_owned()).spawn(inside);
    let ended =
        thread.map_err(|e| e.to_string()).and_then(|t| t.join().map_err(|_| "it panicked".to_owned()));
    ended.unwrap_or_else(|why| vec![Check::unsure("calibration", format!("it could not be done: {why}"), "")])
}

/// In this thread alone, and so for as long as it lives.
fn inside() -> Vec<Check> {
    let made = unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|e| WireError::Namespace(e.into()))
        .and_then(|()| Wire::new());
    let mut wire = match made {
        Ok(wire) => wire,
        Err(e) => {
            return vec![Check::unsure(
                "calibration",
                format!("it could not be done: {e}"),
                "ip (iproute2) must be installed, and this user root",
            )];
        }
    };
    let mut checks = Vec::new();
    for (packets, one_in) in TRIALS {
        checks.push(check("pcap", one_in, pcap(&mut wire, packets, one_in)));
    }
    for (packets, one_in) in TRIALS {
        checks.push(check("epcap", one_in, epcap(&mut wire, packets, one_in)));
    }
    for (packets, one_in) in TRIALS {
        checks.push(check("psample", one_in, by_tc(&mut wire, packets, one_in)));
    }
    checks
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
enum TrialError {
    /// The sampler is not to be had here.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// It failed on the way.
    #[error(transparent)]
    Failed(#[from] crate::sys::SysError),
    /// The traffic could not be made.
    #[error(transparent)]
    Wire(#[from] WireError),
}

fn tap(wire: &Wire, one_in: u32) -> af_packet::Tap {
    let one_in = NonZeroU32::new(one_in).unwrap_or(NonZeroU32::MIN);
    af_packet::Tap { if_index: wire.far(), one_in, snap: SNAP, promiscuous: false }
}

fn pcap(wire: &mut Wire, packets: u32, one_in: u32) -> Result<Counted, TrialError> {
    let mut taps = af_packet::Taps::new()?;
    taps.add(tap(wire, one_in))?;
    Ok(wire.try_on(&mut taps, packets, one_in)?)
}

fn epcap(wire: &mut Wire, packets: u32, one_in: u32) -> Result<Counted, TrialError> {
    let mut taps = ebpf::Taps::new()?;
    taps.add(tap(wire, one_in))?;
    Ok(wire.try_on(&mut taps, packets, one_in)?)
}

/// As `dent { }` has it: a filter of `tc` at the far end chooses, and the kernel tells.
fn by_tc(wire: &mut Wire, packets: u32, one_in: u32) -> Result<Counted, TrialError> {
    let _filter = wire.sample_by_tc(one_in, GROUP)?;
    let mut samples =
        psample::Samples::new(psample::Settings { group: GROUP, ingress: true, egress: false })?;
    if let Some(obstacle) = samples.obstacle() {
        return Err(obstacle.clone().into());
    }
    Ok(wire.try_on(&mut samples, packets, one_in)?)
}

fn check(name: &str, one_in: u32, tried: Result<Counted, TrialError>) -> Check {
    let what = format!("calibration {name} 1 in {one_in}");
    match tried {
        Ok(counted) => match verdict(&counted) {
            Ok(words) => Check::good(&what, words),
            Err(words) => Check::wrong(
                &what,
                words,
                format!(
                    "sample with another of pcap, epcap and psample, and please report it: uname -r, and hsflowctl doctor --calibrate --json ({name})"
                ),
            ),
        },
        Err(e) => Check::unsure(&what, format!("not to be had here: {e}"), ""),
    }
}
