//! Texts of libvirt as ours.

use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use virt_sys as virt;

/// Bytes of a UUID as text, with its end.
const UUID_SIZE: usize = virt::VIR_UUID_STRING_BUFLEN as usize;

/// The UUID of a domain, as libvirt writes it.
pub(super) fn uuid_of(domain: virt::virDomainPtr) -> String {
    let mut buffer: [c_char; UUID_SIZE] = [0; UUID_SIZE];
    // SAFETY: a domain that libvirt gave, and room for what it writes, whose end it writes too.
    unsafe {
        virt::virDomainGetUUIDString(domain, buffer.as_mut_ptr());
        text(buffer.as_ptr()).into_owned()
    }
}

/// # Safety
/// Null, or text with an end that lives as long as the result.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Cow<'a, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

/// # Safety
/// Null, or text with an end that `malloc` gave and nobody else has.
pub(super) unsafe fn owned_text(owned: *mut c_char) -> String {
    // SAFETY: as the caller says; freed once, after it was copied.
    unsafe {
        let copy = text(owned).into_owned();
        libc::free(owned.cast());
        copy
    }
}
