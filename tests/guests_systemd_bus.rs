//! The engine of services against a bus of its own and a systemd that says what the test wants, wrong things too.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

mod support;

use hsflow::collect::guests::{News, Receiver, channel, systemd};
use hsflow::config;
use hsflow::host::Host;
use hsflow::sample::guest::{Engine, Guest, GuestState};
use hsflow::status::registry::State;
use std::collections::HashMap;
use std::fs;
use std::pin::Pin;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use support::{TempDir, wait_listening};
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, ObjectPath, Variant, connection};

const SYSTEMD: &str = "org.freedesktop.systemd1";

/// A bus daemon below a root directory, with limits as the system's.
struct Daemon {
    root: TempDir,
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Daemon {
    fn new() -> Self {
        let root = TempDir::new();
        for dir in ["run/dbus", "proc/self"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        root.write(
            "proc/self/mountinfo",
            "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
        );
        let socket = root.path().join("run/dbus/system_bus_socket");
        let config = format!(
            r#"<busconfig><type>custom</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
               <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/>
               <allow own="*"/></policy><limit name="max_replies_per_connection">128</limit></busconfig>"#,
            socket.display()
        );
        let config = root.write("bus.conf", config);
        let child = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .spawn()
            .expect("dbus-daemon (package dbus-daemon)");
        let daemon = Self { root, child };
        wait_listening(&socket, Duration::from_secs(60));
        daemon
    }

    fn host(&self) -> Host {
        Host::at(self.root.path())
    }

    async fn connect(&self) -> Connection {
        let address = self.root.path().join("run/dbus/system_bus_socket");
        let stream = std::os::unix::net::UnixStream::connect(address).unwrap();
        connection::Builder::unix_stream(stream).build().await.unwrap()
    }

    fn put(&self, cgroup: &str, populated: bool) {
        let at = self.root.path().join("sys/fs/cgroup").join(cgroup.trim_start_matches('/'));
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("cgroup.events"), format!("populated {}\n", u8::from(populated))).unwrap();
    }
}

/// A unit of the list, and what is said of its cgroup.
#[derive(Clone)]
struct Unit {
    name: String,
    load: &'static str,
    active: &'static str,
    group: Group,
}

#[derive(Clone)]
enum Group {
    Path(String),
    Number,
    Refused,
}

fn unit(name: &str) -> Unit {
    let group = Group::Path(format!("/system.slice/{name}"));
    Unit { name: name.into(), load: "loaded", active: "active", group }
}

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Good,
    RefusesList,
    ListsNumbers,
}

/// The systemd of a test.
struct Stub {
    connection: Connection,
    /// Whom to answer, as the last call told.
    client: tokio::sync::watch::Receiver<Option<String>>,
}

impl Stub {
    async fn new(daemon: &Daemon, units: Vec<Unit>, manner: Manner) -> Self {
        let connection = daemon.connect().await;
        let messages = MessageStream::from(&connection);
        let (callers, client) = tokio::sync::watch::channel(None);
        tokio::spawn(serve(connection.clone(), messages, units, manner, callers));
        connection.request_name(SYSTEMD).await.unwrap();
        Self { connection, client }
    }

    /// Tells that a unit has changed; `invocation` is the number of its start.
    async fn changed(&self, from: &Connection, name: &str, active: &str, invocation: u8) {
        let path = systemd::names::to_path(name);
        let values = HashMap::from([
            ("ActiveState", Variant::from(active)),
            ("InvocationID", Variant::from(vec![invocation; 16])),
        ]);
        let body = ("org.freedesktop.systemd1.Unit", values, Vec::<&str>::new());
        let to = self.client.borrow().clone();
        let to = to.as_deref();
        from.emit_signal(to, path.as_str(), "org.freedesktop.DBus.Properties", "PropertiesChanged", &body)
            .await
            .unwrap();
    }

    async fn removed(&self, name: &str) {
        let body = (name, ObjectPath::try_from(systemd::names::to_path(name)).unwrap());
        let (path, interface) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
        self.connection.emit_signal(None::<&str>, path, interface, "UnitRemoved", &body).await.unwrap();
    }
}

async fn serve(
    connection: Connection,
    mut messages: MessageStream,
    units: Vec<Unit>,
    manner: Manner,
    callers: tokio::sync::watch::Sender<Option<String>>,
) {
    use futures_core::Stream;
    while let Some(Ok(message)) = std::future::poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let header = message.header();
        _ = callers.send(header.sender().map(ToString::to_string));
        match (header.member().unwrap().as_str(), manner) {
            ("Subscribe", _) => connection.reply(&header, &()).await.unwrap(),
            ("ListUnitsByPatterns", Manner::Good) => reply_list(&connection, &message, &units).await,
            ("ListUnitsByPatterns", Manner::ListsNumbers) => {
                connection.reply(&header, &vec![1_u32, 2]).await.unwrap();
            }
            ("Get", _) => {
                let path = header.path().unwrap().as_str();
                let group = units.iter().find(|unit| systemd::names::to_path(&unit.name) == path);
                match group.map(|unit| &unit.group) {
                    Some(Group::Path(path)) => {
                        connection.reply(&header, &Variant::from(path.as_str())).await.unwrap();
                    }
                    Some(Group::Number) => connection.reply(&header, &Variant::from(7_u32)).await.unwrap(),
                    Some(Group::Refused) | None => {
                        connection.reply_error(&header, "a.b.NoSuchUnit", &"no such\nunit").await.unwrap();
                    }
                }
            }
            _ => connection.reply_error(&header, "a.b.AccessDenied", &"not you").await.unwrap(),
        }
    }
}

async fn reply_list(connection: &Connection, call: &Message, units: &[Unit]) {
    let (job, path) = (ObjectPath::try_from("/").unwrap(), |name: &str| {
        ObjectPath::try_from(systemd::names::to_path(name)).unwrap()
    });
    let entries: Vec<_> = units
        .iter()
        .map(|u| {
            (u.name.as_str(), "text", u.load, u.active, "running", "", path(&u.name), 0_u32, "", job.clone())
        })
        .collect();
    connection.reply(&call.header(), &entries).await.unwrap();
}

fn run(daemon: &Daemon, body: impl AsyncFnOnce(Receiver)) {
    let text = "sflow { collector { ip = ::1 } systemd { refreshVMs = 3600 } }";
    let settings = config::parse("test", text).settings.unwrap().modules.systemd.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (feed, receiver) = channel();
        tokio::spawn(systemd::run(daemon.host(), settings, feed));
        body(receiver).await;
    });
}

async fn next(receiver: &mut Receiver) -> News {
    let news = tokio::time::timeout(Duration::from_secs(60), receiver.recv()).await;
    news.expect("news in time").expect("the engine runs").1
}

/// The first complete list; what was told before the bus was ready is passed over.
async fn list(receiver: &mut Receiver) -> Vec<Guest> {
    let mut last = Vec::new();
    loop {
        match next(receiver).await {
            News::All(all) => last = all.into_iter().map(Arc::unwrap_or_clone).collect(),
            News::State(State::Running) => return last,
            _ => {}
        }
    }
}

fn guest(name: &str) -> Guest {
    Guest { cgroup: Some(format!("/system.slice/{name}")), ..Guest::new(Engine::Systemd, name, name) }
}

#[test]
fn what_cannot_be_a_running_service_costs_only_itself() {
    let daemon = Daemon::new();
    let long = format!("{}.service", "l".repeat(4096));
    let bad = |name: &str, group| Unit { group, ..unit(name) };
    let units = vec![
        unit("good.service"),
        unit("a\nb.service"),
        unit(&long),
        unit("some.timer"),
        bad("number.service", Group::Number),
        bad("refused.service", Group::Refused),
        bad("user.service", Group::Path("/user.slice/user.service".into())),
        bad("escape.service", Group::Path("/system.slice/../escape.service".into())),
        bad("control.service", Group::Path("/system.slice/a\nb".into())),
        bad("none.service", Group::Path(String::new())),
        Unit { load: "not-found", ..unit("lost.service") },
        Unit { active: "activating", ..unit("starting.service") },
        unit("empty.service"),
        unit("inst@a\\x2db.service"),
        Unit { active: "reloading", ..unit("reloads.service") },
    ];
    for unit in &units {
        if unit.name.len() < 200 {
            daemon.put(&format!("/system.slice/{}", unit.name), unit.name != "empty.service");
        }
    }
    daemon.put("escape.service", true);
    run(&daemon, async |mut receiver| {
        let _stub = Stub::new(&daemon, units, Manner::Good).await;
        let wanted = ["good.service", "inst@a\\x2db.service", "reloads.service"].map(guest);
        assert_eq!(list(&mut receiver).await, wanted);
    });
}

#[test]
fn signals_tell_of_starts_and_ends_once_and_only_from_systemd() {
    let daemon = Daemon::new();
    daemon.put("/system.slice/a.service", true);
    run(&daemon, async |mut receiver| {
        let stub =
            Stub::new(&daemon, vec![unit("a.service"), unit("b.service"), unit("c.service")], Manner::Good)
                .await;
        assert_eq!(list(&mut receiver).await, [guest("a.service")]);
        let other = daemon.connect().await;
        stub.changed(&other, "a.service", "inactive", 1).await;
        stub.removed("a.service").await;
        // Active a moment before its process is in its cgroup.
        daemon.put("/system.slice/b.service", false);
        stub.changed(&stub.connection, "b.service", "active", 2).await;
        stub.changed(&stub.connection, "b.service", "active", 2).await;
        daemon.put("/system.slice/b.service", true);
        assert_eq!(next(&mut receiver).await, News::One(guest("b.service").into()));
        stub.changed(&stub.connection, "b.service", "active", 2).await;
        stub.changed(&stub.connection, "b.service", "active", 3).await;
        let started_again = next(&mut receiver).await;
        assert_eq!(started_again, News::One(guest("b.service").into()));
        stub.changed(&stub.connection, "b.service", "deactivating", 3).await;
        stub.changed(&stub.connection, "b.service", "failed", 3).await;
        let off = Guest { state: GuestState::Shutoff, ..guest("b.service") };
        assert_eq!(next(&mut receiver).await, News::One(off.into()));
        assert_eq!(next(&mut receiver).await, News::Gone("b.service".into()));
        stub.changed(&stub.connection, "c.service", "inactive", 4).await;
        daemon.put("/system.slice/a.service", false);
        stub.removed("a.service").await;
        assert!(matches!(next(&mut receiver).await, News::One(one) if one.id == "a.service"));
        assert_eq!(next(&mut receiver).await, News::Gone("a.service".into()));
    });
}

#[test]
fn a_list_longer_than_the_bus_allows_open_questions_is_told_whole() {
    const COUNT: usize = 1000;
    let daemon = Daemon::new();
    let units: Vec<Unit> = (0..COUNT).map(|n| unit(&format!("s{n}.service"))).collect();
    units.iter().for_each(|unit| daemon.put(&format!("/system.slice/{}", unit.name), true));
    run(&daemon, async |mut receiver| {
        let _stub = Stub::new(&daemon, units, Manner::Good).await;
        assert_eq!(list(&mut receiver).await.len(), COUNT);
    });
}

#[test]
fn a_systemd_that_refuses_or_says_nonsense_is_named_and_the_cgroup_tree_serves() {
    for (manner, reason) in [
        (Manner::RefusesList, "ListUnitsByPatterns: a.b.AccessDenied: not you"),
        (Manner::ListsNumbers, "ignature"),
    ] {
        let daemon = Daemon::new();
        daemon.put("/system.slice/a.service", true);
        run(&daemon, async |mut receiver| {
            let _stub = Stub::new(&daemon, Vec::new(), manner).await;
            loop {
                let News::State(State::Degraded { reason: told }) = next(&mut receiver).await else {
                    continue;
                };
                if told.contains(reason) && told.contains("system_bus_socket") {
                    break;
                }
                // The name is asked for while the engine connects.
                assert!(told.contains("ServiceUnknown") || told.contains("NameHasNoOwner"), "{told}");
            }
        });
    }
}

#[test]
fn systemd_that_leaves_the_bus_ends_nothing() {
    let daemon = Daemon::new();
    daemon.put("/system.slice/a.service", true);
    run(&daemon, async |mut receiver| {
        let stub = Stub::new(&daemon, vec![unit("a.service")], Manner::Good).await;
        assert_eq!(list(&mut receiver).await, [guest("a.service")]);
        stub.connection.clone().close().await.unwrap();
        let News::State(State::Degraded { reason }) = next(&mut receiver).await else { panic!("no state") };
        assert!(reason.contains("systemd has left the bus"), "{reason}");
        let _stub = Stub::new(&daemon, vec![unit("a.service")], Manner::Good).await;
        assert_eq!(list(&mut receiver).await, [guest("a.service")]);
    });
}
