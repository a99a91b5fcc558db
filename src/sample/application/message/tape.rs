//! A JSON value as one list of nodes, in memory that is used again for the next message.
//!
//! In: text. Out: its nodes. An object is followed by its members, each a key and a value; it knows how many nodes they take,
//! and so can be passed over. The depth is limited by serde_json to 128; the list grows to as many nodes as the longest
//! message has bytes, at most.

use super::number::Number;
use super::object::Object;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

#[derive(Debug)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    /// So many nodes follow that belong to it.
    List(usize),
    /// So many nodes follow that belong to it.
    Object(usize),
}

/// Memory for the nodes of a message.
#[derive(Debug, Default)]
pub(super) struct Room(Vec<Node<'static>>);

impl Room {
    /// Has `look` look at the message, if it is an object, and takes back the memory.
    pub(super) fn with<'a, T>(
        &mut self,
        text: &'a str,
        look: impl FnOnce(Option<Object<'_, '_, 'a>>) -> T,
    ) -> Result<T, serde_json::Error> {
        let mut nodes = emptied(std::mem::take(&mut self.0));
        let read = read(text, &mut nodes).map(|()| look(Object::of_message(&nodes)));
        self.0 = emptied(nodes);
        read
    }
}

/// The same memory for nodes that live for another time: what is collected from a vector takes its place.
fn emptied<'b>(mut nodes: Vec<Node<'_>>) -> Vec<Node<'b>> {
    nodes.clear();
    nodes.into_iter().map(|_| Node::Null).collect()
}

/// Reads a text that is one value.
fn read<'a>(text: &'a str, nodes: &mut Vec<Node<'a>>) -> Result<(), serde_json::Error> {
    let mut input = serde_json::Deserializer::from_str(text);
    input.deserialize_any(Push(nodes))?;
    input.end()
}

/// Puts a value at the end of the list.
struct Push<'l, 'a>(&'l mut Vec<Node<'a>>);

impl<'a> Push<'_, 'a> {
    #[inline]
    fn leaf<E>(self, node: Node<'a>) -> Result<(), E> {
        self.0.push(node);
        Ok(())
    }
}

impl<'a> serde::de::DeserializeSeed<'a> for Push<'_, 'a> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Push<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.leaf(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.leaf(Node::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.leaf(Node::Number(Number::Positive(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.leaf(Node::Number(Number::Negative(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.leaf(Node::Number(Number::Real(value)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.leaf(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.leaf(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut entries: A) -> Result<(), A::Error> {
        let at = self.0.len();
        self.0.push(Node::Null);
        while entries.next_element_seed(Push(self.0))?.is_some() {}
        self.close(at, Node::List)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let at = self.0.len();
        self.0.push(Node::Null);
        while members.next_key_seed(Push(self.0))?.is_some() {
            members.next_value_seed(Push(self.0))?;
        }
        self.close(at, Node::Object)
    }
}

impl<'a> Push<'_, 'a> {
    /// Puts the node that stands before its contents, now that their number is known.
    fn close<E>(self, at: usize, node: fn(usize) -> Node<'a>) -> Result<(), E> {
        let inside = self.0.len() - at - 1;
        if let Some(slot) = self.0.get_mut(at) {
            *slot = node(inside);
        }
        Ok(())
    }
}
