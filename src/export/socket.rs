//! Opening the UDP socket of one collector.
//!
//! In: the address, and the settings of the collector. Out: a connected, non-blocking socket, or a typed error that
//! names what stands in the way. Connected, because only then does the kernel report that the far end refuses; bound
//! to the device by SO_BINDTODEVICE, which also selects a VRF. An unknown device is an error and never means
//! "any device": the datagrams could leave by a network that must not see them.

use crate::config::model::CollectorSettings;
use crate::host::netns;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::path::PathBuf;

/// Why a collector does not get its datagrams.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The name server, or the hosts file, has no such name, or cannot be asked.
    #[error("cannot resolve {host}: {source}")]
    Lookup {
        /// The configured name.
        host: String,
        /// What the system's resolver said.
        source: io::Error,
    },
    /// The lookup has not come back; it is left running, and its answer is used when it comes.
    #[error("cannot resolve {host}: no answer within {secs} s")]
    LookupTimeout {
        /// The configured name.
        host: String,
        /// How long it was waited for.
        secs: u64,
    },
    /// The name exists and has no address.
    #[error("cannot resolve {host}: it has no address")]
    NoAddress {
        /// The configured name.
        host: String,
    },
    /// The namespace's file cannot be opened, or the namespace not be entered.
    #[error("network namespace {path}: {source}")]
    Namespace {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of another kind.
    #[error("network namespace {path}: this file is no network namespace")]
    NotNamespace {
        /// The file.
        path: PathBuf,
    },
    /// The agent may not enter namespaces.
    #[error("entering network namespace {path} needs CAP_SYS_ADMIN, which the agent does not have")]
    NamespaceDenied {
        /// Its file.
        path: PathBuf,
    },
    /// There is no such device now.
    #[error("no device named {device}")]
    NoDevice {
        /// The configured device, or the zone of a link-local address.
        device: String,
    },
    /// A call on the way to a connected socket failed.
    #[error("{call}: {source}")]
    Open {
        /// The failing step.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The far end's host answers that nobody listens.
    #[error("refused: nothing listens on that port")]
    Refused,
    /// The kernel would not take a datagram.
    #[error("send: {0}")]
    Send(io::Error),
}

impl CollectorError {
    /// The error of a send, or one that was pending on the socket.
    pub(super) fn of_send(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::Send(error),
        }
    }

    /// The system's error number, where there is one.
    pub(super) fn errno(&self) -> Option<Errno> {
        let source = match self {
            Self::Refused => return Some(Errno::ECONNREFUSED),
            Self::NoDevice { .. } => return Some(Errno::ENODEV),
            Self::NamespaceDenied { .. } => return Some(Errno::EPERM),
            Self::NotNamespace { .. } => return Some(Errno::EINVAL),
            Self::Namespace { source, .. } | Self::Open { source, .. } | Self::Send(source) => source,
            Self::Lookup { .. } | Self::LookupTimeout { .. } | Self::NoAddress { .. } => return None,
        };
        source.raw_os_error().map(Errno::from_raw)
    }
}

/// Where datagrams go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) ip: IpAddr,
    /// The device of a link-local IPv6 address, by name or number (`fe80::1%eth0`).
    pub(super) zone: Option<String>,
}

impl Target {
    /// A literal address; `None` for a host name.
    pub(super) fn parse(host: &str) -> Option<Self> {
        let (ip, zone) = match host.split_once('%') {
            Some((ip, zone)) => (IpAddr::V6(ip.parse().ok()?), Some(zone.to_owned())),
            None => (host.parse().ok()?, None),
        };
        Some(Self { ip, zone })
    }

    /// Reads the device table of the namespace that the caller is in.
    fn socket_addr(&self, port: u16) -> Result<SocketAddr, CollectorError> {
        let (IpAddr::V6(ip), Some(zone)) = (self.ip, &self.zone) else {
            return Ok(SocketAddr::new(self.ip, port));
        };
        let scope = match zone.parse() {
            Ok(number) => number,
            Err(_) => if_nametoindex(zone.as_str())
                .map_err(|_| CollectorError::NoDevice { device: zone.clone() })?,
        };
        Ok(SocketAddrV6::new(ip, port, 0, scope).into())
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        let zone = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id().to_string()),
            _ => None,
        };
        Self { ip: address.ip(), zone }
    }
}

/// What opening needs beside the collector's own settings.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// Prefix of /run/netns.
    pub(super) root: PathBuf,
    /// SO_SNDBUF to ask for, in bytes; the kernel grants at most net.core.wmem_max.
    pub(super) send_buffer_bytes: usize,
}

/// Opens a socket. `held` keeps the namespace that it is in, so that one whose name was removed is not lost.
pub(super) fn open(
    target: &Target,
    settings: &CollectorSettings,
    surroundings: &Surroundings,
    held: &mut Option<File>,
) -> Result<UdpSocket, CollectorError> {
    let connected = || connect(target, settings, surroundings.send_buffer_bytes);
    let Some(name) = &settings.namespace else { return connected() };
    let (path, opened) = netns::open(&surroundings.root, name);
    // The name decides as long as it exists: a namespace made anew under it is a new one.
    let file = match (opened, held.take()) {
        (Err(error), Some(file)) if error.kind() == io::ErrorKind::NotFound => file,
        (Err(source), file) => {
            *held = file;
            return Err(CollectorError::Namespace { path, source });
        }
        (Ok(file), _) => file,
    };
    let result = netns::inside(&file, connected);
    *held = Some(file).filter(|_| result.is_ok());
    result.map_err(|source| match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM) => CollectorError::NamespaceDenied { path },
        Some(Errno::EINVAL) => CollectorError::NotNamespace { path },
        _ => CollectorError::Namespace { path, source },
    })?
}

fn connect(
    target: &Target,
    settings: &CollectorSettings,
    send_buffer_bytes: usize,
) -> Result<UdpSocket, CollectorError> {
    let failed = |call| move |source| CollectorError::Open { call, source };
    let address = target.socket_addr(settings.port)?;
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))
        .map_err(failed("socket"))?;
    // A wish only: a smaller buffer works, and drops are counted.
    let _ = socket.set_send_buffer_size(send_buffer_bytes);
    if let Some(device) = &settings.device {
        socket.bind_device(Some(device.as_bytes())).map_err(|source| {
            match source.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ENODEV) => CollectorError::NoDevice { device: device.clone() },
                _ => CollectorError::Open { call: "bind to device", source },
            }
        })?;
    }
    socket.connect(&address.into()).map_err(failed("connect"))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_addresses_are_told_from_names() {
        let parsed = |host| Target::parse(host).map(|t| (t.ip.to_string(), t.zone));
        assert_eq!(parsed("192.0.2.1"), Some(("192.0.2.1".into(), None)));
        assert_eq!(parsed("fe80::1%eth0"), Some(("fe80::1".into(), Some("eth0".into()))));
        for name in ["collector.example", "10.1", "", "10.0.0.1%eth0", "[::1]"] {
            assert_eq!(parsed(name), None, "{name}");
        }
    }

    #[test]
    fn an_unknown_zone_names_the_device() {
        let error = Target::parse("fe80::1%absent0").unwrap().socket_addr(6343).unwrap_err();
        assert_eq!(error.to_string(), "no device named absent0");
        let lo = Target::parse("fe80::1%lo").unwrap().socket_addr(6343).unwrap();
        assert_eq!(lo, Target::parse("fe80::1%1").unwrap().socket_addr(6343).unwrap());
    }
}
