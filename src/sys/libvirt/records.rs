//! Statistics of domains, in libvirt's own memory.
//!
//! In: what a call of libvirt answered. Out: names and values that borrow from it. Rule: the list is freed by libvirt's own
//! function and with all that is in it; freeing the array alone leaks kilobytes a domain and call.

use super::text::{owned_text, text, uuid_of};
use super::{Connection, LibvirtError};
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use virt_sys as virt;

/// Domains with their statistics.
#[derive(Debug)]
pub struct Records<'c> {
    list: *mut virt::virDomainStatsRecordPtr,
    count: usize,
    connection: PhantomData<&'c Connection>,
}

impl Records<'_> {
    /// `None` where the call that gave them failed.
    pub(super) fn of(list: *mut virt::virDomainStatsRecordPtr, count: c_int) -> Option<Self> {
        usize::try_from(count).ok().map(|count| Self { list, count, connection: PhantomData })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        // SAFETY: libvirt said that there are as many, and they stay until `drop`.
        (0..self.count).map(|at| Record(unsafe { &**self.list.add(at) }))
    }
}

impl Drop for Records<'_> {
    fn drop(&mut self) {
        // SAFETY: libvirt's own list, freed once with all that is in it; it may be null.
        unsafe { virt::virDomainStatsRecordListFree(self.list) };
    }
}

/// A domain with its statistics.
#[derive(Clone, Copy)]
pub struct Record<'r>(&'r virt::virDomainStatsRecord);

impl<'r> Record<'r> {
    /// Its UUID, as libvirt writes it.
    pub fn uuid(self) -> String {
        uuid_of(self.0.dom)
    }

    /// Its name.
    pub fn name(self) -> String {
        // SAFETY: the domain lives as long as its record; the text is the domain's.
        unsafe { text(virt::virDomainGetName(self.0.dom)) }.into_owned()
    }

    /// The names and values.
    pub fn values(self) -> impl Iterator<Item = (&'r str, Value<'r>)> {
        let count = usize::try_from(self.0.nparams).unwrap_or(0);
        (0..count).filter_map(move |at| {
            // SAFETY: libvirt said that there are as many, and they stay as long as the record.
            let parameter: &'r virt::_virTypedParameter = unsafe { &*self.0.params.add(at) };
            // SAFETY: an array of 80 bytes with text that has an end.
            let name = unsafe { CStr::from_ptr(parameter.field.as_ptr()) }.to_str().ok()?;
            Some((name, Value::of(parameter)?))
        })
    }

    /// Its description, as it runs: one call.
    pub fn xml(self) -> Result<String, LibvirtError> {
        // SAFETY: the domain lives as long as its record; what comes is ours to free.
        let xml = unsafe { virt::virDomainGetXMLDesc(self.0.dom, 0) };
        if xml.is_null() {
            return Err(LibvirtError::last("virDomainGetXMLDesc", self.uuid()));
        }
        // SAFETY: text with an end, of libvirt's allocator.
        Ok(unsafe { owned_text(xml) })
    }
}

/// A value of a statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// An integer that is not negative.
    Number(u64),
    /// A text.
    Text(&'a str),
}

impl<'a> Value<'a> {
    fn of(parameter: &'a virt::_virTypedParameter) -> Option<Self> {
        let value = &parameter.value;
        // SAFETY: the type says which member of the union was written.
        Some(unsafe {
            match u32::try_from(parameter.type_).ok()? {
                virt::VIR_TYPED_PARAM_INT => Self::Number(u64::try_from(value.i).ok()?),
                virt::VIR_TYPED_PARAM_UINT => Self::Number(u64::from(value.ui)),
                virt::VIR_TYPED_PARAM_LLONG => Self::Number(u64::try_from(value.l).ok()?),
                virt::VIR_TYPED_PARAM_ULLONG => Self::Number(value.ul),
                virt::VIR_TYPED_PARAM_STRING if !value.s.is_null() => {
                    Self::Text(CStr::from_ptr(value.s).to_str().ok()?)
                }
                _ => return None,
            }
        })
    }
}
