//! What applications report about themselves in JSON: as values, and as records of samples.
//!
//! In: the bytes of one message. Out: its contents as sFlow knows them ([`message`]), and the records of a flow sample
//! or a counters sample ([`encode`]). Pure; what is remembered of an application, and when it is sampled, is not here.
//!
//! Spec: sFlow Application Structures; the members are those of the C agent's `json {}`.

pub mod encode;
pub mod message;
