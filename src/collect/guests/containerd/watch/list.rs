//! All containers that have a task, as containerd lists them. What it cannot tell of one costs that one; of a namespace,
//! that is kept as it was.

use super::{Key, Stop, View, Watch};
use crate::collect::guests::containerd::api;
use crate::collect::guests::containerd::container::Container;
use crate::collect::guests::containerd::error::CallError;
use crate::collect::guests::containerd::grpc::Channel;
use crate::status::registry::State;
use std::collections::BTreeMap;

impl<V: View> Watch<V> {
    /// Has the list of all that runs, and tells it.
    pub(super) async fn list(&mut self, channel: &Channel) -> Result<(), Stop> {
        self.complaints.renew(self.view.engine().name());
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        let mut namespaces = api::read_namespaces(channel).await?;
        namespaces.retain(|namespace| !self.is_dockers(namespace));
        for namespace in namespaces {
            let tasks = match api::read_tasks(channel, &namespace).await {
                Err(error) if error.is_about_one() => {
                    problems.push(format!("namespace {namespace}: {error}"));
                    found.extend(self.of(&namespace));
                    continue;
                }
                tasks => tasks?,
            };
            for task in tasks.into_iter().filter(|task| task.state.is_alive() && !task.id.is_empty()) {
                let pid = Some(task.pid).filter(|pid| *pid != 0);
                let key = (namespace.clone(), task.id);
                let known = self.known.get(&key).filter(|known| known.told && known.pid == pid).cloned();
                let container = match known {
                    Some(container) => Some(container),
                    None => self.read(channel, &key).await?,
                };
                if let Some(container) = container {
                    found.insert(key, Container { pid, state: task.state, ..container });
                }
            }
        }
        self.known = found;
        self.tell_all(State::from_problems(&problems)).await
    }

    /// What is known of a namespace.
    fn of(&self, namespace: &str) -> Vec<(Key, Container)> {
        let known = self.known.iter().filter(|((of, _), _)| of == namespace);
        known.map(|(key, container)| (key.clone(), container.clone())).collect()
    }

    /// A container as its owner described it, without its task; none where it is gone already.
    pub(super) async fn read(
        &mut self,
        channel: &Channel,
        (namespace, id): &Key,
    ) -> Result<Option<Container>, CallError> {
        let engine = self.view.engine().name();
        match api::read_container(channel, namespace, id).await {
            Ok((container, problem)) => {
                if let Some(problem) = problem {
                    self.complaints.say(engine, &format_args!("container {namespace}/{id}: {problem}"));
                }
                Ok(Some(container))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_about_one() => {
                self.complaints.say(engine, &format_args!("container {namespace}/{id}: {error}"));
                Ok(Some(Container { namespace: namespace.clone(), id: id.clone(), ..Container::default() }))
            }
            Err(error) => Err(error),
        }
    }
}
