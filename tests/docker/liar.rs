//! An engine that answers whatever a test wants, on Docker's socket or Podman's.

use crate::support::{TempDir, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Resources by their path without version and query, and the bytes of their answers; no bytes are silence.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) answers: BTreeMap<String, Vec<u8>>,
    /// Paths and queries in the order in which they were asked for.
    pub(crate) asked: Vec<String>,
    listeners: Vec<UnixStream>,
    silent: Vec<UnixStream>,
}

pub(crate) struct Liar {
    pub(crate) root: TempDir,
    book: Arc<Mutex<Book>>,
}

impl Liar {
    /// An engine of API 1.41 with these containers.
    pub(crate) fn start(containers: &[Value]) -> Self {
        let liar = Self { root: TempDir::new(), book: Arc::default() };
        liar.answer(
            "/version",
            whole(&json!({ "Version": "1", "ApiVersion": "1.41", "MinAPIVersion": "1.12" })),
        );
        liar.answer("/_ping", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK".to_vec());
        liar.contain(containers);
        liar
    }

    /// Listens from now on.
    pub(crate) fn listen(&self, socket: &str) {
        let path = self.root.path().join(socket.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let book = Arc::clone(&self.book);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let book = Arc::clone(&book);
                std::thread::spawn(move || serve(stream, &book));
            }
        });
    }

    /// Lists these, and describes them.
    pub(crate) fn contain(&self, containers: &[Value]) {
        let entries = containers.iter().map(|container| {
            json!({ "Id": container["Id"], "Names": [container["Name"]], "State": container["State"]["Status"] })
        });
        self.answer("/containers/json", chunked(&Value::Array(entries.collect()).to_string(), 100));
        for container in containers {
            self.answer(&description(container["Id"].as_str().unwrap()), whole(container));
        }
    }

    pub(crate) fn answer(&self, resource: &str, bytes: Vec<u8>) {
        self.book().answers.insert(resource.to_owned(), bytes);
    }

    /// Sends text to whoever listens to events, as one chunk.
    pub(crate) fn say(&self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        for mut listener in &self.book().listeners {
            let _ = listener.write_all(chunk.as_bytes());
        }
    }

    pub(crate) fn say_event(&self, action: &str, id: &str) {
        self.say(&format!("{}\n", json!({ "Type": "container", "Action": action, "Actor": { "ID": id } })));
    }

    /// Closes all connections on which events are awaited.
    pub(crate) fn hang_up(&self) {
        self.book().listeners.clear();
    }

    /// Waits until this was asked for so often.
    pub(crate) fn wait_asked(&self, resource: &str, times: usize) {
        wait_until(resource, Duration::from_secs(60), || {
            let asked = self.book().asked.iter().filter(|target| target.contains(resource)).count();
            (asked >= times).then_some(())
        });
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<Path> for Liar {
    fn as_ref(&self) -> &Path {
        self.root.path()
    }
}

fn serve(mut stream: UnixStream, book: &Mutex<Book>) {
    let (mut question, mut piece) = (Vec::new(), [0; 4096]);
    while !question.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => question.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let question = String::from_utf8(question).unwrap();
    let target = question.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    let resource = match path.strip_prefix("/v1.") {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => path,
    };
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    book.asked.push(target.to_owned());
    let absent = refusal(404, "No such container");
    let bytes = book.answers.get(resource).cloned();
    match bytes {
        None if resource == "/events" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            book.listeners.push(stream);
        }
        Some(bytes) if bytes.is_empty() => book.silent.push(stream),
        bytes => {
            drop(book);
            let bytes = bytes.unwrap_or(absent);
            // In two pieces, of which the first ends anywhere.
            let (first, second) = bytes.split_at(bytes.len() * 2 / 3);
            let _ = stream.write_all(first).and_then(|()| stream.write_all(second));
        }
    }
}

/// The resource with the description of a container.
pub(crate) fn description(id: &str) -> String {
    format!("/containers/{id}/json")
}

/// An answer with its length.
pub(crate) fn whole(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer in chunks of this size.
pub(crate) fn chunked(body: &str, size: usize) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.as_bytes().chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

pub(crate) fn refusal(status: u16, message: &str) -> Vec<u8> {
    let body = json!({ "message": message }).to_string();
    format!("HTTP/1.1 {status} No\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A running container.
pub(crate) fn container(number: u64, name: &str) -> Value {
    json!({
        "Id": format!("{number:064x}"), "Name": format!("/{name}"),
        "State": { "Status": "running", "Running": true, "Pid": 1000 + number },
        "Config": { "Hostname": "inside", "Image": "bb", "Labels": {} },
        "HostConfig": { "Memory": 0, "NanoCpus": 0 },
    })
}

/// The id of [`container`].
pub(crate) fn id(number: u64) -> String {
    format!("{number:064x}")
}
