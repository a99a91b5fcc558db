//! The table of faults: each row breaks one thing around a real agent; the status then exits 1 and names the cause and what to
//! do, and exits 0 again where the row mends it. A row that this machine cannot break says `SKIP`.

use crate::rig::{Rig, isolated};
use crate::scene::{Scene, faults};

/// One row.
struct Fault {
    /// Breaks it; none where that cannot be done here.
    inject: fn() -> Option<Scene>,
    /// The finding begins with this.
    what: &'static str,
    /// And names these, its remedy included.
    words: &'static [&'static str],
    /// Mends it.
    mend: Option<fn(&mut Scene)>,
}

fn try_fault(fault: &Fault) {
    isolated(|| {
        let Some(mut scene) = (fault.inject)() else { return };
        let head = format!("DEGRADED   {}", fault.what);
        let named =
            |told: &String| told.starts_with(&head) && fault.words.iter().all(|words| told.contains(words));
        let what = format!("a finding {:?} with {:?}", fault.what, fault.words);
        let page = scene.wait_status(&what, 1, |page| faults(page).iter().any(named));
        let found = faults(&page).into_iter().find(named).unwrap();
        assert!(found.contains("\n           do: "), "no remedy: {found}");
        assert!(
            page.starts_with("hsflowd ") && page.lines().next().unwrap().contains(" DEGRADED, pid "),
            "{page}"
        );
        if let Some(mend) = fault.mend {
            mend(&mut scene);
            scene.wait_status("healthy when it is mended", 0, |page| page.contains(" healthy, pid "));
        }
    });
}

macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => {
        $(#[test]
        fn $name() {
            super::try_fault(&$fault);
        })*

        /// How many rows there are.
        pub(super) const ROWS: usize = [$(stringify!($name)),*].len();
    };
}

mod feeds;
mod guests;
mod host;
mod interfaces;
mod sending;

// The issue asks for twenty.
const _: () = assert!(feeds::ROWS + guests::ROWS + host::ROWS + interfaces::ROWS + sending::ROWS > 20);

/// A row that stays broken.
const fn fault(what: &'static str, words: &'static [&'static str], inject: fn() -> Option<Scene>) -> Fault {
    Fault { inject, what, words, mend: None }
}

/// A row that is mended.
const fn mended(
    what: &'static str,
    words: &'static [&'static str],
    inject: fn() -> Option<Scene>,
    mend: fn(&mut Scene),
) -> Fault {
    Fault { inject, what, words, mend: Some(mend) }
}

fn scene(body: &str) -> Option<Scene> {
    Some(Rig::running(&format!("polling = 1\n{body}")).into())
}

/// A rig that is not started, with this in its configuration.
fn prepared(body: &str) -> Rig {
    let rig = Rig::new();
    rig.configure(&format!("polling = 1\n{body}"));
    rig
}
