//! Recursive descent over the tokens, driven by the key table: tokens in, a [`Tree`] and all problems out.
//!
//! After a mistake it goes on at the next word that can be a key, or at a brace, so that one run finds every problem.
//! Rule: time is linear in the text, depth is bounded by the table (unknown blocks are skipped, not entered).

use super::keys::{Activity, Key, Object, ObjectId, Repeat};
use super::problem::{Problem, Problems, quoted};
use super::speed;
use super::suggest::advice;
use super::syntax::{Lines, Span, Token, TokenKind};
use super::tree::{Entry, Listed, Tree, Unused};
use super::value::{self, Fault};

pub(super) struct Parser<'t> {
    lines: &'t Lines,
    tokens: &'t [Token<'t>],
    at: usize,
    pub(super) tree: Tree,
    pub(super) problems: Problems,
}

impl<'t> Parser<'t> {
    pub(super) fn new(lines: &'t Lines, tokens: &'t [Token<'t>]) -> Self {
        Self { lines, tokens, at: 0, tree: Tree::new(), problems: Problems::default() }
    }

    /// The whole file: one `sflow { }` and nothing else.
    pub(super) fn file(&mut self) {
        let sflow = Object::of(ObjectId::Sflow);
        let is_start = |token: &Token<'_>| token.kind == TokenKind::Word && sflow.is_named(token.text);
        let Some(first) = self.peek() else {
            let message = "the file has no sflow { … }";
            self.problems
                .add(Problem::error(&(0..0), message).help("write sflow { collector { ip = ADDRESS } }"));
            return;
        };
        if !is_start(first) {
            let message = format!("expected sflow {{ … }}, got {}", quoted(first.text));
            self.problems
                .add(Problem::error(&first.span, message).help("everything stands inside sflow { … }"));
            self.at = self.tokens.iter().position(is_start).unwrap_or(self.tokens.len());
        }
        if let Some(token) = self.next() {
            self.block(sflow, token);
            self.trailing(sflow);
        }
    }

    fn trailing(&mut self, sflow: &Object) {
        let Some(token) = self.peek() else { return };
        let message = match token.kind {
            TokenKind::Close => "one '}' too many".to_owned(),
            TokenKind::Word if sflow.is_named(token.text) => {
                "a second sflow { … }: a file has one".to_owned()
            }
            _ => format!("{} after the end of sflow {{ … }}", quoted(token.text)),
        };
        self.problems.add(Problem::error(&token.span, message).help("an earlier '}' closes sflow"));
    }

    /// An object whose name has just been read.
    fn block(&mut self, object: &'static Object, name: &Token<'_>) {
        if self.peek().is_none_or(|token| token.kind != TokenKind::Open) {
            let message = format!("{} is an object: expected '{{' after it", object.name);
            self.problems.add(Problem::error(&name.span, message).key(object.name));
            self.tree.at(object.parent as usize).failed = true;
            self.skip_value(object.parent, name);
            return;
        }
        let Some(open) = self.next() else { return };
        let again = self.tree.section(object.id).named.clone();
        if let (Repeat::Reset, Some(before)) = (object.repeat, again) {
            let line = self.lines.line(before.start);
            let message = format!("{} again: what line {line} says of it is forgotten", object.name);
            self.problems.add(Problem::warning(&name.span, message).key(object.name));
        }
        self.inactive(object.activity, object.name.to_owned(), &name.span);
        let section = self.tree.open(object, &name.span);
        self.body(object, section, open);
    }

    /// What stands between the braces.
    fn body(&mut self, object: &'static Object, section: usize, open: &Token<'_>) {
        loop {
            let Some(token) = self.next() else {
                let message = format!("the '{{' of {} is not closed", object.name);
                self.problems
                    .add(Problem::warning(&open.span, message).key(object.name).help("add a '}' at the end"));
                return;
            };
            match token.kind {
                TokenKind::Close => return,
                TokenKind::Open => {
                    self.problems.add(Problem::error(&token.span, "a '{' without a name before it"));
                    self.skip_block();
                }
                TokenKind::Quoted | TokenKind::Unclosed => self.unknown(object, section, token),
                TokenKind::Word => {
                    if let Some(place) = object.key(token.text) {
                        self.setting(object, section, place, token);
                    } else if let Some(child) = object.child(token.text) {
                        self.block(child, token);
                    } else {
                        self.unknown(object, section, token);
                    }
                }
            }
        }
    }

    /// A key that has just been read: its value.
    fn setting(&mut self, object: &'static Object, section: usize, place: usize, name: &Token<'_>) {
        let key = &object.keys[place];
        let path = object.path(key.name);
        let parsed = match self.value(object, key, name) {
            Ok(found) => found,
            Err(problem) => {
                self.problems.add(problem.key(path));
                // A refused value is no reason to miss a whole object, which is what is missed in sflow.
                self.tree.at(section).failed |= object.id != ObjectId::Sflow;
                return;
            }
        };
        let (value, span) = parsed;
        self.spelling(key, name);
        self.inactive(key.activity, path.clone(), &name.span);
        let entry = Entry { value: value.value, span: span.clone() };
        for remark in value.remarks {
            self.problems.add(Problem::warning(&span, format!("{path}: {remark}")).key(path.clone()));
        }
        self.store(section, key, place, name, entry);
    }

    fn value(
        &mut self,
        object: &'static Object,
        key: &Key,
        name: &Token<'_>,
    ) -> Result<(value::Parsed, Span), Problem> {
        let path = object.path(key.name);
        let missing = || Problem::error(&name.span, format!("{path} needs a value: {}", key.kind.expects()));
        let Some(token) = self.peek() else { return Err(missing()) };
        match token.kind {
            TokenKind::Close => return Err(missing()),
            TokenKind::Open => {
                self.at += 1;
                self.skip_block();
                let message = format!("{path} takes a value, not a block: {}", key.kind.expects());
                return Err(Problem::error(&name.span, message));
            }
            TokenKind::Unclosed => {
                self.at += 1;
                return Err(Problem::error(&token.span, "the quote is not closed on its line"));
            }
            TokenKind::Word | TokenKind::Quoted => {}
        }
        match value::parse(&key.kind, token.text) {
            Ok(parsed) => {
                self.at += 1;
                Ok((parsed, token.span.clone()))
            }
            Err(_) if is_known(object, token) => Err(missing()),
            Err(fault) => {
                self.at += 1;
                Err(refusal(&path, key, token, fault))
            }
        }
    }

    /// Notes on deprecated spellings.
    fn spelling(&mut self, key: &Key, name: &Token<'_>) {
        let preferred = match key.moved {
            Some(_) => key.help.trim_start_matches("Deprecated: ").to_owned(),
            None if key.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name.text)) => {
                format!("write {}", key.name)
            }
            None => return,
        };
        let message = format!("{} is another spelling", name.text);
        self.problems.add(Problem::note(&name.span, message).key(key.name).help(preferred));
    }

    fn store(&mut self, section: usize, key: &Key, place: usize, name: &Token<'_>, entry: Entry) {
        if let Some(selector) = key.selector(name.text) {
            let selector = self.selector(key, selector, name);
            self.tree.at(section).listed.push(Listed { place, selector, entry });
        } else if key.repeats {
            self.tree.at(section).listed.push(Listed { place, selector: String::new(), entry });
        } else {
            let target = key.moved.and_then(|(id, name)| Some((id as usize, Object::of(id).key(name)?)));
            let (section, place) = target.unwrap_or((section, place));
            self.set(section, place, name, entry);
        }
    }

    fn set(&mut self, section: usize, place: usize, name: &Token<'_>, entry: Entry) {
        let section = self.tree.at(section);
        let path = section.object.path(section.object.keys[place].name);
        if let Some(before) = section.slots[place].replace(entry) {
            let line = self.lines.line(before.span.start);
            let message = format!("{} is set again: the value in line {line} is not used", name.text);
            self.problems.add(Problem::warning(&name.span, message).key(path));
        }
    }

    /// What stands for KEY, brought to the form that speeds are looked up by.
    fn selector(&mut self, key: &Key, selector: &str, name: &Token<'_>) -> String {
        let normal = speed::normal_key(selector);
        if selector.is_empty() {
            let message = format!("{} names no speed and no application", quoted(name.text));
            self.problems.add(Problem::warning(&name.span, message).key(key.name));
        } else if let Some(printed) = speed::looked_up_as(selector) {
            let message = format!("no interface is looked up by {}", quoted(selector));
            let help = format!("an interface of that speed is looked up by {printed}");
            self.problems.add(Problem::warning(&name.span, message).key(key.name).help(help));
        } else if normal != selector {
            let message = format!("{} is read as {}", quoted(name.text), key.name.replace("KEY", &normal));
            self.problems.add(Problem::note(&name.span, message).key(key.name));
        }
        normal
    }

    /// Says once what this version does not do with something that the file names.
    fn inactive(&mut self, activity: Activity, key: String, span: &Span) {
        if self.tree.inactive.iter().any(|said| said.key == key) {
            return;
        }
        let why = match activity {
            Activity::Active => return,
            Activity::NotYet => "accepted, not active in this version".to_owned(),
            Activity::Partly(what) => format!("accepted, not fully active in this version: {what}"),
            Activity::Ignored(why) => format!("accepted, without effect: {why}"),
        };
        self.problems.add(Problem::note(span, format!("{key}: {why}")).key(key.clone()));
        self.tree.inactive.push(Unused { key, span: span.clone(), why });
    }

    /// A word that is no key here.
    fn unknown(&mut self, object: &'static Object, section: usize, token: &Token<'_>) {
        self.tree.at(section).failed = true;
        if token.text.chars().all(|c| c == ',') && token.kind == TokenKind::Word {
            self.problems
                .add(Problem::error(&token.span, "a comma does not separate settings").help("remove it"));
            return;
        }
        let message = match token.kind {
            TokenKind::Unclosed => "the quote is not closed on its line".to_owned(),
            TokenKind::Quoted => "a key or an object's name has no quotes".to_owned(),
            _ => format!("{} is not a key of {}", quoted(token.text), object.name),
        };
        let mut problem = Problem::error(&token.span, message);
        if token.kind == TokenKind::Word && !self.problems.is_full(problem.severity) {
            problem.help = advice(object, token.text);
        }
        self.problems.add(problem);
        self.skip_value(object.id, token);
    }

    /// Skips what must be the value or block of a word that was refused.
    fn skip_value(&mut self, object: ObjectId, name: &Token<'_>) {
        let Some(token) = self.peek() else { return };
        let same_line = self.lines.line(name.span.start) == self.lines.line(token.span.start);
        let is_value =
            matches!(token.kind, TokenKind::Word | TokenKind::Quoted) && !is_known(Object::of(object), token);
        if is_value && same_line {
            self.at += 1;
        }
        if self.peek().is_some_and(|token| token.kind == TokenKind::Open) {
            self.at += 1;
            self.skip_block();
        }
    }

    /// Skips to the end of a block whose `{` has been read.
    fn skip_block(&mut self) {
        let mut depth = 1_usize;
        while let Some(token) = self.next() {
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'t Token<'t>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }
}

fn is_known(object: &Object, token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && (object.key(token.text).is_some() || object.child(token.text).is_some())
}

fn refusal(path: &str, key: &Key, token: &Token<'_>, fault: Fault) -> Problem {
    let reason = fault.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = format!("{path}: expected {}, got {}{reason}", key.kind.expects(), quoted(token.text));
    let mut problem = Problem::error(&token.span, message);
    problem.help = fault.help;
    problem
}
