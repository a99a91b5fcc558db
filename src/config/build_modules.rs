//! The feature objects of a checked [`Tree`] → [`Modules`].
//!
//! Rule: an object is on when the file names it, not when only a deprecated top-level key sets something in it.

use super::keys::ObjectId;
use super::modules::{
    Containerd, Dent, DnsSd, Docker, Dropmon, Json, K8s, Kvm, Metrics, Modules, Nlroute, Opx, Ovs, PacketLog,
    Psample, Sonic, Switch, Systemd, Tap, Tcp, Vpp, Xen,
};
use super::tree::{Section, Tree};

pub(super) fn modules(tree: &Tree) -> Modules {
    let on = |id| tree.named(id).is_some();
    Modules {
        dns_sd: tree.dns_sd().map(|_| dns_sd(tree.section(ObjectId::DnsSd))),
        json: tree.named(ObjectId::Json).map(json),
        pcap: tree.list(ObjectId::Pcap).map(tap).collect(),
        epcap: tree.list(ObjectId::Epcap).map(tap).collect(),
        psample: tree.named(ObjectId::Psample).map(psample),
        nflog: tree.named(ObjectId::Nflog).map(|nflog| packet_log(nflog, nflog.switch("rule"))),
        ulog: tree.named(ObjectId::Ulog).map(|ulog| packet_log(ulog, false)),
        dropmon: tree.named(ObjectId::Dropmon).map(dropmon),
        tcp: tree.named(ObjectId::Tcp).map(tcp),
        kvm: tree.named(ObjectId::Kvm).map(|section| kvm(tree, section)),
        xen: tree.named(ObjectId::Xen).map(|section| xen(tree, section)),
        docker: tree.named(ObjectId::Docker).map(|section| docker(tree, section)),
        containerd: tree.named(ObjectId::Containerd).map(|section| containerd(tree, section)),
        k8s: tree.named(ObjectId::K8s).map(k8s),
        systemd: tree.named(ObjectId::Systemd).map(systemd),
        ovs: tree.named(ObjectId::Ovs).map(ovs),
        nvml: on(ObjectId::Nvml),
        cumulus: tree
            .named(ObjectId::Cumulus)
            .map(|section| Switch { switchport: section.pattern("switchport") }),
        dent: tree
            .named(ObjectId::Dent)
            .map(|section| Dent { switchport: section.pattern("switchport"), sw: section.switch("sw") }),
        opx: tree.named(ObjectId::Opx).map(|section| opx(tree, section)),
        sonic: tree.named(ObjectId::Sonic).map(sonic),
        vpp: tree.named(ObjectId::Vpp).map(vpp),
        eapi: on(ObjectId::Eapi),
        nlroute: tree.named(ObjectId::Nlroute).map(nlroute),
        dbus: on(ObjectId::Dbus),
        metrics: tree
            .named(ObjectId::Metrics)
            .and_then(|section| Some(Metrics { listen: section.listen("listen")? })),
    }
}

fn refresh(tree: &Tree, section: &Section) -> u32 {
    section.opt_int("refreshVMs").unwrap_or_else(|| tree.section(ObjectId::Sflow).int("refreshVMs"))
}

fn forget(tree: &Tree, section: &Section) -> u32 {
    section.opt_int("forgetVMs").unwrap_or_else(|| tree.section(ObjectId::Sflow).int("forgetVMs"))
}

fn dns_sd(section: &Section) -> DnsSd {
    DnsSd { domain: section.text("domain"), srv_priority: section.switch("srvPriority") }
}

fn json(section: &Section) -> Json {
    let port = section.port("udpport");
    Json {
        udp_port: (port != 0).then_some(port),
        fifo: section.text("fifo"),
        socket: section.text("socket"),
        limit: section.int("limit"),
    }
}

fn tap(section: &Section) -> Tap {
    Tap {
        device: section.text("dev"),
        device_pattern: section.pattern("dev.pattern"),
        speed: section.speeds("speed"),
        physical: section.switch("physical"),
        dynamic: section.switch("dynamic"),
        promiscuous: section.switch("promisc"),
        vport: section.opt_switch("vport"),
        sampling: section.opt_int("sampling"),
    }
}

fn psample(section: &Section) -> Psample {
    Psample {
        group: section.int("group"),
        ingress: section.switch("ingress"),
        egress: section.switch("egress"),
    }
}

fn packet_log(section: &Section, own_rule: bool) -> PacketLog {
    let probability = section.real("probability").filter(|&probability| probability > 0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // rounds down and saturates
    let sampling = probability.map(|probability| (1.0 / probability) as u32);
    PacketLog { group: section.opt_int("group"), sampling, own_rule }
}

fn dropmon(section: &Section) -> Dropmon {
    Dropmon {
        start: section.switch("start"),
        force: section.switch("force"),
        limit: section.int("limit"),
        max: section.int("max"),
        max_trip: section.int("max_trip"),
        sw: section.switch("sw"),
        hw: section.switch("hw"),
        rn: section.switch("rn"),
        hw_unknown: section.switch("hw_unknown"),
        sw_passive: section.switch("sw_passive"),
        hw_passive: section.switch("hw_passive"),
        hide: section.pattern("hide"),
    }
}

fn tcp(section: &Section) -> Tcp {
    Tcp { tunnel: section.switch("tunnel"), udp: section.switch("udp"), dump: section.switch("dump") }
}

fn kvm(tree: &Tree, section: &Section) -> Kvm {
    Kvm {
        refresh_vms_secs: refresh(tree, section),
        forget_vms_secs: forget(tree, section),
        mark_traffic: section.switch("markTraffic"),
    }
}

fn xen(tree: &Tree, section: &Section) -> Xen {
    Xen {
        update_dominfo: section.switch("update.dominfo"),
        dsk: section.switch("dsk"),
        switchport: section.pattern("switchport"),
        vbd: section.text("vbd"),
        refresh_vms_secs: refresh(tree, section),
        forget_vms_secs: forget(tree, section),
    }
}

fn docker(tree: &Tree, section: &Section) -> Docker {
    Docker {
        refresh_vms_secs: refresh(tree, section),
        forget_vms_secs: forget(tree, section),
        hostname: section.switch("hostname"),
        mark_traffic: section.switch("markTraffic"),
    }
}

fn containerd(tree: &Tree, section: &Section) -> Containerd {
    Containerd {
        forget_vms_secs: forget(tree, section),
        hostname: section.switch("hostname"),
        mark_traffic: section.switch("markTraffic"),
    }
}

fn k8s(section: &Section) -> K8s {
    K8s {
        mark_traffic: section.switch("markTraffic"),
        eof: section.switch("eof"),
        set_if_alias: section.switch("setIfAlias"),
        set_if_name: section.switch("setIfName"),
        unix_socket: section.text("unixsock"),
    }
}

fn systemd(section: &Section) -> Systemd {
    Systemd {
        refresh_vms_secs: section.int("refreshVMs"),
        drop_priv: section.switch("dropPriv"),
        cgroup_procs: section.text("cgroup_procs"),
        cgroup_acct: section.text("cgroup_acct"),
        mark_traffic: section.switch("markTraffic"),
    }
}

fn ovs(section: &Section) -> Ovs {
    Ovs {
        unix_socket: section.text("unixsock"),
        keep_at_exit: section.text("atExit").as_deref() == Some("keep"),
    }
}

fn opx(tree: &Tree, section: &Section) -> Opx {
    Opx {
        udp_port: section.port("udpport"),
        switchport: section.pattern("switchport"),
        ports: tree.list(ObjectId::OpxPort).filter_map(|port| port.text("dev")).collect(),
    }
}

fn sonic(section: &Section) -> Sonic {
    Sonic {
        switchport: section.pattern("switchport"),
        unix_socket: section.switch("unixsock"),
        db_config: section.text("dbconfig"),
        wait_ready_secs: section.int("waitReady"),
        suppress_other: section.switch("suppressOther"),
        set_if_alias: section.switch("setIfAlias"),
        set_if_name: section.switch("setIfName"),
    }
}

fn vpp(section: &Section) -> Vpp {
    Vpp { if_offset: section.int("ifOffset"), os_index: section.switch("osIndex") }
}

fn nlroute(section: &Section) -> Nlroute {
    Nlroute {
        limit: section.int("limit"),
        link: section.switch("link"),
        addr: section.switch("addr"),
        set_if_alias: section.switch("setIfAlias"),
    }
}
