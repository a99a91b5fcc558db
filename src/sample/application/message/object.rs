//! A look at an object and its members on the [tape](super::tape), which knows where in the message it stands; that is made
//! text only for a fault.
//!
//! In: the nodes of an object. Out: members by their keys, and what they hold, as it must be or as a fault. Rules: keys match
//! in any case, the first match counts, and `null` is as if absent.

use super::fault::{Fault, Wrong};
use super::number::Number;
use super::tape::Node;
use std::borrow::Cow;
use std::fmt;

/// Of a key, so much is repeated, in bytes.
const SHOWN: usize = 64;

/// Where in the message something stands.
#[derive(Clone, Copy, Debug)]
struct Path<'p> {
    outer: Option<&'p Path<'p>>,
    key: &'p str,
}

impl Path<'_> {
    const TOP: Self = Self { outer: None, key: "" };
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = super::cut(self.key, SHOWN).escape_debug();
        match self.outer {
            Some(outer) if outer.outer.is_some() => write!(f, "{outer}.{key}"),
            _ => write!(f, "{key}"),
        }
    }
}

/// The members of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'p, 't, 'a> {
    path: Path<'p>,
    nodes: &'t [Node<'a>],
}

impl<'t, 'a> Object<'_, 't, 'a> {
    /// The message, if it is an object.
    pub(super) fn of_message(nodes: &'t [Node<'a>]) -> Option<Self> {
        let (node, nodes) = nodes.split_first()?;
        matches!(node, Node::Object(_)).then_some(Self { path: Path::TOP, nodes })
    }

    /// For each key the first member that has it, in any case. Members mostly come in the order in which they are wanted here,
    /// so each is looked for behind the last one.
    #[inline]
    pub(super) fn pick<'m, const N: usize>(&'m self, keys: [&'m str; N]) -> [Member<'m, 't, 'a>; N] {
        let mut picked = keys.map(|key| Member { path: Path { outer: Some(&self.path), key }, value: &[] });
        let mut next = 0;
        for (known, value) in self.pairs() {
            let is = |at: &usize| keys.get(*at).is_some_and(|key| is_in_any_case(known, key));
            let Some(at) = (next..N).chain(0..next).find(is) else { continue };
            next = at + 1;
            if let Some(member) = picked.get_mut(at).filter(|member| member.value.is_empty()) {
                member.value = value;
            }
        }
        picked
    }

    /// The first member whose key is exactly this one.
    pub(super) fn exact_member<'m>(&'m self, key: &'m str) -> Member<'m, 't, 'a> {
        let value = self.pairs().find(|(known, _)| *known == key).map_or(&[][..], |(_, value)| value);
        Member { path: Path { outer: Some(&self.path), key }, value }
    }

    /// All members in order.
    pub(super) fn members<'m>(&'m self) -> impl Iterator<Item = (&'t Cow<'a, str>, Member<'m, 't, 'a>)>
    where
        't: 'm,
    {
        self.pairs().map(|(key, value)| (key, Member { path: Path { outer: Some(&self.path), key }, value }))
    }

    fn pairs(&self) -> Pairs<'t, 'a> {
        Pairs(self.nodes)
    }

    /// A fault of the object itself.
    pub(super) fn fault(&self, wrong: Wrong) -> Fault {
        Fault::Member { member: self.path.to_string(), wrong }
    }
}

/// Most keys are written as they are known.
#[inline]
fn is_in_any_case(known: &str, key: &str) -> bool {
    known.len() == key.len() && (known == key || known.eq_ignore_ascii_case(key))
}

/// The keys of an object, and where their values start.
struct Pairs<'t, 'a>(&'t [Node<'a>]);

impl<'t, 'a> Iterator for Pairs<'t, 'a> {
    type Item = (&'t Cow<'a, str>, &'t [Node<'a>]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (Node::Text(key), value) = self.0.split_first()? else { return None };
        let size = match value.first()? {
            Node::List(inside) | Node::Object(inside) => 1 + inside,
            _ => 1,
        };
        let (value, rest) = value.split_at_checked(size)?;
        self.0 = rest;
        Some((key, value))
    }
}

/// A member that is looked for, there or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'p, 't, 'a> {
    path: Path<'p>,
    /// Its value and what is inside; nothing where absent.
    value: &'t [Node<'a>],
}

impl<'p, 't, 'a> Member<'p, 't, 'a> {
    /// The value; `None` where absent or `null`.
    pub(super) fn value(&self) -> Option<&'t Node<'a>> {
        self.value.first().filter(|node| !matches!(node, Node::Null))
    }

    /// The value if it is an object.
    pub(super) fn if_object(&self) -> Option<Object<'p, 't, 'a>> {
        let (node, nodes) = self.value.split_first()?;
        matches!(node, Node::Object(_)).then_some(Object { path: self.path, nodes })
    }

    /// The value as an object.
    pub(super) fn object(&self) -> Result<Option<Object<'p, 't, 'a>>, Fault> {
        match self.value() {
            None => Ok(None),
            Some(_) => self.if_object().map(Some).ok_or_else(|| self.fault(Wrong::Kind("an object"))),
        }
    }

    /// The value as text.
    pub(super) fn text(&self) -> Result<Option<&'t Cow<'a, str>>, Fault> {
        match self.value() {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(Wrong::Kind("a string"))),
        }
    }

    /// The value as text of at most so many bytes; what is longer is cut. Absent is empty.
    pub(super) fn cut(&self, bytes: usize) -> Result<Cow<'a, str>, Fault> {
        Ok(self.text()?.map(|text| cut(text, bytes)).unwrap_or_default())
    }

    /// The value as a number that `fit` finds room for; it may not be one.
    pub(super) fn number<T>(
        &self,
        fit: impl Fn(Number) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Fault> {
        match self.value() {
            None => Ok(None),
            Some(&Node::Number(number)) => {
                fit(number).map(Some).map_err(|range| self.fault(Wrong::Range(range)))
            }
            Some(_) => Err(self.fault(Wrong::Kind("a number"))),
        }
    }

    /// What must be there.
    pub(super) fn required<T>(&self, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| self.fault(Wrong::Missing))
    }

    /// A fault of this member.
    pub(super) fn fault(&self, wrong: Wrong) -> Fault {
        Fault::Member { member: self.path.to_string(), wrong }
    }
}

/// As [`super::cut`], borrowed where the text is.
pub(super) fn cut<'a>(text: &Cow<'a, str>, bytes: usize) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(super::cut(text, bytes)),
        Cow::Owned(text) => Cow::Owned(super::cut(text, bytes).to_owned()),
    }
}
