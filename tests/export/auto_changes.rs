//! The settings file through hundreds of changes, under the eyes of every reader.
//!
//! Random changes, failures and restarts of the agent stand between polls of each reader at random moments. The rule
//! held: what a reader sends after a poll is what the last written change says, computed here from the settings and
//! not from the text; or what the reference says that it does with a file that it refuses.

use crate::auto_host::{Change, Host, Way, address};
use crate::readers::{KINDS, Kind, SubAgent};
use hsflow::export::auto::{AutoFile, frame};
use nix::sched::{CloneFlags, unshare};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Poll(Vec<usize>),
    Restart,
    /// Somebody removes the file.
    Remove,
    /// The agent dies so many bytes into overwriting the file; these look; it starts again.
    Crash(usize, Vec<usize>),
    /// The file system has no space from here on, or has again.
    Full(bool),
    /// No second file can be made in the directory from here on, or can again.
    Alone(bool),
}

/// What readers find at the path.
enum Disk {
    Nothing,
    Torn,
    Holds(Host),
}

/// The agent with its file, and the readers around it.
struct World {
    path: PathBuf,
    mounted: bool,
    file: AutoFile,
    host: Host,
    disk: Disk,
    readers: Vec<SubAgent>,
    failures: usize,
}

impl World {
    fn new(dir: &Path, mounted: bool) -> Self {
        let path = dir.join("a.auto");
        for name in ["a.auto", ".a.auto.new/in the way", "fill"] {
            let _ = fs::remove_file(dir.join(name));
        }
        let _ = fs::remove_dir(dir.join(".a.auto.new"));
        let readers = KINDS.map(SubAgent::new).into();
        let file = AutoFile::open(&path);
        Self { path, mounted, file, host: Host::new(), disk: Disk::Nothing, readers, failures: 0 }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Change(change) => {
                self.host.change(change);
                self.write();
            }
            Step::Poll(who) => who.into_iter().for_each(|n| self.poll(n)),
            // A file gone during a restart is beyond the agent: where it ran ahead of the clock, Node waits.
            Step::Restart if !matches!(self.disk, Disk::Nothing) => {
                self.file = AutoFile::open(&self.path);
                self.write();
            }
            Step::Restart => {}
            Step::Remove => {
                if fs::remove_file(&self.path).is_ok() {
                    self.disk = Disk::Nothing;
                }
            }
            Step::Crash(cut, who) => self.crash(cut, who),
            Step::Full(full) if self.mounted => self.fill(full),
            Step::Full(_) => {}
            Step::Alone(alone) => self.block(alone),
        }
    }

    fn write(&mut self) {
        match self.file.write(&self.host.text()) {
            Ok(_) => self.disk = Disk::Holds(self.host.clone()),
            Err(_) => self.failures += 1,
        }
    }

    /// Polls once, and holds the reader to the rule.
    fn poll(&mut self, n: usize) {
        let reader = &mut self.readers[n];
        let (kind, before) = (reader.kind, reader.sending());
        reader.poll(&self.path);
        let stops = matches!(kind, Kind::Nginx | Kind::Apache | Kind::Memcached | Kind::Jmx);
        let expected = match &self.disk {
            Disk::Holds(host) => host.meaning(kind, before),
            Disk::Nothing => before.filter(|_| !stops),
            Disk::Torn => return,
        };
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        assert_eq!(reader.sending(), expected, "{kind:?} at {:?} of\n{text}", reader.sending());
    }

    /// As overwriting in place leaves the file when it is cut short.
    fn crash(&mut self, cut: usize, who: Vec<usize>) {
        let (Ok(old), Ok(meta)) = (fs::read_to_string(&self.path), fs::metadata(&self.path)) else { return };
        let new = frame(&self.host.text(), self.file.revision() + 1);
        let cut = cut % new.len();
        fs::write(&self.path, [&new[..cut], old.get(cut..).unwrap_or_default()].concat())
            .expect("space as before");
        // Time has passed since the last change: the file is ahead of the clock only because this test is fast.
        let later = meta.modified().expect("a time") + Duration::from_secs(1);
        let file = File::options().write(true).open(&self.path).expect("as just now");
        file.set_modified(later).expect("it is ours");
        self.disk = Disk::Torn;
        who.into_iter().for_each(|n| self.poll(n));
        self.step(Step::Restart);
    }

    fn fill(&self, full: bool) {
        let fill = self.path.with_file_name("fill");
        let _ = fs::remove_file(&fill);
        if full {
            let mut file = File::create(&fill).expect("an empty file fits");
            while file.write(&[0; 4096]).is_ok() {}
        }
    }

    fn block(&self, alone: bool) {
        let draft = self.path.with_file_name(".a.auto.new");
        if alone {
            let _ = fs::create_dir(&draft);
            let _ = File::create(draft.join("in the way"));
        } else {
            let _ = fs::remove_dir_all(&draft);
        }
    }

    /// All is well again, and everybody looks.
    fn settle(&mut self) {
        self.fill(false);
        self.block(false);
        self.write();
        (0..self.readers.len()).for_each(|n| self.poll(n));
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let agent = || proptest::option::weighted(0.7, (1u8..7).prop_map(address));
    let rate = |most| proptest::option::of(0u32..most);
    let way = || prop_oneof![12 => Just(Way::Plain), 1 => Just(Way::Device), 1 => Just(Way::Namespace)];
    let key = prop_oneof![Just("http"), Just("memcache"), Just("10G"), Just("app.x")];
    let change = prop_oneof![
        8 => (0u8..16, proptest::option::weighted(0.65, way())).prop_map(|(n, way)| Change::Collector(n, way)),
        3 => (key, rate(5_000), rate(60)).prop_map(|(key, s, p)| Change::Keyed(key, s, p)),
        2 => (0u32..5_000, 0u32..60).prop_map(|(s, p)| Change::General(s, p)),
        2 => agent().prop_map(Change::Elected),
        1 => agent().prop_map(Change::OwnIp),
        1 => any::<bool>().prop_map(Change::Off),
        1 => proptest::option::of(1u16..9).prop_map(Change::JsonPort),
    ];
    let who = || proptest::collection::vec(0..KINDS.len(), 1..8);
    let step = prop_oneof![
        30 => change.prop_map(Step::Change),
        40 => who().prop_map(Step::Poll),
        3 => Just(Step::Restart),
        1 => Just(Step::Remove),
        3 => (0usize..1_000, who()).prop_map(|(cut, who)| Step::Crash(cut, who)),
        2 => any::<bool>().prop_map(Step::Full),
        2 => any::<bool>().prop_map(Step::Alone),
    ];
    proptest::collection::vec(step, 1..600)
}

/// Runs in a directory of its own: a small file system that nobody else sees where one can be mounted.
fn in_a_directory(test: &'static str, work: impl FnOnce(&Path, bool) + Send + 'static) {
    let dir = std::env::temp_dir().join(format!("hsflow-auto-{test}-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a temporary directory");
    let at = dir.clone();
    // The thread alone enters the new mount namespace, and takes the mount with it when it ends.
    let done = thread::spawn(move || {
        let run = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            Command::new(words[0]).args(&words[1..]).arg(&at).output().is_ok_and(|o| o.status.success())
        };
        let mounted = unshare(CloneFlags::CLONE_NEWNS).is_ok()
            && Command::new("mount").args(["--make-rprivate", "/"]).status().is_ok_and(|s| s.success())
            && run("mount -t tmpfs -o size=32k none");
        if !mounted {
            println!("SKIP {test}: no full file system (mounting needs CAP_SYS_ADMIN)");
        }
        work(&at, mounted);
    })
    .join();
    let _ = fs::remove_dir_all(&dir);
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn every_reader_holds_the_last_change_at_its_next_poll() {
    in_a_directory("changes", |dir, mounted| {
        let failures = AtomicUsize::new(0);
        let mut runner = TestRunner::new(Config {
            cases: 24,
            max_shrink_iters: 10_000,
            failure_persistence: None,
            ..Config::default()
        });
        runner
            .run(&steps(), |steps| {
                let mut world = World::new(dir, mounted);
                steps.into_iter().for_each(|step| world.step(step));
                world.settle();
                failures.fetch_add(world.failures, Ordering::Relaxed);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(!mounted || failures.into_inner() > 0, "some writes failed on the way");
    });
}

#[test]
fn readers_that_look_while_the_file_is_written_end_with_the_last_change() {
    in_a_directory("live", |dir, _| {
        for alone in [false, true] {
            let mut world = World::new(dir, false);
            world.write();
            world.block(alone);
            let (path, over) = (world.path.clone(), AtomicBool::new(false));
            let readers = std::mem::take(&mut world.readers);
            let look = &|mut reader: SubAgent| {
                while !over.load(Ordering::Relaxed) {
                    reader.poll(&path);
                }
                reader
            };
            world.readers = thread::scope(|scope| {
                let looking: Vec<_> = readers.into_iter().map(|r| scope.spawn(move || look(r))).collect();
                for n in 0..200u8 {
                    world.step(Step::Change(Change::Collector(n % 9, (n % 5 > 0).then_some(Way::Plain))));
                }
                over.store(true, Ordering::Relaxed);
                looking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            (0..world.readers.len()).for_each(|n| world.poll(n));
        }
    });
}
