//! All tables of the files with the keys that each knows: what the sample and the manual are held against.
//!
//! Out: names of tables and keys. Rule: a list of keys stands once, beside the code that reads it; a table that files may
//! have is named here, or the test of the documentation fails. Spec: policy.toml(5).

use super::{GROUP, GUESTS, PROTECT, TOP, action, policy, react, rest, service};

/// Each table by its path, a name that the writer chooses as `NAME`; the first is the file itself.
pub fn tables() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("", TOP.to_vec()),
        ("limits", service::LIMITS.to_vec()),
        ("service", service::SERVICE.to_vec()),
        ("rest", rest::KEYS.to_vec()),
        ("protect", PROTECT.to_vec()),
        ("group.NAME", GROUP.to_vec()),
        ("group.NAME.guests", GUESTS.to_vec()),
        ("policy.NAME", policy::keys()),
        ("policy.NAME.action", action::TABLES.to_vec()),
        ("policy.NAME.action.mark", action::MARK.to_vec()),
        ("policy.NAME.action.shape", action::SHAPE.to_vec()),
        ("policy.NAME.action.redirect", action::REDIRECT.to_vec()),
        ("react", react::KEYS.to_vec()),
        ("react.filter", react::FILTER.to_vec()),
    ]
}
