//! The recorded hosts of `tests/fixtures/root`. Every expected number is worked out by hand from the files: ticks
//! of 10 ms, KiB and 4 KiB pages, sectors of 512 bytes, sums modulo 2^32 where the field has 32 bits.

use super::{fixture, poll, recorded_host};
use hsflow::collect::host::HostSample;
use hsflow::collect::host::identity::machine_type;
use hsflow::collect::host::uuid::{UuidOrigin, UuidSources, choose_uuid, parse_uuid};
use hsflow::host::{Host, Space};
use hsflow::sflow::counters::host::{HostCpu, HostDiskIo, HostIcmp, HostIp, HostMemory, HostTcp, HostUdp};
use std::path::Path;

const KIB: u64 = 1024;
const GIB: u64 = 1 << 30;
const UNKNOWN: u32 = u32::MAX;

fn healthy(sample: &HostSample) {
    let problems: Vec<String> = sample.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, [] as [&str; 0]);
}

fn space(total: u64, available: u64) -> Result<Space, i32> {
    Ok(Space { total, free: available, available })
}

fn server_space(path: &Path) -> Result<Space, i32> {
    match path.strip_prefix(fixture("server-2socket")).unwrap().to_str().unwrap() {
        "" => space(105_088_212_992, 41_943_040_000),
        "boot/efi" => space(535_805_952, 529_514_496),
        "srv/data files" => space(1_999_844_147_200, 99_844_147_200),
        other => panic!("asked {other}"),
    }
}

#[test]
fn server_cpu_times_are_milliseconds_cut_to_32_bits() {
    let sample = poll(&recorded_host(fixture("server-2socket"), server_space));
    healthy(&sample);
    let expected = HostCpu {
        load_one: 3.42,
        load_five: 2.87,
        load_fifteen: 2.51,
        proc_run: 2,
        proc_total: 1184,
        cpu_num: 16,
        cpu_speed: 2899,
        uptime: 1_017_243,
        cpu_user: 842_103_770,
        cpu_nice: 918_420,
        cpu_system: 205_188_330,
        cpu_idle: 2_324_579_832, // 15,209,481,720 - 3 * 2^32
        cpu_wio: 11_845_200,
        cpu_intr: 0,
        cpu_sintr: 6_129_040,
        interrupts: 530_400_279, // 9,120,334,871 - 2 * 2^32
        contexts: 1_935_215_846, // 14,820,117,734 - 3 * 2^32
        cpu_steal: 0,
        cpu_guest: 0,
        cpu_guest_nice: 0,
    };
    assert_eq!(sample.cpu, Some(expected));
}

#[test]
fn server_memory_and_disks_behind_raid_and_encryption_count_once() {
    let sample = poll(&recorded_host(fixture("server-2socket"), server_space));
    healthy(&sample);
    let memory = HostMemory {
        mem_total: 131_811_540 * KIB,
        mem_free: 4_813_380 * KIB,
        mem_shared: 1_310_720 * KIB,
        mem_buffers: 1_204_416 * KIB,
        mem_cached: (78_413_632 + 6_291_456) * KIB,
        swap_total: 16_777_212 * KIB,
        swap_free: 16_252_924 * KIB,
        page_in: 471_030_083,
        page_out: 1_780_083_604,
        swap_in: 8120,
        swap_out: 131_072,
    };
    assert_eq!(sample.memory, Some(memory));
    // nvme0n1 + nvme1n1; the root, the EFI partition and /srv/data files, whose device shows twice.
    let disk = HostDiskIo {
        disk_total: 2_105_468_166_144,
        disk_free: 142_316_701_696,
        part_max_used: 9500,
        reads: 16_932_367,
        bytes_read: 1_792_153_784 * 512,
        read_time: 6_108_561,
        writes: 88_238_454,
        bytes_written: 8_239_454_752 * 512,
        write_time: 36_218_454,
    };
    assert_eq!(sample.disk, Some(disk));
}

#[test]
fn server_mib2_takes_every_value_from_under_its_name() {
    let sample = poll(&recorded_host(fixture("server-2socket"), server_space));
    let ip = HostIp {
        ip_forwarding: 2,
        ip_default_ttl: 64,
        ip_in_receives: 91_203_344,
        ip_in_hdr_errors: 17,
        ip_in_addr_errors: 3,
        ip_forw_datagrams: 0,
        ip_in_unknown_protos: 0,
        ip_in_discards: 2,
        ip_in_delivers: 91_203_319,
        ip_out_requests: 88_120_334,
        ip_out_discards: 41,
        ip_out_no_routes: 12,
        ip_reasm_timeout: 30,
        ip_reasm_reqds: 220,
        ip_reasm_oks: 110,
        ip_reasm_fails: 2,
        ip_frag_oks: 14,
        ip_frag_fails: 1,
        ip_frag_creates: 28,
    };
    assert_eq!(sample.ip, Some(ip));
    let tcp = HostTcp {
        tcp_rto_algorithm: 1,
        tcp_rto_min: 200,
        tcp_rto_max: 120_000,
        tcp_max_conn: UNKNOWN,
        tcp_active_opens: 1_203_344,
        tcp_passive_opens: 812_033,
        tcp_attempt_fails: 40_120,
        tcp_estab_resets: 30_233,
        tcp_curr_estab: 412,
        tcp_in_segs: 1_825_367_116,  // 6,120,334,412 - 2^32
        tcp_out_segs: 2_825_367_120, // 7,120,334,416 - 2^32
        tcp_retrans_segs: 120_334,
        tcp_in_errs: 17,
        tcp_out_rsts: 81_203,
        tcp_in_csum_errors: 5,
    };
    assert_eq!(sample.tcp, Some(tcp));
    let udp = HostUdp {
        udp_in_datagrams: 9_120_334,
        udp_no_ports: 8120,
        udp_in_errors: 33,
        udp_out_datagrams: 9_120_001,
        udp_rcvbuf_errors: 31,
        udp_sndbuf_errors: 2,
        udp_in_csum_errors: 1,
    };
    assert_eq!(sample.udp, Some(udp));
}

fn hypervisor_space(path: &Path) -> Result<Space, i32> {
    match path.strip_prefix(fixture("hypervisor-bond-vlan")).unwrap().to_str().unwrap() {
        "" => space(50 * GIB, 20 * GIB),
        "var/lib/libvirt/images" => space(900 * GIB, 450 * GIB),
        "tank" => space(100 * GIB, 90 * GIB),
        "tank/vm" => space(290 * GIB, 90 * GIB),
        other => panic!("asked {other}"),
    }
}

#[test]
fn hypervisor_time_of_guests_is_not_counted_twice() {
    let sample = poll(&recorded_host(fixture("hypervisor-bond-vlan"), hypervisor_space));
    healthy(&sample);
    let expected = HostCpu {
        load_one: 11.02,
        load_five: 10.44,
        load_fifteen: 9.97,
        proc_run: 8,
        proc_total: 3120,
        cpu_num: 8,
        cpu_speed: 2400,
        uptime: 6_362_100,
        cpu_user: 322_200_000,
        cpu_nice: 42_000,
        cpu_system: 612_033_440,
        cpu_idle: 2_173_783_820, // 45,123,456,780 - 10 * 2^32
        cpu_wio: 21_203_340,
        cpu_intr: 0,
        cpu_sintr: 11_203_340,
        interrupts: 2_483_867_384, // 71,203,344,120 - 16 * 2^32
        contexts: 75_327_745,      // 120,334,412,033 - 28 * 2^32
        cpu_steal: 881_200,
        cpu_guest: 506_232_704, // 4,801,200,000 - 2^32
        cpu_guest_nice: 10_000,
    };
    assert_eq!(sample.cpu, Some(expected));
}

#[test]
fn hypervisor_disks_are_the_real_ones_and_a_pool_is_one_file_system() {
    let sample = poll(&recorded_host(fixture("hypervisor-bond-vlan"), hypervisor_space));
    healthy(&sample);
    // sda + sdb + the head of the multipath NVMe. Pool: 10 and 200 GiB used, 90 free.
    let expected = HostDiskIo {
        disk_total: 1250 * GIB,
        disk_free: 560 * GIB,
        part_max_used: 7000,
        reads: 8_610_032,
        bytes_read: 688_802_560 * 512,
        read_time: 3_336_099,
        writes: 34_361_002,
        bytes_written: 1_796_100_344 * 512,
        write_time: 19_461_002,
    };
    assert_eq!(sample.disk, Some(expected));
    let memory = sample.memory.unwrap();
    assert_eq!(memory.mem_cached, (30_120_332 + 4_120_332) * KIB);
    assert_eq!((memory.page_in, memory.page_out), (735_116_307, 1_055_247_123));
    assert_eq!((memory.swap_in, memory.swap_out), (0, 0));
}

#[test]
fn hypervisor_icmp_has_all_25_fields_in_place() {
    let sample = poll(&recorded_host(fixture("hypervisor-bond-vlan"), hypervisor_space));
    // The file numbers its 29 columns 1 to 29; 3, 12, 17 and 18 have no place in the record.
    let expected = HostIcmp {
        icmp_in_msgs: 1,
        icmp_in_errors: 2,
        icmp_in_dest_unreachs: 4,
        icmp_in_time_excds: 5,
        icmp_in_param_probs: 6,
        icmp_in_src_quenchs: 7,
        icmp_in_redirects: 8,
        icmp_in_echos: 9,
        icmp_in_echo_reps: 10,
        icmp_in_timestamps: 11,
        icmp_in_addr_masks: 13,
        icmp_in_addr_mask_reps: 14,
        icmp_out_msgs: 15,
        icmp_out_errors: 16,
        icmp_out_dest_unreachs: 19,
        icmp_out_time_excds: 20,
        icmp_out_param_probs: 21,
        icmp_out_src_quenchs: 22,
        icmp_out_redirects: 23,
        icmp_out_echos: 24,
        icmp_out_echo_reps: 25,
        icmp_out_timestamps: 26,
        icmp_out_timestamp_reps: 27,
        icmp_out_addr_masks: 28,
        icmp_out_addr_mask_reps: 29,
    };
    assert_eq!(sample.icmp, Some(expected));
    let ip = sample.ip.unwrap();
    assert_eq!((ip.ip_in_receives, ip.ip_forw_datagrams), (705_032_704, 4_120_334_412));
    let udp = sample.udp.unwrap();
    assert_eq!((udp.udp_in_datagrams, udp.udp_in_csum_errors), (1, 7));
}

fn switch_space(path: &Path) -> Result<Space, i32> {
    match path.strip_prefix(fixture("switch-64port")).unwrap().to_str().unwrap() {
        "" => space(268_435_456, 134_217_728),
        "var" => space(1_000_000_000, 999_999_999),
        other => panic!("asked {other}"),
    }
}

#[test]
fn switch_without_clock_rate_swap_or_newer_columns_is_healthy() {
    let sample = poll(&recorded_host(fixture("switch-64port"), switch_space));
    healthy(&sample);
    let cpu = sample.cpu.unwrap();
    assert_eq!((cpu.cpu_num, cpu.cpu_speed, cpu.uptime), (4, 1800, 439_120));
    assert_eq!((cpu.cpu_user, cpu.cpu_idle, cpu.cpu_sintr), (91_203_340, 1_601_203_340, 8_120_330));
    assert_eq!((cpu.proc_run, cpu.proc_total, cpu.interrupts), (0, 214, 1_812_033_441));
    let memory = sample.memory.unwrap();
    assert_eq!((memory.swap_total, memory.swap_free), (0, 0));
    assert_eq!((memory.page_in, memory.page_out), (103_008, 780_083));
    assert_eq!((memory.swap_in, memory.swap_out), (UNKNOWN, UNKNOWN));
    let icmp = sample.icmp.unwrap();
    assert_eq!((icmp.icmp_in_dest_unreachs, icmp.icmp_in_echos, icmp.icmp_out_dest_unreachs), (10, 612, 15));
    assert_eq!((icmp.icmp_out_time_excds, icmp.icmp_out_echo_reps), (16, 619));
    assert_eq!(sample.udp.unwrap().udp_in_datagrams, 64_120_334);
}

#[test]
fn switch_flash_counts_with_its_boot_areas_and_without_its_partitions() {
    let sample = poll(&recorded_host(fixture("switch-64port"), switch_space));
    let expected = HostDiskIo {
        disk_total: 1_268_435_456,
        disk_free: 1_134_217_727,
        part_max_used: 5000,
        reads: 41_235,
        bytes_read: 2_122_382 * 512,
        read_time: 88_143,
        writes: 120_334,
        bytes_written: 3_120_336 * 512,
        write_time: 912_033,
    };
    assert_eq!(sample.disk, Some(expected));
}

#[test]
fn identity_is_that_of_the_recorded_host() {
    for (name, hostname, release, origin, uuid) in [
        (
            "server-2socket",
            "db7.example.net",
            "6.12.48+deb13-amd64",
            UuidOrigin::Smbios("/sys/class/dmi/id/product_uuid"),
            Some("4c4c4544-0051-3310-8048-b7c04f334432"),
        ),
        ("hypervisor-bond-vlan", "kvm12", "6.8.12-15-pve", UuidOrigin::MachineId, None),
        ("switch-64port", "leaf-3", "4.19.0-cl-1-iproc", UuidOrigin::MachineId, None),
    ] {
        let host = recorded_host(fixture(name), |_| Err(libc::ENOSYS));
        let mut sources = UuidSources::default();
        sources.read(&host);
        let chosen = choose_uuid(&sources);
        assert_eq!(chosen.origin, origin, "{name}");
        assert!(uuid.is_none_or(|text| parse_uuid(text) == Some(chosen.uuid)), "{name}");
        let id = poll(&host).id.unwrap();
        assert_eq!((id.hostname.as_str(), id.os_release.as_str()), (hostname, release));
        assert_eq!((id.os_name, id.machine_type), (2, machine_type()));
    }
}

#[test]
fn a_copy_of_the_product_uuid_serves_an_agent_that_may_not_read_the_original() {
    let root = std::env::temp_dir().join(format!("host-counters-uuid-{}", std::process::id()));
    std::fs::create_dir_all(root.join("run/hsflowd")).unwrap();
    std::fs::write(root.join("run/hsflowd/product_uuid"), "4C4C4544-0051-3310-8048-B7C04F334432\n").unwrap();
    let mut sources = UuidSources::default();
    sources.read(&Host::at(&root));
    std::fs::remove_dir_all(&root).unwrap();
    let chosen = choose_uuid(&sources);
    assert_eq!(chosen.origin.to_string(), "the SMBIOS product UUID in /run/hsflowd/product_uuid");
    assert_eq!(Some(chosen.uuid), parse_uuid("4c4c4544-0051-3310-8048-b7c04f334432"));
}
