//! The same I/O seen by several devices, counted once.
//!
//! In: each device's I/O as the kernel tells it of a cgroup. Out: one sum. A volume on a disk (device mapper, md) is counted
//! on the volume and once more on the disk. Rule: the I/O of the lowest devices and that of the uppermost are summed
//! apart, and the larger sum holds, so that nothing counts twice and what a layer does in another's name (dm-crypt writes in a
//! thread of the kernel's own) is not lost. Loop devices never count: their file's disk does.
//! Spec: `Documentation/ABI/stable/sysfs-block` (`holders`, `slaves`).

use super::DiskIo;
use crate::host::Host;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What is below or above a device is looked at again after this many uses: volumes are made while the host runs.
const USES: u32 = 4096;
/// More devices than any host has; beyond it all are forgotten and looked at anew.
const MOST: usize = 4096;

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layer {
    lowest: bool,
    uppermost: bool,
}

/// The layers of the devices seen so far.
#[derive(Debug)]
pub(super) struct Devices {
    by_number: PathBuf,
    known: HashMap<Box<str>, (Layer, u32)>,
}

/// The sums of one cgroup's I/O while it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    lowest: DiskIo,
    uppermost: DiskIo,
}

impl Sums {
    pub(super) fn add(&mut self, devices: &mut Devices, device: &str, io: DiskIo) {
        let layer = devices.layer(device);
        for (sum, counts) in [(&mut self.lowest, layer.lowest), (&mut self.uppermost, layer.uppermost)] {
            if counts {
                *sum = merge(*sum, io, u64::saturating_add);
            }
        }
    }

    pub(super) fn total(self) -> DiskIo {
        merge(self.lowest, self.uppermost, u64::max)
    }
}

fn merge(a: DiskIo, b: DiskIo, by: impl Fn(u64, u64) -> u64) -> DiskIo {
    DiskIo {
        rd_req: by(a.rd_req, b.rd_req),
        rd_bytes: by(a.rd_bytes, b.rd_bytes),
        wr_req: by(a.wr_req, b.wr_req),
        wr_bytes: by(a.wr_bytes, b.wr_bytes),
    }
}

impl Devices {
    pub(super) fn new(host: &Host) -> Self {
        Self { by_number: host.path("/sys/dev/block"), known: HashMap::new() }
    }

    fn layer(&mut self, device: &str) -> Layer {
        if let Some((layer, uses)) = self.known.get_mut(device)
            && *uses < USES
        {
            *uses += 1;
            return *layer;
        }
        let layer = look(&self.by_number.join(device));
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(device.into(), (layer, 0));
        layer
    }
}

/// A device that sysfs does not tell of stands alone.
fn look(device: &Path) -> Layer {
    let any = |dir: PathBuf| fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if device.join("loop").is_dir() {
        return Layer { lowest: false, uppermost: false };
    }
    let partitions = fs::read_dir(device).into_iter().flatten().flatten();
    let held = any(device.join("holders")) || partitions.into_iter().any(|p| any(p.path().join("holders")));
    Layer { lowest: !any(device.join("slaves")), uppermost: !held }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(n: u64) -> DiskIo {
        DiskIo { rd_req: n, rd_bytes: 10 * n, wr_req: n, wr_bytes: 10 * n }
    }

    #[test]
    fn a_volume_and_the_disk_below_it_count_once_and_a_loop_device_never() {
        let root = std::env::temp_dir().join(format!("cgroup-devices-{}", std::process::id()));
        for dir in ["8:0/sda1/holders/dm-0", "8:0/holders", "8:0/slaves", "253:0/slaves/sda1", "7:0/loop"] {
            fs::create_dir_all(root.join("sys/dev/block").join(dir)).unwrap();
        }
        let mut devices = Devices::new(&Host::at(&root));
        let mut sum = |parts: &[(&str, u64)]| {
            let mut sums = Sums::default();
            parts.iter().for_each(|&(device, n)| sums.add(&mut devices, device, io(n)));
            sums.total()
        };
        assert_eq!(sum(&[("8:0", 5), ("253:0", 5), ("7:0", 5)]), io(5));
        assert_eq!(sum(&[("8:0", 9), ("253:0", 5)]), io(9), "the disk has I/O beside the volume's");
        assert_eq!(sum(&[("8:0", 1), ("253:0", 5)]), io(5), "the volume writes in a thread of the kernel's");
        assert_eq!(sum(&[("8:16", 2), ("8:32", 3)]), io(5), "disks that sysfs does not know stand alone");
        fs::remove_dir_all(root).unwrap();
    }
}
