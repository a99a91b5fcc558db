//! `hsflowctl config show`: every effective value and where it came from. In: the agent's snapshot, or a file. Out: one
//! line a key, `key = value  # origin`; what has no value is a comment that says what holds instead.

use super::{Exit, fail};
use crate::agent::configuration::read_platform;
use crate::config;
use crate::status::snapshot::Value;
use std::path::Path;

/// The page.
pub(super) fn render(values: &[Value]) -> String {
    let left = |v: &Value| match &v.value {
        Some(value) => format!("{} = {value}", v.key),
        None => format!("#{} =", v.key),
    };
    let width =
        values.iter().map(|v| left(v).chars().count()).filter(|width| *width <= 50).max().unwrap_or(0);
    values.iter().map(|v| format!("{:width$}  # {}\n", left(v), v.origin)).collect()
}

/// What a file would mean on this machine, DNS not asked.
pub(super) fn of_file(file: &Path) -> Result<Vec<Value>, Exit> {
    let name = file.display().to_string();
    let text = std::fs::read(file).map_err(|e| fail(&format!("{name}: {e}"), Exit::Usage))?;
    let (parsed, _) = config::parse_bytes(&name, &text);
    let Some(settings) = parsed.settings else {
        return Err(fail(&format!("{name}: refused; hsflowctl check {name} says why"), Exit::No));
    };
    let (settings, _) = settings.with_presets(read_platform(Path::new("/")));
    let value = |e: config::Effective| Value { key: e.key, value: e.value, origin: e.origin };
    Ok(settings.effective().into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_origins_stand_in_two_columns() {
        let value = |key: &str, value: Option<&str>, origin: &str| Value {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            origin: origin.to_owned(),
        };
        let page = render(&[
            value("polling", Some("30"), "default"),
            value("agentIP", None, "the best local address"),
        ]);
        assert_eq!(page, "polling = 30  # default\n#agentIP =    # the best local address\n");
    }
}
