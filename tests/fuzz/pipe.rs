//! What comes out of a pipe does not depend on the pieces in which it was read, is never longer than a message that is too
//! long, and stands in the pipe's bytes in the same order.

use hsflow::sample::application::message::MAX_MESSAGE;
use hsflow::sample::application::split::Stream;

/// The first byte is the length of the pieces.
pub(super) fn law(data: &[u8]) {
    let Some((length, text)) = data.split_first() else { return };
    let whole = split(&mut std::iter::once(text));
    assert_eq!(split(&mut text.chunks(usize::from(*length).max(1))), whole);
    let mut rest = text;
    for message in whole {
        assert!(!message.is_empty() && message.len() <= MAX_MESSAGE + 1);
        let at = rest.windows(message.len()).position(|part| part == message);
        rest = &rest[at.expect("it stands behind the one before it") + message.len()..];
    }
}

fn split(pieces: &mut dyn Iterator<Item = &[u8]>) -> Vec<Vec<u8>> {
    let (mut stream, mut found) = (Stream::default(), Vec::new());
    let mut each = |message: &[u8]| found.push(message.to_vec());
    pieces.for_each(|piece| stream.push(piece, &mut each));
    stream.end(&mut each);
    found
}
