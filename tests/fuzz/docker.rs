//! Words of a container engine: the bodies of its answers in any framing, its events, its list and its descriptions.

use hsflow::collect::guests::docker::{Body, Lines, parse_event, parse_inspect, parse_list, parse_version};

const ID: &str = "71260370c6dc47f4a7b4dd50070e783b171048d6fbd3e2ee191dc59436f57bfc";

/// Nothing panics; what is kept is bounded and on one line; a body is the same however it is cut.
pub(crate) fn law(data: &[u8]) {
    if let Ok((Some(guest), _)) = parse_inspect(ID, data) {
        let texts = [Some(&guest.name), guest.hostname.as_ref(), guest.image.as_ref()];
        let labels = guest.labels.iter().flat_map(|(key, value)| [key, value]);
        assert!(texts.into_iter().flatten().chain(labels).all(|text| is_one_line(text)));
        assert!(guest.labels.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= 4096);
        assert!(guest.state.is_alive() || guest.pid.is_none());
    }
    if let Ok((listed, _)) = parse_list(data) {
        assert!(listed.iter().all(|entry| is_id(&entry.id)));
    }
    if let Ok((Some(hint), _)) = parse_event(data) {
        assert!(is_id(&hint.id));
    }
    if let Ok((Ok(version), _)) = parse_version(data) {
        assert!(version.api.to_string().starts_with("1."));
    }
    for framing in [Body::Size(0), Body::Length(100), Body::UntilClosed] {
        assert_eq!(decode(&framing, data, data.len().max(1)), decode(&framing, data, 3));
    }
    let mut lines = Lines::new(16);
    lines.text.extend_from_slice(data);
    while let Some(line) = lines.next_line() {
        assert!(line.is_err_and(|_| data.len() > 16) || data.contains(&b'\n'));
    }
}

/// The body, and whether it is complete; nothing where the framing is wrong, which shows sooner or later.
fn decode(framing: &Body, data: &[u8], piece: usize) -> Option<(Vec<u8>, bool)> {
    let (mut body, mut raw, mut out) = (framing.clone(), Vec::new(), Vec::new());
    for bytes in data.chunks(piece) {
        raw.extend_from_slice(bytes);
        body.decode(&mut raw, &mut out).ok()?;
    }
    Some((out, body.is_complete()))
}

fn is_one_line(text: &str) -> bool {
    text.len() <= 255 && !text.contains(char::is_control)
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
