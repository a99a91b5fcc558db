//! What is wrong with a message, for the log and for counting.
//!
//! A fault is told by what it says, with the byte or the member, and counted by [`Fault::cause`], of which there are few
//! whatever is sent. Nothing of a message is repeated but the names of its members, and these without control characters.

/// Why a message was refused.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Too long to be looked at.
    #[error("{0} bytes, more than {max}", max = super::MAX_MESSAGE)]
    Length(usize),
    /// Not text; the place is in bytes.
    #[error("not UTF-8 at byte {0}")]
    Text(usize),
    /// Not one JSON value, or one nested too deeply.
    #[error("not JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    /// An object with nothing to report, or no object.
    #[error("no object with a flow_sample, counter_sample, rtmetric or rtflow")]
    Nothing,
    /// A member is missing or wrong.
    #[error("{member}: {wrong}")]
    Member {
        /// From the outermost member to this one, with dots between.
        member: String,
        /// What is wrong.
        wrong: Wrong,
    },
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It must be there.
    #[error("missing")]
    Missing,
    /// It is of another kind than it should be.
    #[error("not {0}")]
    Kind(&'static str),
    /// A number that its structure has no room for.
    #[error("out of range, {0}")]
    Range(&'static str),
    /// More text than a value may have.
    #[error("{0} bytes, more than 255")]
    Long(usize),
    /// Text that is not an address.
    #[error("not {0}")]
    Address(&'static str),
    /// A name that a value or a data source must not have.
    #[error("a name has 1 to 64 of A-Z a-z 0-9 _ -{0}")]
    Name(&'static str),
    /// A type of value that does not exist.
    #[error("not one of {0}")]
    Type(&'static str),
    /// Named values without one.
    #[error("no member with a type and a value")]
    Empty,
}

impl Fault {
    /// The kind of fault in a word.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Length(_) => "too-long",
            Self::Text(_) => "not-utf8",
            Self::Syntax(_) => "not-json",
            Self::Nothing => "nothing-known",
            Self::Member { wrong, .. } => match wrong {
                Wrong::Missing => "member-missing",
                Wrong::Kind(_) => "wrong-kind",
                Wrong::Range(_) => "out-of-range",
                Wrong::Long(_) => "text-too-long",
                Wrong::Address(_) => "bad-address",
                Wrong::Name(_) => "bad-name",
                Wrong::Type(_) => "unknown-type",
                Wrong::Empty => "no-values",
            },
        }
    }
}
