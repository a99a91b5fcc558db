//! The body of an HTTP/1.1 answer as it comes off the socket, in pieces that end anywhere.
//!
//! In: bytes after the head. Out: the same without the framing of chunks. Rule: the same bytes give the same body however
//! they are cut. Trailers are not read, because a connection serves one question. Spec: RFC 9112, sections 6 and 7.

use httparse::{Error, Header, InvalidChunkSize, Status};

/// Bytes of the line before a chunk; what is longer is no size.
const SIZE_LINE: usize = 1024;

/// Bytes of the line end after a chunk.
const CHUNK_END: u64 = 2;

/// How much of the body is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// This many bytes.
    Length(u64),
    /// What comes until the connection is closed.
    UntilClosed,
    /// A chunk's size, after this many bytes that end the chunk before it.
    Size(u64),
    /// This many bytes of a chunk.
    Chunk(u64),
}

impl Body {
    /// The framing that these headers announce.
    ///
    /// # Errors
    /// A length that is no number.
    pub fn of(headers: &[Header<'_>]) -> Result<Self, Error> {
        let find = |name: &str| {
            let header = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            header.map(|header| header.value.trim_ascii())
        };
        if find("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked")) {
            return Ok(Self::Size(0));
        }
        let Some(length) = find("content-length") else { return Ok(Self::UntilClosed) };
        let digits = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|text| text.parse().ok()).map(Self::Length).ok_or(Error::HeaderValue)
    }

    /// Nothing more belongs to the body, closed or not.
    pub fn is_complete(&self) -> bool {
        *self == Self::Length(0)
    }

    /// The connection may be closed here: nothing is missing.
    pub fn may_end(&self) -> bool {
        matches!(self, Self::Length(0) | Self::UntilClosed)
    }

    /// Moves what belongs to the body from `raw` to `out`; what is left in `raw` needs more bytes to be understood.
    ///
    /// # Errors
    /// A chunk without a size.
    pub fn decode(&mut self, raw: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), InvalidChunkSize> {
        let mut rest = raw.as_slice();
        while !rest.is_empty() && !self.is_complete() {
            match self {
                Self::UntilClosed => out.extend_from_slice(cut(&mut rest, u64::MAX).0),
                Self::Length(left) => {
                    let (bytes, count) = cut(&mut rest, *left);
                    out.extend_from_slice(bytes);
                    *left -= count;
                }
                Self::Chunk(left) => {
                    let (bytes, count) = cut(&mut rest, *left);
                    out.extend_from_slice(bytes);
                    *self = if *left == count { Self::Size(CHUNK_END) } else { Self::Chunk(*left - count) };
                }
                Self::Size(0) => match httparse::parse_chunk_size(rest)? {
                    Status::Complete((line, _)) if line > SIZE_LINE => return Err(InvalidChunkSize),
                    Status::Complete((line, size)) => {
                        rest = rest.get(line..).unwrap_or_default();
                        *self = if size == 0 { Self::Length(0) } else { Self::Chunk(size) };
                    }
                    Status::Partial if rest.len() > SIZE_LINE => return Err(InvalidChunkSize),
                    Status::Partial => break,
                },
                Self::Size(end) => *end -= cut(&mut rest, *end).1,
            }
        }
        let used = raw.len() - rest.len();
        raw.drain(..used);
        Ok(())
    }
}

/// The first bytes of `rest`, which it then no longer has, and how many.
fn cut<'a>(rest: &mut &'a [u8], at_most: u64) -> (&'a [u8], u64) {
    let count = rest.len().min(usize::try_from(at_most).unwrap_or(usize::MAX));
    let (first, others) = rest.split_at(count);
    *rest = others;
    (first, count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
        Header { name, value: value.as_bytes() }
    }

    /// The body, decoded from these pieces.
    fn whole(mut body: Body, pieces: &[&[u8]]) -> (Vec<u8>, Body) {
        let (mut raw, mut out) = (Vec::new(), Vec::new());
        for piece in pieces {
            raw.extend_from_slice(piece);
            body.decode(&mut raw, &mut out).unwrap();
        }
        (out, body)
    }

    #[test]
    fn headers_say_how_the_body_ends() {
        assert_eq!(Body::of(&[header("Transfer-Encoding", "chunked")]), Ok(Body::Size(0)));
        assert_eq!(Body::of(&[header("content-LENGTH", " 12 ")]), Ok(Body::Length(12)));
        assert_eq!(Body::of(&[]), Ok(Body::UntilClosed));
        for bad in ["", "-1", "+1", "1 2", "99999999999999999999"] {
            assert_eq!(Body::of(&[header("Content-Length", bad)]), Err(Error::HeaderValue), "{bad}");
        }
    }

    #[test]
    fn what_follows_the_last_chunk_is_not_the_body() {
        let (out, body) = whole(Body::Size(0), &[b"3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"]);
        assert_eq!((out.as_slice(), body.is_complete()), (b"abc".as_slice(), true));
    }

    #[test]
    fn a_chunk_without_a_size_is_an_error_and_an_endless_size_line_too() {
        for bad in [b"xyz\r\n".to_vec(), [b"1;".as_slice(), &[b'a'; 2000]].concat()] {
            assert!(Body::Size(0).decode(&mut bad.clone(), &mut Vec::new()).is_err());
        }
    }

    proptest! {
        #[test]
        fn chunks_cut_anywhere_give_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(1..20_usize, 1..6),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend(format!("{:X}\r\n", chunk.len()).bytes());
                wire.extend(chunk);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let mut pieces = Vec::new();
            let (mut rest, mut sizes) = (wire.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                pieces.push(piece);
                rest = others;
            }
            let (out, body) = whole(Body::Size(0), &pieces);
            prop_assert_eq!(out, chunks.concat());
            prop_assert!(body.is_complete());
        }
    }
}
