//! Which version of the API both sides know.
//!
//! In: the answer to `/version`. Out: the version to ask in, or why there is none. Rule: the newest that both know; Docker 29
//! refuses what is older than 1.44, and Docker 20.10 what is newer than 1.41. Source: Docker Engine API, `/version`.

use super::field::{Fields, Odd, shown};
use std::fmt;

/// The first with event filters as we send them.
const OLDEST: Api = Api(1, 24);
/// The newest whose changes were looked at.
const NEWEST: Api = Api(1, 52);

/// A version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Api(pub u32, pub u32);

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its own version.
    pub engine: String,
    /// The version to ask in.
    pub api: Api,
}

/// No version is known on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It says none, or something else than a version.
    #[error("the engine names no version of its API")]
    Unsaid,
    /// It is too old.
    #[error("the engine knows API {0} and older, and {OLDEST} is needed")]
    Old(Api),
    /// It is too new.
    #[error("the engine wants API {0} or newer, and {NEWEST} is the newest known here")]
    New(Api),
}

/// The version to ask in.
///
/// # Errors
/// The outer one: it is not JSON. The inner one: no version is known on both sides.
pub fn parse_version(text: &[u8]) -> Result<(Result<Version, Unfit>, Vec<Odd>), serde_json::Error> {
    let mut fields = Fields::new(serde_json::from_slice(text)?);
    let newest = fields.text("/ApiVersion").and_then(Api::parse);
    let oldest = fields.text("/MinAPIVersion").and_then(Api::parse);
    let engine = shown(fields.text("/Version").unwrap_or("of unknown version"), 80);
    let version = match (newest, oldest) {
        (None, _) => Err(Unfit::Unsaid),
        (Some(newest), _) if newest < OLDEST => Err(Unfit::Old(newest)),
        (_, Some(oldest)) if oldest > NEWEST => Err(Unfit::New(oldest)),
        (Some(newest), _) => Ok(Version { engine, api: newest.min(NEWEST) }),
    };
    Ok((version, fields.odd))
}

impl Api {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(newest: &str, oldest: &str) -> Result<Api, Unfit> {
        let text = serde_json::json!({ "Version": "1", "ApiVersion": newest, "MinAPIVersion": oldest });
        Ok(parse_version(text.to_string().as_bytes()).unwrap().0?.api)
    }

    #[test]
    fn the_newest_version_that_both_know_is_taken() {
        assert_eq!(api("1.41", "1.12"), Ok(Api(1, 41)));
        assert_eq!(api("1.52", "1.44"), Ok(Api(1, 52)));
        assert_eq!(api("1.60", "1.44"), Ok(NEWEST));
        assert_eq!(api("2.0", "1.44"), Ok(NEWEST));
        assert_eq!(api("1.41", ""), Ok(Api(1, 41)));
    }

    #[test]
    fn engines_that_know_no_version_of_ours_are_refused_with_theirs() {
        assert_eq!(api("1.18", "1.12").unwrap_err(), Unfit::Old(Api(1, 18)));
        assert_eq!(api("1.80", "1.53").unwrap_err(), Unfit::New(Api(1, 53)));
        assert_eq!(
            Unfit::New(Api(1, 53)).to_string(),
            "the engine wants API 1.53 or newer, and 1.52 is the newest known here"
        );
        for bad in ["", "1", "one.two", "1.99999999999"] {
            assert_eq!(api(bad, "1.12"), Err(Unfit::Unsaid), "{bad}");
        }
    }
}
