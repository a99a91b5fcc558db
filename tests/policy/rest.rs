//! Requests as controllers send them, byte for byte, and as nobody should; a small clerk of the test's own answers.

use hsflow::host::Clock;
use hsflow::policy::desk::{self, Clerk, Note, Page, Receipt, Rejection, Shown, State, Wish};
use hsflow::policy::file::{Unsafe, parse};
use hsflow::policy::lines::Dialect;
use hsflow::policy::rest::{Rest, ServeError, Settings};
use hsflow::policy::wanted::{Carrier, Hits};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const TOKEN: &str = "0123456789abcdef";

/// A policy of this name does not work.
pub(crate) const GUILTY: &str = "guilty";

async fn clerk(mut clerk: Clerk) {
    while let Some(order) = clerk.orders.recv().await {
        let mut page = Page::clone(&clerk.page.borrow());
        let outcome = take(&mut page, &order.wish, &order.by);
        if outcome.is_ok() {
            page.generation += 1;
            clerk.page.send_replace(Arc::new(page));
        }
        let _ = clerk.notes.send(Note {
            at: SystemTime::UNIX_EPOCH,
            by: order.by,
            text: format!("{:?}", outcome.is_ok()),
        });
        let _ = order.reply.send(outcome);
    }
}

fn take(page: &mut Page, wish: &Wish, by: &str) -> Result<Receipt, Rejection> {
    match wish {
        Wish::Put { policies, .. } => {
            for policy in policies {
                if policy.name.as_str() == GUILTY {
                    return Err(Rejection::Quarantined {
                        name: policy.name.clone(),
                        why: "no such target".into(),
                    });
                }
                let shown = Shown {
                    policy: policy.clone(),
                    origin: desk::Origin::Asked,
                    by: by.to_owned(),
                    carrier: Carrier::Tables,
                    state: State::Live,
                    since: SystemTime::UNIX_EPOCH,
                    confirm_by: None,
                    hits: Hits::default(),
                    version: page.generation + 1,
                };
                page.policies.insert(policy.name.clone(), shown);
            }
        }
        Wish::If(name, version, wish) => {
            if !version.is(page.policies.get(name).map(|shown| shown.version)) {
                return Err(Rejection::Changed(name.clone()));
            }
            return take(page, wish, by);
        }
        Wish::Remove(names) => names.iter().for_each(|name| drop(page.policies.remove(name))),
        Wish::RemoveOf(owner) => page.policies.retain(|_, shown| shown.policy.owner != *owner),
        Wish::Confirm(name) if !page.policies.contains_key(name) => {
            return Err(Rejection::Unknown(name.clone()));
        }
        _ => {}
    }
    let plan = match wish {
        Wish::Plan(policies) => policies.iter().map(|policy| format!("# {}\n-A x", policy.name)).collect(),
        _ => Vec::new(),
    };
    Ok(Receipt { changed: true, generation: page.generation + 1, plan })
}

pub(crate) struct Served {
    pub(crate) folder: PathBuf,
    pub(crate) addresses: Vec<std::net::SocketAddr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hsflowd-rest-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Own paths at the first address, acl_server's at the second, tc_server's at the third.
pub(crate) async fn served(name: &str, dialect: Dialect, is_open: bool) -> Served {
    let folder = folder(name);
    let tokens = folder.join("tokens");
    std::fs::write(&tokens, format!("ops:{TOKEN}\nsee:{TOKEN}2:read\n")).unwrap();
    std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = Settings {
        socket: folder.join("api.sock"),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        tokens: Some(tokens),
        acl: Some("127.0.0.1:0".parse().unwrap()),
        tc: Some("127.0.0.1:0".parse().unwrap()),
        allow_unauthenticated_loopback: is_open,
        ..Settings::default()
    };
    start(folder, settings, dialect).await
}

pub(crate) async fn start(folder: PathBuf, settings: Settings, dialect: Dialect) -> Served {
    let (desk, taker) = desk::open();
    tokio::spawn(clerk(taker));
    let rest = Rest::open(desk, settings, dialect, Clock::system()).unwrap();
    let addresses = rest.addresses();
    tokio::spawn(rest.serve());
    Served { folder, addresses }
}

pub(crate) fn within<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() })
}

/// What comes until the other end closes.
async fn talk(at: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) async fn request(at: std::net::SocketAddr, line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let text = format!(
        "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    talk(at, text.as_bytes()).await
}

pub(crate) const JSON: &str = "Content-Type: application/json\r\n";
pub(crate) const DROP: &str = r##"["[iptables]","# block UDP reflection attack","-A FORWARD --in-interface swp+ -d 10.0.0.99 -p udp --sport 53 -j DROP"]"##;

#[test]
fn a_controller_of_acl_server_finds_what_it_knows() {
    within(async {
        let served = served("acl", Dialect::Cumulus, true).await;
        let at = served.addresses[1];
        let put = request(at, "PUT /acl/ddos1", JSON, DROP).await;
        assert!(put.starts_with("HTTP/1.1 202 Accepted\r\n"), "{put}");
        assert!(
            put.contains("Accept: application/json\r\n")
                && put.contains("Content-Type: application/json\r\n")
        );
        let mark = r#"["[iptables]","-t mangle -A FORWARD --in-interface swp+ -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 80 --dport 4000 -j SETQOS --set-dscp 10 --set-cos 5"]"#;
        let put = request(at, "PUT /mark1", JSON, mark).await;
        assert!(put.starts_with("HTTP/1.1 202"), "{put}");
        let list = request(at, "GET /acl/", "", "").await;
        assert!(list.ends_with("\r\n\r\n[\n \"ddos1\",\n \"mark1\"\n]"), "{list}");
        let lines = request(at, "GET /ddos1", "", "").await;
        assert!(lines.contains("\n \"# block UDP reflection attack\",\n"), "{lines}");
        for (line, status) in [
            ("GET /lasterror", "204"),
            ("DELETE /ddos1", "204"),
            ("DELETE /ddos1", "204"),
            ("GET /ddos1", "404"),
            ("PUT /Bad", "404"),
            ("PUT /", "404"),
            ("PUT /lasterror", "403"),
            ("DELETE /acl/lasterror", "403"),
            ("POST /x", "501"),
            ("DELETE /", "204"),
        ] {
            let answer = request(at, line, JSON, "[]").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
            assert!(!answer.contains("Warning"), "{line}: {answer}");
        }
        assert!(
            request(at, "PUT /x", "Content-Type: text/plain\r\n", "[]").await.starts_with("HTTP/1.1 406")
        );
        assert!(request(at, "PUT /x", JSON, "{").await.starts_with("HTTP/1.1 400"));
        assert!(request(at, "GET /", "", "").await.ends_with("[]"));
    });
}

#[test]
fn a_set_that_does_not_work_is_the_last_error_until_the_next_good_one() {
    within(async {
        let served = served("error", Dialect::Linux, true).await;
        let at = served.addresses[1];
        let wait = request(at, &format!("PUT /{GUILTY}?wait=1"), JSON, DROP).await;
        assert!(wait.starts_with("HTTP/1.1 422"), "{wait}");
        let list = request(at, "GET /", "", "").await;
        assert!(list.contains("Warning: 199 - \"check lasterror\"\r\n") && list.ends_with("[]"), "{list}");
        let error = request(at, "GET /lasterror", "", "").await;
        assert!(error.ends_with("{\n \"lines\": [\n  \"guilty was tried and taken back: no such target\"\n ],\n \"returncode\": 1\n}"), "{error}");
        assert!(request(at, "PUT /good?wait=1", JSON, DROP).await.starts_with("HTTP/1.1 200"));
        assert!(request(at, "GET /lasterror", "", "").await.starts_with("HTTP/1.1 204"));
    });
}

#[test]
fn lines_that_do_more_than_rules_are_refused_with_their_place() {
    within(async {
        let served = served("inject", Dialect::Linux, true).await;
        for bad in [
            "-F",
            "-A FORWARD -j DROP\\n-F",
            "-A FORWARD -j DROP; reboot",
            "-t nat -A OUTPUT -j DROP",
            "-P INPUT DROP",
            "-A FORWARD --modprobe=/bin/sh -j DROP",
            "-A FORWARD -j docker",
        ] {
            let body = format!("[\"[iptables]\", \"{bad}\"]");
            let answer = request(served.addresses[1], "PUT /x", JSON, &body).await;
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\"line\":2"), "{bad}: {answer}");
        }
        assert!(request(served.addresses[1], "GET /", "", "").await.ends_with("[]"));
    });
}

#[test]
fn who_has_no_token_is_not_served_and_who_may_read_does_not_write() {
    within(async {
        let served = served("refuse", Dialect::Linux, false).await;
        for at in &served.addresses {
            for header in [
                "",
                "Authorization: Bearer 0123456789abcdee\r\n",
                "Authorization: Basic 0123456789abcdef\r\n",
            ] {
                let answer = request(*at, "GET /v1/status", header, "").await;
                assert!(answer.starts_with("HTTP/1.1 401"), "{header}: {answer}");
            }
        }
        let read = format!("Authorization: Bearer {TOKEN}2\r\n");
        let at = served.addresses[0];
        assert!(request(at, "GET /v1/status", &read, "").await.starts_with("HTTP/1.1 200"));
        assert!(request(at, "DELETE /v1/policies/x", &read, "").await.starts_with("HTTP/1.1 403"));
    });
}

#[test]
fn own_paths_answer_when_it_is_so_and_say_what_is_wrong_where() {
    within(async {
        let served = served("v1", Dialect::Linux, false).await;
        let stream = UnixStream::connect(served.folder.join("api.sock")).await.unwrap();
        drop(stream);
        let auth = format!("Authorization: Bearer {TOKEN}\r\n");
        let ask = async |line: &str, body: &str| request(served.addresses[0], line, &auth, body).await;
        let put = ask(
            "PUT /v1/policies/web",
            r#"{"action": "drop", "destination": "192.0.2.1", "protocol": "udp"}"#,
        )
        .await;
        assert!(put.starts_with("HTTP/1.1 200") && put.contains("\"changed\":true"), "{put}");
        let show = ask("GET /v1/policies/web", "").await;
        assert!(
            show.contains("\"by\":\"token 'ops' of 127.0.0.1\"") && show.contains("\"state\":\"live\""),
            "{show}"
        );
        let bad = ask(
            "PUT /v1/policies/web",
            "{\"action\": \"drop\", \"destinatoin\": \"x\", \"source\": \"1.2.3\"}",
        )
        .await;
        assert!(
            bad.starts_with("HTTP/1.1 400")
                && bad.contains("did you mean 'destination'")
                && bad.contains("\"key\":\"source\""),
            "{bad}"
        );
        for (line, body, status) in [
            ("PUT /v1/policies/web", "[", "400"),
            ("PUT /v1/policies/-F", "{}", "400"),
            ("PUT /v1/policies/guilty", r#"{"action": "drop", "protocol": "udp"}"#, "422"),
            ("POST /v1/policies", r#"{"policies": {"a": {"action": "drop"}, "b": {"action": null}}}"#, "400"),
            ("GET /v1/policies/a", "", "404"),
            (
                "POST /v1/policies",
                r#"{"policies": {"a": {"action": "drop", "protocol": "udp"}, "b": {"action": "drop", "protocol": "udp", "source": "@web"}}}"#,
                "200",
            ),
            ("POST /v1/policies/a/confirm", "", "200"),
            ("POST /v1/policies/none/confirm", "", "404"),
            ("PUT /v1/groups/web", r#"{"addresses": ["10.0.0.1"]}"#, "200"),
            ("PUT /v1/groups/web", r#"{"addresses": ["10.0.0.300"]}"#, "400"),
            ("POST /v1/plan", r#"{"policies": {"a": {"action": "drop"}}}"#, "200"),
            ("GET /v1/counters", "", "200"),
            ("PATCH /v1/policies", "", "405"),
            ("GET /v2", "", "404"),
            ("DELETE /v1/policies/web", "", "200"),
        ] {
            let answer = ask(line, body).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {body}: {answer}");
        }
    });
}

#[test]
fn hostile_clients_cost_themselves() {
    within(async {
        let served = served("hostile", Dialect::Linux, true).await;
        let at = served.addresses[1];
        let huge = format!("PUT /x HTTP/1.1\r\nHost: h\r\n{JSON}Content-Length: 9999999999\r\n\r\n");
        assert!(talk(at, huge.as_bytes()).await.starts_with("HTTP/1.1 413"));
        for bad in [
            &b"\xff\xfe\x00\r\n\r\n"[..],
            b"GET / HTTP/9.9\r\n\r\n",
            b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        ] {
            let answer = talk(at, bad).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        let chunked = format!(
            "PUT /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
        );
        assert!(talk(at, chunked.as_bytes()).await.starts_with("HTTP/1.1 202"));
        let two =
            "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /nobody HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let answer = talk(at, two.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 404"), "{answer}");
        let half = TcpStream::connect(at).await.unwrap();
        assert!(request(at, "GET /", "", "").await.starts_with("HTTP/1.1 200"));
        drop(half);
    });
}

#[test]
fn what_would_let_strangers_in_does_not_start() {
    within(async {
        let folder = folder("start");
        let open = async |text: &str| {
            let text = format!("[rest]\nsocket = \"{}/api.sock\"\n{text}", folder.display());
            let wishes = parse(&[("policy.toml", &text)], Dialect::Linux);
            assert_eq!(wishes.faults, []);
            let (desk, _clerk) = desk::open();
            Rest::open(desk, wishes.rest, Dialect::Linux, Clock::system()).map(|rest| rest.addresses().len())
        };
        for (text, key) in [
            ("tls_cert = \"/c\"", "tls_cert"),
            ("tls_key = \"/k\"", "tls_key"),
            ("client_ca = \"/a\"", "client_ca"),
        ] {
            let refused = open(text).await;
            assert!(matches!(refused, Err(ServeError::Unsafe(Unsafe::Half(of, _))) if of == key), "{text}");
        }
        for text in [
            "listen = \"127.0.0.1:0\"",
            "acl = \"127.0.0.1:0\"",
            "listen = \"[::1]:0\"\nallow_unauthenticated_loopback = true",
        ] {
            assert!(
                matches!(open(text).await, Err(ServeError::Unsafe(Unsafe::NoCredential { .. }))),
                "{text}"
            );
        }
        let remote = "acl = \"0.0.0.0:0\"\nallow_unauthenticated_loopback = true";
        assert!(matches!(open(remote).await, Err(ServeError::Unsafe(Unsafe::Remote { .. }))));
        let tokens = folder.join("tokens");
        std::fs::write(&tokens, format!("ops:{TOKEN}\n")).unwrap();
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o644)).unwrap();
        let with = format!("tokens = \"{}\"\nlisten = \"127.0.0.1:0\"", tokens.display());
        assert!(matches!(open(&with).await, Err(ServeError::Tokens(_))));
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(open(&with).await.unwrap(), 1);
        std::fs::remove_file(&tokens).unwrap();
        nix::unistd::mkfifo(&tokens, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let certificate = format!("tls_cert = {tokens:?}\ntls_key = {tokens:?}");
        for with in [with, certificate] {
            let why = open(&with).await.unwrap_err().to_string();
            assert!(why.ends_with("tokens: not a regular file"), "nobody waits for who writes: {why}");
        }
        let (socket, somebodys) = (folder.join("api.sock"), "not a socket");
        std::fs::remove_file(&socket).unwrap();
        std::fs::write(&socket, somebodys).unwrap();
        assert!(matches!(open("").await, Err(ServeError::Listen { .. })));
        assert_eq!(std::fs::read_to_string(&socket).unwrap(), somebodys, "a file that is in the way stays");
        std::fs::remove_dir_all(folder).unwrap();
    });
}

/// What is written to a stream that stays open, and every byte that comes back, as long as its header says; but for the
/// date, which is the clock's and stands as `Date: …`.
async fn converse(stream: &mut TcpStream, bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let mut text = String::from_utf8(answer).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    let (before, after) = text.split_once("\r\nDate: ").expect("a date");
    let (date, after) = after.split_once("\r\n").unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    text = format!("{before}\r\nDate: …\r\n{after}{}", std::str::from_utf8(&body).unwrap());
    text
}

/// As sFlow-RT's scripts ask, through Java's own client.
fn java(method: &str, path: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { JSON };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!(
        "{method} {path} HTTP/1.1\r\n{kind}User-Agent: Java/1.8.0_161\r\nHost: localhost:8081\r\nAccept: \
         text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\nConnection: keep-alive\r\n{length}\r\n{body}"
    )
}

const MARK: &str = r#"["[iptables]","-t mangle -A FORWARD --in-interface swp+ -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 80 --dport 4000 -j SETQOS --set-dscp 10 --set-cos 5"]"#;
const MARKED: &str = "[\n \"[iptables]\",\n \"-t mangle -A FORWARD --in-interface swp+ -s 10.0.0.1 -d 10.0.0.2 -p tcp --sport 80 --dport 4000 -j SETQOS --set-dscp 10 --set-cos 5\"\n]";

/// Status, the headers that acl_server sends with their values, and the body; ours beside are the length and the date.
#[test]
fn the_conversations_of_controllers_are_the_same_to_the_byte() {
    within(async {
        let served = served("java", Dialect::Cumulus, true).await;
        let mut stream = TcpStream::connect(served.addresses[1]).await.unwrap();
        const KINDS: &str = "Accept: application/json\r\nContent-Type: application/json\r\n";
        const WARNING: &str = "Warning: 199 - \"check lasterror\"\r\n";
        let with_body = |status: &str, warning: &str, body: &str| {
            let length = body.len();
            let kinds = "Content-Type: application/json\r\nAccept: application/json\r\n";
            format!("HTTP/1.1 {status}\r\n{kinds}{warning}Content-Length: {length}\r\nDate: …\r\n\r\n{body}")
        };
        let bare = |status: &str, warning: &str| {
            let length = if status.starts_with("204") { "" } else { "Content-Length: 0\r\n" };
            format!("HTTP/1.1 {status}\r\n{KINDS}{warning}{length}Date: …\r\n\r\n")
        };
        let accepted = bare("202 Accepted", "");
        let none = bare("204 No Content", "");
        let gone = bare("404 Not Found", "");
        let ok = |body: &str| with_body("200 OK", "", body);
        let (names, bad) = ("[\n \"ddos1\",\n \"mark1\"\n]", r#"["[iptables]","-A FORWARD -j DROP"]"#);
        let error = "{\n \"lines\": [\n  \"guilty was tried and taken back: no such target\"\n ],\n \"returncode\": 1\n}";
        let mut turn = 0;
        for (method, path, body, answer) in [
            ("PUT", "/acl/ddos1", DROP, accepted.clone()),
            ("PUT", "/acl/ddos1", DROP, accepted.clone()),
            ("PUT", "/acl/mark1", MARK, accepted.clone()),
            ("GET", "/acl/lasterror", "", none.clone()),
            ("GET", "/acl/", "", ok(names)),
            ("GET", "/acl/mark1", "", ok(MARKED)),
            ("GET", "/acl/none", "", gone.clone()),
            ("DELETE", "/acl/ddos1", "", none.clone()),
            ("PUT", "/acl/lasterror", bad, bare("403 Forbidden", "")),
            // The answer comes when it is tried, so that the next ones see the error.
            ("PUT", "/acl/guilty?wait=1", bad, String::new()),
            ("GET", "/acl/lasterror", "", ok(error)),
            ("GET", "/acl/", "", with_body("200 OK", WARNING, "[\n \"mark1\"\n]")),
            ("GET", "/acl/none", "", bare("404 Not Found", WARNING)),
            ("DELETE", "/acl/", "", bare("204 No Content", WARNING)),
        ] {
            let got = converse(&mut stream, &java(method, path, body)).await;
            turn += 1;
            if !answer.is_empty() {
                assert_eq!(got, answer, "{turn}: {method} {path}");
            }
        }
        let mut stream = TcpStream::connect(served.addresses[2]).await.unwrap();
        let filter = r#"{"dst_ip":"10.0.0.99","ip_proto":"udp","src_port":"53"}"#;
        for (method, path, body, status) in
            [("PUT", "/swp1/10", filter, "204 No Content"), ("DELETE", "/swp1/10", "", "204 No Content")]
        {
            let got = converse(&mut stream, &java(method, path, body)).await;
            assert_eq!(got, format!("HTTP/1.1 {status}\r\nDate: …\r\n\r\n"), "{method} {path}");
        }
    });
}

#[test]
fn who_has_not_seen_the_newest_version_changes_nothing() {
    within(async {
        let served = served("match", Dialect::Linux, false).await;
        let at = served.addresses[0];
        let ask = async |line: &str, more: &str, body: &str| {
            request(at, line, &format!("Authorization: Bearer {TOKEN}\r\n{more}"), body).await
        };
        let tag = async || {
            let show = ask("GET /v1/policies/web", "", "").await;
            show.lines().find_map(|line| line.strip_prefix("Etag: ").map(str::to_owned)).unwrap()
        };
        let body = r#"{"action": "drop", "protocol": "udp"}"#;
        let put = "PUT /v1/policies/web";
        assert!(ask(put, "If-Match: *\r\n", body).await.starts_with("HTTP/1.1 412"));
        assert!(ask(put, "If-None-Match: *\r\n", body).await.starts_with("HTTP/1.1 200"));
        assert!(ask(put, "If-None-Match: *\r\n", body).await.starts_with("HTTP/1.1 412"));
        let first = tag().await;
        assert!(ask(put, &format!("If-Match: {first}\r\n"), body).await.starts_with("HTTP/1.1 200"));
        let late = ask("DELETE /v1/policies/web", &format!("If-Match: {first}\r\n"), "").await;
        assert!(late.starts_with("HTTP/1.1 412") && late.contains("\"code\":\"changed\""), "{late}");
        assert!(ask(put, "If-Match: W/7\r\n", body).await.starts_with("HTTP/1.1 400"));
        let last = tag().await;
        let gone = ask("DELETE /v1/policies/web", &format!("If-Match: {last}\r\n"), "").await;
        assert!(gone.starts_with("HTTP/1.1 200"), "{gone}");
    });
}

#[test]
fn a_rule_set_may_have_an_end_be_tried_on_paper_and_tell_how_it_is() {
    within(async {
        let served = served("more", Dialect::Linux, true).await;
        let at = served.addresses[1];
        let header = format!("{JSON}X-TTL: 90\r\n");
        for (line, headers, status) in [
            ("PUT /dry?dry_run=1", JSON, "200"),
            ("PUT /short?wait=1&ttl=60", JSON, "200"),
            ("PUT /head?wait=1", &header, "200"),
            ("PUT /bad?ttl=0", JSON, "400"),
            ("PUT /bad?ttl=soon", JSON, "400"),
            ("GET /dry", "", "404"),
            ("GET /dry?status", "", "404"),
        ] {
            let answer = request(at, line, headers, DROP).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        }
        for (name, life) in [("short", "60s"), ("head", "90s")] {
            let status = request(at, &format!("GET /{name}?status"), "", "").await;
            assert!(
                status.contains("\"state\": \"live\"")
                    && status.contains(&format!("\"expires\": \"{life}\"")),
                "{status}"
            );
        }
        let auth = format!("Authorization: Bearer {TOKEN}\r\n");
        let own = r#"{"action": "drop", "protocol": "udp", "owner": "ops"}"#;
        let put = request(served.addresses[0], "PUT /v1/policies/theirs", &auth, own).await;
        assert!(put.starts_with("HTTP/1.1 200"), "{put}");
        let put = request(at, "PUT /theirs", JSON, DROP).await;
        assert!(put.starts_with("HTTP/1.1 409") && put.contains("\"code\":\"owner\""), "{put}");
        assert!(request(at, "DELETE /theirs", "", "").await.starts_with("HTTP/1.1 204"));
        let show = request(served.addresses[0], "GET /v1/policies/theirs", &auth, "").await;
        assert!(show.contains("\"owner\":\"ops\"") && show.contains("\"action\":\"drop\""), "{show}");
    });
}

#[test]
fn a_controller_of_tc_server_finds_what_it_knows() {
    within(async {
        let served = served("tc", Dialect::Linux, true).await;
        let at = served.addresses[2];
        let udp = r#"{"dst_ip": "10.0.0.99", "ip_proto": "udp", "src_port": "53"}"#;
        for (line, headers, body, status) in [
            ("PUT /swp1/10", JSON, udp, "204"),
            ("PUT /swp1/10", JSON, udp, "204"),
            ("POST /br-1.100/20", JSON, "{\"ip_proto\": \"icmp\"}", "204"),
            ("PUT /swp1/11", "Content-Type: text/plain\r\n", udp, "406"),
            ("PUT /swp1/11", JSON, "{", "400"),
            ("PUT /swp1/11", JSON, r#"{"dst_ip": "10.0.0.1 action ok"}"#, "400"),
            ("PUT /swp1/0", JSON, udp, "404"),
            ("PUT /swp1", JSON, udp, "404"),
            ("PUT /-F/1", JSON, udp, "404"),
            ("GET /swp1/10", "", "", "404"),
            ("PATCH /swp1/10", JSON, udp, "501"),
        ] {
            let answer = request(at, line, headers, body).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {body}: {answer}");
        }
        // A device of which another's name is the beginning.
        assert!(request(at, "PUT /swp1.100/7", JSON, udp).await.starts_with("HTTP/1.1 204"));
        let list = request(at, "GET /swp1", "", "").await;
        let filters: serde_json::Value =
            serde_json::from_str(list.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(filters.as_array().unwrap().len(), 1);
        assert_eq!(filters[0]["pref"], 10);
        assert_eq!(filters[0]["options"]["keys"]["dst_ip"], "10.0.0.99/32");
        assert!(request(at, "DELETE /swp1/10", "", "").await.starts_with("HTTP/1.1 204"));
        assert!(request(at, "DELETE /swp1/10", "", "").await.starts_with("HTTP/1.1 400"));
        assert!(request(at, "GET /swp1", "", "").await.ends_with("\r\n\r\n[]\n"));
    });
}

#[test]
fn a_process_of_a_stranger_is_told_that_it_is_nobody() {
    if !nix::unistd::geteuid().is_root() {
        println!("only root can be another user");
        return;
    }
    within(async {
        let served = served("peer", Dialect::Linux, false).await;
        let socket = served.folder.join("api.sock");
        let ask = async |user: u32| {
            let mut command = tokio::process::Command::new("curl");
            command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "DELETE", "--unix-socket"]);
            command.arg(&socket).arg("http://h/v1/policies/x").uid(user).gid(user).current_dir("/");
            String::from_utf8(command.output().await.unwrap().stdout).unwrap()
        };
        assert_eq!(ask(65_534).await, "401");
        assert_eq!(ask(0).await, "200");
    });
}
