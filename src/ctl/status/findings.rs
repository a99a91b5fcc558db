//! The verdict on the page: what is wrong comes first, with its cause and what mends it. In: findings. Out: lines.

use super::duration;
use crate::status::verdict::{Finding, Severity};
use std::fmt::Write;

/// Two lines for what is wrong, one for what is worth knowing. `now_unix` dates them.
pub(super) fn write_findings(page: &mut String, findings: &[Finding], now_unix: u64) -> std::fmt::Result {
    findings.iter().try_for_each(|finding| write_finding(page, finding, now_unix))
}

fn write_finding(page: &mut String, finding: &Finding, now_unix: u64) -> std::fmt::Result {
    let word = match finding.severity {
        Severity::Degraded => "DEGRADED",
        Severity::Information => "note",
    };
    write!(page, "{word:<10} {}: {}", finding.what, finding.cause)?;
    let is_wrong = finding.severity == Severity::Degraded;
    match finding.since.filter(|_| is_wrong) {
        Some(since) => writeln!(page, " (for {})", duration(now_unix.saturating_sub(since)))?,
        None => writeln!(page)?,
    }
    if is_wrong && !finding.remedy.is_empty() {
        writeln!(page, "           do: {}", finding.remedy)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_has_a_remedy() {
        let wrong = Finding {
            what: "json".into(),
            severity: Severity::Degraded,
            cause: "fifo /a".into(),
            since: Some(40),
            remedy: "mkfifo /a".into(),
        };
        let known = Finding { what: "links".into(), cause: "down: eth1".into(), ..Finding::default() };
        let mut page = String::new();
        write_findings(&mut page, &[wrong, known], 100).unwrap();
        assert_eq!(
            page,
            "DEGRADED   json: fifo /a (for 1 min 0 s)\n           do: mkfifo /a\nnote       links: down: eth1\n"
        );
    }
}
