//! `SIOCETHTOOL`: what a network driver says of itself, by interface name.
//!
//! In: a name. Out: plain values, or names and numbers as the driver gave them. `EOPNOTSUPP` is the normal answer of
//! a driver without the operation, `ENODEV` that of an interface that has just gone. Any socket will do; a UNIX
//! one is the one that no sandbox takes away. Spec: `linux/ethtool.h`.

use super::SysError;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::{AsRawFd, OwnedFd};

const SIOCETHTOOL: u64 = 0x8946;
const ETHTOOL_GSET: u32 = 0x1;
const ETHTOOL_GDRVINFO: u32 = 0x3;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GMODULEINFO: u32 = 0x42;
const ETHTOOL_GMODULEEEPROM: u32 = 0x43;
const ETHTOOL_GLINKSETTINGS: u32 = 0x4c;
const ETH_SS_STATS: u32 = 1;

/// Bytes of `struct ethtool_link_settings` without its bit maps.
const LINK_SETTINGS_LEN: usize = 48;
/// Bytes of `struct ethtool_eeprom` before its data.
const MODULE_HEADER: usize = 16;
/// Bytes of a transceiver's memory that are read at once.
const MODULE_BLOCK: usize = 128;
const MAX_MASK_WORDS: usize = 127;
const MARGIN: usize = 16 * 1024;
/// Bytes of a statistic's name.
pub const NAME_LEN: usize = 32;

/// Speed and duplex as the driver gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// Megabits per second; `u32::MAX` and 65535 say unknown.
    pub speed_mbps: u32,
    /// 0 half, 1 full, 255 unknown.
    pub duplex: u8,
}

/// `ETHTOOL_GDRVINFO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverInfo {
    /// Name of the driver, such as `virtio_net`.
    pub driver: String,
    /// Where the device is, such as `0000:00:04.0`; empty for most software devices.
    pub bus_info: String,
    /// How many statistics it has.
    pub stats: u32,
}

/// The socket through which drivers are asked.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
    /// How many words this kernel's link mode maps have: learnt at the first question, then one call is enough.
    mask_words: u8,
}

impl Ethtool {
    /// Opens the socket.
    pub fn open() -> Result<Self, SysError> {
        let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
            .map_err(|errno| SysError::new("socket", "AF_UNIX", errno))?;
        Ok(Self { socket, mask_words: 0 })
    }

    /// Speed and duplex: `ETHTOOL_GLINKSETTINGS`, or `ETHTOOL_GSET` of kernels before 4.6.
    pub fn link_settings(&mut self, name: &str) -> Result<LinkSettings, SysError> {
        match self.modern_settings(name) {
            Err(error) if error.errno == libc::EOPNOTSUPP && self.mask_words == 0 => self.old_settings(name),
            answer => answer,
        }
    }

    fn modern_settings(&mut self, name: &str) -> Result<LinkSettings, SysError> {
        const OPERATION: &str = "ETHTOOL_GLINKSETTINGS";
        // The kernel refuses a wrong size with its own size, negative, in the same byte.
        for _ in 0..2 {
            let mut block = [0; LINK_SETTINGS_LEN + 3 * 4 * MAX_MASK_WORDS];
            block[..4].copy_from_slice(&ETHTOOL_GLINKSETTINGS.to_ne_bytes());
            block[15] = self.mask_words;
            self.call(OPERATION, name, &mut block)?;
            let words = block[15].cast_signed();
            if words > 0 {
                return Ok(LinkSettings { speed_mbps: word(&block, 4), duplex: block[8] });
            }
            self.mask_words = words.unsigned_abs();
        }
        Err(SysError::new(OPERATION, name, Errno::EOPNOTSUPP))
    }

    fn old_settings(&self, name: &str) -> Result<LinkSettings, SysError> {
        let mut block = [0; 44];
        block[..4].copy_from_slice(&ETHTOOL_GSET.to_ne_bytes());
        self.call("ETHTOOL_GSET", name, &mut block)?;
        let [low, high] = [12, 28].map(|at| u16::from_ne_bytes([block[at], block[at + 1]]));
        Ok(LinkSettings { speed_mbps: u32::from(high) << 16 | u32::from(low), duplex: block[14] })
    }

    /// Which driver serves the interface.
    pub fn driver_info(&self, name: &str) -> Result<DriverInfo, SysError> {
        let mut block = [0; 196];
        block[..4].copy_from_slice(&ETHTOOL_GDRVINFO.to_ne_bytes());
        self.call("ETHTOOL_GDRVINFO", name, &mut block)?;
        let (driver, bus_info) = (text(&block[4..36]), text(&block[100..132]));
        Ok(DriverInfo { driver, bus_info, stats: word(&block, 180) })
    }

    /// How many statistics the driver has; 0 where it has none.
    pub fn stats_count(&self, name: &str) -> Result<usize, SysError> {
        let mut block = [0; 20];
        block[..4].copy_from_slice(&ETHTOOL_GSSET_INFO.to_ne_bytes());
        block[8..16].copy_from_slice(&(1u64 << ETH_SS_STATS).to_ne_bytes());
        self.call("ETHTOOL_GSSET_INFO", name, &mut block)?;
        // The kernel clears the bit of a set that the driver does not have.
        let present = block[8..16].iter().any(|byte| *byte != 0);
        Ok(if present { word(&block, 16) as usize } else { 0 })
    }

    /// The names of the statistics, in the order of [`Self::stats`].
    pub fn stats_names(&self, name: &str) -> Result<Vec<[u8; NAME_LEN]>, SysError> {
        let count = self.stats_count(name)?;
        let mut block = roomy_block(12, count, NAME_LEN);
        block[..4].copy_from_slice(&ETHTOOL_GSTRINGS.to_ne_bytes());
        block[4..8].copy_from_slice(&ETH_SS_STATS.to_ne_bytes());
        block[8..12].copy_from_slice(&as_u32(count).to_ne_bytes());
        self.call("ETHTOOL_GSTRINGS", name, &mut block)?;
        let (names, _) = block[12..].as_chunks();
        Ok(names.iter().take(count.min(word(&block, 8) as usize)).copied().collect())
    }

    /// Reads the statistics into `out`.
    pub fn stats(&self, name: &str, out: &mut Vec<u64>) -> Result<(), SysError> {
        out.clear();
        let count = self.stats_count(name)?;
        let mut block = roomy_block(8, count, 8);
        block[..4].copy_from_slice(&ETHTOOL_GSTATS.to_ne_bytes());
        block[4..8].copy_from_slice(&as_u32(count).to_ne_bytes());
        self.call("ETHTOOL_GSTATS", name, &mut block)?;
        let (values, _) = block[8..].as_chunks();
        let count = count.min(word(&block, 4) as usize);
        out.extend(values.iter().take(count).map(|value| u64::from_ne_bytes(*value)));
        Ok(())
    }

    /// How many bytes of memory the plugged-in transceiver has; may read its first ones over the bus.
    pub fn module_len(&self, name: &str) -> Result<u32, SysError> {
        let mut block = [0; 44];
        block[..4].copy_from_slice(&ETHTOOL_GMODULEINFO.to_ne_bytes());
        self.call("ETHTOOL_GMODULEINFO", name, &mut block)?;
        Ok(word(&block, 8))
    }

    /// 128 bytes of them. The bus is slow: this takes 10 ms and more. Needs `CAP_NET_ADMIN`.
    pub fn module_bytes(&self, name: &str, offset: u32) -> Result<[u8; MODULE_BLOCK], SysError> {
        const OPERATION: &str = "ETHTOOL_GMODULEEEPROM";
        let mut block = [0; MODULE_HEADER + MODULE_BLOCK];
        block[..4].copy_from_slice(&ETHTOOL_GMODULEEEPROM.to_ne_bytes());
        block[8..12].copy_from_slice(&offset.to_ne_bytes());
        block[12..16].copy_from_slice(&as_u32(MODULE_BLOCK).to_ne_bytes());
        self.call(OPERATION, name, &mut block)?;
        block.last_chunk().copied().ok_or_else(|| SysError::new(OPERATION, name, Errno::EIO))
    }

    fn call(&self, operation: &'static str, name: &str, block: &mut [u8]) -> Result<(), SysError> {
        let mut ifr_name = [0; libc::IFNAMSIZ];
        if name.len() >= ifr_name.len() {
            return Err(SysError::new(operation, name, Errno::ENODEV));
        }
        for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
            *to = from.cast_signed() as libc::c_char;
        }
        let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: block.as_mut_ptr().cast() };
        let mut request = libc::ifreq { ifr_name, ifr_ifru };
        let socket = self.socket.as_raw_fd();
        super::tally::count(super::tally::Call::Ask);
        // SAFETY: `block` outlives the call and holds what its command word lets the kernel write: fixed
        // structures are of full size, counted ones are made by `roomy_block`.
        let answer = unsafe { libc::ioctl(socket, SIOCETHTOOL as _, std::ptr::from_mut(&mut request)) };
        if answer < 0 { Err(SysError::last(operation, name)) } else { Ok(()) }
    }
}

/// A block for `count` entries and far more than any driver has. The kernel writes as many as the driver has at that
/// moment, not as many as were asked for; since they were counted queues may have been added, or the name may
/// have gone to another device. What is not written to costs address space only.
fn roomy_block(header: usize, count: usize, entry: usize) -> Vec<u8> {
    vec![0; header + (count + MARGIN) * entry]
}

fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn word(block: &[u8], at: usize) -> u32 {
    block.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_ne_bytes(*word))
}

fn text(field: &[u8]) -> String {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
