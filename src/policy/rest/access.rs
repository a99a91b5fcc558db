//! Who asks, and whether they may.
//!
//! In: the credentials of a socket's peer, or the `Authorization` header of a request. Out: a [`Caller`] with its role, or
//! nothing. Rule: whoever is not known is nobody; tokens are compared in the same time whatever is wrong in them.

use super::secret::{self, SecretFault};
use crate::policy::file::Rest;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Bytes of a token that is one at all.
const SHORTEST: usize = 16;

/// Somebody who was let in; its text stands in the log of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A process of this host.
    Process { uid: u32, pid: Option<i32> },
    /// Whoever has a token.
    Token { name: String, may_write: bool, at: SocketAddr },
    /// Whoever has a certificate of a CA that we were told.
    Certificate { name: Option<String>, at: SocketAddr },
    /// Anybody on this host, which the file allows.
    Anybody(SocketAddr),
}

impl Caller {
    pub(super) const fn may_write(&self) -> bool {
        !matches!(self, Self::Token { may_write: false, .. })
    }

    /// Where it asks from, over TCP.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Process { .. } => None,
            Self::Token { at, .. } | Self::Certificate { at, .. } | Self::Anybody(at) => Some(*at),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { uid, pid: Some(pid) } => write!(f, "uid {uid}, pid {pid}"),
            Self::Process { uid, pid: None } => write!(f, "uid {uid}"),
            Self::Token { name, at, .. } => write!(f, "token '{name}' of {}", at.ip()),
            Self::Certificate { name, at } => {
                write!(f, "certificate '{}' of {}", name.as_deref().unwrap_or("without a name"), at.ip())
            }
            Self::Anybody(at) => write!(f, "anybody at {at}"),
        }
    }
}

/// A process at the other end of the socket.
pub(super) fn process(settings: &Rest, (uid, gid, pid): (u32, u32, Option<i32>)) -> Option<Caller> {
    let own = nix::unistd::geteuid().as_raw();
    let is_known =
        uid == 0 || uid == own || settings.allow_uids.contains(&uid) || settings.allow_groups.contains(&gid);
    is_known.then_some(Caller::Process { uid, pid })
}

/// Tokens of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens(Vec<(String, String, bool)>);

/// Why a token file is not used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// It cannot be read, or not by its owner alone.
    #[error(transparent)]
    Secret(#[from] SecretFault),
    /// A line is no token.
    #[error(
        "{path}:{line}: a line is 'name:token' or 'name:token:read', a token has {SHORTEST} characters or more"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

impl Tokens {
    /// Those that the settings name.
    pub(super) fn of(settings: &Rest) -> Result<Self, TokenFault> {
        settings.tokens.as_deref().map_or_else(|| Ok(Self::default()), Self::read)
    }

    fn read(path: &Path) -> Result<Self, TokenFault> {
        let text = secret::read(path)?;
        parse(&text).map(Self).map_err(|line| TokenFault::Line { path: path.to_owned(), line })
    }

    /// Whose token it is. All are compared, so the time says nothing of which.
    pub(super) fn caller(&self, authorization: Option<&str>, at: SocketAddr) -> Option<Caller> {
        let (scheme, given) = authorization?.split_once(' ')?;
        let fits = |token: &str| scheme.eq_ignore_ascii_case("bearer") & is_same(token, given.trim());
        let found = self.0.iter().filter(|(_, token, _)| fits(token)).fold(None, |_, found| Some(found));
        found.map(|(name, _, may_write)| Caller::Token { name: name.clone(), may_write: *may_write, at })
    }
}

fn parse(text: &str) -> Result<Vec<(String, String, bool)>, usize> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let one = |(number, line): (usize, &str)| {
        let (name, rest) = line.split_once(':').ok_or(number)?;
        let (token, may_write) = rest.strip_suffix(":read").map_or((rest, true), |token| (token, false));
        let is_plain =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let is_good = is_plain && token.len() >= SHORTEST && !token.contains([':', ' ']);
        is_good.then(|| (name.to_owned(), token.to_owned(), may_write)).ok_or(number)
    };
    lines.map(one).collect()
}

fn is_same(token: &str, given: &str) -> bool {
    let differs = token.bytes().zip(given.bytes()).fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    differs == 0 && token.len() == given.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_only_whole_and_as_a_bearer() {
        let tokens = Tokens(parse("# who\nops:0123456789abcdef\nsee:fedcba9876543210:read\n").unwrap());
        let at = "127.0.0.1:9".parse().unwrap();
        let ask = |header| tokens.caller(header, at);
        assert!(ask(Some("Bearer 0123456789abcdef")).unwrap().may_write());
        assert!(!ask(Some("bearer fedcba9876543210")).unwrap().may_write());
        for bad in
            ["Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Bearer ", ""]
        {
            assert_eq!(ask(Some(bad)), None, "{bad}");
        }
        assert_eq!(ask(None), None);
    }

    #[test]
    fn a_short_token_and_a_line_without_a_name_are_said() {
        assert_eq!(parse("ops:short"), Err(1));
        assert_eq!(parse("\n:0123456789abcdef"), Err(2));
    }

    #[test]
    fn strangers_are_nobody() {
        let settings = Rest { allow_uids: vec![7], allow_groups: vec![8], ..Rest::default() };
        assert!(process(&settings, (0, 0, None)).is_some());
        assert!(process(&settings, (7, 9, None)).is_some());
        assert!(process(&settings, (6, 8, None)).is_some());
        assert_eq!(process(&settings, (65_534, 65_534, Some(3))), None);
    }
}
