//! Answers of containerd, specifications of containers, names of cgroups: whatever comes, what is kept is bounded and on one line,
//! and what was read of a container can be read again.

use hsflow::collect::guests::containerd::{api, cgroup_path, event::Event, spec::Spec};
use hsflow::wire::protobuf::{Message, Value, fields};

pub(crate) fn law(data: &[u8]) {
    protobuf(data);
    let _ = (api::parse_namespaces(data), api::parse_tasks(data));
    if let Ok(event) = Event::parse(data) {
        let _ = (event.container(), event.started_pid(), event.ended_pid(), event.is_of_another_process());
    }
    if let Ok((container, _)) = api::parse_container(data) {
        let guest = container.guest();
        let labels: usize = guest.labels.iter().map(|(key, text)| key.len() + text.len()).sum();
        assert!(labels <= 2048 && guest.image.is_none_or(|image| is_bounded(&image)));
    }
    specification(data);
    if let Ok(text) = std::str::from_utf8(data) {
        paths(text);
    }
}

/// Fields that are put together again are the same fields.
fn protobuf(data: &[u8]) {
    let read: Vec<_> = fields(data).collect();
    assert!(read.iter().rev().skip(1).all(Result::is_ok), "nothing comes behind an error");
    let kept: Vec<_> = read.into_iter().flatten().filter(|(_, value)| is_written(value)).collect();
    let again = kept.iter().fold(Message::default(), |message, (number, value)| match value {
        Value::Varint(integer) => message.with_integer(*number, *integer),
        value => message.with(*number, value.bytes()),
    });
    assert_eq!(fields(again.as_bytes()).collect::<Result<Vec<_>, _>>().as_ref(), Ok(&kept));
}

fn is_written(value: &Value<'_>) -> bool {
    matches!(value, Value::Varint(_) | Value::Bytes(_))
}

fn specification(data: &[u8]) {
    let Ok(spec) = Spec::parse(data) else { return };
    assert!(spec.cpus != Some(0) && spec.memory_max != Some(0));
    assert!(spec.cgroup.is_none_or(|path| path.starts_with('/')));
    assert!(spec.hostname.is_none_or(|name| is_bounded(&name)));
    assert!(spec.gpus.iter().all(|uuid| is_bounded(uuid)));
    assert!(spec.cri.is_none_or(|cri| is_bounded(&cri.name())));
}

fn is_bounded(name: &str) -> bool {
    name.len() <= 255 && !name.contains(char::is_control)
}

/// A container that a path tells of is in the path.
fn paths(text: &str) {
    if let Some(told) = cgroup_path::parse(text) {
        assert!(told.container.len() == 64 && text.contains(&told.container));
    }
    let _ = (cgroup_path::pod(text), cgroup_path::expand(text));
}
