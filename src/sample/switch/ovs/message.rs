//! Messages of the data base's protocol (RFC 7047, section 4): what we ask, and what comes.
//!
//! In: the text of one message. Out: what it is; and the text of our questions. Rule: what is not understood is said, with
//! its beginning, and never guessed at.

use super::tables::wanted;
use serde::Deserialize;
use serde_json::{Value, json};

/// The data base, and its table of one row.
pub(super) const DATABASE: &str = "Open_vSwitch";
/// What our questions to be told of changes go by.
const MONITOR: &str = "hsflowd";

/// A message from the data base.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The answer to the question of this number.
    Answer(u64, Answer),
    /// It asks whether we live; [`echo`] is the answer.
    Echo(Value),
    /// Rows changed.
    Update(Value),
    /// Something else, which needs no answer.
    Other,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What was asked for.
    Result(Value),
    /// It will not.
    Error(String),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    id: Value,
}

/// Reads a message.
///
/// # Errors
/// The text is no JSON, or no object with members of the right kinds.
pub fn parse(text: &[u8]) -> Result<Message, serde_json::Error> {
    let Raw { method, mut params, result, error, id } = serde_json::from_slice(text)?;
    Ok(match (method.as_deref(), id.as_u64()) {
        (Some("echo"), _) => Message::Echo(json!({ "result": params, "error": null, "id": id })),
        (Some("update"), _) if params.get(0).and_then(Value::as_str) == Some(MONITOR) => {
            Message::Update(params.get_mut(1).map(Value::take).unwrap_or_default())
        }
        (None, Some(id)) if error.is_null() => Message::Answer(id, Answer::Result(result)),
        (None, Some(id)) => Message::Answer(id, Answer::Error(complaint(&error))),
        _ => Message::Other,
    })
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was done.
    Done,
    /// None of it: the tables were not any more what they were when it was made.
    Outdated,
    /// None of it, for this reason.
    Refused(String),
}

/// Reads the answer to a transaction (RFC 7047, section 4.1.3).
pub fn outcome(answer: &Answer) -> Outcome {
    let results = match answer {
        Answer::Result(Value::Array(results)) => results,
        Answer::Result(other) => {
            return Outcome::Refused(format!("an answer of another kind: {}", short(other)));
        }
        Answer::Error(error) => return Outcome::Refused(error.clone()),
    };
    match results.iter().find(|result| result.get("error").is_some_and(|error| !error.is_null())) {
        None => Outcome::Done,
        // What a `wait` is answered when it does not hold.
        Some(failed) if failed["error"] == "timed out" => Outcome::Outdated,
        Some(failed) => Outcome::Refused(complaint(failed)),
    }
}

/// An error in its own words.
fn complaint(error: &Value) -> String {
    let word = error.get("error").and_then(Value::as_str);
    match (word, error.get("details").and_then(Value::as_str)) {
        (Some(word), Some(details)) => format!("{word}: {details}").escape_debug().to_string(),
        (Some(word), None) => word.escape_debug().to_string(),
        (None, _) => short(error),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

/// Asks for the tables, and to be told of changes.
pub fn monitor(id: u64) -> String {
    json!({ "method": "monitor", "params": [DATABASE, MONITOR, wanted()], "id": id }).to_string()
}

/// Asks for all of these operations or none.
pub fn transact(operations: Vec<Value>, id: u64) -> String {
    let params: Vec<_> = std::iter::once(json!(DATABASE)).chain(operations).collect();
    json!({ "method": "transact", "params": params, "id": id }).to_string()
}

/// Asks whether it lives.
pub fn echo(id: u64) -> String {
    json!({ "method": "echo", "params": [], "id": id }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_errors_and_questions_are_told_apart() {
        let read = |text: &str| parse(text.as_bytes()).unwrap();
        assert_eq!(
            read(r#"{"id":3,"result":{},"error":null}"#),
            Message::Answer(3, Answer::Result(json!({})))
        );
        assert_eq!(
            read(r#"{"id":3,"result":null,"error":{"error":"unknown database","details":"no x"}}"#),
            Message::Answer(3, Answer::Error("unknown database: no x".into()))
        );
        let Message::Echo(answer) = read(r#"{"id":"echo","method":"echo","params":[1]}"#) else { panic!() };
        assert_eq!(answer, json!({ "id": "echo", "result": [1], "error": null }));
        assert_eq!(
            read(r#"{"id":null,"method":"update","params":["hsflowd",{"Bridge":{}}]}"#),
            Message::Update(json!({ "Bridge": {} }))
        );
        for other in
            [r#"{"method":"update","params":["other",{}],"id":null}"#, "{}", r#"{"method":"stolen"}"#]
        {
            assert_eq!(read(other), Message::Other, "{other}");
        }
        assert!(parse(b"{\"id\":3,").is_err() && parse(b"{\"method\":7}").is_err());
    }

    #[test]
    fn a_transaction_is_done_outdated_or_refused_with_its_reason() {
        let of = |results: Value| outcome(&Answer::Result(results));
        assert_eq!(of(json!([{}, { "count": 1 }])), Outcome::Done);
        assert_eq!(of(json!([{ "error": "timed out", "details": "…" }, null])), Outcome::Outdated);
        let refused = of(json!([{}, { "error": "constraint violation", "details": "a\nb" }]));
        assert_eq!(refused, Outcome::Refused("constraint violation: a\\nb".into()));
        // The commit itself failed: one result more than operations (section 4.1.3).
        assert!(matches!(of(json!([{}, {}, { "error": "I/O error" }])), Outcome::Refused(_)));
        assert!(matches!(of(json!("x")), Outcome::Refused(_)));
    }
}
