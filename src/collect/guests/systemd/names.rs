//! Names of units, as systemd writes them in object paths and in the cgroup tree.
//!
//! In: foreign text. Out: names of services, or `None`. Rule: only what can be the name of a service passes, so that no text
//! from outside reaches a collector unseen. Spec: `systemd.unit(5)`, sd-bus's `sd_bus_path_encode(3)`.

const OF_UNIT: &str = "/org/freedesktop/systemd1/unit/";
/// systemd's own limit of a unit's name.
const LONGEST: usize = 255;

/// A service has this name: `.service` at the end, and only characters of unit names.
pub fn is_service(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    name.strip_suffix(".service").is_some_and(|stem| !stem.is_empty())
        && name.len() <= LONGEST
        && name.bytes().all(allowed)
}

/// The service whose object path this is: `/org/freedesktop/systemd1/unit/cron_2eservice`.
pub fn of_path(path: &str) -> Option<String> {
    let escaped = path.strip_prefix(OF_UNIT)?.as_bytes();
    let (mut name, mut rest) = (Vec::with_capacity(escaped.len()), escaped);
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'_' {
            name.push(first);
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        name.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(name).ok().filter(|name| is_service(name))
}

/// The object path of a unit.
pub fn to_path(unit: &str) -> String {
    use std::fmt::Write;
    let mut path = OF_UNIT.to_owned();
    for (index, byte) in unit.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if index == 0 => _ = write!(path, "_{byte:02x}"),
            byte if byte.is_ascii_alphanumeric() => path.push(byte.into()),
            byte => _ = write!(path, "_{byte:02x}"),
        }
    }
    path
}

/// The unit whose cgroup's directory this is; `_` stands before names that the kernel would take for its own.
pub fn of_directory(directory: &str) -> &str {
    directory.strip_prefix('_').unwrap_or(directory)
}

/// The cgroup is one of the system's services, and not of a user's or a machine's.
pub fn is_of_system(cgroup: &str) -> bool {
    cgroup.contains("/system.slice/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_give_the_names_that_systemd_made_them_of() {
        let name = |escaped: &str| of_path(&format!("{OF_UNIT}{escaped}"));
        assert_eq!(name("getty_40tty1_2eservice").as_deref(), Some("getty@tty1.service"));
        assert_eq!(name("a_5cx2db_2eservice").as_deref(), Some("a\\x2db.service"));
        for other in ["dev_2dvda_2edevice", "_2eservice", "x_2eservice_0a", "x_2", "x_zzservice", ""] {
            assert_eq!(name(other), None, "{other}");
        }
        assert_eq!(of_path("/org/freedesktop/systemd1/job/1"), None);
        assert_eq!(to_path("1a@b.service"), format!("{OF_UNIT}_31a_40b_2eservice"));
    }

    #[test]
    fn services_of_users_and_machines_are_not_the_systems() {
        assert!(is_of_system("/system.slice/cron.service"));
        assert!(is_of_system("/system.slice/system-getty.slice/getty@tty1.service"));
        assert!(!is_of_system("/user.slice/user-0.slice/user@0.service/app.slice/x.service"));
        assert!(!is_of_system("/system.slice"));
        assert_eq!(of_directory("__x.service"), "_x.service");
    }

    #[test]
    fn names_that_are_none_do_not_pass() {
        for bad in [
            "a\nb.service",
            ".service",
            "a.timer",
            "a/b.service",
            "ä.service",
            &format!("{}.service", "a".repeat(4096)),
        ] {
            assert!(!is_service(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics_or_gives_a_bad_name(path in "\\PC{0,40}") {
            let name = of_path(&format!("{OF_UNIT}{path}"));
            prop_assert!(name.is_none_or(|name| is_service(&name)));
        }

        #[test]
        fn a_path_gives_the_name_that_it_was_made_of(stem in "[a-zA-Z0-9:_.\\@-]{1,40}") {
            let name = format!("{stem}.service");
            prop_assert_eq!(of_path(&to_path(&name)), Some(name));
        }
    }
}
