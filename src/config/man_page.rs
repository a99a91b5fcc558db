//! The manual page hsflowd.conf(5) in mdoc: prose from a template, keys and objects from the key table, examples from
//! the shipped files, so that none of them can drift.

use super::default_file::{activity, sentence};
use super::keys::{Key, OBJECTS, Object, ObjectId};

const TEMPLATE: &str = include_str!("hsflowd.conf.5.in");

/// The examples of the page, by their marks in the template; the first is not a shipped file.
const EXAMPLES: [(&str, &str); 5] = [
    ("@EXAMPLE-MINIMAL@", "sflow {\n  polling = 20\n  collector { ip = 192.0.2.1 }   # UDP port 6343\n}\n"),
    ("@EXAMPLE-COLLECTORS@", include_str!("../../etc/examples/host.conf")),
    ("@EXAMPLE-GUESTS@", include_str!("../../etc/examples/hypervisor.conf")),
    ("@EXAMPLE-SWITCH@", include_str!("../../etc/examples/cumulus.conf")),
    ("@EXAMPLE-DNS@", include_str!("../../etc/examples/dns-sd.conf")),
];

/// The source of the page.
pub fn man_page() -> String {
    let top = Object::of(ObjectId::Sflow).keys;
    let settings: String = top.iter().filter(|key| key.moved.is_none()).map(item).collect();
    let objects: String = OBJECTS.iter().skip(1).map(|object| section(object)).collect();
    let page = TEMPLATE
        .replace("@SETTINGS@\n", &settings)
        .replace("@OBJECTS@\n", &objects)
        .replace("@OLD@\n", &old_spellings());
    EXAMPLES.iter().fold(page, |page, (mark, text)| page.replace(&format!("{mark}\n"), &escaped(text)))
}

fn section(object: &Object) -> String {
    let names = match (object.id, object.alias) {
        (ObjectId::OpxPort, _) => "port (in opx)".to_owned(),
        (_, "") => object.name.to_owned(),
        (_, alias) => format!("{}, {alias}", object.name),
    };
    let text = paragraph(&[&sentence(object.help), object.more, &activity(object.activity)]);
    let keys: String = object.keys.iter().map(item).collect();
    match object.keys {
        [] => format!(".Ss {names}\n{text}It takes no keys.\n"),
        _ => format!(".Ss {names}\n{text}.Bl -tag -width Ds\n{keys}.El\n"),
    }
}

fn item(key: &Key) -> String {
    let name = match key.name.strip_suffix("KEY") {
        Some(prefix) => format!("{prefix} Ns Ar KEY"),
        None => key.name.to_owned(),
    };
    let text = paragraph(&[
        &sentence(key.help),
        key.more,
        &key.kind.range(),
        &key.without(),
        &activity(key.activity),
    ]);
    format!(".It Ic {name} Li = Ar {}\n{text}", key.kind.placeholder().replace('|', " | "))
}

fn old_spellings() -> String {
    let top = Object::of(ObjectId::Sflow);
    let mut lines = String::new();
    for key in top.keys {
        for alias in key.aliases {
            lines.push_str(&old_spelling(alias, key.name));
        }
        if let Some((home, name)) = key.moved {
            lines.push_str(&old_spelling(key.name, &inside(Object::of(home), name)));
        }
    }
    lines
}

fn old_spelling(old: &str, new: &str) -> String {
    format!(".It Ic {old}\n{new}\n")
}

/// A key with the object that it stands in.
fn inside(object: &Object, key: &str) -> String {
    format!("{} {{ {key} }}", object.name).replace("{  }", "{ }")
}

/// Sentences, each on its line.
fn paragraph(parts: &[&str]) -> String {
    let sentences = parts.iter().filter(|part| !part.is_empty()).flat_map(|part| part.split_inclusive(". "));
    sentences.map(|sentence| escaped(&format!("{}\n", sentence.trim_end()))).collect()
}

/// Text that roff shows as it is.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        format!("{guard}{}\n", line.replace('\\', "\\e").replace('^', "\\(ha").replace('~', "\\(ti"))
    });
    lines.collect()
}
