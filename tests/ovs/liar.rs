//! A data base that answers whatever a test wants: it has one bridge without a record until a transaction gives it one.

use crate::support::{TempDir, wait_until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What becomes of a message.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// It is answered, in small pieces.
    Honest,
    /// These bytes are the answer to whatever comes.
    Says(Vec<u8>),
    /// Nothing is said, and nothing read.
    Silent,
    /// Transactions are answered so.
    Answers(Value),
    /// What a transaction has done is undone at once.
    Undoes,
    /// Transactions are the end of the connection.
    HangsUp,
}

pub(crate) struct Liar {
    dir: TempDir,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    mood: Option<Mood>,
    heard: Vec<Value>,
    connections: usize,
    /// Held open.
    silent: Vec<UnixStream>,
    /// The row of the record, once there is one.
    row: Option<Value>,
}

impl Liar {
    pub(crate) fn start(mood: Mood) -> Self {
        let liar = Self { dir: TempDir::new(), book: Arc::default() };
        liar.change(mood);
        let listener = UnixListener::bind(liar.socket()).unwrap();
        let book = Arc::clone(&liar.book);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let book = Arc::clone(&book);
                std::thread::spawn(move || serve(stream, &book));
            }
        });
        liar
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("db.sock")
    }

    pub(crate) fn change(&self, mood: Mood) {
        lock(&self.book).mood = Some(mood);
    }

    pub(crate) fn connections(&self) -> usize {
        lock(&self.book).connections
    }

    /// The record as it is in the table.
    pub(crate) fn row(&self) -> Option<Value> {
        lock(&self.book).row.clone()
    }

    /// Waits until so many messages with this method have come; the last of them.
    #[track_caller]
    pub(crate) fn wait_heard(&self, method: &str, times: usize) -> Value {
        wait_until(&format!("{times} times {method}"), Duration::from_secs(60), || {
            let book = lock(&self.book);
            let heard = book.heard.iter().filter(|message| message["method"] == method);
            heard.clone().nth(times - 1).cloned()
        })
    }

    /// What came that is an answer to this question.
    #[track_caller]
    pub(crate) fn wait_answer(&self, id: &str) -> Value {
        wait_until(&format!("an answer to {id}"), Duration::from_secs(60), || {
            lock(&self.book).heard.iter().find(|message| message["id"] == id).cloned()
        })
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: UnixStream, book: &Mutex<Book>) {
    lock(book).connections += 1;
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(length @ 1..) => text.extend_from_slice(&piece[..length]),
            _ => return,
        }
        let mut messages = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
        let heard: Vec<_> = messages.by_ref().map_while(Result::ok).collect();
        text.drain(..messages.byte_offset());
        for message in heard {
            if !answer(&mut stream, book, &message) {
                return;
            }
        }
    }
}

/// False: the connection ends.
fn answer(stream: &mut UnixStream, book: &Mutex<Book>, message: &Value) -> bool {
    let mut book = lock(book);
    let (id, method) = (message["id"].clone(), message["method"].as_str().unwrap_or_default().to_owned());
    book.heard.push(message.clone());
    let said = match (book.mood.clone().unwrap(), method.as_str()) {
        (Mood::Silent, _) => {
            book.silent.push(stream.try_clone().unwrap());
            return true;
        }
        (Mood::Says(bytes), _) => bytes,
        (Mood::HangsUp, "transact") => return false,
        (Mood::Answers(result), "transact") => {
            json!({ "id": id, "result": result, "error": null }).to_string().into_bytes()
        }
        (_, "monitor") => {
            let question = json!({ "method": "echo", "params": ["alive?"], "id": "question" });
            let sflow = book.row.as_ref().map_or(json!(["set", []]), |_| json!(["uuid", "r"]));
            let mut tables = json!({ "Bridge": { "b": { "new": { "name": "br0", "sflow": sflow } } } });
            if let Some(row) = &book.row {
                tables["sFlow"] = json!({ "r": { "new": row } });
            }
            format!("{}{question}", json!({ "id": id, "result": tables, "error": null })).into_bytes()
        }
        (Mood::Undoes, "transact") => {
            let done = transact(&mut book, message);
            book.row = None;
            let bridge = json!({ "name": "br0", "sflow": ["set", []] });
            let changes = json!({ "Bridge": { "b": { "new": bridge } }, "sFlow": { "r": { "old": {} } } });
            let undone = json!({ "method": "update", "params": ["hsflowd", changes], "id": null });
            format!("{done}{undone}").into_bytes()
        }
        (_, "transact") => transact(&mut book, message).into_bytes(),
        _ => Vec::new(),
    };
    drop(book);
    // In pieces that end anywhere; of what is long in larger ones, or it takes longer than anybody waits.
    let size = if said.len() < 1 << 20 { 7 } else { 4099 };
    said.chunks(size).all(|piece| stream.write_all(piece).is_ok())
}

fn transact(book: &mut Book, message: &Value) -> String {
    let operations = message["params"].as_array().unwrap();
    let inserted = operations.iter().find(|operation| operation["op"] == "insert");
    book.row = inserted.map(|insert| insert["row"].clone());
    let sflow = book.row.as_ref().map_or(json!(["set", []]), |_| json!(["uuid", "r"]));
    let changes = json!({
        "Bridge": { "b": { "old": {}, "new": { "name": "br0", "sflow": sflow } } },
        "sFlow": { "r": book.row.as_ref().map_or(json!({ "old": {} }), |row| json!({ "new": row })) },
    });
    let update = json!({ "method": "update", "params": ["hsflowd", changes], "id": null });
    let results = vec![json!({}); operations.len() - 1];
    format!("{update}{}", json!({ "id": message["id"], "result": results, "error": null }))
}
