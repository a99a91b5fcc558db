//! Which file `hsflowd-privileges.path` looks at beside those that it is shipped with. In: the configuration that the agent's
//! command line names. Out: a drop-in for that unit. Rule: a name in which systemd would read something else is not told to it.
//! Spec: systemd.path(5).

use super::grant::DropIn;

/// The unit that has the drop-ins made anew when the configuration changes.
pub const WATCH: &str = "hsflowd-privileges.path";
/// What that unit looks at by itself, beside [`DEFAULTS`].
const SHIPPED: &str = "/etc/hsflowd.conf";
/// Where the unit's command line comes from.
pub const DEFAULTS: &str = "/etc/default/hsflowd";

/// What is to be done so that changes of a configuration are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Nothing: the unit looks at it as it is shipped.
    Already,
    /// This.
    By(DropIn),
    /// No words of a unit mean this path.
    Never,
}

/// How that unit comes to look at this configuration; `head` becomes the first lines.
pub fn watched(config: &str, head: &str) -> Watched {
    // The agent's folder is /, in the unit.
    let path = if config.starts_with('/') { config.to_owned() } else { format!("/{config}") };
    if path == SHIPPED {
        return Watched::Already;
    }
    if path.contains(|c: char| c.is_control() || c == '\u{fffd}') || path.ends_with(['\\', ' ']) {
        return Watched::Never;
    }
    let head: String = head.lines().map(|line| format!("# {line}\n")).collect();
    // Of all other letters only this one means something there.
    let path = path.replace('%', "%%");
    // One that is not there is waited for by its folder: with each news of that systemd looks at all of them afresh, and
    // loses what it has not yet heard of the others.
    let text = format!(
        "{head}[Path]\n# -f in DAEMON_ARGS: this is the configuration, and no other\nPathChanged=\n\
         PathChanged={DEFAULTS}\nPathChanged={path}\n"
    );
    Watched::By(DropIn { unit: WATCH, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::unit::directives;
    use proptest::prelude::*;

    #[test]
    fn only_another_file_than_the_shipped_one_needs_it() {
        assert_eq!(watched("/etc/hsflowd.conf", ""), Watched::Already);
        assert_eq!(watched("etc/hsflowd.conf", ""), Watched::Already);
        let Watched::By(made) = watched("/etc/my 50% hsflowd.conf", "Made.") else { panic!("no drop-in") };
        assert_eq!(made.unit, "hsflowd-privileges.path");
        assert_eq!(
            made.text,
            "# Made.\n[Path]\n# -f in DAEMON_ARGS: this is the configuration, and no other\nPathChanged=\n\
             PathChanged=/etc/default/hsflowd\nPathChanged=/etc/my 50%% hsflowd.conf\n"
        );
        for odd in ["/a\n[Service]\nExecStart=/b", "/a\\", "/a ", "/a\u{fffd}"] {
            assert_eq!(watched(odd, ""), Watched::Never, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_last_directive_means_it(config in "/?[ -~\n\t]{0,30}") {
            let Watched::By(made) = watched(&config, "Made.") else { return Ok(()) };
            let read = directives(&made.text);
            prop_assert_eq!(read.len(), 3);
            prop_assert!(read.iter().all(|line| line.section == "Path" && line.key == "PathChanged"));
            let meant = read[2].value.replace("%%", "%");
            prop_assert_eq!(meant.trim_start_matches('/'), config.trim_start_matches('/'));
        }
    }
}
