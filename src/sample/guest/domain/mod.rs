//! Domains of libvirt, as `hsflowd-libvirt` tells the agent of them.
//!
//! In: statistics that libvirt gives by name ([`stats`]) and descriptions in XML ([`description`]). Out: a [`Domain`]: who
//! it is and its [`Counters`], summed over its devices; on the way from the helper to the agent it is a [`line::Line`].
//! Rules: what libvirt does not tell is `None`; a counter that is not told this time keeps its last value; network
//! counters are those that the guest itself would show, as with containers, in `virsh domifstat` and in the words of
//! the sFlow Host Structures; the C agent gave the host's side of the tap, which has both directions exchanged.

pub mod description;
pub mod line;
pub mod stats;

use super::{Engine, Guest, GuestState};
use serde::{Deserialize, Serialize};

/// A domain at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its UUID as libvirt writes it, which is the guest's id.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Its state and counters.
    pub counters: Counters,
}

impl Domain {
    /// The guest that it is.
    pub fn guest(&self) -> Guest {
        Guest {
            state: self.counters.state,
            cpus: self.counters.cpus,
            memory_max: self.counters.memory_max,
            ..Guest::new(Engine::Kvm, &self.uuid, &self.name)
        }
    }
}

/// An interface of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vnic {
    /// The host's end of it, such as `vnet0`; none for a device that the guest has to itself, and while it is off.
    pub tap: Option<String>,
    /// The guest's address on it.
    pub mac: [u8; 6],
}

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// What a domain has used, summed over its disks and interfaces. Sizes in bytes.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counters {
            /// What it is doing.
            pub state: GuestState,
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
            /// Its interfaces.
            #[serde(default)]
            pub vnics: Vec<Vnic>,
        }

        impl Counters {
            /// Takes from `last` what is not known now: of a domain that is off, or busy with another question.
            pub fn keep(&mut self, last: &Self) {
                $(self.$field = self.$field.or(last.$field);)*
            }
        }
    };
}

counters! {
    /// CPU time, milliseconds.
    cpu_ms: u64,
    /// CPUs that it has.
    cpus: u32,
    /// Memory that it has now.
    memory: u64,
    /// Memory that it may have.
    memory_max: u64,
    /// Sizes of its disks as it sees them; read-only ones are not counted, here and below.
    capacity: u64,
    /// What they occupy: the end of what was written while it runs.
    allocation: u64,
    /// The difference; 0 where more is occupied than there is, as by a `qcow2` file with snapshots.
    available: u64,
    /// Requests to read.
    reads: u64,
    /// Bytes read.
    read_bytes: u64,
    /// Requests to write.
    writes: u64,
    /// Bytes written.
    written_bytes: u64,
    /// Failed requests.
    disk_errors: u64,
    /// Bytes that the guest received.
    in_bytes: u64,
    /// Packets that it received.
    in_packets: u64,
    /// Errors in receiving.
    in_errors: u64,
    /// Packets to it that were dropped.
    in_drops: u64,
    /// Bytes that the guest sent.
    out_bytes: u64,
    /// Packets that it sent.
    out_packets: u64,
    /// Errors in sending.
    out_errors: u64,
    /// Packets of it that were dropped.
    out_drops: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_is_not_told_keeps_its_last_value_and_the_state_is_the_new_one() {
        let last =
            Counters { state: GuestState::Running, cpu_ms: Some(7), reads: Some(3), ..Counters::default() };
        let mut off = Counters { state: GuestState::Shutoff, reads: Some(4), ..Counters::default() };
        off.keep(&last);
        assert_eq!((off.state, off.cpu_ms, off.reads), (GuestState::Shutoff, Some(7), Some(4)));
        assert_eq!(off.writes, None, "never told");
    }

    #[test]
    fn a_domain_is_the_guest_with_its_uuid() {
        let uuid = "6695eb01-f6a4-8304-79aa-97f2502e193f";
        let domain = Domain { uuid: uuid.into(), name: "test".into(), ..Domain::default() };
        let guest = domain.guest();
        let bytes = guest.uuid([0; 16], "192.0.2.1".parse().unwrap());
        assert_eq!(Some(bytes), super::super::uuid::parse_prefix(uuid));
        assert_eq!(super::super::index::preferred(bytes), 148_529, "that of the C agent");
    }
}
