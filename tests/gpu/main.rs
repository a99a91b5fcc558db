//! GPUs: without NVIDIA's library, which is how it is on this machine, and with a stand-in that a test compiles. The stand-in
//! shows that values arrive and faults are borne; it cannot show what a driver does.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed unwrap is a failed test

#[path = "../support/mod.rs"]
mod support;

use hsflow::collect::gpu::{Gpus, LIBRARY};
use hsflow::host::{Clock, Hands, Host};
use hsflow::sflow::counters::hardware::Gpu;
use hsflow::status::registry::State;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{TempDir, wait_until};

const LIMIT: Duration = Duration::from_secs(60);

/// The stand-in, and the file that sets its behaviour.
struct Fake {
    folder: TempDir,
    host: Host,
    hands: Hands,
}

impl Fake {
    fn new(behaviour: &str, option: &str) -> Self {
        let folder = TempDir::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/fake.c");
        let control = format!("-DCONTROL=\"{}\"", folder.path().join("control").display());
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-O1", &control, option, "-o"])
            .arg(folder.path().join(LIBRARY))
            .arg(source);
        assert!(gcc.status().unwrap().success());
        let (clock, hands) = Clock::manual();
        let this = Self { folder, host: Host { clock, ..Host::default() }, hands };
        this.behave(behaviour);
        this
    }

    fn behave(&self, word: &str) {
        let new = self.folder.write("new", word);
        std::fs::rename(new, self.folder.path().join("control")).unwrap();
    }

    fn open(&self) -> Gpus {
        Gpus::open(&self.host, self.folder.path().join(LIBRARY).as_os_str())
    }

    fn now(&self) -> Instant {
        self.host.clock.now()
    }

    /// The record, when this is true of it.
    fn wait(&self, gpus: &Gpus, what: &str, is: impl Fn(&Gpu) -> bool) -> Gpu {
        wait_until(what, LIMIT, || gpus.record(self.now()).filter(&is))
    }
}

#[test]
fn no_library_is_a_normal_state_that_names_it() {
    let host = Host::default();
    let gpus = Gpus::open(&host, OsStr::new("libnvidia-ml-absent.so.1"));
    let state =
        wait_until("a state", LIMIT, || Some(gpus.state(host.clock.now())).filter(|s| *s != State::Running));
    let State::Unavailable { reason } = state else { panic!("{state:?}") };
    assert!(reason.contains("libnvidia-ml-absent.so.1: cannot open shared object file"), "{reason}");
    assert_eq!(gpus.record(host.clock.now()), None);
    assert_eq!(gpus.record_of(&["GPU-1".into()], host.clock.now()), None);
}

#[test]
fn what_the_library_tells_arrives_in_the_record_and_times_grow_with_time() {
    let fake = Fake::new("ok", "-DNEW");
    let gpus = fake.open();
    let first = fake.wait(&gpus, "values of both", |gpu| gpu.device_count == 2);
    assert_eq!((first.device_count, first.processes, first.ecc_errors), (2, 6, 4));
    assert_eq!((first.mem_total, first.mem_free), (160 << 30, 140 << 30));
    assert_eq!((first.temperature, first.fan_speed), (51, 0), "the hottest; no fan is told of");

    // 5 s at 40 % and 20 % on two devices; one counts its own energy, 1,000 J, the other had 250 W.
    fake.hands.advance(Duration::from_secs(5));
    let later = fake.wait(&gpus, "another look", |gpu| gpu.gpu_time == 4000);
    assert_eq!((later.mem_time, later.energy), (2000, 1_000_000 + 1_250_000));

    let one = gpus
        .record_of(&["00000001-0000-4000-8000-000000000000".into(), "GPU-of-another-host".into()], fake.now())
        .unwrap();
    assert_eq!((one.device_count, one.gpu_time, one.energy, one.temperature), (1, 2000, 1_000_000, 51));
    assert_eq!(gpus.record_of(&["GPU-of-another-host".into()], fake.now()), None);
    assert_eq!(gpus.state(fake.now()), State::Running);
}

#[test]
fn functions_that_an_older_library_lacks_cost_their_own_values_only() {
    let fake = Fake::new("ok", "-DOLD");
    let gpus = fake.open();
    fake.wait(&gpus, "values", |gpu| gpu.temperature != 0);
    fake.hands.advance(Duration::from_secs(2));
    let gpu = fake.wait(&gpus, "another look at both", |gpu| gpu.gpu_time == 1600);
    assert_eq!((gpu.device_count, gpu.energy), (2, 1_000_000), "2 s of two devices at 250 W each");
}

#[test]
fn a_lost_device_is_said_and_costs_the_other_nothing() {
    let fake = Fake::new("ok", "-DNEW");
    let gpus = fake.open();
    fake.wait(&gpus, "values", |gpu| gpu.temperature != 0);
    fake.hands.advance(Duration::from_secs(5));
    let before = fake.wait(&gpus, "another look at both", |gpu| gpu.gpu_time == 4000);
    fake.behave("lost");
    let after = fake.wait(&gpus, "the loss", |gpu| gpu.device_count == 1);
    assert_eq!((after.temperature, after.mem_total), (50, 80 << 30));
    assert_eq!(
        (after.gpu_time, after.energy, after.ecc_errors),
        (before.gpu_time, before.energy, before.ecc_errors)
    );
    wait_until("it to be said", LIMIT, || match gpus.state(fake.now()) {
        State::Degraded { reason } => reason.contains("GPU 1").then_some(()),
        _ => None,
    });
    fake.behave("ok");
    fake.wait(&gpus, "its return", |gpu| gpu.device_count == 2);
    wait_until("running", LIMIT, || (gpus.state(fake.now()) == State::Running).then_some(()));
}

#[test]
fn a_library_that_hangs_is_said_and_holds_up_nobody() {
    let fake = Fake::new("ok", "-DNEW");
    let gpus = fake.open();
    fake.wait(&gpus, "values", |gpu| gpu.temperature != 0);
    fake.behave("hang");
    let hangs = fake.folder.path().join("control.hangs");
    wait_until("a call that hangs", LIMIT, || hangs.exists().then_some(()));
    fake.hands.advance(Duration::from_secs(11));
    assert!(matches!(gpus.state(fake.now()), State::Degraded { .. }));
    assert_eq!(gpus.record(fake.now()), None, "rather nothing than what was");
    fake.behave("ok");
    fake.wait(&gpus, "answers", |_| true);
}

#[test]
fn no_driver_and_no_device_are_normal_states() {
    for (behaviour, word) in [("driver", "driver"), ("none", "no GPU")] {
        let fake = Fake::new(behaviour, "-DNEW");
        let gpus = fake.open();
        let state =
            wait_until("a state", LIMIT, || Some(gpus.state(fake.now())).filter(|s| *s != State::Running));
        let State::Unavailable { reason } = state else { panic!("{state:?}") };
        assert!(reason.contains(word), "{reason}");
        assert_eq!(gpus.record(fake.now()), None);
    }
}
