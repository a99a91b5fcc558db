use super::Hosted;
use crate::netns;
use crate::rig::{LIMIT, all_flows, isolated, samples};
use crate::support::wait_until;
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::counters::virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::socket::Entities;
use hsflow::sflow::ids::DataSource;
use std::path::{Path, PathBuf};

/// A file of the process's cgroup, as `/proc` says where it is: of cgroup v1, else of v2.
fn cgroup_file(pid: &str, controller: &str, v1: &str, v2: &str) -> PathBuf {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let below = |names: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let own = parts.next()?;
            own.split(',')
                .any(|name| name == names)
                .then(|| parts.next().unwrap().trim_start_matches('/').to_owned())
        })
    };
    let old = below(controller).map(|path| Path::new("/sys/fs/cgroup").join(controller).join(path).join(v1));
    old.filter(|path| path.exists()).unwrap_or_else(|| {
        let path = below("").unwrap();
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        mounts
            .map(|mount| Path::new(mount).join(&path).join(v2))
            .into_iter()
            .find(|path| path.exists())
            .unwrap()
    })
}

fn number(path: &Path) -> u64 {
    std::fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[derive(Debug, Default)]
pub(super) struct Virt {
    pub(super) cpu: VirtCpu,
    pub(super) memory: VirtMemory,
    pub(super) disk: VirtDiskIo,
    pub(super) net: VirtNetIo,
    pub(super) name: String,
    pub(super) macs: Vec<(u32, Vec<[u8; 6]>)>,
}

pub(super) fn virt(records: &[CounterRecord]) -> Virt {
    let mut virt = Virt::default();
    for record in records {
        match record {
            CounterRecord::VirtCpu(cpu) => virt.cpu = cpu.clone(),
            CounterRecord::VirtMemory(memory) => virt.memory = memory.clone(),
            CounterRecord::VirtDiskIo(disk) => virt.disk = disk.clone(),
            CounterRecord::VirtNetIo(net) => virt.net = net.clone(),
            CounterRecord::HostId(id) => virt.name = id.hostname.clone(),
            CounterRecord::HostParent(parent) => assert_eq!(parent.parent, DataSource::HOST),
            CounterRecord::Adaptors(a) => {
                virt.macs = a.adaptors.iter().map(|a| (a.if_index, a.macs.clone())).collect();
            }
            other => panic!("{other:?}"),
        }
    }
    virt
}

#[test]
fn a_containers_counters_are_those_of_the_kernel() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        hosted.dockerd.docker("run -d --name busy --memory 64m --cpus 1.5 bb sleep 100000");
        let source = hosted.source("busy");
        let pid = hosted.pid("busy");
        let work = "dd if=/dev/zero of=/file bs=1M count=8 conv=fsync; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; \
                    ping -c 3 172.31.255.1";
        hosted.dockerd.docker_args(&["exec", "busy", "sh", "-c", work]);

        let usage = cgroup_file(&pid, "cpuacct", "cpuacct.usage", "cpu.stat");
        let cpu_ms = || match number_or_stat(&usage) {
            (ns, true) => ns / 1_000_000,
            (us, false) => us / 1000,
        };
        let before = cpu_ms();
        // The work is done: what comes now is all of it.
        let sample = hosted.rig.fresh_sample(source);
        let sample = virt(&sample.records);
        let after = cpu_ms();
        let told = u64::from(sample.cpu.cpu_time);
        assert!(before <= told && told <= after, "{before} ≤ {told} ≤ {after}");
        assert_eq!((sample.cpu.state, sample.cpu.nr_virt_cpu, sample.name.as_str()), (1, 2, "busy"));
        assert_eq!(sample.memory.max_memory, 64 << 20);
        let memory = number(&cgroup_file(&pid, "memory", "memory.usage_in_bytes", "memory.current"));
        assert!(sample.memory.memory.abs_diff(memory) < 4 << 20, "{} and {memory}", sample.memory.memory);
        let written = cgroup_file(&pid, "blkio", "blkio.throttle.io_service_bytes_recursive", "io.stat");
        // What the file system writes of its own may come between a sample and the look at it.
        wait_until("the bytes it wrote", LIMIT, || {
            let told = virt(&hosted.rig.fresh_sample(source).records).disk.wr_bytes;
            (told == bytes_written(&written)).then_some(())
        });

        let inside = netns::json(&format!("nsenter -t {pid} -n ip -j -s link show eth0"));
        let stats = |way: &str, what: &str| inside[0]["stats64"][way][what].as_u64().unwrap();
        let net = &virt(&hosted.rig.fresh_sample(source).records).net;
        // Nothing is sent any more but the neighbours' own messages.
        assert!(net.bytes_out >= stats("tx", "bytes") && u64::from(net.pkts_out) >= stats("tx", "packets"));
        assert!(
            net.bytes_in >= stats("rx", "bytes") && net.bytes_in < stats("rx", "bytes") + 10_000,
            "{net:?} {inside}"
        );
        let mac = inside[0]["address"].as_str().unwrap();
        let port = netns::json("ip -j -d link show type veth")[0]["ifindex"].as_u64().unwrap();
        let bytes: Vec<u8> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(sample.macs, [(u32::try_from(port).unwrap(), vec![bytes.try_into().unwrap()])]);
    });
}

/// The number in the file and true, or `usage_usec` and false.
fn number_or_stat(path: &Path) -> (u64, bool) {
    let text = std::fs::read_to_string(path).unwrap();
    match text.trim().parse() {
        Ok(number) => (number, true),
        Err(_) => {
            let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
            (usage.parse().unwrap(), false)
        }
    }
}

/// Of all devices: `8:0 Write 4096` of v1, `8:0 rbytes=0 wbytes=4096 ...` of v2.
fn bytes_written(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let old = text.lines().filter_map(|line| line.split_once(" Write ")?.1.parse::<u64>().ok());
    let new = text.split_whitespace().filter_map(|word| word.strip_prefix("wbytes=")?.parse::<u64>().ok());
    old.sum::<u64>() + new.sum::<u64>()
}

#[test]
fn a_container_that_ends_sends_its_last_counters_once_and_is_the_same_source_when_it_is_back() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        hosted.dockerd.docker("run -d --name web bb sleep 100000");
        let source = hosted.source("web");
        hosted.dockerd.docker_args(&[
            "exec",
            "web",
            "sh",
            "-c",
            "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done",
        ]);
        let busy = virt(&hosted.rig.next_sample(source).records).cpu.cpu_time;
        hosted.dockerd.docker("pause web");
        hosted.rig.wait("a sample of a paused container", |d| {
            samples(d, source).last().is_some_and(|sample| virt(&sample.records).cpu.state == 3)
        });
        hosted.dockerd.docker("unpause web");
        hosted.dockerd.docker("kill -s HUP web");
        hosted.dockerd.docker("stop -t 0 web");
        let last =
            |d: &[_]| samples(d, source).last().is_some_and(|sample| virt(&sample.records).cpu.state == 4);
        let all = hosted.rig.wait("the last sample", last);
        let told: Vec<_> = samples(&all, source).into_iter().cloned().collect();
        assert!(virt(&told.last().unwrap().records).cpu.cpu_time >= busy);
        assert_eq!(told.iter().filter(|sample| virt(&sample.records).cpu.state == 4).count(), 1);
        assert!(told.is_sorted_by_key(|sample| virt(&sample.records).cpu.cpu_time));
        wait_until("it to be forgotten", LIMIT, || hosted.try_guest("web").is_none().then_some(()));

        hosted.dockerd.docker("start web");
        assert_eq!(hosted.source("web"), source);
        let all = hosted.rig.wait("it again", |d| samples(d, source).len() > told.len());
        let again = &samples(&all, source)[told.len()];
        assert_eq!((again.header.sequence, virt(&again.records).cpu.state), (1, 1));
    });
}

#[test]
fn packets_from_and_to_a_container_name_it() {
    isolated(|| {
        let hosted = Hosted::running("docker { markTraffic = on } pcap { dev = docker0 sampling = 1 }");
        hosted.dockerd.docker("run -d --name web bb sleep 100000");
        let (source, nobody) = (hosted.source("web"), DataSource { class: 0, index: 0 });
        let wanted = [Entities { src: nobody, dst: source }, Entities { src: source, dst: nobody }];
        let seen = |entities: &Entities, d: &[_]| {
            let of_flow = |records: &[FlowRecord]| {
                records
                    .iter()
                    .any(|record| matches!(record, FlowRecord::Entities(found) if found == entities))
            };
            all_flows(d).any(|flow| of_flow(&flow.records))
        };
        hosted.rig.wait("packets both ways that name the container", |d| {
            hosted.dockerd.docker("exec web ping -c 1 172.31.255.1");
            wanted.iter().all(|entities| seen(entities, d))
        });
        hosted.dockerd.docker("rm -f web");
    });
}

#[test]
fn who_may_not_ask_docker_is_told_so_and_all_else_goes_on() {
    isolated(|| {
        let dockerd = crate::dockerd::Dockerd::beside(&["--bridge=none"]);
        for name in ["proc", "sys", "etc"] {
            std::os::unix::fs::symlink(format!("/{name}"), dockerd.root().join(name)).unwrap();
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dockerd.dir(), open).unwrap();
        let mut rig = crate::rig::Rig::new();
        rig.configure("agentIP = 127.0.0.1 polling = 1 docker { }");
        rig.start_with(&["--root", dockerd.root().to_str().unwrap()]);
        if !netns::is_inside() {
            let state = rig.wait_component("docker", "degraded");
            assert!(state.contains("docker.sock") && state.contains("ermission denied"), "{state}");
        }
        rig.next_sample(DataSource::HOST);
    });
}
