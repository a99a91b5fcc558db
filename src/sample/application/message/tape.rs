//! A JSON value as one list of nodes, so that a message costs one allocation however many members it has.
//!
//! In: text. Out: nodes. An object is followed by its members, each a key and a value, and knows how many nodes they take, so
//! that it can be passed over. Rules: numbers are exact in 64 bits; text is borrowed unless it has escapes; serde_json
//! limits the depth to 128.

use super::member::Object;
use super::number::Number;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The nodes of an ordinary message.
const ORDINARY: usize = 96;

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

/// The nodes of a message.
pub(super) struct Tape<'a>(Vec<Node<'a>>);

impl<'a> Tape<'a> {
    /// Reads a text that is one value.
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut nodes = Vec::with_capacity(ORDINARY);
        let mut input = serde_json::Deserializer::from_str(text);
        input.deserialize_any(Push(&mut nodes))?;
        input.end()?;
        Ok(Self(nodes))
    }

    /// The message, if it is an object.
    pub(super) fn top(&self) -> Option<Object<'_, '_, 'a>> {
        let (node, rest) = self.0.split_first()?;
        matches!(node, Node::Object(_)).then_some(Object::top(rest))
    }
}

/// Puts a value at the end of the list.
struct Push<'l, 'a>(&'l mut Vec<Node<'a>>);

impl<'a> Push<'_, 'a> {
    #[inline]
    fn leaf<E>(self, node: Node<'a>) -> Result<(), E> {
        self.0.push(node);
        Ok(())
    }

    /// Puts the node that stands before its contents, now that their number is known.
    fn close<E>(self, at: usize, node: fn(usize) -> Node<'a>) -> Result<(), E> {
        let inside = self.0.len() - at - 1;
        if let Some(slot) = self.0.get_mut(at) {
            *slot = node(inside);
        }
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
