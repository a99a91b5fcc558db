//! The host's UUID: which of several candidates it is, and in words where it came from.
//!
//! In: what configuration, command line and files say ([`UuidSources`]). Out: [`HostUuid`].
//! Rules: the first candidate that is set wins: configuration, `-u`, SMBIOS, `-m`, `/etc/machine-id`. All zero and all
//! ones count as not set, as firmware ships them. Both machine ids are derived alike and exactly as the C
//! agent does on x86, so a host keeps its UUID when the agent is replaced.
//! SMBIOS is readable by root only, so a copy that the service manager made is read too.

use crate::host::{Host, ReadError};
use crate::sample::guest::uuid::hash;
use std::fmt;

const PRODUCT_UUID: [&str; 2] = ["/sys/class/dmi/id/product_uuid", "/run/hsflowd/product_uuid"];
const MACHINE_ID: &str = "/etc/machine-id";

/// All candidates, as they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UuidSources {
    /// `uuid` of the configuration.
    pub configured: Option<[u8; 16]>,
    /// The flag `-u`.
    pub flag: Option<[u8; 16]>,
    /// SMBIOS product UUID, and the file that it was read from.
    pub smbios: Option<(&'static str, [u8; 16])>,
    /// The flag `-m`: a machine id.
    pub machine_id_flag: Option<[u8; 16]>,
    /// `/etc/machine-id`.
    pub machine_id: Option<[u8; 16]>,
}

impl UuidSources {
    /// Adds what files say to what the caller was told. Files that are absent or hold no id are not candidates.
    pub fn read(&mut self, host: &Host) {
        let id = |path| parse_uuid(&host.read_text(path).ok()?);
        self.smbios = PRODUCT_UUID.into_iter().find_map(|path| Some((path, id(path).filter(is_set)?)));
        self.machine_id = id(MACHINE_ID);
    }

    /// Why SMBIOS was not read, for the operator; `None` where it was, or where there is none.
    pub fn smbios_error(&self, host: &Host) -> Option<ReadError> {
        let [firmware, _] = PRODUCT_UUID;
        if self.smbios.is_some() {
            return None;
        }
        host.read_text(firmware).err().filter(|error| !error.is_absent())
    }
}

/// Where the UUID came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UuidOrigin {
    /// The configuration.
    Configured,
    /// `-u`.
    Flag,
    /// SMBIOS, by this file.
    Smbios(&'static str),
    /// Derived from `-m`.
    MachineIdFlag,
    /// Derived from `/etc/machine-id`.
    MachineId,
    /// No candidate was set.
    Nowhere,
}

impl fmt::Display for UuidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured => f.write_str("set by uuid in the configuration"),
            Self::Flag => f.write_str("set by the flag -u"),
            Self::Smbios(path) => write!(f, "the SMBIOS product UUID in {path}"),
            Self::MachineIdFlag => f.write_str("derived from the machine id of the flag -m"),
            Self::MachineId => write!(f, "derived from {MACHINE_ID}"),
            Self::Nowhere => write!(f, "unknown: no uuid, -u, SMBIOS product UUID, -m or {MACHINE_ID}"),
        }
    }
}

/// The choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostUuid {
    /// Zero where nothing is known.
    pub uuid: [u8; 16],
    /// Prints as one line.
    pub origin: UuidOrigin,
}

/// Chooses the first candidate that is set.
pub fn choose_uuid(sources: &UuidSources) -> HostUuid {
    let derived = |id: Option<[u8; 16]>| id.filter(is_set).map(|id| derive_uuid(&id));
    let candidates = [
        (sources.configured, UuidOrigin::Configured),
        (sources.flag, UuidOrigin::Flag),
        (sources.smbios.map(|(_, id)| id), UuidOrigin::Smbios(sources.smbios.map_or("", |(path, _)| path))),
        (derived(sources.machine_id_flag), UuidOrigin::MachineIdFlag),
        (derived(sources.machine_id), UuidOrigin::MachineId),
    ];
    let chosen = candidates.into_iter().find_map(|(id, origin)| Some((id.filter(is_set)?, origin)));
    let (uuid, origin) = chosen.unwrap_or(([0; 16], UuidOrigin::Nowhere));
    HostUuid { uuid, origin }
}

fn is_set(id: &[u8; 16]) -> bool {
    *id != [0; 16] && *id != [0xff; 16]
}

/// 32 hexadecimal digits in either case; `-`, `:` and `.` anywhere between them, white space around them.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = text.trim().chars().filter(|c| !matches!(c, '-' | ':' | '.')).map(|c| c.to_digit(16));
    let mut id = [0; 16];
    for byte in &mut id {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(id)
}

/// A version 5 look-alike from the two hashes of a machine id: little-endian words a, b, a, b.
pub fn derive_uuid(machine_id: &[u8; 16]) -> [u8; 16] {
    let (first, last) = machine_id.split_at(8);
    let (a, b) = (hash(first).to_le_bytes(), hash(last).to_le_bytes());
    let mut uuid = [0; 16];
    for (into, word) in uuid.chunks_exact_mut(4).zip([a, b, a, b]) {
        into.copy_from_slice(&word);
    }
    uuid[6] = uuid[6] & 0x0f | 0x50;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [u8; 16] = [1; 16];

    #[test]
    fn derivation_gives_the_uuids_that_the_c_agent_gives() {
        let of = |text| derive_uuid(&parse_uuid(text).unwrap());
        assert_eq!(
            of("3d1219c7c4c5404aaa1f6d2a48adfda4"),
            parse_uuid("734ad5c2-bbfd-597e-b34a-d5c2bbfd097e").unwrap()
        );
        assert_eq!(derive_uuid(&[0; 16]), parse_uuid("6571e19b-6571-519b-a571-e19b6571e19b").unwrap());
    }

    #[test]
    fn candidates_win_in_order_and_unset_ones_are_passed_over() {
        let mut sources = UuidSources {
            configured: Some([2; 16]),
            flag: Some([3; 16]),
            smbios: Some(("/file", [4; 16])),
            machine_id_flag: Some([5; 16]),
            machine_id: Some([6; 16]),
        };
        let mut seen = Vec::new();
        for unset in [[0; 16], [0xff; 16], [0; 16], [0xff; 16], [0; 16]] {
            let chosen = choose_uuid(&sources);
            seen.push(chosen);
            match chosen.origin {
                UuidOrigin::Configured => sources.configured = Some(unset),
                UuidOrigin::Flag => sources.flag = Some(unset),
                UuidOrigin::Smbios(_) => sources.smbios = Some(("/file", unset)),
                UuidOrigin::MachineIdFlag => sources.machine_id_flag = Some(unset),
                _ => sources.machine_id = Some(unset),
            }
        }
        seen.push(choose_uuid(&sources));
        let expected = [
            ([2; 16], UuidOrigin::Configured),
            ([3; 16], UuidOrigin::Flag),
            ([4; 16], UuidOrigin::Smbios("/file")),
            (derive_uuid(&[5; 16]), UuidOrigin::MachineIdFlag),
            (derive_uuid(&[6; 16]), UuidOrigin::MachineId),
            ([0; 16], UuidOrigin::Nowhere),
        ];
        assert_eq!(seen, expected.map(|(uuid, origin)| HostUuid { uuid, origin }));
    }

    #[test]
    fn the_same_machine_id_gives_the_same_uuid_by_flag_and_by_file() {
        let by_flag = choose_uuid(&UuidSources { machine_id_flag: Some(SET), ..Default::default() });
        let by_file = choose_uuid(&UuidSources { machine_id: Some(SET), ..Default::default() });
        assert_eq!(by_flag.uuid, by_file.uuid);
        assert_ne!(by_flag.origin.to_string(), by_file.origin.to_string());
    }

    #[test]
    fn only_32_digits_are_a_uuid() {
        let dashed = "3D1219C7-c4c5-404a-aa1f-6d2a48adfda4\n";
        assert_eq!(parse_uuid(dashed), parse_uuid("3d1219c7c4c5404aaa1f6d2a48adfda4"));
        assert!(parse_uuid(dashed).is_some());
        for bad in [
            "",
            "\n",
            "uninitialized\n",
            "3d1219c7c4c5404aaa1f6d2a48adfd",
            "3d1219c7c4c5404aaa1f6d2a48adfda4a4",
            "é",
        ] {
            assert_eq!(parse_uuid(bad), None, "{bad:?}");
        }
    }
}
