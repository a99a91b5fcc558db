use super::*;
use crate::sample::guest::GuestState;
use crate::sample::guest::index::preferred;
use proptest::prelude::*;

const MAKER: Maker =
    Maker { host: [1; 16], agent: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), by_hostname: false };

fn container(number: u64, name: &str) -> Guest {
    Guest::new(Engine::Docker, format!("{number:012x}{:052x}", 0), name)
}

fn started(roster: &mut Roster, guest: Guest) -> u32 {
    match roster.put(guest, MAKER) {
        Ok(Some(Change::Started(index))) => index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_is_new_once_changes_when_it_does_and_ends_once() {
    let mut roster = Roster::default();
    let web = container(1, "web");
    let index = started(&mut roster, web.clone());
    assert_eq!(index, preferred(web.uuid(MAKER.host, MAKER.agent)));
    assert_eq!(roster.put(web.clone(), MAKER), Ok(None));
    let paused = Guest { state: GuestState::Paused, ..web.clone() };
    assert_eq!(roster.put(paused.clone(), MAKER), Ok(Some(Change::Changed(index))));
    assert_eq!(*roster.find(Engine::Docker, &web.id).unwrap().guest, paused);
    let ended = roster.remove(Engine::Docker, &web.id);
    assert!(matches!(ended, Some(Change::Ended(member)) if *member.guest == paused && member.index == index));
    assert_eq!(roster.remove(Engine::Docker, &web.id), None);
    assert_eq!((roster.iter().count(), roster.count(Engine::Docker)), (0, 0));
}

#[test]
fn a_machine_that_is_off_is_a_guest_and_does_not_count_as_active() {
    let mut roster = Roster::default();
    let machine = |uuid: &str, state| Guest { state, ..Guest::new(Engine::Kvm, uuid, uuid) };
    started(&mut roster, machine("6695eb01-f6a4-8304-79aa-97f2502e193f", GuestState::Running));
    started(&mut roster, machine("7695eb01-f6a4-8304-79aa-97f2502e193f", GuestState::Paused));
    started(&mut roster, machine("8695eb01-f6a4-8304-79aa-97f2502e193f", GuestState::Shutoff));
    assert_eq!((roster.iter().count(), roster.count(Engine::Kvm)), (3, 2));
}

#[test]
fn of_two_guests_with_one_name_the_later_has_its_id_with_it_for_life() {
    let mut roster = Roster::default();
    let [first, second] = [container(1, "web"), container(2, "web")];
    let of_first = started(&mut roster, first.clone());
    let of_second = started(&mut roster, second.clone());
    let shown = |roster: &Roster, index| roster.get(index).unwrap().shown.clone();
    assert_eq!(
        (shown(&roster, of_first), shown(&roster, of_second)),
        ("web".into(), "web.000000000002".into())
    );
    roster.remove(Engine::Docker, &first.id);
    let paused = Guest { state: GuestState::Paused, ..second.clone() };
    roster.put(paused, MAKER).unwrap();
    assert_eq!(shown(&roster, of_second), "web.000000000002");
    // The name is free again.
    let third = started(&mut roster, container(3, "web"));
    assert_eq!(shown(&roster, third), "web");
    let long = "n".repeat(100);
    let long_ones = [4, 5].map(|number| started(&mut roster, container(number, &long)));
    assert_eq!(long_ones.map(|index| shown(&roster, index).len()), [100, 64]);
}

#[test]
fn guests_of_two_engines_may_have_one_name() {
    let mut roster = Roster::default();
    let name = "k8s__web_default_u_a";
    let sandbox = Guest { engine: Engine::Containerd, ..container(1, name) };
    let both = [sandbox, Guest::new(Engine::K8s, name, name)].map(|guest| started(&mut roster, guest));
    assert_eq!(both.map(|index| roster.get(index).unwrap().shown.clone()), [name, name]);
}

#[test]
fn a_host_name_counts_where_it_is_wanted_and_there_is_one() {
    let by_hostname = Maker { by_hostname: true, ..MAKER };
    let shown = |guest: Guest| {
        let mut roster = Roster::default();
        roster.put(guest, by_hostname).unwrap();
        roster.iter().next().unwrap().shown.clone()
    };
    let inside = |name: &str| Some(name.to_owned());
    assert_eq!(shown(Guest { hostname: inside("a"), ..container(1, "b") }), "a");
    assert_eq!(shown(Guest { hostname: inside(""), ..container(1, "b") }), "b");
    assert_eq!(shown(container(1, "b")), "b");
    assert_eq!(
        shown(Guest { hostname: inside("a"), ..Guest::new(Engine::Systemd, "b.service", "b.service") }),
        "b.service"
    );
}

#[test]
fn names_that_would_harm_a_terminal_or_a_datagram_are_made_harmless() {
    let mut roster = Roster::default();
    let index = started(&mut roster, container(1, "a\nb\x1b[2J"));
    assert_eq!(roster.get(index).unwrap().shown, "a?b?[2J");
    let index = started(&mut roster, container(2, &"é".repeat(4096)));
    assert_eq!(roster.get(index).unwrap().shown, "é".repeat(127));
}

#[test]
fn who_comes_first_keeps_a_guest_of_two_engines() {
    let mut roster = Roster::default();
    let docker = container(1, "web");
    let index = started(&mut roster, docker.clone());
    let containerd = Guest { engine: Engine::Containerd, ..docker.clone() };
    assert_eq!(roster.put(containerd.clone(), MAKER), Err(Refusal::Owned("docker")));
    assert_eq!(roster.remove(Engine::Containerd, &containerd.id), None);
    roster.remove(Engine::Docker, &docker.id);
    assert_eq!(roster.put(containerd, MAKER), Ok(Some(Change::Started(index))));
}

proptest! {
    /// Whatever comes and goes: as many members as the model has, none shares its data source or its name.
    #[test]
    fn members_are_those_that_came_and_did_not_go(
        steps in prop::collection::vec((0u64..12, 0usize..4, any::<bool>()), 0..200),
    ) {
        let names = ["web", "db", "web.000000000003", "x"];
        let (mut roster, mut model) = (Roster::default(), BTreeMap::new());
        for (number, name, goes) in steps {
            let guest = container(number, names[name]);
            if goes {
                let was = model.remove(&guest.id).is_some();
                prop_assert_eq!(roster.remove(Engine::Docker, &guest.id).is_some(), was);
            } else {
                roster.put(guest.clone(), MAKER).unwrap();
                model.insert(guest.id.clone(), guest);
            }
            let members: BTreeMap<_, _> = roster.iter().map(|m| (m.guest.id.clone(), (*m.guest).clone())).collect();
            prop_assert_eq!(&members, &model);
            let counted: u32 = roster.names.values().sum();
            prop_assert_eq!(counted as usize, model.len());
            let others = roster.others(Engine::Docker, &model.keys().map(String::as_str).collect());
            prop_assert!(others.is_empty());
        }
    }
}
