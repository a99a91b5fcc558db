//! What libvirt calls when something happens: each notes it in [`Events`] and returns.

use super::Events;
use super::text::uuid_of;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use virt_sys as virt;

/// # Safety
/// `data` is what [`Connection::watch`](super::Connection::watch) handed over.
unsafe fn note(data: *mut c_void, what: impl FnOnce(&mut Events)) {
    // SAFETY: it lives as long as the program, and is used by this thread only.
    let events = unsafe { &*data.cast::<RefCell<Events>>() };
    if let Ok(mut events) = events.try_borrow_mut() {
        what(&mut events);
    }
}

pub(super) unsafe extern "C" fn be_silent(_: *mut c_void, _: virt::virErrorPtr) {}

pub(super) unsafe extern "C" fn on_lifecycle(
    _: virt::virConnectPtr,
    domain: virt::virDomainPtr,
    _: c_int,
    _: c_int,
    data: *mut c_void,
) -> c_int {
    // SAFETY: libvirt gives back what it was given.
    unsafe { note(data, |events| _ = events.changed.insert(uuid_of(domain))) };
    0
}

pub(super) unsafe extern "C" fn on_device(
    _: virt::virConnectPtr,
    domain: virt::virDomainPtr,
    _: *const c_char,
    data: *mut c_void,
) {
    // SAFETY: libvirt gives back what it was given.
    unsafe { note(data, |events| _ = events.changed.insert(uuid_of(domain))) };
}

pub(super) unsafe extern "C" fn on_close(_: virt::virConnectPtr, reason: c_int, data: *mut c_void) {
    // SAFETY: libvirt gives back what it was given.
    unsafe { note(data, |events| events.closed = Some(reason)) };
}

pub(super) unsafe extern "C" fn on_readable(_: c_int, _: c_int, _: c_int, data: *mut c_void) {
    // SAFETY: libvirt gives back what it was given.
    unsafe { note(data, |events| events.readable = true) };
}
