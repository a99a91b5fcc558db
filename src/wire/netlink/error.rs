//! What can be wrong with a netlink message: which field, and where in the message.

/// A netlink message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A fixed header or an attribute's value ends early.
    #[error("{field} at offset {offset}: {have} bytes, {need} needed")]
    Truncated {
        /// The kernel's name of the header or attribute.
        field: &'static str,
        /// Bytes from the start of the message's payload.
        offset: usize,
        /// Bytes that the field needs.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A length field that is smaller than its own header or reaches past the end.
    #[error("{field} at offset {offset}: length {length} does not fit in {have} bytes")]
    Length {
        /// The kernel's name of what carries the length.
        field: &'static str,
        /// Bytes from the start of the enclosing block.
        offset: usize,
        /// The length as written.
        length: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A value that has no meaning there.
    #[error("{field} at offset {offset}: unexpected value {value}")]
    Value {
        /// The kernel's name of the header or attribute.
        field: &'static str,
        /// Bytes from the start of the message's payload.
        offset: usize,
        /// What was there.
        value: u32,
    },
}
