//! What events of containerd change.

use super::{Key, Stop, View, Watch};
use crate::collect::guests::containerd::container::Container;
use crate::collect::guests::containerd::event::Event;
use crate::collect::guests::containerd::grpc::Channel;
use crate::sample::guest::GuestState;

impl<V: View> Watch<V> {
    /// Takes an event. One that cannot be read is said and passed over: the next list makes up for it.
    pub(super) async fn take(&mut self, channel: &Channel, envelope: &[u8]) -> Result<(), Stop> {
        let event = match Event::parse(envelope) {
            Ok(event) => event,
            Err(error) => {
                self.complaints.say(self.view.engine().name(), &format_args!("an event: {error}"));
                return Ok(());
            }
        };
        let Some(id) = event.container() else { return Ok(()) };
        if self.is_dockers(&event.namespace) {
            return Ok(());
        }
        let key = (event.namespace.clone(), id);
        match event.topic.as_str() {
            "/tasks/start" => self.started(channel, key, &event).await,
            "/tasks/paused" => self.is_now(&key, GuestState::Paused).await,
            "/tasks/resumed" => self.is_now(&key, GuestState::Running).await,
            "/containers/update" => self.updated(channel, key).await,
            "/containers/delete" => self.ended(&key, None).await,
            "/tasks/exit" | "/tasks/delete" if !event.is_of_another_process() => {
                self.ended(&key, event.ended_pid()).await
            }
            _ => Ok(()),
        }
    }

    async fn started(&mut self, channel: &Channel, key: Key, event: &Event) -> Result<(), Stop> {
        let Some(container) = self.read(channel, &key).await? else { return Ok(()) };
        self.put(key, Container { pid: event.started_pid(), state: GuestState::Running, ..container }).await
    }

    async fn is_now(&mut self, key: &Key, state: GuestState) -> Result<(), Stop> {
        let Some(container) = self.known.get_mut(key).filter(|container| container.state != state) else {
            return Ok(());
        };
        container.state = state;
        let news = self.view.one(container);
        self.tell(news).await
    }

    /// Its labels may be others, and with them its name.
    async fn updated(&mut self, channel: &Channel, key: Key) -> Result<(), Stop> {
        let Some((pid, state)) = self.known.get(&key).map(|known| (known.pid, known.state)) else {
            return Ok(());
        };
        let Some(container) = self.read(channel, &key).await? else { return Ok(()) };
        self.put(key, Container { pid, state, ..container }).await
    }

    async fn put(&mut self, key: Key, container: Container) -> Result<(), Stop> {
        if self.known.get(&key) == Some(&container) {
            return Ok(());
        }
        let news = self.view.one(&container);
        self.known.insert(key, container);
        self.tell(news).await
    }

    /// An end from before the list, of a process that has a successor, is none.
    async fn ended(&mut self, key: &Key, pid: Option<u32>) -> Result<(), Stop> {
        let is_another = |known: &Container| pid.is_some() && known.pid.is_some() && known.pid != pid;
        if self.known.get(key).is_none_or(is_another) {
            return Ok(());
        }
        let Some(container) = self.known.remove(key) else { return Ok(()) };
        let news = self.view.ended(&container);
        self.tell(news).await
    }
}
