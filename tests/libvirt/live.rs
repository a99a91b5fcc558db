//! A libvirtd of the test's own, in a mount and a network namespace, with guests in QEMU without hardware help.
//!
//! Two guests: `worker` is a boot sector that reads and writes its disk for ever, `caller` is a network card's boot
//! program that asks for an address for ever. What `virsh` says before and after a poll is the independent witness.

use crate::helper::{HELPER, Helper};
use crate::rig::{LIMIT, Rig};
use crate::support::{TempDir, process::Process, wait_until};
use crate::{mounts, netns};
use hsflow::collect::guests::News;
use hsflow::sample::guest::domain::line::Line;
use hsflow::sample::guest::domain::{Counters, Vnic};
use hsflow::sample::guest::{Guest, GuestState};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::process::Command;

pub(crate) const WORKER: &str = "0a1b2c3d-0000-4000-8000-000000000001";
pub(crate) const CALLER: &str = "0a1b2c3d-0000-4000-8000-000000000002";

/// Where libvirt keeps what it has, covered for the thread of this test.
const FOLDERS: [&str; 5] = ["/etc/libvirt", "/run", "/var/lib", "/var/cache", "/var/log"];

pub(crate) struct Libvirtd {
    daemon: Option<Process>,
    root: TempDir,
}

impl Libvirtd {
    pub(crate) fn start() -> Self {
        let nothing: Option<&str> = None;
        for folder in FOLDERS {
            mount(Some("none"), folder, Some("tmpfs"), MsFlags::empty(), nothing)
                .unwrap_or_else(|error| panic!("{folder}: {error}"));
        }
        let settings = "user = 'root'\ngroup = 'root'\nsecurity_driver = 'none'\ncgroup_controllers = [ ]\n\
            stdio_handler = 'file'\nnamespaces = [ ]\nremember_owner = 0\n";
        std::fs::write("/etc/libvirt/qemu.conf", settings.replace('\'', "\"")).unwrap();
        let open = "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n";
        std::fs::write("/etc/libvirt/libvirtd.conf", open).unwrap();
        let root = TempDir::new();
        // libvirtd wants them to be there, whoever its guests run as; they come with a package of its service.
        for (file, line) in [
            ("/etc/passwd", "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin\n"),
            ("/etc/group", "libvirt-qemu:x:64055:\n"),
        ] {
            let known = std::fs::read_to_string(file).unwrap();
            if !known.contains("\nlibvirt-qemu:") {
                let copy = root.write(file.trim_start_matches("/etc/"), known + line);
                mount(Some(&copy), file, nothing, MsFlags::MS_BIND, nothing).unwrap();
            }
        }
        let folder = root.path().join("usr/libexec/hsflowd");
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(HELPER, folder.join("hsflowd-libvirt")).unwrap();
        std::fs::create_dir("/run/libvirt").unwrap();
        let mut libvirtd = Self { daemon: None, root };
        libvirtd.launch();
        libvirtd
    }

    fn launch(&mut self) {
        let mut command = Command::new("libvirtd");
        command.args(["--config", "/etc/libvirt/libvirtd.conf", "--pid-file", "/run/libvirt/test.pid"]);
        self.daemon = Some(Process::start(&mut command));
        wait_until("libvirtd answers", LIMIT, || try_virsh("list").map(drop));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.daemon.as_ref().unwrap().signal(signal);
    }

    pub(crate) fn define_worker(&self) {
        let mut image = vec![0; 8 << 20];
        // xor ax,ax; mov ds,ax; mov es,ax; mov bx,8000h; then for ever: int 13h to read the second sector, int 13h to
        // write the third.
        let code = b"\x31\xc0\x8e\xd8\x8e\xc0\xbb\x00\x80\
            \xb8\x01\x02\xb9\x02\x00\xb6\x00\xcd\x13\xb8\x01\x03\xb9\x03\x00\xb6\x00\xcd\x13\xeb\xea";
        image[..code.len()].copy_from_slice(code);
        image[510..512].copy_from_slice(b"\x55\xaa");
        let disk = self.root.write("disk", image);
        let cd = self.root.write("cd", vec![0; 3 << 20]);
        let devices = format!(
            "<disk type='file'><driver name='qemu' type='raw'/><source file='{}'/><target dev='vda' bus='virtio'/>
            <iotune><total_iops_sec>300</total_iops_sec></iotune></disk>
            <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{}'/><target dev='sda' bus='ide'/><readonly/></disk>",
            disk.display(), cd.display(),
        );
        virsh(&format!("define {}", self.domain("worker", WORKER, "hd", &devices)));
    }

    pub(crate) fn create_caller(&self) {
        let devices = "<interface type='ethernet'><mac address='52:54:00:aa:bb:cc'/><target dev='tapx0'/><model type='e1000'/></interface>";
        virsh(&format!("create {}", self.domain("caller", CALLER, "network", devices)));
    }

    fn domain(&self, name: &str, uuid: &str, boot: &str, devices: &str) -> String {
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory>
            <vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type><boot dev='{boot}'/></os><devices>{devices}</devices></domain>"
        );
        self.root.write(name, xml).display().to_string()
    }
}

impl Drop for Libvirtd {
    fn drop(&mut self) {
        // Of the guests, whose processes belong to nobody, only their files say where they are.
        for entry in std::fs::read_dir("/run/libvirt/qemu").into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "pid") {
                let _ = kill(guest_pid(&entry.path()), Signal::SIGKILL);
            }
        }
    }
}

fn guest_pid(file: &std::path::Path) -> Pid {
    Pid::from_raw(std::fs::read_to_string(file).unwrap().trim().parse().unwrap())
}

fn try_virsh(line: &str) -> Option<String> {
    let output =
        Command::new("virsh").args(["-q", "-c", "qemu:///system"]).args(line.split(' ')).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
pub(crate) fn virsh(line: &str) -> String {
    try_virsh(line).unwrap_or_else(|| panic!("virsh {line}"))
}

/// Numbers that `virsh` prints, by the words before them.
pub(crate) fn numbers(line: &str) -> HashMap<String, u64> {
    let text = virsh(line);
    let split = |line: &str| {
        let (name, value) = line.rsplit_once([' ', '=', '\t'])?;
        Some((name.trim().trim_end_matches(':').to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(split).collect()
}

fn counters(rig: &mut Rig, uuid: &str) -> Counters {
    rig.poll();
    rig.wait("counters", |news| match news {
        News::Counters(all) => all.iter().find(|(id, _)| id == uuid).map(|(_, counters)| counters.clone()),
        _ => None,
    })
}

/// Each value is known and lies between what `virsh` said before and after it was asked for.
#[track_caller]
fn assert_between(
    before: &HashMap<String, u64>,
    values: &[(&str, Option<u64>)],
    after: &HashMap<String, u64>,
) {
    for (name, value) in values {
        let value = value.unwrap_or_else(|| panic!("{name} is not known"));
        assert!(before[*name] <= value && value <= after[*name], "{name}: {before:?} {value} {after:?}");
    }
}

fn wait_guest(rig: &mut Rig, what: &str, probe: impl Fn(&Guest) -> bool) {
    rig.wait(what, |news| matches!(news, News::One(guest) if probe(guest)).then_some(()));
}

pub(crate) fn isolated(name: &str, body: impl FnOnce()) {
    assert!(nix::unistd::geteuid().is_root(), "{name} makes taps and mounts: run it as root");
    netns::isolated(name, || {
        assert!(mounts::isolated(), "a mount namespace");
        body();
    });
}

#[test]
fn counters_of_a_guest_lie_between_what_virsh_says_before_and_after() {
    isolated("live::counters_of_a_guest_lie_between_what_virsh_says_before_and_after", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        libvirtd.create_caller();
        virsh("start worker");
        wait_until("work", LIMIT, || (numbers("domblkstat worker vda")["vda wr_req"] > 100).then_some(()));
        wait_until("calls", LIMIT, || {
            (numbers("domifstat caller tapx0")["tapx0 tx_packets"] > 0).then_some(())
        });
        let mut rig = Rig::start(libvirtd.root.path());
        rig.wait_running();

        let look = || {
            let mut all = numbers("domblkstat worker vda");
            all.insert("cpu_ms".into(), numbers("domstats worker --cpu-total")["cpu.time"] / 1_000_000);
            all
        };
        let before = look();
        let worker = counters(&mut rig, WORKER);
        let disk = [
            ("vda rd_req", worker.reads),
            ("vda rd_bytes", worker.read_bytes),
            ("vda wr_req", worker.writes),
            ("vda wr_bytes", worker.written_bytes),
            ("cpu_ms", worker.cpu_ms),
        ];
        assert_between(&before, &disk, &look());
        assert!(before["vda wr_req"] > 0 && before["cpu_ms"] > 0);

        let sizes = numbers("domblkinfo worker vda");
        assert_eq!(
            (worker.capacity, worker.allocation),
            (Some(sizes["Capacity"]), Some(sizes["Allocation"]))
        );
        assert_eq!(worker.available, Some(sizes["Capacity"] - sizes["Allocation"]), "the CD is not counted");
        assert_eq!((worker.state, worker.cpus), (GuestState::Running, Some(1)));
        assert_eq!((worker.memory, worker.memory_max), (Some(32 << 20), Some(32 << 20)));
        assert_eq!((worker.in_bytes, worker.out_bytes), (Some(0), Some(0)));

        let before = numbers("domifstat caller tapx0");
        let caller = counters(&mut rig, CALLER);
        let after = numbers("domifstat caller tapx0");
        let net = [
            ("tapx0 rx_bytes", caller.in_bytes),
            ("tapx0 rx_packets", caller.in_packets),
            ("tapx0 tx_bytes", caller.out_bytes),
            ("tapx0 tx_packets", caller.out_packets),
        ];
        assert_between(&before, &net, &after);
        assert_eq!(
            caller.vnics,
            [Vnic { tap: Some("tapx0".into()), mac: [0x52, 0x54, 0, 0xaa, 0xbb, 0xcc] }]
        );
        // What the guest sent is what the host's end of the wire has received.
        let tap = netns::json("ip -json -stats link show dev tapx0");
        let received = tap[0]["stats64"]["rx"]["packets"].as_u64().unwrap();
        assert!(caller.out_packets.unwrap() > 0 && caller.out_packets.unwrap() <= received);
        assert_eq!(caller.capacity, Some(0), "it has no disk");
    });
}

#[test]
fn the_socket_for_reading_serves_an_ordinary_user() {
    isolated("live::the_socket_for_reading_serves_an_ordinary_user", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        let copy = libvirtd.root.path().join("helper");
        let copied =
            Command::new("install").arg("-m755").args([HELPER.as_ref(), copy.as_path()]).status().unwrap();
        assert!(copied.success());
        let mut helper =
            Helper::start(Command::new(copy).uid(65534).gid(65534).env_remove("LIBVIRT_DEFAULT_URI"));
        assert_eq!(helper.line(), Line::Connected("qemu:///system".into()));
        let lines = helper.poll();
        assert!(
            matches!(&lines[0], Line::Domain(domain) if domain.counters.capacity == Some(8 << 20)),
            "{lines:?}"
        );
    });
}

#[test]
fn polls_of_guests_leave_the_memory_as_it_was() {
    isolated("live::polls_of_guests_leave_the_memory_as_it_was", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        virsh("start worker");
        libvirtd.create_caller();
        // Paused, they answer at once, and with no fewer values.
        virsh("suspend worker");
        virsh("suspend caller");
        let mut helper = Helper::start(&mut Command::new(HELPER));
        helper.line();
        (0..100).for_each(|_| drop(helper.poll()));
        let before = helper.resident_kb();
        (0..500).for_each(|_| drop(helper.poll()));
        let after = helper.resident_kb();
        assert!(after < before + 512, "{before} kB, then {after} kB");
    });
}

#[test]
fn what_happens_to_a_domain_is_told_without_a_poll() {
    isolated("live::what_happens_to_a_domain_is_told_without_a_poll", || {
        let libvirtd = Libvirtd::start();
        let mut rig = Rig::start(libvirtd.root.path());
        rig.wait_running();
        libvirtd.define_worker();
        wait_guest(&mut rig, "defined", |guest| guest.id == WORKER && guest.state == GuestState::Shutoff);
        virsh("start worker");
        wait_guest(&mut rig, "started", |guest| guest.state == GuestState::Running);
        virsh("suspend worker");
        wait_guest(&mut rig, "paused", |guest| guest.state == GuestState::Paused);
        virsh("resume worker");
        wait_guest(&mut rig, "resumed", |guest| guest.state == GuestState::Running);
        let last = counters(&mut rig, WORKER);
        virsh("destroy worker");
        wait_guest(&mut rig, "destroyed", |guest| guest.state == GuestState::Shutoff);
        let off = counters(&mut rig, WORKER);
        assert!(
            off.cpu_ms >= last.cpu_ms && off.reads >= last.reads,
            "the last good counters: {last:?} {off:?}"
        );
        virsh("domrename worker clerk");
        wait_guest(&mut rig, "renamed", |guest| guest.id == WORKER && guest.name == "clerk");
        virsh("undefine clerk");
        rig.wait("undefined", |news| (*news == News::Gone(WORKER.into())).then_some(()));
        libvirtd.create_caller();
        wait_guest(&mut rig, "created", |guest| guest.id == CALLER && guest.state == GuestState::Running);
        virsh("destroy caller");
        wait_guest(&mut rig, "ended", |guest| guest.id == CALLER && !guest.state.is_alive());
        rig.wait("gone", |news| (*news == News::Gone(CALLER.into())).then_some(()));
    });
}

#[test]
fn a_libvirtd_that_dies_or_hangs_costs_no_domain() {
    isolated("live::a_libvirtd_that_dies_or_hangs_costs_no_domain", || {
        let mut libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        virsh("start worker");
        let mut rig = Rig::start(libvirtd.root.path());
        rig.wait_running();
        let known = rig.heard.len();

        libvirtd.signal(Signal::SIGSTOP);
        rig.poll();
        assert_eq!(rig.wait_degraded(), "libvirt does not answer within 10 s");
        libvirtd.signal(Signal::SIGCONT);
        rig.wait_running();

        libvirtd.signal(Signal::SIGKILL);
        let reason = rig.wait_degraded();
        assert!(reason.contains("closed the connection"), "{reason}");
        libvirtd.launch();
        rig.wait_running();
        wait_until("it writes", LIMIT, || (counters(&mut rig, WORKER).writes > Some(0)).then_some(()));

        let lost = |news: &&News| match news {
            News::Gone(_) | News::One(_) => true,
            News::All(guests) => guests.len() != 1,
            _ => false,
        };
        let lost: Vec<_> = rig.heard.iter().skip(known).filter(lost).collect();
        assert!(lost.is_empty(), "{lost:#?}");
    });
}

#[test]
fn a_guest_that_hangs_does_not_hide_the_others() {
    isolated("live::a_guest_that_hangs_does_not_hide_the_others", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        virsh("start worker");
        libvirtd.create_caller();
        let mut rig = Rig::start(libvirtd.root.path());
        rig.wait_running();
        let last = counters(&mut rig, CALLER);
        let hung = guest_pid("/run/libvirt/qemu/caller.pid".as_ref());
        kill(hung, Signal::SIGSTOP).unwrap();
        rig.poll();
        // The first question waits for the guest; the next ones leave out what only it could say.
        assert_eq!(rig.wait_degraded(), "libvirt does not answer within 10 s");
        rig.wait_running();
        let (worker, caller) = (counters(&mut rig, WORKER), counters(&mut rig, CALLER));
        assert!(worker.cpu_ms.is_some() && worker.capacity.is_some());
        assert!(caller.cpu_ms >= last.cpu_ms && caller.memory == last.memory, "{caller:?}");
        assert!(!rig.heard.iter().any(|news| matches!(news, News::Gone(_))));
        kill(hung, Signal::SIGCONT).unwrap();
    });
}
