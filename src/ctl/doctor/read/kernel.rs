//! The kernel: what of it the settings want, and whether it is there. In: settings; the kernel itself, which is asked as the
//! agent would; `/sys/module`, `/lib/modules`. Out: an answer for each source, a state for each module.

use crate::config::model::Settings;
use crate::ctl::doctor::facts::{Module, Refusal};
use crate::host::Host;
use crate::source::{Obstacle, af_packet, drop_monitor, ebpf, nflog, psample};
use std::fs;

/// Tries a source.
type Probe = fn() -> Result<(), Obstacle>;

/// Each source that is wanted, tried as the agent tries it; nothing of it stays.
pub(super) fn sources(settings: &Settings) -> Vec<(&'static str, Result<(), Refusal>)> {
    let m = &settings.modules;
    let wanted: [(&str, bool, Probe); 5] = [
        ("pcap", !m.pcap.is_empty(), || af_packet::probe(None)),
        ("epcap", !m.epcap.is_empty(), || ebpf::probe(None)),
        ("nflog", m.nflog.as_ref().is_some_and(|nflog| nflog.group.is_some()), nflog::probe),
        ("psample", m.psample.is_some() || m.dent.is_some(), psample::probe),
        ("dropmon", m.dropmon.is_some(), drop_monitor::probe),
    ];
    let wanted = wanted.into_iter().filter(|(_, is_wanted, _)| *is_wanted);
    wanted.map(|(name, _, probe)| (name, probe().map_err(|obstacle| refusal(&obstacle)))).collect()
}

fn refusal(obstacle: &Obstacle) -> Refusal {
    Refusal { is_denied: matches!(obstacle, Obstacle::Denied { .. }), words: obstacle.to_string() }
}

/// The modules that these settings have a use for.
pub(super) fn modules(host: &Host, settings: &Settings) -> Vec<(&'static str, Module)> {
    let m = &settings.modules;
    let wanted = [
        ("psample", m.psample.is_some() || m.dent.is_some() || m.vpp.is_some()),
        ("act_sample", m.dent.is_some()),
        ("nfnetlink_log", m.nflog.is_some()),
        ("drop_monitor", m.dropmon.is_some()),
        ("tcp_diag", m.tcp.is_some()),
        ("openvswitch", m.ovs.is_some()),
    ];
    let (mut name, mut release) = (String::new(), String::new());
    let _ = host.read_names(&mut name, &mut release);
    let list = |file: &str| fs::read_to_string(host.path(format!("/lib/modules/{release}/{file}"))).ok();
    let (built_in, loadable) = (list("modules.builtin"), list("modules.dep"));
    let state = |module: &str| {
        if host.path(format!("/sys/module/{module}")).exists() {
            return Module::Loaded;
        }
        of_lists(module, built_in.as_deref(), loadable.as_deref())
    };
    wanted.iter().filter(|(_, is_wanted)| *is_wanted).map(|(module, _)| (*module, state(module))).collect()
}

/// A module that is not loaded, by the lists of the kernel's build.
fn of_lists(module: &str, built_in: Option<&str>, loadable: Option<&str>) -> Module {
    let has = |list: Option<&str>| {
        list.unwrap_or_default().lines().any(|line| {
            let path = line.split(':').next().unwrap_or(line);
            let file = path.rsplit('/').next().unwrap_or(path);
            file.split(".ko").next().is_some_and(|name| name.replace('-', "_") == module)
        })
    };
    match () {
        () if has(built_in) => Module::BuiltIn,
        () if has(loadable) => Module::Available,
        () if loadable.is_none() => Module::Unknown,
        () => Module::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_its_file_whatever_packs_it() {
        let dep = "kernel/net/psample/psample.ko.xz:\nkernel/net/sched/act_sample.ko: kernel/net/psample/psample.ko.xz\n";
        let built = "kernel/net/netfilter/nfnetlink-log.ko\n";
        let of = |module| of_lists(module, Some(built), Some(dep));
        assert_eq!(
            [of("psample"), of("act_sample"), of("nfnetlink_log"), of("sample")],
            [Module::Available, Module::Available, Module::BuiltIn, Module::Missing]
        );
        assert_eq!(of_lists("psample", None, None), Module::Unknown);
    }
}
