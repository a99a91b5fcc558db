//! The page of metrics: of any samples and any `Accept` header comes a page of which every line can be read, and no two are of
//! the same series.

use hsflow::sflow::ids::DataSource;
use hsflow::status::applications::{Application, Applications};
use hsflow::status::guests::Guest;
use hsflow::status::metrics::{Format, Shelf, render};
use hsflow::status::snapshot::{Interface, Snapshot};
use std::collections::BTreeSet;

/// A line is the header; what follows it are the samples of a datagram.
pub(super) fn law(data: &[u8]) {
    let (accept, samples) = data.split_at(data.iter().position(|&byte| byte == b'\n').unwrap_or(0));
    let mut shelf = Shelf::default();
    shelf.take(samples.strip_prefix(b"\n").unwrap_or(samples), 1_700_000_000_000);
    let format = Format::wanted(&String::from_utf8_lossy(accept));
    let page = render(&everybody(), &shelf, format);
    let page = std::str::from_utf8(&page).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(page.ends_with("\n# EOF\n"), format == Format::OpenMetrics);
    let mut seen = BTreeSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let end = line.rfind('}').map_or_else(|| line.find(' ').unwrap_or(0), |brace| brace + 1);
        let (series, numbers) = line.split_at(end);
        let name = series.split('{').next().unwrap_or_default();
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.is_empty(), "{line:?}");
        assert!(seen.insert(series), "{line:?} twice");
        let numbers: Vec<_> = numbers.split_whitespace().map(str::parse::<f64>).collect();
        assert!(matches!(numbers.as_slice(), [Ok(_)] | [Ok(_), Ok(_)]), "{line:?}");
    }
}

/// Small numbers are somebody's.
fn everybody() -> Snapshot {
    let source = |index| DataSource::logical(index).to_string();
    let interface = |index| Interface { index, name: format!("eth{index}"), ..Interface::default() };
    let guest = |index| Guest { name: "same".into(), source: source(index), ..Guest::default() };
    let application =
        |index| Application { name: "same".into(), source: source(index), ..Application::default() };
    let known = (16..32).map(application).collect();
    Snapshot {
        interfaces: (0..16).map(interface).collect(),
        guests: (0..16).map(guest).collect(),
        applications: Applications { known, ..Applications::default() },
        ..Snapshot::default()
    }
}
