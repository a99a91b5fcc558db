//! What to do about an unknown word: where it belongs, or the known word that it is nearest to.

use super::keys::{OBJECTS, Object, ObjectId};

/// Where an unknown word belongs, or what it may have meant to be.
pub(super) fn advice(object: &'static Object, word: &str) -> Option<String> {
    if object.id == ObjectId::Collector && word.parse::<std::net::IpAddr>().is_ok() {
        return Some(format!("write ip = {word}"));
    }
    let here = object.keys.iter().map(|key| key.name).chain(object.children().map(|child| child.name));
    if let Some(known) = nearest(word, here) {
        return Some(format!("did you mean '{known}'?"));
    }
    if let Some((known, rest)) = misspelled_prefix(object, word) {
        return Some(format!("did you mean '{known}.{rest}'?"));
    }
    let has = |other: &&&Object| {
        other.id != object.id && (other.key(word).is_some() || other.child(word).is_some())
    };
    let homes: Vec<_> = OBJECTS.iter().filter(has).map(|home| home.name).collect();
    match (homes.as_slice(), object.keys) {
        (["sflow", ..], _) => {
            Some("it belongs directly in sflow { }: is a '}' missing before it?".to_owned())
        }
        ([home, ..], _) => Some(format!("it belongs in {home} {{ }}")),
        ([], []) => Some(format!("{} takes no keys", object.name)),
        ([], _) => None,
    }
}

/// For `samplng.10G`: the prefix that was meant, and the rest of the word.
fn misspelled_prefix<'w>(object: &Object, word: &'w str) -> Option<(&'static str, &'w str)> {
    let (prefix, rest) = word.split_once('.')?;
    let known = object.keys.iter().filter_map(|key| key.name.strip_suffix(".KEY"));
    Some((nearest(prefix, known)?, rest))
}

/// The candidate nearest to `word`, case ignored, if it is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    const LONGEST: usize = 40;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let near = 1 + word.len() / 4;
    let ranked = candidates.into_iter().map(|known| (distance(&word, &known.to_ascii_lowercase()), known));
    ranked
        .filter(|&(far, known)| far <= near && far < known.len())
        .min_by_key(|&(far, _)| far)
        .map(|(_, known)| known)
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(from != to)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_each_kind_of_slip_as_one() {
        for (a, b, want) in
            [("", "", 0), ("abc", "", 3), ("pcap", "epcap", 1), ("polling", "poling", 1), ("ab", "ba", 1)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["polling", "sampling", "ip", "udpport"];
        assert_eq!(nearest("Poling", known), Some("polling"));
        assert_eq!(nearest("udp_port", known), Some("udpport"));
        assert_eq!(nearest("xy", known), None);
        assert_eq!(nearest("frequency", known), None);
    }
}
