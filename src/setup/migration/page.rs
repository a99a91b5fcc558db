//! The report as text. In: a report. Out: lines; what has to be done first.

use super::{Report, Weight};
use crate::setup::plan::plain;
use std::fmt::Write;

/// The whole page.
pub fn page(report: &Report) -> String {
    let mut page = String::new();
    for (weight, title) in [
        (Weight::Mend, "To be mended first"),
        (Weight::Differs, "Otherwise than with the C agent"),
        (Weight::Obsolete, "Of no use any more"),
    ] {
        let mine: Vec<_> = report.findings.iter().filter(|finding| finding.weight == weight).collect();
        if mine.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{title}:");
        for finding in mine {
            let _ = writeln!(page, "  {}: {}", plain(&finding.subject), plain(&finding.what));
            if let Some(remedy) = &finding.remedy {
                let _ = writeln!(page, "      -> {}", plain(remedy));
            }
        }
    }
    match &report.plan {
        Some(plan) => page.push_str(&plan.page()),
        None => {
            page.push_str("What the units are given cannot be told before the configuration is accepted.\n")
        }
    }
    page
}
