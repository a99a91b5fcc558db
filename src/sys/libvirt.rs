//! libvirt: a read-only connection, the statistics of domains, and news of them, by its C library.
//!
//! In: a URI, a file descriptor to watch beside the connection. Out: names and values as libvirt has them, and
//! [`Events`]. Rules: one thread, the one that opened; all that libvirt allocates is freed by what it is held in; an
//! error is libvirt's own, with its number. The event loop is libvirt's, which also keeps the connection alive.
//! Spec: libvirt's API reference, 6.0 and later.

mod callbacks;
mod records;
mod text;

pub use records::{Record, Records, Value};

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_uint, c_void};
use std::fmt;
use std::os::fd::RawFd;
use std::ptr;
use text::{owned_text, text};
use virt_sys as virt;

/// State, CPU, memory, CPUs, interfaces and disks.
const STATISTICS: c_uint = virt::VIR_DOMAIN_STATS_STATE
    | virt::VIR_DOMAIN_STATS_CPU_TOTAL
    | virt::VIR_DOMAIN_STATS_BALLOON
    | virt::VIR_DOMAIN_STATS_VCPU
    | virt::VIR_DOMAIN_STATS_INTERFACE
    | virt::VIR_DOMAIN_STATS_BLOCK;

/// A domain whose QEMU hangs, or is busy with another's question, tells what needs no answer of it.
const NO_WAITING: c_uint = virt::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

/// What libvirt answered instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {object}: {message} (libvirt error {code})")]
pub struct LibvirtError {
    /// The function.
    pub operation: &'static str,
    /// What it was called for.
    pub object: String,
    /// `virErrorNumber`.
    pub code: i32,
    /// Its words.
    pub message: String,
}

impl LibvirtError {
    fn last(operation: &'static str, object: impl Into<String>) -> Self {
        // SAFETY: no arguments; what it returns belongs to this thread and stays until its next call of libvirt.
        let error = unsafe { virt::virGetLastError() };
        // SAFETY: null or as above; `message` is null or text with an end.
        let (code, message) = unsafe {
            error.as_ref().map_or((0, String::new()), |error| (error.code, text(error.message).into_owned()))
        };
        Self { operation, object: object.into(), code, message }
    }

    /// True where there is no such domain (any more).
    pub fn is_no_domain(&self) -> bool {
        u32::try_from(self.code) == Ok(virt::VIR_ERR_NO_DOMAIN)
    }
}

/// What happened.
#[derive(Debug, Default)]
pub struct Events {
    /// UUIDs of domains that began, ended or changed.
    pub changed: BTreeSet<String>,
    /// The watched file descriptor can be read, or is closed.
    pub readable: bool,
    /// The connection is no more: `virConnectCloseReason`.
    pub closed: Option<i32>,
}

/// A connection to libvirt. Dropping it closes it.
pub struct Connection {
    raw: virt::virConnectPtr,
    /// What the callbacks write. Lives as long as the program, because libvirt may hold its address after a close.
    events: &'static RefCell<Events>,
    uri: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.uri).finish()
    }
}

impl Connection {
    /// Opens one for reading only; without a URI that of `LIBVIRT_DEFAULT_URI` or of libvirt's own choice.
    pub fn open(uri: Option<&str>) -> Result<Self, LibvirtError> {
        let name = uri.map(|uri| CString::new(uri).unwrap_or_default());
        let name = name.as_deref().map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: a function of ours that lives as long as the program, and no data for it.
        unsafe { virt::virSetErrorFunc(ptr::null_mut(), Some(callbacks::be_silent)) };
        // SAFETY: no arguments; must and does come before the connection.
        if unsafe { virt::virEventRegisterDefaultImpl() } < 0 {
            return Err(LibvirtError::last("virEventRegisterDefaultImpl", ""));
        }
        // SAFETY: null, or text with an end that lives during the call.
        let raw = unsafe { virt::virConnectOpenReadOnly(name) };
        if raw.is_null() {
            return Err(LibvirtError::last("virConnectOpenReadOnly", uri.unwrap_or_default()));
        }
        let mut connection = Self { raw, events: Box::leak(Box::default()), uri: String::new() };
        // SAFETY: the connection is open.
        connection.uri = unsafe { owned_text(virt::virConnectGetURI(raw)) };
        Ok(connection)
    }

    /// What it is connected to.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Lets the connection fail when the other side says nothing for `interval_secs * count`. Drivers within the
    /// library have no other side; for them this does nothing.
    pub fn keep_alive(&self, interval_secs: i32, count: u32) {
        // SAFETY: the connection is open; the event loop is registered.
        unsafe { virt::virConnectSetKeepAlive(self.raw, interval_secs, count) };
    }

    /// From now on notes what happens to domains and to the connection, and when `fd` can be read.
    pub fn watch(&self, fd: RawFd) -> Result<(), LibvirtError> {
        let data = ptr::from_ref(self.events).cast_mut().cast::<c_void>();
        type Generic = unsafe extern "C" fn(virt::virConnectPtr, virt::virDomainPtr, *mut c_void);
        // SAFETY: libvirt calls each with the arguments of its event, which are those that it is written with; the
        // generic type is how all of them are handed over.
        let lifecycle: Generic = unsafe { std::mem::transmute(callbacks::on_lifecycle as *const ()) };
        // SAFETY: as above.
        let device: Generic = unsafe { std::mem::transmute(callbacks::on_device as *const ()) };
        for (event, callback) in [
            (virt::VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
            (virt::VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, device),
            (virt::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, device),
        ] {
            let event = event.cast_signed();
            // SAFETY: the connection is open, `data` lives as long as the program.
            let id = unsafe {
                let all = ptr::null_mut();
                virt::virConnectDomainEventRegisterAny(self.raw, all, event, Some(callback), data, None)
            };
            // Some drivers have no events of devices; every driver has those of domains.
            if id < 0 && event == virt::VIR_DOMAIN_EVENT_ID_LIFECYCLE.cast_signed() {
                return Err(LibvirtError::last("virConnectDomainEventRegisterAny", &self.uri));
            }
        }
        // SAFETY: as above. Drivers within the library refuse: they cannot be lost.
        unsafe { virt::virConnectRegisterCloseCallback(self.raw, Some(callbacks::on_close), data, None) };
        let events = (virt::VIR_EVENT_HANDLE_READABLE | virt::VIR_EVENT_HANDLE_HANGUP).cast_signed();
        // SAFETY: as above.
        if unsafe { virt::virEventAddHandle(fd, events, Some(callbacks::on_readable), data, None) } < 0 {
            return Err(LibvirtError::last("virEventAddHandle", fd.to_string()));
        }
        Ok(())
    }

    /// Waits until something happens, and returns what did.
    pub fn wait(&self) -> Result<Events, LibvirtError> {
        // SAFETY: the event loop is registered, and this is its only thread.
        if unsafe { virt::virEventRunDefaultImpl() } < 0 {
            return Err(LibvirtError::last("virEventRunDefaultImpl", &self.uri));
        }
        Ok(self.events.take())
    }

    /// Asks for all domains, whatever their state: one call.
    pub fn all(&self) -> Result<Records<'_>, LibvirtError> {
        let mut list = ptr::null_mut();
        // SAFETY: the connection is open; libvirt writes the address of a list there, which `Records` frees.
        let count =
            unsafe { virt::virConnectGetAllDomainStats(self.raw, STATISTICS, &raw mut list, NO_WAITING) };
        Records::of(list, count).ok_or_else(|| LibvirtError::last("virConnectGetAllDomainStats", &self.uri))
    }

    /// Asks for one domain. It may be gone: [`LibvirtError::is_no_domain`], or no record.
    pub fn one(&self, uuid: &str) -> Result<Records<'_>, LibvirtError> {
        let name = CString::new(uuid).unwrap_or_default();
        // SAFETY: the connection is open, the text has an end and lives during the call.
        let domain = unsafe { virt::virDomainLookupByUUIDString(self.raw, name.as_ptr()) };
        if domain.is_null() {
            return Err(LibvirtError::last("virDomainLookupByUUIDString", uuid));
        }
        let (mut domains, mut list) = ([domain, ptr::null_mut()], ptr::null_mut());
        // SAFETY: an array of a domain that ends with null; the list as in `all`.
        let count = unsafe {
            virt::virDomainListGetStats(domains.as_mut_ptr(), STATISTICS, &raw mut list, NO_WAITING)
        };
        let records =
            Records::of(list, count).ok_or_else(|| LibvirtError::last("virDomainListGetStats", uuid));
        // SAFETY: from the look-up above; the list has references of its own.
        unsafe { virt::virDomainFree(domain) };
        records
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: open, and not used after; the records borrow it.
        unsafe { virt::virConnectClose(self.raw) };
    }
}
