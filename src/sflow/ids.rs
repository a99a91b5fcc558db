//! Identifiers of the sFlow v5 model: who a sample is about.
//!
//! A data source is a class and an index (sFlow v5, section 5.3.2): class 0 is an interface by ifIndex,
//! 2 a physical entity, 3 a logical entity. The host itself is always `2:1`.

use serde::Serialize;
use std::fmt;

/// What a sample is about: class and index, printed `class:index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct DataSource {
    /// 0 interface, 1 VLAN, 2 physical entity, 3 logical entity.
    pub class: u32,
    /// The ifIndex, or the entity's number within its class.
    pub index: u32,
}

impl DataSource {
    /// The host: physical entity 1. Sub-agents name it as their parent (`ds_index=1` in the settings file).
    pub const HOST: Self = Self { class: 2, index: 1 };

    /// The interface with this ifIndex.
    pub const fn interface(index: u32) -> Self {
        Self { class: 0, index }
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class, self.index)
    }
}
