//! dockerd killed, frozen and started again while it is watched.

use crate::dockerd::Dockerd;
use crate::life::{compare, states};
use crate::rig::{Watched, patient, quick, skips};
use hsflow::sample::guest::GuestState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const NEEDS: &[&str] = &["dockerd", "docker", "unshare"];

#[test]
fn containers_stay_as_known_while_dockerd_is_killed_and_ended_ones_go_when_it_is_back() {
    const NAME: &str = "containers_stay_as_known_while_dockerd_is_killed_and_ended_ones_go_when_it_is_back";
    if skips(NAME, NEEDS) {
        return;
    }
    let mut dockerd = Dockerd::start(&["--bridge=none", "--live-restore"]);
    let (stays, ends) = (dockerd.sleeper("stays", ""), dockerd.sleeper("ends", ""));
    let watched = Watched::start(&dockerd.root(), patient());
    watched.wait_running();
    let before = watched.told().guests.clone();
    dockerd.kill();
    let reason = watched.wait_degraded();
    assert!(reason.contains("docker.sock"), "{reason}");
    kill(Pid::from_raw(before[&ends].pid.unwrap().cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(watched.told().guests, before);
    dockerd.launch();
    watched.wait_running();
    watched.wait_gone(&ends);
    compare(&dockerd, &watched.told().guests);
    assert_eq!(states(&watched.told().news, &stays), [Some(GuestState::Running)]);
    let states = states(&watched.told().news, &ends);
    assert_eq!(states, [Some(GuestState::Running), Some(GuestState::Shutdown), None]);
}

#[test]
fn containers_that_end_with_dockerd_come_back_with_it_as_new_processes() {
    const NAME: &str = "containers_that_end_with_dockerd_come_back_with_it_as_new_processes";
    if skips(NAME, NEEDS) {
        return;
    }
    let mut dockerd = Dockerd::start(&["--bridge=none"]);
    let (back, over) = (dockerd.sleeper("back", "--restart always"), dockerd.sleeper("over", ""));
    let watched = Watched::start(&dockerd.root(), patient());
    watched.wait_running();
    let before = watched.told().guests[&back].pid;
    dockerd.stop();
    watched.wait_degraded();
    dockerd.launch();
    watched.wait_running();
    watched.wait_gone(&over);
    watched.wait_guest(&back, "back", |guest| guest.pid.is_some() && guest.pid != before);
    compare(&dockerd, &watched.told().guests);
}

#[test]
fn a_frozen_dockerd_is_noticed_and_costs_no_container() {
    const NAME: &str = "a_frozen_dockerd_is_noticed_and_costs_no_container";
    if skips(NAME, NEEDS) {
        return;
    }
    let dockerd = Dockerd::start(&["--bridge=none"]);
    let id = dockerd.sleeper("one", "");
    let watched = Watched::start(&dockerd.root(), quick());
    watched.wait_running();
    dockerd.signal(Signal::SIGSTOP);
    let reason = watched.wait_degraded();
    assert!(reason.ends_with("no answer to /_ping within 2s"), "{reason}");
    assert!(watched.told().guests.contains_key(&id));
    dockerd.signal(Signal::SIGCONT);
    watched.wait_running();
    let later = dockerd.sleeper("later", "");
    watched.wait_guest(&later, "events come again", |guest| guest.pid.is_some());
    compare(&dockerd, &watched.told().guests);
    assert_eq!(states(&watched.told().news, &id), [Some(GuestState::Running)]);
}
