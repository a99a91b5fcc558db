//! The few methods of containerd's API that are used, and what their answers say.
//!
//! In: a [`Channel`]. Out: namespaces, tasks, containers as plain values; events as messages. Rules: fields that are not known are passed over and those that
//! are missing are empty, as the format wants; the part of an answer that cannot be read is an error with its offset.
//! The `parse_` functions are pure. Spec: containerd's `api/services/*/v1/*.proto` of 1.6, which 2.x keeps.

use super::container::Container;
use super::error::CallError;
use super::grpc::{Channel, Messages};
use super::spec::{Spec, SpecError};
use crate::sample::guest::GuestState;
use crate::wire::protobuf::{Message, ProtobufError, fields};

const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const TASKS: &str = "/containerd.services.tasks.v1.Tasks/List";
const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
/// The method that tells of events.
pub const EVENTS: &str = "/containerd.services.events.v1.Events/Subscribe";

/// What runs in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The container's id.
    pub id: String,
    /// Its first process.
    pub pid: u32,
    /// What it is doing; off where it has ended and nobody has removed it yet.
    pub state: GuestState,
}

/// The names of all namespaces.
pub async fn read_namespaces(channel: &Channel) -> Result<Vec<String>, CallError> {
    let answer = channel.ask(NAMESPACES, "", &[]).await?;
    parse_namespaces(&answer).map_err(|source| CallError::Malformed { method: NAMESPACES, source })
}

/// All tasks of a namespace, those that have ended included.
pub async fn read_tasks(channel: &Channel, namespace: &str) -> Result<Vec<Task>, CallError> {
    let answer = channel.ask(TASKS, namespace, &[]).await?;
    parse_tasks(&answer).map_err(|source| CallError::Malformed { method: TASKS, source })
}

/// A container, without its task; and what of its specification could not be read.
pub async fn read_container(
    channel: &Channel,
    namespace: &str,
    id: &str,
) -> Result<(Container, Option<SpecError>), CallError> {
    let answer =
        channel.ask(CONTAINER, namespace, Message::default().with(1, id.as_bytes()).as_bytes()).await?;
    let malformed = |source| CallError::Malformed { method: CONTAINER, source };
    let (mut container, problem) = parse_container(&answer).map_err(malformed)?;
    (container.namespace, container.id) = (namespace.to_owned(), id.to_owned());
    Ok((container, problem))
}

/// Events from now on, of all namespaces.
pub async fn follow_events(channel: &Channel) -> Result<Messages, CallError> {
    channel.follow(EVENTS, Message::default().as_bytes()).await
}

/// `ListNamespacesResponse { repeated Namespace namespaces = 1 }`, `Namespace { string name = 1 }`.
pub fn parse_namespaces(answer: &[u8]) -> Result<Vec<String>, ProtobufError> {
    let mut names = Vec::new();
    each(answer, |number, value| {
        if number == 1 {
            each(value, |number, name| {
                if number == 1 {
                    names.push(String::from_utf8_lossy(name).into_owned());
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(names)
}

/// `ListTasksResponse { repeated Process tasks = 1 }`.
pub fn parse_tasks(answer: &[u8]) -> Result<Vec<Task>, ProtobufError> {
    let mut tasks = Vec::new();
    each(answer, |number, value| {
        if number == 1 {
            tasks.push(parse_task(value)?);
        }
        Ok(())
    })?;
    Ok(tasks)
}

/// `Process { string container_id = 1; string id = 2; uint32 pid = 3; Status status = 4 }`. containerd leaves the container's
/// id empty in its list, where the process' id is the same.
fn parse_task(process: &[u8]) -> Result<Task, ProtobufError> {
    let mut task = Task::default();
    for field in fields(process) {
        match field? {
            (1 | 2, value) if !value.bytes().is_empty() => task.id = value.text(),
            (3, value) => task.pid = u32::try_from(value.integer()).unwrap_or(0),
            (4, value) => task.state = parse_state(value.integer()),
            _ => {}
        }
    }
    Ok(task)
}

/// `Status`. One that is created counts as paused, as the C agent has it: its process is there and waits.
fn parse_state(status: u64) -> GuestState {
    match status {
        2 => GuestState::Running,
        3 => GuestState::Shutoff,
        1 | 4 | 5 => GuestState::Paused,
        _ => GuestState::None,
    }
}

/// `GetContainerResponse { Container container = 1 }`, `Container { map<string, string> labels = 2; string image = 3; Any spec = 5 }`.
/// Without id and namespace.
pub fn parse_container(answer: &[u8]) -> Result<(Container, Option<SpecError>), ProtobufError> {
    let mut container = Container { told: true, ..Container::default() };
    let mut problem = None;
    each(answer, |number, value| {
        if number != 1 {
            return Ok(());
        }
        each(value, |number, value| {
            match number {
                2 => {
                    let [key, text] = texts(value)?;
                    container.label(key, text);
                }
                3 => container.image = Some(String::from_utf8_lossy(value).into_owned()),
                5 => match Spec::parse(any(value)?) {
                    Ok(spec) => container.spec = spec,
                    Err(error) => problem = Some(error),
                },
                _ => {}
            }
            Ok(())
        })
    })?;
    Ok((container, problem))
}

/// `Any { string type_url = 1; bytes value = 2 }`: the value.
pub(super) fn any(any: &[u8]) -> Result<&[u8], ProtobufError> {
    let mut found: &[u8] = &[];
    each(any, |number, value| {
        if number == 2 {
            found = value;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `take` with each field that is text or a message.
pub(super) fn each<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u32, &'a [u8]) -> Result<(), ProtobufError>,
) -> Result<(), ProtobufError> {
    for field in fields(message) {
        let (number, value) = field?;
        take(number, value.bytes())?;
    }
    Ok(())
}

/// Fields 1 and 2 as text: an entry of a map.
fn texts(entry: &[u8]) -> Result<[String; 2], ProtobufError> {
    let mut texts = [String::new(), String::new()];
    for field in fields(entry) {
        match field? {
            (1, value) => texts[0] = value.text(),
            (2, value) => texts[1] = value.text(),
            _ => {}
        }
    }
    Ok(texts)
}
