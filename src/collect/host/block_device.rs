//! Which block devices are whole, real disks, so that the same byte is counted once.
//!
//! In: a name from `/proc/diskstats` and its entry in `/sys/block`. Out: yes or no.
//! Rules: not counted are partitions (no entry), devices of the kernel's own making (loop, ram, zram, md, dm, nbd,
//! zvol, bcache: their sysfs path lies under `devices/virtual`), devices made of others (`slaves/`), and the
//! paths of a multipath NVMe disk (`hidden`), whose head counts instead although it is virtual. The boot
//! areas of an eMMC are devices of their own. Where sysfs is not readable names decide, with a fault.
//! Source: the kernel's `Documentation/ABI/stable/sysfs-block`.

use super::error::{CollectError, Faults};
use crate::host::{Host, ReadError};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Whether the device behind a `/sys/block` entry counts. `target` is where the entry's link points.
pub fn is_whole_disk(target: &Path, has_slaves: bool, hidden: bool) -> bool {
    let part = |name: &str| target.iter().any(|p| p == name);
    let made_up = part("virtual") && !part("nvme-subsystem");
    !made_up && !has_slaves && !hidden
}

/// The rule for names alone: known prefixes of made-up devices, and partitions, which are another name of the
/// table followed by digits (`sda1`) or, where that name ends in a digit, by `p` and digits (`nvme0n1p2`).
pub fn is_whole_by_name(name: &str, all: &[&str]) -> bool {
    const MADE_UP: [&str; 9] = ["loop", "ram", "zram", "dm-", "md", "nbd", "zd", "bcache", "drbd"];
    let partition_of = |disk: &str| {
        let number = name.strip_prefix(disk).filter(|rest| !rest.is_empty());
        let number = match disk.ends_with(|c: char| c.is_ascii_digit()) {
            true => number.and_then(|rest| rest.strip_prefix('p')),
            false => number,
        };
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    !MADE_UP.iter().any(|prefix| name.starts_with(prefix)) && !all.iter().any(|disk| partition_of(disk))
}

/// `/sys/block`, and whether it could be read when last needed.
#[derive(Debug)]
pub(super) struct BlockDevices {
    sys_block: PathBuf,
    unreadable: bool,
}

impl BlockDevices {
    pub(super) fn new(host: &Host) -> Self {
        Self { sys_block: host.path("/sys/block"), unreadable: false }
    }

    /// Names decided last time, so the decision should be made again.
    pub(super) fn by_name(&self) -> bool {
        self.unreadable
    }

    /// Finds out whether sysfs can answer, before names are asked.
    pub(super) fn look(&mut self, names: &[&str], faults: &mut Faults) {
        self.unreadable = false;
        if let (false, Err(error)) = (names.is_empty(), fs::read_dir(&self.sys_block)) {
            self.unreadable = true;
            faults.note(CollectError::DisksByName(ReadError::kernel("open", &self.sys_block, &error)));
        }
    }

    /// Whether `name` counts; `all` are the names of the table.
    pub(super) fn is_whole(&self, name: &str, all: &[&str], faults: &mut Faults) -> bool {
        if self.unreadable {
            return is_whole_by_name(name, all);
        }
        // sysfs cannot have a slash in a name: `cciss/c0d0` is `cciss!c0d0` there.
        let entry = self.sys_block.join(name.replace('/', "!"));
        match fs::read_link(&entry) {
            Ok(target) => is_whole_disk(&target, has_slaves(&entry), is_hidden(&entry)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                faults.note(ReadError::kernel("readlink", &entry, &error));
                is_whole_by_name(name, all)
            }
        }
    }
}

fn has_slaves(entry: &Path) -> bool {
    fs::read_dir(entry.join("slaves")).is_ok_and(|mut slaves| slaves.next().is_some())
}

fn is_hidden(entry: &Path) -> bool {
    fs::read(entry.join("hidden")).is_ok_and(|text| text.starts_with(b"1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_disks_count_by_where_sysfs_puts_them() {
        for (target, whole) in [
            ("../devices/pci0000:00/0000:00:02.0/virtio1/block/vda", true),
            ("../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda", true),
            ("../devices/vbd-51712/block/xvda", true),
            ("../devices/platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0/mmcblk0boot0", true),
            ("../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", true),
            ("../devices/virtual/block/loop0", false),
            ("../devices/virtual/block/md0", false),
            ("../devices/virtual/block/zd16", false),
        ] {
            assert_eq!(is_whole_disk(Path::new(target), false, false), whole, "{target}");
        }
    }

    #[test]
    fn a_device_made_of_others_or_hidden_behind_a_head_does_not_count() {
        let pci = Path::new("../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0c0n1");
        assert!(is_whole_disk(pci, false, false));
        assert!(!is_whole_disk(pci, false, true));
        assert!(!is_whole_disk(pci, true, false));
    }

    #[test]
    fn names_alone_tell_partitions_from_disks() {
        let all = [
            "sda",
            "sda1",
            "sdaa",
            "nvme0n1",
            "nvme0n1p1",
            "mmcblk0",
            "mmcblk0boot0",
            "mmcblk0p12",
            "dm-0",
            "md127",
        ];
        let whole: Vec<&str> = all.into_iter().filter(|name| is_whole_by_name(name, &all)).collect();
        assert_eq!(whole, ["sda", "sdaa", "nvme0n1", "mmcblk0", "mmcblk0boot0"]);
    }
}
