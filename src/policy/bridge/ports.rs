//! The ports of a bridge. In: what `ovs-ofctl dump-ports-desc` printed. Out: their numbers by name. Rule: a line of another
//! form is no port. Spec: ovs-ofctl(8).

use std::collections::BTreeMap;

/// Reads ` 1(tap0): addr:…` and ` LOCAL(br0): addr:…`; a name with odd characters stands in quotes.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let ports = text.lines().filter_map(|line| {
        let (number, rest) = line.trim_start().split_once('(')?;
        let (name, _) = rest.split_once("): addr:")?;
        Some((name.trim_matches('"').to_owned(), number.to_owned()))
    });
    ports.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_their_numbers_and_other_lines_are_none() {
        let text = "OFPST_PORT_DESC reply (OF1.5) (xid=0x4):\n 1(p1): addr:02:00\n     config:     0\n     speed: 0 Mbps now\n \
                    65534(odd): addr:02:01\n LOCAL(br0): addr:02:02\n 7(\"1x\"): addr:02:03\n";
        let found = parse(text);
        let found: Vec<_> = found.iter().map(|(name, number)| (name.as_str(), number.as_str())).collect();
        assert_eq!(found, [("1x", "7"), ("br0", "LOCAL"), ("odd", "65534"), ("p1", "1")]);
    }
}
