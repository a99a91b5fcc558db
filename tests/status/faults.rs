//! The table of faults: each row breaks one thing around a real agent; the status then exits 1 and names the cause and what to
//! do, and exits 0 again where the row mends it. A row that this machine cannot break says `SKIP`.

use crate::dockerd::Dockerd;
use crate::mounts;
use crate::netns::{Elsewhere, run};
use crate::rig::{LIMIT, Rig, ip, isolated};
use crate::scene::{Scene, faults, is_root, send, wire, wire_to};
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use hsflow::source::Source;
use hsflow::source::nflog::{Log, RECEIVE_BYTES, Settings};
use hsflow::source::psample;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

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
            try_fault(&$fault);
        })*

        #[test]
        fn the_table_has_at_least_twenty_rows() {
            assert!([$(stringify!($name)),*].len() >= 20);
        }
    };
}

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

/// An agent that sees the host below a folder with these of its parts.
fn below(rig: &Rig, parts: &[&str]) -> String {
    fs::create_dir(rig.path("root")).unwrap();
    parts.iter().for_each(|part| symlink(format!("/{part}"), rig.path("root").join(part)).unwrap());
    rig.text("root")
}

/// A rig that is not started, with this in its configuration.
fn prepared(body: &str) -> Rig {
    let rig = Rig::new();
    rig.configure(&format!("polling = 1\n{body}"));
    rig
}

fn log_owner() -> Log {
    let settings = Settings {
        group: 5,
        rule_one_in: NonZeroU32::MIN,
        skip: NonZeroU32::MIN,
        copy: 128,
        own_rule: false,
        receive_bytes: RECEIVE_BYTES,
    };
    Log::new(settings).unwrap()
}

/// Whether this kernel has NFLOG; says so where it has not.
fn has_nflog() -> bool {
    let obstacle = log_owner().obstacle().cloned();
    obstacle.inspect(|obstacle| println!("SKIP: no NFLOG here: {obstacle}")).is_none()
}

/// A port of loopback that nobody listens on.
fn free_port() -> u16 {
    let port = UdpCatcher::new().port();
    // The catcher's thread lets the port go a little after it was dropped.
    wait_until("a free port", LIMIT, || std::net::UdpSocket::bind(("127.0.0.1", port)).ok().map(drop));
    port
}

/// The name server's file is the test's own; false where that cannot be.
fn own_resolver(rig: &Rig) -> bool {
    let can = mounts::isolated();
    if can {
        let text = "nameserver 127.0.0.1\nsearch example.org\noptions timeout:1 attempts:1\n";
        mounts::cover("/etc/resolv.conf", &rig.dir.write("resolv.conf", text));
    }
    can
}

/// Frames that pass the driver and nobody else: with `PACKET_QDISC_BYPASS` they are "not visible to other PF_PACKET
/// sockets", says packet_mmap.rst of the kernel.
const UNSEEN: &str = "
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('a0', 0))
s.setsockopt(263, 20, 1)
for n in range(2000): s.send(bytes(6) + b'\\2' + bytes(5) + b'\\x88\\xb5' + bytes(100))
";

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

faults! {
    a_device_that_is_not_there_is_tapped: mended(
        "pcap: ", &["no interface eth7", "ip -br link"],
        || scene("pcap { dev = eth7 }"),
        |_| {
            ip("link add eth7 type veth peer name eth8");
            ip("link set eth8 up");
            ip("link set eth7 up");
        },
    );
    the_tapped_interface_vanishes: fault("pcap: ", &["no interface a0"], || {
        wire();
        let scene = scene("pcap { dev = a0 sampling = 1 }")?;
        scene.wait_status("a tap", 0, |page| page.contains("pcap samples 1 in 1"));
        ip("link del a0");
        Some(scene)
    });
    the_preferred_device_is_not_there: mended(
        "agent: ", &["agent = eth7", "names an interface that this host does not have"],
        || scene("agent = eth7"),
        |_| ip("link add eth7 type veth peer name eth8"),
    );
    the_kernel_has_no_psample: fault("psample: ", &["psample", "modprobe psample"], || {
        if psample::probe().is_ok() {
            println!("SKIP: this kernel has psample");
            return None;
        }
        scene("psample { group = 1 }")
    });
    no_tc_filter_feeds_psample: fault("packet-samples: ", &["psample: ", "no tc filter", "tc filter show"], || {
        if psample::probe().is_err() {
            println!("SKIP: this kernel has no psample");
            return None;
        }
        let outside = Elsewhere::new();
        wire_to(&outside);
        let scene = Rig::running("polling = 1\nsampling = 1\nsampling.10G = 1\npsample { group = 1 }");
        scene.next_sample(DataSource::HOST);
        send(2000);
        Some(Scene::with(scene, outside))
    });
    no_firewall_rule_feeds_nflog: mended(
        "packet-samples: ", &["nflog: ", "no firewall rule", "-j NFLOG"],
        || {
            if !has_nflog() {
                return None;
            }
            let outside = Elsewhere::new();
            wire_to(&outside);
            let rig = Rig::running("polling = 1\nsampling = 1\nnflog { group = 5 probability = 1 }");
            rig.wait_component("nflog", "running");
            rig.two_cycles();
            send(2000);
            Some(Scene::with(rig, outside))
        },
        |_| {
            run("iptables -A OUTPUT -o a0 -p udp -j NFLOG --nflog-group 5");
            send(5);
        },
    );
    another_program_has_the_nflog_group: mended(
        "nflog: ", &["group 5", "is taken by another process", "ss -f netlink"],
        || {
            if !has_nflog() {
                return None;
            }
            let other = log_owner();
            Some(Scene::with(Rig::running("polling = 1\nsampling = 1\nnflog { group = 5 probability = 1 }"), other))
        },
        |scene| scene.keeper = None,
    );
    a_sampler_is_blind_while_counters_move: mended(
        "packet-samples: ", &["a0: its counters moved by", "doctor --calibrate"],
        || {
            wire();
            let scene = scene("pcap { dev = a0 sampling = 1 }")?;
            scene.wait_status("a tap", 0, |page| page.contains("pcap samples 1 in 1"));
            scene.rig.two_cycles();
            let mut python = Process::start(Command::new("python3").args(["-c", UNSEEN]));
            assert!(python.wait_exit(LIMIT).success(), "{}", python.stderr());
            Some(scene)
        },
        |_| send(5),
    );
    a_capability_is_missing: fault("pcap: ", &["a0: CAP_NET_RAW is missing", "systemctl restart hsflowd"], || {
        if !is_root() {
            return None;
        }
        wire();
        let mut rig = prepared("pcap { dev = a0 sampling = 1 }");
        rig.start_as_nobody(&[]);
        Some(rig.into())
    });
    no_route_leads_to_the_collector: mended(
        "collector 203.0.113.9 port 6343: ", &["Network is unreachable", "ip route get 203.0.113.9"],
        || scene("collector { ip = 203.0.113.9 }"),
        |_| {
            ip("link add a0 type veth peer name a1");
            ip("link set a0 up");
            ip("link set a1 up");
            ip("addr add 203.0.113.1/24 dev a0");
        },
    );
    the_collector_refuses: mended(
        "collector 127.0.0.1 port ", &["refused: nothing listens on that port", "on 127.0.0.1: ss -lnu"],
        || {
            let port = free_port();
            let rig = Rig::running(&format!("polling = 1\ncollector {{ ip = 127.0.0.1 udpport = {port} }}"));
            Some(Scene::with(rig, port))
        },
        |scene| {
            let port = *scene.keeper.take().unwrap().downcast::<u16>().unwrap();
            scene.keeper = Some(Box::new(UdpCatcher::on(&format!("127.0.0.1:{port}"))));
        },
    );
    the_collectors_name_is_unknown: fault(
        "collector collector.invalid port 6343: ", &["cannot resolve collector.invalid", "getent ahosts collector.invalid"],
        || {
            let rig = prepared("collector { ip = collector.invalid }");
            let mut rig = own_resolver(&rig).then_some(rig)?;
            rig.start();
            Some(rig.into())
        },
    );
    the_collectors_device_is_not_there: fault(
        "collector 192.0.2.9 port 6343 dev a7: ", &["no device named a7", "ip -br link"],
        || scene("collector { ip = 192.0.2.9 dev = a7 }"),
    );
    the_collectors_namespace_is_not_there: fault(
        "collector 127.0.0.1 port 9 namespace absent: ", &["network namespace", "ip netns list"],
        || scene("collector { ip = 127.0.0.1 udpport = 9 namespace = absent }"),
    );
    a_firewall_drops_what_goes_to_the_collector: mended(
        "collector 10.9.0.2 port 6343: ", &["Operation not permitted", "iptables -S OUTPUT"],
        || {
            wire();
            run("iptables -A OUTPUT -p udp --dport 6343 -j DROP");
            scene("collector { ip = 10.9.0.2 }")
        },
        |_| _ = run("iptables -D OUTPUT -p udp --dport 6343 -j DROP"),
    );
    no_name_server_answers: fault("dns-sd: ", &["no answer yet", "collector { ip = ADDRESS }"], || {
        let mut rig = Rig::new();
        rig.configure_all("sflow { dns-sd { } }");
        own_resolver(&rig).then(|| {
            rig.start();
            rig.into()
        })
    });
    there_is_no_agent_address: mended(
        "agent-address: ", &["nothing is sent", "agentIP = ADDRESS"],
        || {
            ip("addr flush dev lo");
            scene("")
        },
        |_| ip("addr add 127.0.0.1/8 dev lo"),
    );
    a_reload_is_refused: mended(
        "configuration: ", &["reload refused, the previous settings stay in force", "hsflowctl check"],
        || {
            let scene = scene("")?;
            scene.rig.next_sample(DataSource::HOST);
            scene.rig.configure("polling = never");
            scene.rig.hang_up("configuration degraded");
            Some(scene)
        },
        |scene| {
            scene.rig.configure("polling = 1");
            scene.rig.hang_up("configuration: reloaded");
        },
    );
    the_clock_jumps: fault("clock: ", &["was set forward by", "chronyc tracking or timedatectl"], || {
        if !Path::new(FAKETIME).exists() {
            println!("SKIP: faketime is not installed");
            return None;
        }
        let mut rig = prepared("");
        let file = rig.dir.write("faketime", "+0\n");
        let one = Path::new("1");
        let variables =
            [("LD_PRELOAD", Path::new(FAKETIME)), ("FAKETIME_TIMESTAMP_FILE", &file), ("FAKETIME_NO_CACHE", one), ("FAKETIME_DONT_FAKE_MONOTONIC", one)];
        rig.start_in(&[], &variables);
        rig.next_sample(DataSource::HOST);
        rig.dir.write("faketime", "+3600\n");
        Some(rig.into())
    });
    a_file_of_proc_cannot_be_read: mended(
        "memory: ", &["/proc/meminfo", "Permission denied", "hidepid"],
        || {
            let rig = prepared("");
            if !is_root() || !mounts::isolated() {
                return None;
            }
            let file = rig.dir.write("meminfo", fs::read("/proc/meminfo").unwrap());
            fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
            mounts::cover("/proc/meminfo", &file);
            let mut rig = rig;
            rig.start();
            Some(rig.into())
        },
        |scene| fs::set_permissions(scene.rig.path("meminfo"), PermissionsExt::from_mode(0o644)).unwrap(),
    );
    the_settings_file_cannot_be_written: mended(
        "settings-file: ", &["Permission denied", "chown the folder"],
        || {
            if !is_root() {
                return None;
            }
            let mut rig = prepared("");
            fs::create_dir(rig.path("locked")).unwrap();
            let auto = rig.text("locked/hsflowd.auto");
            rig.start_with(&["-o", &auto]);
            Some(rig.into())
        },
        |scene| fs::set_permissions(scene.rig.path("locked"), PermissionsExt::from_mode(0o777)).unwrap(),
    );
    the_disk_is_full: mended(
        "settings-file: ", &["No space left on device", "df -h"],
        || {
            let mut rig = prepared("");
            if !mounts::isolated() {
                return None;
            }
            fs::create_dir(rig.path("full")).unwrap();
            let (none, options): (Option<&str>, _) = (None, Some("size=64k,mode=777"));
            mount(none, &rig.path("full"), Some("tmpfs"), MsFlags::empty(), options).unwrap();
            let _ = fs::write(rig.path("full/ballast"), vec![0; 1 << 17]);
            let auto = rig.text("full/hsflowd.auto");
            rig.start_with(&["-o", &auto]);
            Some(rig.into())
        },
        |scene| fs::remove_file(scene.rig.path("full/ballast")).unwrap(),
    );
    the_pipe_of_an_application_is_gone: mended(
        "json: ", &["No such file", "mkfifo"],
        || {
            let rig = Rig::new();
            let pipe = rig.text("pipe");
            let mut rig = rig;
            rig.configure(&format!("polling = 1\njson {{ fifo = {pipe} }}"));
            rig.start();
            Some(rig.into())
        },
        |scene| nix::unistd::mkfifo(&scene.rig.path("pipe"), Mode::from_bits_truncate(0o644)).unwrap(),
    );
    open_vswitch_does_not_run: fault("ovs: ", &["no Open vSwitch here", "systemctl start openvswitch-switch"], || {
        let mut rig = Rig::new();
        rig.configure(&format!("polling = 1\novs {{ unixsock = {} }}", rig.text("db.sock")));
        rig.start();
        Some(rig.into())
    });
    the_helper_for_libvirt_is_not_installed: fault("kvm: ", &["hsflowd-libvirt", "install the package hsflowd-rs-libvirt"], || {
        let mut rig = prepared("kvm { }");
        let root = below(&rig, &["proc", "sys", "etc"]);
        rig.start_with(&["--root", &root]);
        Some(rig.into())
    });
    containerds_socket_does_not_let_the_agent_in: fault("containerd: ", &["Permission denied", "/etc/containerd/config.toml"], || {
        if !is_root() {
            return None;
        }
        let mut rig = prepared("containerd { }");
        let root = below(&rig, &["proc", "sys", "etc"]);
        fs::create_dir_all(rig.path("root/run/containerd")).unwrap();
        let path = rig.path("root/run/containerd/containerd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        rig.start_with(&["--root", &root]);
        Some(Scene::with(rig, listener))
    });
    dockerd_is_stopped: mended(
        "docker: ", &["docker.sock", "systemctl start docker"],
        || {
            if !is_root() {
                return None;
            }
            let mut dockerd = Dockerd::beside(&["--bridge=none"]);
            ["proc", "sys", "etc", "run"].iter().for_each(|part| symlink(format!("/{part}"), dockerd.root().join(part)).unwrap());
            let mut rig = prepared("docker { }");
            rig.start_with(&["-P", "--root", dockerd.root().to_str().unwrap()]);
            rig.wait_component("docker", "running");
            dockerd.stop();
            Some(Scene::with(rig, dockerd))
        },
        |scene| scene.keeper.as_mut().unwrap().downcast_mut::<Dockerd>().unwrap().launch(),
    );
    there_is_no_gpu: fault("nvml: ", &["nvml", "nvidia-smi"], || {
        if Path::new("/dev/nvidiactl").exists() {
            println!("SKIP: there is a GPU");
            return None;
        }
        scene("nvml { }")
    });
}
