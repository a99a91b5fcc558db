//! The kernel: can each packet source run here, and are its modules there. In: facts. Out: checks.

use super::super::Check;
use super::super::facts::{Facts, Module, Refusal};
use crate::status::verdict::remedy::{self, Place};

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut all: Vec<Check> =
        facts.sources.iter().map(|(name, probed)| source(facts, name, probed)).collect();
    all.extend(facts.modules.iter().map(|(name, module)| of_module(facts, name, *module)));
    all
}

fn source(facts: &Facts, name: &str, probed: &Result<(), Refusal>) -> Check {
    let what = format!("source {name}");
    match probed {
        Ok(()) => Check::good(&what, "this kernel has it, and it can be opened"),
        Err(refusal) if refusal.is_denied && !facts.is_root => {
            let found = format!("this user may not try it: {}", refusal.words);
            Check::unsure(&what, found, "sudo hsflowctl doctor tries it")
        }
        Err(refusal) => {
            let place = Place { component: name, file: facts.config.file() };
            Check::wrong(&what, refusal.words.clone(), remedy::of(&place, &refusal.words))
        }
    }
}

fn of_module(facts: &Facts, name: &str, module: Module) -> Check {
    let what = format!("module {name}");
    let user = match name {
        "nfnetlink_log" => "nflog",
        "drop_monitor" => "dropmon",
        name => name,
    };
    // Where the source works, whatever it needs is there.
    let works = facts.sources.iter().any(|(source, probed)| probed.is_ok() && *source == user);
    match module {
        Module::Loaded => Check::good(&what, "loaded"),
        Module::BuiltIn => Check::good(&what, "part of this kernel"),
        _ if works => Check::good(&what, "there, as its source works"),
        Module::Available => {
            let remedy =
                format!("modprobe {name}; echo {name} > /etc/modules-load.d/hsflowd.conf for each boot");
            Check::unsure(&what, "there, and not loaded", remedy)
        }
        Module::Missing => Check::wrong(
            &what,
            "this kernel has no such module",
            "install the kernel's extra modules (linux-modules-extra-$(uname -r), kernel-modules-extra), or sample with pcap { }",
        ),
        Module::Unknown => Check::unsure(
            &what,
            "not loaded, and the modules of this kernel are not here to look",
            format!("on the host itself: modinfo {name}"),
        ),
    }
}
