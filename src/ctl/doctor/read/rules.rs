//! The firewall's rules for what this host sends. In: what `nft` and the programs of iptables print. Out: chains of both worlds,
//! which all must let a packet pass.

use super::command::{CommandError, run};
use crate::ctl::doctor::firewall::{Chain, iptables, nft};

/// Rules of iptables' older kind, which nft does not show; those of the newer kind it does.
const LEGACY: [(&str, &str); 2] = [("iptables-legacy-save", "ip"), ("ip6tables-legacy-save", "ip6")];
const PLAIN: [(&str, &str); 2] = [("iptables-save", "ip"), ("ip6tables-save", "ip6")];

/// # Errors
/// No program tells, or not to this user.
pub(super) fn read() -> Result<Vec<Chain>, String> {
    let mut chains = match run("nft", &["-j", "list", "ruleset"]) {
        Ok(text) => nft::parse(&text).map_err(|e| format!("nft: {e}"))?,
        Err(CommandError::Missing(_)) => saved(&PLAIN)?,
        Err(e) => return Err(e.to_string()),
    };
    // Asking loads the modules of the older kind: only where something uses them already.
    let tables = std::fs::read_to_string("/proc/net/ip_tables_names").unwrap_or_default();
    if !tables.trim().is_empty() {
        chains.extend(saved(&LEGACY)?);
    }
    Ok(chains)
}

fn saved(programs: &[(&str, &str)]) -> Result<Vec<Chain>, String> {
    let mut chains = Vec::new();
    for (program, family) in programs {
        match run(program, &[]) {
            Ok(text) => chains.extend(iptables::parse(&text, family)),
            Err(CommandError::Missing(_)) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
    Ok(chains)
}
