//! hsflowd.conf under the eyes of a migration. In: its text. Out: the settings, and what `hsflowctl check` would say of it.
//! Rule: the file is never to be changed for this agent's sake; only what the C agent refuses too can be an error.

use super::{Finding, Installed, Weight, built_in};
use crate::config::model::Settings;
use crate::config::{self, Platform, Severity};

/// The settings that will hold, none where the file is refused, and what is to be said of it.
pub(super) fn read(installed: &Installed, platform: Platform) -> (Option<Settings>, Vec<Finding>) {
    let Some(file) = &installed.configuration else {
        let what = "there is none: DNS is asked for collectors and rates (the C agent would end)";
        let finding = Finding::new(Weight::Differs, "/etc/hsflowd.conf", what);
        return (built_in(platform).map(|s| s.with_presets(platform).0), vec![finding]);
    };
    let mut findings = Vec::new();
    if !file.is_readable {
        let what = "only root may read it, and the agent is the user hsflowd: it would end with status 78";
        let remedy = format!("chgrp hsflowd {0} && chmod g+r {0}", file.path);
        findings.push(Finding::new(Weight::Mend, file.path.as_str(), what).remedy(remedy));
    }
    let (parsed, _) = config::parse_bytes(&file.path, &file.bytes);
    for problem in &parsed.problems {
        let weight = match problem.severity {
            Severity::Error => Weight::Mend,
            Severity::Warning | Severity::Note => Weight::Differs,
        };
        let subject = format!("{}:{}:{}", file.path, problem.line, problem.column);
        findings.push(Finding {
            remedy: problem.help.clone(),
            ..Finding::new(weight, subject, &problem.message)
        });
    }
    let settings = parsed.settings.map(|settings| {
        let (settings, said) = settings.with_presets(platform);
        findings.extend(said.map(|said| Finding::new(Weight::Differs, file.path.as_str(), said)));
        settings
    });
    (settings, findings)
}
