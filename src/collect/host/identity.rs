//! Host identity 0:2000: name, release and machine of this host. The UUID comes from `uuid`, once at start.
//!
//! In: `uname(2)`, or `/proc/sys/kernel` of another root. Out: [`HostId`], its strings reused.
//! Rule: the name is asked in every poll, because it may change while the agent runs.
//! Source: sFlow Host Structures, `host_descr`.

use super::error::Faults;
use crate::host::Host;
use crate::sflow::counters::host::HostId;

/// The specification's longest host name, in bytes.
const HOSTNAME: usize = 64;
/// The specification's longest release, in bytes.
const RELEASE: usize = 32;
/// `os_name` 2 is linux.
const LINUX: u32 = 2;

/// The `machine_type` of the architecture that this program was built for; 1 is "other".
pub fn machine_type() -> u32 {
    match std::env::consts::ARCH {
        "x86" => 2,
        "x86_64" => 3,
        "sparc" | "sparc64" => 5,
        "powerpc" | "powerpc64" => 7,
        "m68k" => 8,
        "mips" | "mips64" | "mips32r6" | "mips64r6" => 9,
        "arm" | "aarch64" => 10,
        "s390x" => 12,
        _ => 1,
    }
}

/// Fills `id` anew; `None` where the name cannot be told.
pub(super) fn poll(host: &Host, uuid: [u8; 16], id: &mut Option<HostId>, faults: &mut Faults) {
    let into = id.get_or_insert_default();
    if faults.catch(host.read_names(&mut into.hostname, &mut into.os_release)).is_none() {
        *id = None;
        return;
    }
    into.hostname.truncate(into.hostname.floor_char_boundary(HOSTNAME));
    into.os_release.truncate(into.os_release.floor_char_boundary(RELEASE));
    (into.uuid, into.machine_type, into.os_name) = (uuid, machine_type(), LINUX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_the_specification_between_characters() {
        let dir = std::env::temp_dir().join(format!("identity-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("proc/sys/kernel")).unwrap();
        std::fs::write(dir.join("proc/sys/kernel/hostname"), format!("{}é\n", "h".repeat(63))).unwrap();
        std::fs::write(dir.join("proc/sys/kernel/osrelease"), "r".repeat(40)).unwrap();
        let (mut id, mut faults) = (None, Faults::default());
        poll(&Host::at(&dir), [7; 16], &mut id, &mut faults);
        std::fs::remove_dir_all(&dir).unwrap();
        let id = id.unwrap();
        assert_eq!((id.hostname, id.os_release), ("h".repeat(63), "r".repeat(32)));
        assert_eq!((id.uuid, id.os_name), ([7; 16], 2));
    }

    #[test]
    fn the_machine_type_is_that_of_uname() {
        let out = std::process::Command::new("uname").arg("-m").output().unwrap();
        let expected = match String::from_utf8(out.stdout).unwrap().trim() {
            "x86_64" => 3,
            "aarch64" => 10,
            "riscv64" => 1,
            other => return eprintln!("SKIP the_machine_type_is_that_of_uname: {other}"),
        };
        assert_eq!(machine_type(), expected);
    }
}
