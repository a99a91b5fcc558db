//! The guests that live, whoever runs them, and what each of them is in the sFlow stream.
//!
//! In: what engines tell. Out: what changed. Rules: a guest keeps data source, UUID and name suffix for as long as it lives; of
//! two guests of one engine with one name the later is `name.id`; a guest of which two engines tell is that of the first. Names
//! and UUIDs are the C agent's.

use super::index::Indices;
use super::{Engine, Guest};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Longest name on the wire, in bytes. The standard says 64; names of pods are longer, and collectors want them whole.
const LONGEST_NAME: usize = 255;
/// Longest name that had to be made another one.
const LONGEST_DOUBLE: usize = 64;
/// Characters of an id that tell two guests of one name apart.
const ID: usize = 12;

/// What identities are made with.
#[derive(Clone, Copy, Debug)]
pub struct Maker {
    /// The host's UUID.
    pub host: [u8; 16],
    /// The agent address.
    pub agent: IpAddr,
    /// Containers go by their host name.
    pub by_hostname: bool,
}

/// A guest that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// As its engine told of it last.
    pub guest: Arc<Guest>,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Its data source, of class 3.
    pub index: u32,
    /// Its name on the wire.
    pub shown: String,
    /// Another guest had its name when it came.
    is_double: bool,
}

/// What news changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The guest with this data source is new.
    Started(u32),
    /// It is not as it was.
    Changed(u32),
    /// It is no more.
    Ended(Box<Member>),
}

/// Why a guest is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another engine tells of it too.
    #[error("{0} tells of it too")]
    Owned(&'static str),
    /// There is no data source left.
    #[error("50,000 guests live already")]
    Full,
}

/// All guests.
#[derive(Debug, Default)]
pub struct Roster {
    by_id: HashMap<(Engine, String), u32>,
    members: BTreeMap<u32, Member>,
    indices: Indices,
    /// How many of an engine's guests go by a name.
    names: HashMap<(Engine, String), u32>,
}

impl Roster {
    /// Takes in what an engine says of one guest; `None` where that is nothing new.
    ///
    /// # Errors
    /// It cannot be a guest of this engine.
    pub fn put(&mut self, guest: impl Into<Arc<Guest>>, maker: Maker) -> Result<Option<Change>, Refusal> {
        let guest = guest.into();
        let wish = wished_name(&guest, maker);
        if let Some(index) = self.by_id.get(&(guest.engine, guest.id.clone())).copied() {
            let Some(member) = self.members.get(&index) else { return Ok(None) };
            let shown = if member.is_double { double(&wish, &guest.id) } else { wish };
            if member.guest == guest && member.shown == shown {
                return Ok(None);
            }
            self.rename(index, shown);
            if let Some(member) = self.members.get_mut(&index) {
                member.guest = guest;
            }
            return Ok(Some(Change::Changed(index)));
        }
        let uuid = guest.uuid(maker.host, maker.agent);
        let index = self.indices.take(uuid).ok_or(Refusal::Full)?;
        if let Some(other) = self.members.get(&index) {
            return Err(Refusal::Owned(other.guest.engine.name()));
        }
        let is_double = self.names.contains_key(&(guest.engine, wish.clone()));
        let shown = if is_double { double(&wish, &guest.id) } else { wish };
        *self.names.entry((guest.engine, shown.clone())).or_default() += 1;
        self.by_id.insert((guest.engine, guest.id.clone()), index);
        self.members.insert(index, Member { guest, uuid, index, shown, is_double });
        Ok(Some(Change::Started(index)))
    }

    /// The guest with this id is no more.
    pub fn remove(&mut self, engine: Engine, id: &str) -> Option<Change> {
        let index = self.by_id.remove(&(engine, id.to_owned()))?;
        let member = self.members.remove(&index)?;
        self.indices.free(member.uuid);
        self.forget_name(engine, &member.shown);
        Some(Change::Ended(Box::new(member)))
    }

    /// Ids of this engine's guests that are not among `ids`.
    pub fn others(&self, engine: Engine, ids: &BTreeSet<&str>) -> Vec<String> {
        let others = self.by_id.keys().filter(|(of, id)| *of == engine && !ids.contains(id.as_str()));
        others.map(|(_, id)| id.clone()).collect()
    }

    /// The guest with this id.
    pub fn find(&self, engine: Engine, id: &str) -> Option<&Member> {
        self.members.get(self.by_id.get(&(engine, id.to_owned()))?)
    }

    /// The guest with this data source.
    pub fn get(&self, index: u32) -> Option<&Member> {
        self.members.get(&index)
    }

    /// All guests, by data source.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// How many of an engine's guests are active, as `virt_node` counts them: one that is off is not.
    pub fn count(&self, engine: Engine) -> usize {
        let active = |guest: &Guest| guest.engine == engine && guest.state.is_alive();
        self.members.values().filter(|member| active(&member.guest)).count()
    }

    fn rename(&mut self, index: u32, shown: String) {
        let Some(member) = self.members.get_mut(&index).filter(|member| member.shown != shown) else {
            return;
        };
        let engine = member.guest.engine;
        *self.names.entry((engine, shown.clone())).or_default() += 1;
        let old = std::mem::replace(&mut member.shown, shown);
        self.forget_name(engine, &old);
    }

    fn forget_name(&mut self, engine: Engine, name: &str) {
        let key = (engine, name.to_owned());
        if let Some(count) = self.names.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.names.remove(&key);
            }
        }
    }
}

/// The name that it would have if it were alone.
fn wished_name(guest: &Guest, maker: Maker) -> String {
    let by_hostname = maker.by_hostname && matches!(guest.engine, Engine::Docker | Engine::Containerd);
    let inside = guest.hostname.as_ref().filter(|name| by_hostname && !name.is_empty());
    let name = inside.unwrap_or(&guest.name);
    // A collector prints it.
    let plain: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    cut(plain, LONGEST_NAME)
}

fn double(name: &str, id: &str) -> String {
    let id = cut(id.to_owned(), ID);
    format!("{}.{id}", cut(name.to_owned(), LONGEST_DOUBLE - 1 - id.len()))
}

fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

#[cfg(test)]
#[path = "roster/tests.rs"]
mod tests;
