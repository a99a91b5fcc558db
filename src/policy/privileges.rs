//! What the units of policies have to be given for what the files say. In: the wishes of files. Out: grants, by the drop-ins of
//! `systemd/` that an operator would have copied by hand. Rule: what is asked for later is not known here, and has them copied.

use super::file::Wishes;
use super::model::{Body, Policy};
use crate::setup::unit::{Directive, directives};
use crate::setup::{Grant, What};

/// The unit that serves, and the one that ends what is over.
const UNITS: [&str; 2] = ["hsflowd-policy.service", "hsflowd-policy-expire.service"];
/// The unit that makes the sockets by which flows are set.
const VSWITCHD: &str = "ovs-vswitchd.service";

const NAMESPACES: &str = include_str!("../../systemd/policy-namespaces.conf");
const OPEN_VSWITCH: &str = include_str!("../../systemd/policy-open-vswitch.conf");
const CUMULUS: &str = include_str!("../../systemd/policy-cumulus.conf");

/// What these wishes take beyond the units as they are shipped.
pub fn grants(wishes: &Wishes, is_cumulus: bool) -> Vec<Grant> {
    let mut grants = Vec::new();
    if wishes.policies.iter().any(|policy| policy.netns.is_some()) {
        give(
            &mut grants,
            &UNITS,
            NAMESPACES,
            "netns: entering a network namespace, and finding one by a process",
        );
    }
    if wishes.policies.iter().any(has_bridge) {
        let reason = "bridge: the sockets by which flows are set";
        give(&mut grants, &[VSWITCHD], OPEN_VSWITCH, &format!("{reason}, each time they are made"));
        // It may run already when policies first come up.
        for Directive { section, value, .. } in directives(OPEN_VSWITCH) {
            let what = What::Setting { section, key: "ExecStartPre".to_owned(), value };
            grants.push(Grant { unit: UNITS[0], what, reason: format!("{reason}, if they are there first") });
        }
    }
    if is_cumulus {
        give(&mut grants, &UNITS, CUMULUS, "Cumulus Linux: cl-acltool takes root");
    }
    grants
}

fn has_bridge(policy: &Policy) -> bool {
    matches!(&policy.body, Body::Rule(rule) if rule.matching().traffic().bridge.is_some())
}

fn give(grants: &mut Vec<Grant>, units: &[&'static str], drop_in: &str, reason: &str) {
    for unit in units {
        let whats = directives(drop_in).into_iter().flat_map(What::of);
        grants.extend(whats.map(|what| Grant { unit, what, reason: reason.to_owned() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file::parse;
    use crate::policy::lines::Dialect;
    use crate::setup::drop_ins;

    fn made(text: &str, is_cumulus: bool) -> Vec<(&'static str, String)> {
        let wishes = parse(&[("policy.toml", text)], Dialect::Linux);
        assert_eq!(wishes.faults, []);
        drop_ins(&grants(&wishes, is_cumulus), &[], "").into_iter().map(|d| (d.unit, d.text)).collect()
    }

    const RULE: &str = "[policy.a]\ndestination = \"192.0.2.1\"\naction = \"drop\"\n";

    #[test]
    fn plain_policies_need_nothing_more() {
        assert_eq!(made(RULE, false), []);
    }

    #[test]
    fn a_namespace_is_for_both_units() {
        let made = made(&format!("{RULE}netns = \"blue\"\n"), false);
        assert_eq!(made.iter().map(|(unit, _)| *unit).collect::<Vec<_>>(), UNITS);
        for (_, text) in made {
            assert!(
                text.contains("AmbientCapabilities=CAP_SYS_ADMIN\n")
                    && text.contains("RestrictNamespaces=net\n")
            );
        }
    }

    #[test]
    fn a_bridge_opens_its_sockets_now_and_whenever_they_are_made() {
        let made =
            made("[policy.a]\nbridge = \"br0\"\ndestination = \"192.0.2.1\"\naction = \"drop\"\n", false);
        assert_eq!(made.iter().map(|(unit, _)| *unit).collect::<Vec<_>>(), [VSWITCHD, UNITS[0]]);
        assert!(
            made[0].1.contains("\nExecStartPost=-+/bin/sh") && made[1].1.contains("\nExecStartPre=-+/bin/sh")
        );
    }

    #[test]
    fn on_cumulus_linux_it_is_root() {
        assert!(
            made("", true)
                .iter()
                .all(|(_, text)| text.contains("[Unit]\n") && text.contains("\nUser=root\n"))
        );
        assert_eq!(made("", true).len(), 2);
    }
}
