//! The psample and dropmon sources where the kernel has no such thing, and what the controller tells; what they give is
//! tested in tests/vm.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

#[path = "support/netns.rs"]
mod netns;

use hsflow::config::parse;
use hsflow::host::Clock;
use hsflow::sample::frame::{Frame, Sink};
use hsflow::source::drop_monitor::Drops;
use hsflow::source::psample::{Samples, Settings};
use hsflow::source::{Obstacle, Source, drop_monitor, psample};
use netns::isolated;
use std::time::Duration;

const BOTH: Settings = Settings { group: 1, ingress: true, egress: true };

fn dropmon() -> Drops {
    let text = "sflow { collector { ip = ::1 } dropmon { } }";
    Drops::new(parse("test", text).settings.unwrap().modules.dropmon.unwrap()).unwrap()
}

/// Without the module the source says so, has nothing to read, and asks again in minutes, not in seconds.
fn rests(source: &mut dyn Source, probe: fn() -> Result<(), Obstacle>) {
    let sink: &mut dyn Sink = &mut |frame: &Frame<'_>| panic!("{frame:?}");
    let obstacle = source.obstacle().unwrap().clone();
    assert!(matches!(obstacle, Obstacle::Absent(_)), "{obstacle}");
    assert_eq!(probe().as_ref(), Err(&obstacle));
    assert!(obstacle.to_string().contains("CTRL_CMD_GETFAMILY"), "{obstacle}");
    let found = source.read(sink).unwrap();
    assert_eq!((found.frames, found.more), (0, false));
    let now = Clock::system().now();
    let again = source.check(now, &mut |finding| panic!("{finding:?}")).unwrap();
    assert!(again - now >= Duration::from_secs(15));
    assert_eq!(source.check(now, &mut |_| {}), Some(again));
    assert!(source.check(again, &mut |_| {}).unwrap() > again);
    assert_eq!(source.obstacle(), Some(&obstacle));
}

#[test]
fn a_family_that_is_not_there_costs_nothing_and_is_named() {
    // NET_DM is in the first network namespace only, so it is absent in this one whatever the kernel has.
    isolated("a_family_that_is_not_there_costs_nothing_and_is_named", || {
        rests(&mut dropmon(), drop_monitor::probe);
        let mut samples = Samples::new(BOTH).unwrap();
        if std::path::Path::new("/sys/module/psample").exists() {
            println!("SKIP: this kernel has psample");
        } else {
            rests(&mut samples, psample::probe);
        }
    });
}
