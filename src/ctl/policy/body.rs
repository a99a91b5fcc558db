//! A file of policies as the service wants them.
//!
//! In: a file like those of `policy.d`, or the JSON that the service takes. Out: that JSON. Rule: values are carried over
//! as they are; the service alone says what is a policy. Only `[policy.NAME]` tables can be asked for: protections,
//! limits and groups of guests are the files' alone, and a file that has them is not sent without them.

use serde_json::{Map, Value};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

const LONGEST: u64 = 4 << 20;

/// A file that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(in crate::ctl) enum FileError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}:{line}: not TOML: {message}")]
    Toml { path: PathBuf, line: usize, message: String },
    #[error("{path}: not JSON: {source}")]
    Json { path: PathBuf, source: serde_json::Error },
    #[error(
        "{path}: '{key}' cannot be asked for, only [policy.NAME] can; it belongs in /etc/hsflowd/policy.d"
    )]
    Other { path: PathBuf, key: String },
    #[error("{path}: larger than {LONGEST} bytes")]
    Large { path: PathBuf },
    #[error("{path}: no [policy.NAME] in it")]
    Empty { path: PathBuf },
}

/// # Errors
/// It cannot be read, is neither TOML nor JSON, or says what cannot be asked for.
pub(super) fn read(path: &Path) -> Result<Value, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let input: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    input.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileError::Large { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Value, FileError> {
    let path = path.to_owned();
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|source| FileError::Json { path, source });
    }
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(why) => {
            let before = text.get(..why.span().unwrap_or_default().start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            return Err(FileError::Toml { path, line, message: why.message().replace('\n', " ") });
        }
    };
    let root = root.into_inner();
    if let Some(key) = root.keys().find(|key| key.get_ref() != "policy") {
        return Err(FileError::Other { path, key: key.get_ref().escape_debug().to_string() });
    }
    match root.into_iter().next() {
        Some((_, policies)) => {
            Ok(Value::Object(Map::from_iter([("policies".to_owned(), json(policies.get_ref()))])))
        }
        None => Err(FileError::Empty { path }),
    }
}

/// What JSON has no word for goes as its text, and the service says what it wants there.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            number.map_or_else(|_| digits.as_str().into(), Value::from)
        }
        DeValue::Float(digits) => {
            digits.as_str().parse::<f64>().map_or_else(|_| digits.as_str().into(), Value::from)
        }
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(values) => values.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(keys) => {
            let keys = keys.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())));
            Value::Object(keys.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_of_policies_become_the_body_of_a_request() {
        let text =
            "[policy.web]\naction = { limit = \"10Mbit/s\" }\nsource_port = [53, 0x35]\nforce = true\n";
        let wanted = json!({"policies": {"web": {
            "action": {"limit": "10Mbit/s"}, "source_port": [53, 53], "force": true}}});
        assert_eq!(parse(Path::new("f"), text).unwrap(), wanted);
        assert_eq!(parse(Path::new("f"), " {\"policies\": {}}").unwrap(), json!({"policies": {}}));
    }

    #[test]
    fn a_file_that_is_too_large_is_not_sent_in_part() {
        let path = std::env::temp_dir().join(format!("hsflow-body-{}", std::process::id()));
        let text = "[policy.a]\naction = \"drop\"\n".to_owned() + &"#\n".repeat(2 << 20);
        std::fs::write(&path, text).unwrap();
        let refused = read(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(refused.unwrap_err().to_string().ends_with("larger than 4194304 bytes"));
    }

    #[test]
    fn what_cannot_be_asked_for_is_said_and_not_left_out() {
        let of = |text| parse(Path::new("f.toml"), text).unwrap_err().to_string();
        assert!(of("[[protect]]\npeer = \"10.0.0.1\"\n").contains("f.toml: 'protect' cannot be asked for"));
        assert!(of("\n[policy.web\n").starts_with("f.toml:2: not TOML"));
        assert!(of("").contains("no [policy.NAME]"));
        assert!(of("{").contains("not JSON"));
    }
}
