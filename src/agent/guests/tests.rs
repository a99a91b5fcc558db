use super::*;
use crate::sample::guest::domain::Vnic;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

const MAKER: Maker = Maker { host: [1; 16], agent: IpAddr::V4(Ipv4Addr::LOCALHOST), by_hostname: false };
const UUID: &str = "6695eb01-f6a4-8304-79aa-97f2502e193f";

/// What a listener has been told when nobody tells any more.
async fn all_told(mut client: UnixStream) -> Vec<String> {
    let mut told = String::new();
    let read = client.read_to_string(&mut told);
    tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
    told.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn listeners_are_told_of_the_interfaces_of_a_machine_once_they_are_known() {
    let host = Host::at("/");
    let (mut guests, table) = (Guests::new(&host), Table::default());
    let scene = Scene { table: &table, now: host.clock.now() };
    let (client, listener) = UnixStream::pair().unwrap();
    guests.welcome(listener, &table);
    guests.put(Guest::new(Engine::Kvm, UUID, "vm").into(), MAKER, scene, &mut Outcome::default());
    let vnics = vec![Vnic { tap: Some("vnet0".into()), mac: [0x52, 0x54, 0, 0, 0, 1] }];
    let counters = Counters { vnics, ..Counters::default() };
    for _ in 0..2 {
        guests.take_counters(
            Engine::Kvm,
            vec![(UUID.into(), counters.clone())],
            scene,
            &mut Outcome::default(),
        );
    }
    drop(guests);
    let told = all_told(client).await;
    let has = |line: usize, words: &str| told.get(line).is_some_and(|told| told.contains(words));
    assert!(told.len() == 3 && has(0, "complete") && has(1, "start") && has(2, "change"), "{told:#?}");
    assert!(!has(1, "vnet0") && has(2, "vnet0") && has(2, "52:54:00:00:00:01"), "{told:#?}");
}

#[test]
fn a_network_that_could_not_be_learned_is_tried_again() {
    let host = Host::at("/");
    let (mut guests, table) = (Guests::new(&host), Table::default());
    let scene = Scene { table: &table, now: host.clock.now() };
    let id = "ad4d40bb3d5c29b2df34d5557a288a96ffffffffffffffffffffffffffffffff";
    let guest = Guest { pid: Some(std::process::id()), ..Guest::new(Engine::Docker, id, "web") };
    let mut outcome = Outcome::default();
    guests.put(guest.into(), MAKER, scene, &mut outcome);
    let index = outcome.started[0];
    guests.meters.get_mut(&index).unwrap().network = None;
    guests.look_again(index, scene);
    assert!(guests.meters[&index].network.is_some());
}

#[test]
fn a_pod_of_another_cgroup_under_a_known_name_is_another() {
    let host = Host::at("/");
    let (mut guests, table) = (Guests::new(&host), Table::default());
    let scene = Scene { table: &table, now: host.clock.now() };
    let pod = |uid: &str| Guest {
        cgroup: Some(format!("/kubepods/pod{uid}")),
        ..Guest::new(Engine::K8s, "k8s__web-0_shop_u_a", "web-0")
    };
    let mut put = |pod: Guest| {
        let mut outcome = Outcome::default();
        guests.put(pod.into(), MAKER, scene, &mut outcome);
        (outcome.started.len(), outcome.ended.len())
    };
    assert_eq!((put(pod("1")), put(pod("1")), put(pod("2"))), ((1, 0), (0, 0), (1, 1)));
}

#[tokio::test]
async fn nobody_is_told_again_of_the_end_of_a_guest_that_was_forgotten() {
    let host = Host::at("/");
    let (mut guests, table) = (Guests::new(&host), Table::default());
    let scene = Scene { table: &table, now: host.clock.now() };
    let (client, listener) = UnixStream::pair().unwrap();
    guests.welcome(listener, &table);
    let ended = Guest { state: GuestState::Shutdown, ..Guest::new(Engine::Docker, UUID, "web") };
    guests.put(ended.into(), MAKER, scene, &mut Outcome::default());
    drop(guests);
    assert_eq!(all_told(client).await.len(), 1, "that the list is complete");
}
