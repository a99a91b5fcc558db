use super::*;
use serde_json::json;

const ID: &str = "71260370c6dc47f4a7b4dd50070e783b171048d6fbd3e2ee191dc59436f57bfc";

fn parse(value: &Value) -> (Guest, Vec<Odd>) {
    let (guest, odd) = parse_inspect(ID, value.to_string().as_bytes()).unwrap();
    (guest.expect("a state"), odd)
}

#[test]
fn every_state_of_docker_and_podman_is_one_of_sflow() {
    use GuestState::{None, Paused, Running, Shutdown, Shutoff};
    for (status, running, paused, wanted) in [
        ("running", true, false, Running),
        ("paused", true, true, Paused),
        ("created", false, false, None),
        ("exited", false, false, Shutdown),
        ("dead", false, false, Shutdown),
        ("removing", false, false, Shutdown),
        ("restarting", true, false, Shutdown),
        ("stopped", false, false, Shutoff),
        ("stopping", false, false, Running),
        ("initialized", false, false, None),
        ("hibernating", true, false, Running),
        ("", true, true, Paused),
    ] {
        let state = json!({ "Status": status, "Running": running, "Paused": paused, "Pid": 7 });
        let (guest, odd) = parse(&json!({ "Name": "/web", "State": state }));
        assert_eq!((guest.state, odd.as_slice()), (wanted, [].as_slice()), "{status}");
        assert_eq!(guest.pid.is_some(), wanted.is_alive(), "{status}");
    }
}

#[test]
fn cpus_are_a_count_or_a_share_rounded_and_a_part_of_one_is_one() {
    for (count, nano, wanted) in [
        (0_i64, 0_i64, None),
        (2, 1_500_000_000, Some(2)),
        (0, 1_500_000_000, Some(2)),
        (0, 1_400_000_000, Some(1)),
        (0, 100_000_000, Some(1)),
        (-1, -1, None),
        (0, i64::MAX, None),
    ] {
        let (guest, _) = parse(&json!({
            "State": { "Running": true }, "HostConfig": { "CpuCount": count, "NanoCpus": nano },
        }));
        assert_eq!(guest.cpus, wanted, "{count} {nano}");
    }
}

#[test]
fn gpus_are_those_asked_for_by_uuid() {
    let one = "GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a";
    let two = "GPU-0f0e0d0c-8b8a-4988-8786-858483828180";
    let env = [&format!("NVIDIA_VISIBLE_DEVICES={two},MIG-1,0,all,{one},GPU-zz"), "PATH=/bin"];
    let (guest, _) = parse(&json!({
        "State": { "Running": true },
        "Config": { "Env": env },
        "HostConfig": { "DeviceRequests": [{ "DeviceIDs": [one] }, { "DeviceIDs": null }, 7] },
    }));
    assert_eq!(guest.gpus, [two, one]);
}

#[test]
fn what_does_not_say_whether_it_lives_is_no_guest_and_nothing_more_is_needed() {
    let (guest, odd) = parse(&json!({ "State": { "Running": true } }));
    assert_eq!((guest.name.as_str(), guest.state, odd.len()), ("71260370c6dc", GuestState::Running, 0));
    assert!(guest.hostname.is_none() && guest.pid.is_none() && guest.memory_max.is_none());
    for silent in ["{}", r#"{"State":null}"#, r#"{"State":{"Pid":7}}"#, r#"{"State":{"Running":1}}"#, "[]"] {
        assert_eq!(parse_inspect(ID, silent.as_bytes()).unwrap().0, None, "{silent}");
    }
    assert!(parse_inspect(ID, br#"{"Name":"/we"#).is_err());
}

#[test]
fn a_wrong_type_costs_its_own_field() {
    let (guest, odd) = parse(&json!({
        "Name": ["/web"],
        "State": { "Status": 7, "Running": true, "Pid": -4 },
        "Config": { "Hostname": "inside", "Labels": ["a"], "Env": "PATH=/bin" },
        "HostConfig": { "Memory": "1g", "NanoCpus": 2_000_000_000_u64 },
    }));
    assert_eq!((guest.state, guest.pid, guest.cpus), (GuestState::Running, None, Some(2)));
    assert_eq!(guest.hostname.as_deref(), Some("inside"));
    let fields: Vec<_> = odd.iter().map(|odd| odd.to_string()).collect();
    assert_eq!(
        fields,
        [
            "/Name: text expected, list found",
            "/State/Status: text expected, another number found",
            "/State/Pid: natural number expected, another number found",
            "/Config/Labels: object expected, list found",
            "/HostConfig/Memory: number expected, text found",
            "/Config/Env: list expected, text found",
        ]
    );
}

#[test]
fn long_names_and_many_labels_are_bounded_and_said() {
    let mut labels = serde_json::Map::new();
    labels.insert("big".into(), "x".repeat(1 << 20).into());
    labels.extend((0..1000).map(|n| (format!("key{n:04}"), Value::from("value"))));
    let (guest, odd) = parse(&json!({
        "State": { "Running": true },
        "Name": format!("/{}", "n".repeat(4096)), "Config": { "Hostname": "a\nb", "Labels": labels },
    }));
    assert_eq!((guest.name.len(), guest.hostname.as_deref()), (255, Some("a\\nb")));
    let size: usize = guest.labels.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!((3900..=4096).contains(&size) && guest.labels["big"].len() == 255, "{size}");
    let said = odd[0].to_string();
    assert_eq!(said, "/Config/Labels: 681 left out, because there are more than 4096 bytes");
}
