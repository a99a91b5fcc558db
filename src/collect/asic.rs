//! How full the tables of a switch chip are, as Cumulus Linux shows them. In: the files that switchd shows under
//! `/cumulus/switchd/run`, read on a thread of its own, because switchd itself answers each reading and may hang. Out: the
//! record. Rules: a poll never waits: it has what the one before asked for, and none where that is not there yet; a file that
//! is not there is an unknown number (0 for these); the files are kept open. Spec: sFlow Broadcom Switch ASIC Table Utilization Structures; the files'
//! names are those of Cumulus Linux 2.5 and later.

use crate::host::{Host, HotFile};
use crate::sflow::counters::hardware::BcmTables;
use crate::sflow::unknown::gauge32;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

const FOLDER: &str = "/cumulus/switchd/run";

/// The thread, if there is one.
#[derive(Debug)]
pub struct Asic {
    folder: PathBuf,
    thread: Option<(Sender<()>, Receiver<Option<BcmTables>>)>,
    /// It was asked and has not answered.
    open: bool,
}

impl Asic {
    /// No thread runs until it is asked.
    pub fn new(host: &Host) -> Self {
        Self { folder: host.path(FOLDER), thread: None, open: false }
    }

    /// The record as of the last call; none where that was the first one, where switchd shows no tables, or where it has
    /// not answered since.
    pub fn record(&mut self) -> Option<BcmTables> {
        let (questions, answers) = self.thread.get_or_insert_with(|| start(Files::new(&self.folder)));
        let record = if self.open { answers.try_recv().ok()? } else { None };
        self.open = questions.send(()).is_ok();
        record
    }
}

/// The thread ends when its questions' other end is dropped; one stuck in the kernel ends with the process.
fn start(mut files: Files) -> (Sender<()>, Receiver<Option<BcmTables>>) {
    let (questions, asked) = channel();
    let (answer, answers) = channel();
    let work = move || {
        for () in asked {
            if answer.send(files.read()).is_err() {
                return;
            }
        }
    };
    // Without a thread both ends are dropped, and there is no record.
    let _ = std::thread::Builder::new().name("asic-tables".into()).spawn(work);
    (questions, answers)
}

/// The kept files: [`ROUTES`], then [`ACL`] of either way.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    all: Vec<HotFile>,
}

const ACL: [&str; 8] = [
    "entries",
    "entries_total",
    "counters",
    "counters_total",
    "meters",
    "meters_total",
    "slices",
    "slices_total",
];
const ROUTES: [&str; 17] = [
    "host/count",
    "host/max",
    "host/count_v4",
    "host/count_v6",
    "route/mode",
    "route/count_0",
    "route/max_0",
    "route/count_1",
    "route/max_1",
    "route/count_total",
    "route/max_total",
    "route/count_v4",
    "route/count_v6",
    "ecmp_nh/count",
    "ecmp_nh/max",
    "mac/count",
    "mac/max",
];

impl Files {
    fn new(folder: &std::path::Path) -> Self {
        let routes = ROUTES.iter().map(|name| folder.join("route_info").join(name));
        let acl = ["ingress", "egress"].into_iter().flat_map(|way| {
            let folder = folder.join("acl_info").join(way);
            ACL.iter().map(move |name| folder.join(name))
        });
        Self { folder: folder.to_owned(), all: routes.chain(acl).map(HotFile::new).collect() }
    }

    fn read(&mut self) -> Option<BcmTables> {
        if !self.folder.is_dir() {
            return None;
        }
        let mut numbers = [None; ROUTES.len() + 2 * ACL.len()];
        for (number, file) in numbers.iter_mut().zip(&mut self.all) {
            *number = file.text().ok().and_then(parse_number);
        }
        numbers.iter().any(Option::is_some).then(|| record(&numbers))
    }
}

fn parse_number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// How the two tables of routes are used is `route/mode`: 1, IPv4 and short IPv6 prefixes in one, long IPv6 prefixes in
/// the other; 2, IPv4 in one, IPv6 in the other.
fn record(numbers: &[Option<u64>; ROUTES.len() + 2 * ACL.len()]) -> BcmTables {
    let [host, host_max, v4_neighbors, v6_neighbors, mode, count_0, max_0, count_1, max_1, rest @ ..] =
        *numbers;
    let [total, total_max, v4_routes, v6_routes, ecmp, ecmp_max, mac, mac_max, acl @ ..] = rest;
    let [i0, i1, i2, i3, i4, i5, i6, i7, e0, e1, e2, e3, e4, e5, e6, e7] = acl.map(gauge32);
    let shared = |number: Option<u64>| gauge32(number.filter(|_| mode == Some(1)));
    let split = |number: Option<u64>| gauge32(number.filter(|_| mode == Some(2)));
    BcmTables {
        host_entries: gauge32(host),
        host_entries_max: gauge32(host_max),
        ipv4_entries: split(count_0),
        ipv4_entries_max: split(max_0),
        ipv6_entries: split(count_1),
        ipv6_entries_max: split(max_1),
        ipv4_ipv6_entries: shared(count_0),
        ipv4_ipv6_entries_max: shared(max_0),
        long_ipv6_entries: shared(count_1),
        long_ipv6_entries_max: shared(max_1),
        total_routes: gauge32(total),
        total_routes_max: gauge32(total_max),
        ecmp_nexthops: gauge32(ecmp),
        ecmp_nexthops_max: gauge32(ecmp_max),
        mac_entries: gauge32(mac),
        mac_entries_max: gauge32(mac_max),
        ipv4_neighbors: gauge32(v4_neighbors),
        ipv6_neighbors: gauge32(v6_neighbors),
        ipv4_routes: v4_routes.map_or_else(|| split(count_0), |routes| gauge32(Some(routes))),
        ipv6_routes: v6_routes.map_or_else(|| split(count_1), |routes| gauge32(Some(routes))),
        acl_ingress_entries: i0,
        acl_ingress_entries_max: i1,
        acl_ingress_counters: i2,
        acl_ingress_counters_max: i3,
        acl_ingress_meters: i4,
        acl_ingress_meters_max: i5,
        acl_ingress_slices: i6,
        acl_ingress_slices_max: i7,
        acl_egress_entries: e0,
        acl_egress_entries_max: e1,
        acl_egress_counters: e2,
        acl_egress_counters_max: e3,
        acl_egress_meters: e4,
        acl_egress_meters_max: e5,
        acl_egress_slices: e6,
        acl_egress_slices_max: e7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A switch whose files hold 1, 2, 3 … in the order of their names here, but for the mode.
    fn switch(name: &str, mode: &str) -> Host {
        let root = std::env::temp_dir().join(format!("asic-{}-{name}", std::process::id()));
        let host = Host::at(&root);
        let files = Files::new(&host.path(FOLDER));
        for (number, file) in files.all.iter().enumerate() {
            let path = file.path();
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text =
                if path.ends_with("route/mode") { mode.to_owned() } else { format!("{}\n", number + 1) };
            std::fs::write(path, text).unwrap();
        }
        host
    }

    /// Without the thread.
    fn read(host: &Host) -> Option<BcmTables> {
        Files::new(&host.path(FOLDER)).read()
    }

    fn fields(record: &BcmTables) -> Vec<u32> {
        let debug = format!("{record:?}");
        debug.split([':', ',', '}']).filter_map(|word| word.trim().parse().ok()).collect()
    }

    #[test]
    fn the_mode_says_what_the_two_tables_of_routes_hold() {
        for (mode, split, shared, routes) in [
            ("1\n", [0; 4], [6, 7, 8, 9], [12, 13]),
            ("2\n", [6, 7, 8, 9], [0; 4], [12, 13]),
            ("", [0; 4], [0; 4], [12, 13]),
        ] {
            let host = switch(&format!("mode{}", mode.trim()), mode);
            let record = read(&host).unwrap();
            let found = fields(&record);
            assert_eq!((found[2..6].to_vec(), found[6..10].to_vec()), (split.to_vec(), shared.to_vec()));
            assert_eq!(found[..2], [1, 2]);
            assert_eq!(found[10..18], [10, 11, 14, 15, 16, 17, 3, 4]);
            assert_eq!((found[18..20].to_vec(), found[20..].to_vec()), (routes.to_vec(), (18..34).collect()));
            std::fs::remove_dir_all(&host.root).unwrap();
        }
    }

    #[test]
    fn what_is_not_there_is_unknown_and_a_switch_without_tables_has_no_record() {
        let host = switch("some", "2");
        for name in ["route_info/route/count_v4", "route_info/route/count_v6", "acl_info/ingress/meters"] {
            std::fs::remove_file(host.path(FOLDER).join(name)).unwrap();
        }
        std::fs::write(host.path(FOLDER).join("route_info/mac/count"), "many").unwrap();
        let record = read(&host).unwrap();
        assert_eq!((record.ipv4_routes, record.ipv6_routes), (6, 8), "of the tables");
        assert_eq!((record.acl_ingress_meters, record.mac_entries, record.mac_entries_max), (0, 0, 17));
        std::fs::remove_dir_all(&host.root).unwrap();
        assert_eq!(read(&host), None);
    }

    #[test]
    fn files_that_hang_cost_the_record_and_no_time() {
        let host = switch("hangs", "1");
        let file = host.path(FOLDER).join("route_info/host/count");
        std::fs::remove_file(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let (mut asic, clock) = (Asic::new(&host), crate::host::Clock::system());
        assert!((0..1000).all(|_| asic.record().is_none()));
        // Whoever opens the pipe for writing and closes it lets the reader go.
        drop(std::fs::OpenOptions::new().write(true).open(&file).unwrap());
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "5").unwrap();
        let until = clock.now() + std::time::Duration::from_secs(20);
        while asic.record().is_none_or(|record| record.host_entries != 5) {
            assert!(clock.now() < until);
            std::thread::yield_now();
        }
        std::fs::remove_dir_all(&host.root).unwrap();
    }
}
