//! The commented file that is `etc/hsflowd.conf`: every key with its help, range and default, from the key table.
//!
//! A line `#key = value` becomes a setting when the `#` is taken away; text has a space after the `#`. Only one
//! collector, on this host, is in force. Old spellings are left to the manual.

use super::keys::{Activity, Key, Object, ObjectId};

const HEAD: &str = "\
# hsflowd.conf: what hsflowd, the host sFlow agent, measures, and where it sends it. See hsflowd.conf(5).
#
# Every key is here. Take away the # before a setting to change it. The value shown is the default, or an example
# where the text says what holds without it. `hsflowctl check` finds mistakes.

sflow {
";
const WIDTH: usize = 110;

/// The text of the default configuration file.
pub fn default_file() -> String {
    let sflow = Object::of(ObjectId::Sflow);
    let mut file = File { text: HEAD.to_owned(), depth: 1 };
    sflow.keys.iter().filter(|key| key.moved.is_none()).for_each(|key| file.key(sflow.id, key));
    sflow.children().for_each(|object| file.object(object));
    file.text.push_str("}\n");
    file.text
}

struct File {
    text: String,
    depth: usize,
}

impl File {
    fn object(&mut self, object: &'static Object) {
        let is_collector = object.id == ObjectId::Collector;
        let mark = if is_collector { "" } else { "#" };
        self.explain(&[&sentence(object.help), object.more, &activity(object.activity)]);
        self.line(&format!("{mark}{} {{", object.name));
        self.depth += 1;
        object.keys.iter().for_each(|key| self.key(object.id, key));
        object.children().for_each(|child| self.object(child));
        self.depth -= 1;
        self.line(&format!("{mark}}}"));
        if self.depth == 1 {
            self.text.push('\n');
        }
    }

    fn key(&mut self, object: ObjectId, key: &Key) {
        let (name, value) = key.sample();
        let without = if key.default.is_empty() { key.without() } else { String::new() };
        self.explain(&[&sentence(key.help), key.more, &key.kind.range(), &without, &activity(key.activity)]);
        match (object, key.name) {
            (ObjectId::Collector, "ip") => self.line("ip = 127.0.0.1"),
            (ObjectId::Collector, "udpport") => self.line(&format!("{name} = {value}")),
            _ => self.line(&format!("#{name} = {value}")),
        }
        if self.depth == 1 {
            self.text.push('\n');
        }
    }

    /// A comment, wrapped.
    fn explain(&mut self, parts: &[&str]) {
        let room = WIDTH - 2 * self.depth;
        let mut line = String::from("#");
        for word in parts.iter().flat_map(|part| part.split_whitespace()) {
            if line.len() + 1 + word.len() > room {
                self.line(&line);
                line.truncate(1);
            }
            line = line + " " + word;
        }
        self.line(&line);
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(&"  ".repeat(self.depth));
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// A help line as a sentence.
pub(super) fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// What this version does not do, as a sentence, or nothing.
pub(super) fn activity(activity: Activity) -> String {
    match activity {
        Activity::Active => String::new(),
        Activity::NotYet => "Not active in this version.".to_owned(),
        Activity::Partly(what) => format!("In this version {what}."),
        Activity::Ignored(why) => format!("Has no effect: {why}."),
    }
}
