//! Where something is asked for: an address with a port, or the path of a socket.
//!
//! Pure: names are not looked up, and nothing is opened. In: one word. Out: a [`Listen`], or what is wrong with the word.

use crate::config::modules::Listen;
use std::net::{IpAddr, SocketAddr};

/// The longest path that a socket's address holds (`unix(7)`: 108 bytes with the zero at its end).
const LONGEST_PATH: usize = 107;

/// Why a word is no such place, and what to write instead where that is clear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListenFault {
    #[error("the port is missing")]
    NoPort(String),
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("names are not looked up here: it has to be an address")]
    Name,
    #[error("the path of a socket begins with '/'")]
    Relative,
    #[error("the path of a socket has at most {LONGEST_PATH} bytes")]
    Long,
}

/// `127.0.0.1:9036`, `[::1]:9036`, `unix:/run/hsflowd/metrics.sock`, or the path alone.
pub(crate) fn parse_listen(word: &str) -> Result<Listen, ListenFault> {
    if let Some(path) = word.strip_prefix("unix:").or_else(|| word.starts_with('/').then_some(word)) {
        return match path {
            _ if !path.starts_with('/') => Err(ListenFault::Relative),
            _ if path.len() > LONGEST_PATH => Err(ListenFault::Long),
            _ => Ok(Listen::Unix(path.to_owned())),
        };
    }
    if let Ok(address) = word.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Err(ListenFault::NoPort(SocketAddr::new(address, 9036).to_string()));
    }
    match word.parse::<SocketAddr>() {
        Ok(at) if at.port() == 0 => Err(ListenFault::Port),
        Ok(at) => Ok(Listen::Tcp(at)),
        Err(_) => {
            let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
            let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
            Err(if is_address { ListenFault::Port } else { ListenFault::Name })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_a_socket_a_path_from_the_root() {
        let tcp = |text: &str| Ok(Listen::Tcp(text.parse().unwrap()));
        let unix = |path: &str| Ok(Listen::Unix(path.to_owned()));
        let long = format!("/{}", "a".repeat(107));
        for (word, expected) in [
            ("127.0.0.1:9036", tcp("127.0.0.1:9036")),
            ("[::1]:80", tcp("[::1]:80")),
            ("0.0.0.0:65535", tcp("0.0.0.0:65535")),
            ("unix:/run/m.sock", unix("/run/m.sock")),
            ("/run/m.sock", unix("/run/m.sock")),
            ("unix:m.sock", Err(ListenFault::Relative)),
            (&long, Err(ListenFault::Long)),
            ("127.0.0.1", Err(ListenFault::NoPort("127.0.0.1:9036".into()))),
            ("::1", Err(ListenFault::NoPort("[::1]:9036".into()))),
            ("[::1]", Err(ListenFault::NoPort("[::1]:9036".into()))),
            ("127.0.0.1:0", Err(ListenFault::Port)),
            ("127.0.0.1:70000", Err(ListenFault::Port)),
            ("[::1]:http", Err(ListenFault::Port)),
            ("localhost:9036", Err(ListenFault::Name)),
            ("9036", Err(ListenFault::Name)),
            (":9036", Err(ListenFault::Name)),
        ] {
            assert_eq!(parse_listen(word), expected, "{word}");
        }
    }
}
