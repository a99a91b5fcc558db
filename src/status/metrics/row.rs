//! Rows of the tables of names: what a metric is called, what it is, and which number of a record it tells.
//!
//! In: a record. Out: a [`Value`], as exact as it is known. Rule: what sFlow calls unknown is unknown here.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only rises.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Its labels are what it tells.
    Info,
    /// node_exporter gives it no type.
    Untyped,
}

/// A number, as exact as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Unknown,
    Whole(u64),
    /// Milliseconds as seconds, and the like.
    Thousandths(u64),
    Float(f64),
}

impl Value {
    /// A 32-bit counter: all ones is not known.
    pub(super) fn of32(counter: u32) -> Self {
        if counter == u32::MAX { Self::Unknown } else { Self::Whole(counter.into()) }
    }

    /// A 64-bit counter.
    pub(super) fn of64(counter: u64) -> Self {
        if counter == u64::MAX { Self::Unknown } else { Self::Whole(counter) }
    }

    /// A 32-bit counter of milliseconds, as seconds.
    pub(super) fn millis(counter: u32) -> Self {
        if counter == u32::MAX { Self::Unknown } else { Self::Thousandths(counter.into()) }
    }

    /// A gauge that is 0 where it is not known.
    pub(super) fn unless_zero(gauge: u64) -> Self {
        if gauge == 0 { Self::Unknown } else { Self::of64(gauge) }
    }

    /// One or nothing.
    pub(super) fn flag(is_so: bool) -> Self {
        Self::Whole(is_so.into())
    }

    /// What is there.
    pub(super) fn known(value: Option<u64>) -> Self {
        value.map_or(Self::Unknown, Self::Whole)
    }
}

/// One metric, or one label of it, that records of type `R` have.
pub(super) struct Row<R> {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// Tells it from the rows of the same name.
    pub(super) label: Option<(&'static str, &'static str)>,
    pub(super) value: fn(&R) -> Value,
}

impl<R> Row<R> {
    pub(super) const fn counter(name: &'static str, help: &'static str, value: fn(&R) -> Value) -> Self {
        Self { name, kind: Kind::Counter, help, label: None, value }
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str, value: fn(&R) -> Value) -> Self {
        Self { name, kind: Kind::Gauge, help, label: None, value }
    }

    pub(super) const fn untyped(name: &'static str, help: &'static str, value: fn(&R) -> Value) -> Self {
        Self { name, kind: Kind::Untyped, help, label: None, value }
    }

    pub(super) const fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.label = Some((name, value));
        self
    }
}

/// What a record is about, when it was read, and it; without a time it is of now.
pub(super) type About<'a, R> = (&'a str, Option<u64>, &'a R);
