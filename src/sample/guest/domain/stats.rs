//! Sums of what `virConnectGetAllDomainStats` tells of a domain.
//!
//! In: names and values, in the order of libvirt, which names a device before it tells its numbers. Out: [`Counters`].
//! Rules: unknown names are passed over, because every release adds some; read-only disks do not count; a domain without
//! disks or interfaces has used none, which is known. Of a domain that is off libvirt 9 tells its own CPU time, which is
//! left out. Spec: `virConnectGetAllDomainStats` in libvirt's API reference.

use super::description::Description;
use super::{Counters, Domain, GuestState};

/// The limit that libvirt gives where there is none, KiB.
const NO_LIMIT: u64 = u32::MAX as u64;

const DISK: [&str; 7] = ["capacity", "allocation", "rd.reqs", "rd.bytes", "wr.reqs", "wr.bytes", "errors"];
const NET: [&str; 8] =
    ["rx.bytes", "rx.pkts", "rx.errs", "rx.drop", "tx.bytes", "tx.pkts", "tx.errs", "tx.drop"];

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text.
    Text(&'a str),
}

/// A domain under way of being told.
#[derive(Debug)]
pub struct Sums<'a> {
    description: &'a Description,
    counters: Counters,
    /// The disk whose numbers follow cannot be written.
    passed_over: bool,
    /// Nothing was written to it since the domain began: then it occupies what its file does.
    unwritten: bool,
    unknown_tap: bool,
}

impl<'a> Sums<'a> {
    /// Begins, with what is known of its devices.
    pub fn new(description: &'a Description) -> Self {
        Self {
            description,
            counters: Counters::default(),
            passed_over: false,
            unwritten: false,
            unknown_tap: false,
        }
    }

    /// Takes one of its values.
    pub fn take(&mut self, name: &str, value: Value) {
        match (name.split_once('.'), value) {
            (Some(("block", "count")), Value::Number(0)) => {
                DISK.iter().for_each(|name| self.take_disk(name, value))
            }
            (Some(("net", "count")), Value::Number(0)) => {
                NET.iter().for_each(|name| self.take_net(name, value))
            }
            (Some(("block", rest)), _) => self.take_disk(after_index(rest), value),
            (Some(("net", rest)), _) => self.take_net(after_index(rest), value),
            (_, Value::Number(value)) => self.take_own(name, value),
            _ => {}
        }
    }

    /// The domain that they make; false beside it where it has interfaces that its description has not.
    pub fn finish(mut self, uuid: String, name: String) -> (Domain, bool) {
        let counters = &mut self.counters;
        counters.cpu_ms = counters.cpu_ms.filter(|_| counters.state.is_alive());
        counters.available =
            counters.capacity.and_then(|capacity| Some(capacity.saturating_sub(counters.allocation?)));
        counters.vnics.clone_from(&self.description.vnics);
        (Domain { uuid, name, counters: self.counters }, !self.unknown_tap)
    }

    fn take_own(&mut self, name: &str, value: u64) {
        let counters = &mut self.counters;
        match name {
            "state.state" => counters.state = state(value),
            "cpu.time" => counters.cpu_ms = Some(value / 1_000_000),
            "vcpu.current" => counters.cpus = u32::try_from(value).ok(),
            "balloon.current" => counters.memory = value.checked_mul(1024),
            "balloon.maximum" if value != NO_LIMIT => counters.memory_max = value.checked_mul(1024),
            _ => {}
        }
    }

    fn take_disk(&mut self, name: &str, value: Value) {
        let counters = &mut self.counters;
        let sum = match name {
            "name" => {
                self.passed_over =
                    matches!(value, Value::Text(target) if self.description.read_only.contains(target));
                return;
            }
            "capacity" => &mut counters.capacity,
            "allocation" => {
                self.unwritten = value == Value::Number(0);
                &mut counters.allocation
            }
            "physical" if self.unwritten => &mut counters.allocation,
            "rd.reqs" => &mut counters.reads,
            "rd.bytes" => &mut counters.read_bytes,
            "wr.reqs" => &mut counters.writes,
            "wr.bytes" => &mut counters.written_bytes,
            "errors" => &mut counters.disk_errors,
            _ => return,
        };
        if !self.passed_over {
            add(sum, value);
        }
    }

    fn take_net(&mut self, name: &str, value: Value) {
        let counters = &mut self.counters;
        let sum = match name {
            "name" => {
                let known = |tap| self.description.vnics.iter().any(|vnic| vnic.tap.as_deref() == Some(tap));
                self.unknown_tap |= matches!(value, Value::Text(tap) if !known(tap));
                return;
            }
            "rx.bytes" => &mut counters.in_bytes,
            "rx.pkts" => &mut counters.in_packets,
            "rx.errs" => &mut counters.in_errors,
            "rx.drop" => &mut counters.in_drops,
            "tx.bytes" => &mut counters.out_bytes,
            "tx.pkts" => &mut counters.out_packets,
            "tx.errs" => &mut counters.out_errors,
            "tx.drop" => &mut counters.out_drops,
            _ => return,
        };
        add(sum, value);
    }
}

/// `rd.reqs` of `0.rd.reqs`; nothing of `count`.
fn after_index(rest: &str) -> &str {
    match rest.split_once('.') {
        Some((index, name)) if index.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => "",
    }
}

fn add(sum: &mut Option<u64>, value: Value) {
    if let Value::Number(value) = value {
        *sum = Some(sum.unwrap_or(0).wrapping_add(value));
    }
}

fn state(number: u64) -> GuestState {
    use GuestState::{Blocked, Crashed, None, Paused, Running, Shutdown, Shutoff, Suspended};
    let all = [None, Running, Blocked, Paused, Shutdown, Shutoff, Crashed, Suspended];
    usize::try_from(number).ok().and_then(|number| all.get(number)).copied().unwrap_or(None)
}

#[cfg(test)]
mod tests {
    use super::super::Vnic;
    use super::*;

    /// As `virsh domstats` prints it.
    fn sums(description: &Description, text: &str) -> (Counters, bool) {
        let mut sums = Sums::new(description);
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            sums.take(name, value.parse().map_or(Value::Text(value), Value::Number));
        }
        let (domain, known) = sums.finish("u".into(), "n".into());
        (domain.counters, known)
    }

    const TWO_DISKS: &str = "state.state=1 state.reason=1 cpu.time=5123999999 cpu.user=1 balloon.current=65536
        balloon.maximum=131072 balloon.rss=99 vcpu.current=2 vcpu.maximum=4 vcpu.0.state=1 vcpu.0.time=77
        net.count=2 net.0.name=vnet0 net.0.rx.bytes=10 net.0.rx.pkts=1 net.0.rx.errs=2 net.0.rx.drop=3
        net.0.tx.bytes=20 net.0.tx.pkts=4 net.0.tx.errs=5 net.0.tx.drop=6 net.1.name=vnet1 net.1.rx.bytes=100
        block.count=3 block.0.name=vda block.0.path=/a.qcow2 block.0.rd.reqs=7 block.0.rd.bytes=700 block.0.rd.times=9
        block.0.wr.reqs=8 block.0.wr.bytes=800 block.0.fl.reqs=1 block.0.errors=1 block.0.allocation=5000 block.0.capacity=4000
        block.1.name=sda block.1.rd.reqs=1000 block.1.capacity=9999
        block.1.allocation=0 block.1.physical=9999
        block.2.name=vdb block.2.rd.reqs=1 block.2.allocation=0 block.2.capacity=2 block.2.physical=1";

    fn description() -> Description {
        let vnic = |tap: &str| Vnic { tap: Some(tap.to_owned()), mac: [2; 6] };
        Description { vnics: vec![vnic("vnet0"), vnic("vnet1")], read_only: ["sda".to_owned()].into() }
    }

    #[test]
    fn devices_are_summed_without_the_read_only_disk() {
        let (sums, known) = sums(&description(), TWO_DISKS);
        let expected = Counters {
            state: GuestState::Running,
            cpu_ms: Some(5123),
            cpus: Some(2),
            memory: Some(64 << 20),
            memory_max: Some(128 << 20),
            capacity: Some(4002),
            allocation: Some(5001),
            available: Some(0),
            reads: Some(8),
            read_bytes: Some(700),
            writes: Some(8),
            written_bytes: Some(800),
            disk_errors: Some(1),
            in_bytes: Some(110),
            in_packets: Some(1),
            in_errors: Some(2),
            in_drops: Some(3),
            out_bytes: Some(20),
            out_packets: Some(4),
            out_errors: Some(5),
            out_drops: Some(6),
            vnics: description().vnics,
        };
        assert_eq!((sums, known), (expected, true));
    }

    #[test]
    fn an_interface_that_the_description_has_not_is_noticed() {
        assert!(!sums(&Description::default(), "net.0.name=vnet0").1);
        assert!(sums(&Description::default(), "net.count=0").1);
    }

    #[test]
    fn what_is_not_told_is_not_zero_and_no_limit_is_none() {
        let off =
            "state.state=5 cpu.time=130000000 balloon.maximum=4294967295 block.count=1 block.0.name=vda";
        let (sums, _) = sums(&description(), off);
        assert_eq!((sums.state, sums.cpu_ms), (GuestState::Shutoff, None), "libvirt's own CPU time");
        assert_eq!((sums.memory_max, sums.reads, sums.available), (None, None, None));
    }

    #[test]
    fn a_domain_without_devices_has_used_none() {
        let (sums, _) = sums(&description(), "state.state=1 net.count=0 block.count=0");
        assert_eq!((sums.in_bytes, sums.out_drops, sums.capacity), (Some(0), Some(0), Some(0)));
        assert_eq!((sums.available, sums.cpu_ms), (Some(0), None));
    }

    #[test]
    fn strange_names_and_numbers_change_nothing() {
        let strange = "block.=1 block.x.rd.reqs=1 block.0=1 net..rx.bytes.=3 state.state=99 cpu.time=x .=. vcpu.current=99999999999";
        let (sums, _) = sums(&description(), strange);
        assert_eq!(sums, Counters { vnics: description().vnics, ..Counters::default() });
    }
}
