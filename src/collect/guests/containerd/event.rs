//! What containerd tells of as it happens.
//!
//! In: a message of its event stream. Out: an [`Event`]. Pure. Spec: containerd's `api/services/events/v1/events.proto` and `api/events/*.proto`.

use super::api::{any, each};
use crate::wire::protobuf::{ProtobufError, Value, fields};

/// Something that has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The namespace of containerd.
    pub namespace: String,
    /// What: `/tasks/start` and the like.
    pub topic: String,
    /// The event itself.
    body: Vec<u8>,
}

impl Event {
    /// `Envelope { Timestamp timestamp = 1; string namespace = 2; string topic = 3; Any event = 4 }`.
    pub fn parse(envelope: &[u8]) -> Result<Self, ProtobufError> {
        let mut event = Self::default();
        each(envelope, |number, value| {
            match number {
                2 => event.namespace = String::from_utf8_lossy(value).into_owned(),
                3 => event.topic = String::from_utf8_lossy(value).into_owned(),
                4 => event.body = any(value)?.to_owned(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(event)
    }

    /// The id of the container that it is about: field 1 of every event that is used.
    pub fn container(&self) -> Option<String> {
        self.field(1).map(Value::text).filter(|id| !id.is_empty())
    }

    /// The process that has started: `TaskStart { uint32 pid = 2 }`.
    pub fn started_pid(&self) -> Option<u32> {
        self.pid(2)
    }

    /// The process that has ended: `TaskExit { uint32 pid = 3 }`, `TaskDelete { uint32 pid = 2 }`.
    pub fn ended_pid(&self) -> Option<u32> {
        self.pid(if self.is_exit() { 3 } else { 2 })
    }

    /// Whether it is about another process in the container, which somebody started beside the first:
    /// `TaskExit { string id = 2 }`, `TaskDelete { string id = 5 }` are then not the container's.
    pub fn is_of_another_process(&self) -> bool {
        let process = self.field(if self.is_exit() { 2 } else { 5 }).map(Value::text);
        process.is_some_and(|id| !id.is_empty() && Some(id) != self.container())
    }

    fn is_exit(&self) -> bool {
        self.topic == "/tasks/exit"
    }

    fn pid(&self, number: u32) -> Option<u32> {
        u32::try_from(self.field(number)?.integer()).ok().filter(|pid| *pid != 0)
    }

    fn field(&self, number: u32) -> Option<Value<'_>> {
        fields(&self.body).flatten().find(|(n, _)| *n == number).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::protobuf::Message;

    fn exit(process: &str, pid: u64) -> Event {
        let body = Message::default().with(1, b"web").with(2, process.as_bytes()).with_integer(3, pid);
        let any = Message::default().with(1, b"containerd.events.TaskExit").with(2, body.as_bytes());
        let envelope = Message::default().with(2, b"default").with(3, b"/tasks/exit").with(4, any.as_bytes());
        Event::parse(envelope.as_bytes()).unwrap()
    }

    #[test]
    fn the_end_of_the_first_process_is_told_from_that_of_another() {
        let end = exit("web", 4711);
        assert_eq!((end.container().as_deref(), end.ended_pid()), (Some("web"), Some(4711)));
        assert!(!end.is_of_another_process() && exit("shell", 4712).is_of_another_process());
    }

    #[test]
    fn an_event_without_its_fields_or_with_impossible_ones_says_nothing() {
        assert_eq!(Event::parse(b"").unwrap().container(), None);
        assert_eq!(exit("web", 1 << 40).ended_pid(), None);
        assert!(Event::parse(b"\x22\x05abc").is_err());
        let broken = Message::default()
            .with(3, b"/tasks/exit")
            .with(4, Message::default().with(2, b"\xff").as_bytes());
        let broken = Event::parse(broken.as_bytes()).unwrap();
        assert_eq!(
            (broken.container(), broken.ended_pid(), broken.is_of_another_process()),
            (None, None, false)
        );
    }
}
