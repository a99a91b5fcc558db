//! The D-Bus connection to systemd.
//!
//! In: the system bus's socket. Out: [`Event`]s, in the order in which the bus sends them. Rules: calls are sent and their
//! answers come as events, because the connection stands still while nobody takes what arrives; signals count only from
//! systemd itself; no call starts a service. Spec: the D-Bus specification, `org.freedesktop.systemd1(5)`.

use super::names;
use super::trouble::Trouble;
use crate::host::{Host, ReadError};
use futures_core::Stream;
use std::collections::HashMap;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream, Variant, connection};

/// Where the system bus is.
pub const SOCKET: &str = "/run/dbus/system_bus_socket";
const SYSTEMD: &str = "org.freedesktop.systemd1";
const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const MANAGER: (&str, &str) = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager");
/// Long enough for a host that is starting with its disks.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Signals that are wanted; the bus sends no others.
const RULES: [&str; 4] = [
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',\
     member='PropertiesChanged',path_namespace='/org/freedesktop/systemd1/unit',arg0='org.freedesktop.systemd1.Unit'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='UnitRemoved'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='Reloading'",
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',\
     arg0='org.freedesktop.systemd1'",
];

/// What the bus sends.
#[derive(Debug)]
pub(super) enum Event {
    /// The answer to a call.
    Answer(NonZeroU32, Message),
    /// A call was refused, and why.
    Refused(NonZeroU32, String),
    /// A service is in this state now; `invocation` is another one each time that it starts.
    State { unit: String, active: String, invocation: Option<Vec<u8>> },
    /// systemd has forgotten a service.
    Removed { unit: String },
    /// systemd has read its files again: anything may be different.
    Reloaded,
}

/// A service in systemd's list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) unit: String,
    pub(super) path: String,
    pub(super) is_loaded: bool,
    pub(super) active: String,
}

/// The connection.
pub(super) struct Bus {
    pub(super) socket: PathBuf,
    connection: Connection,
    messages: MessageStream,
    /// systemd's own name on the bus, as its first answer has it.
    systemd: Option<String>,
}

impl Bus {
    pub(super) async fn connect(host: &Host) -> Result<Self, Trouble> {
        let socket = host.path(SOCKET);
        let connected = async {
            let stream = tokio::net::UnixStream::connect(&socket).await;
            let stream = stream.and_then(tokio::net::UnixStream::into_std);
            let stream = stream.map_err(|error| ReadError::kernel("connect", &socket, &error))?;
            let built = connection::Builder::unix_stream(stream).build().await;
            built.map_err(|error| Trouble::Bus { socket: socket.clone(), error })
        };
        let connection = tokio::time::timeout(PATIENCE, connected).await.map_err(|_| {
            Trouble::NoAnswer { socket: socket.clone(), call: "Hello", secs: PATIENCE.as_secs() }
        })??;
        let messages = MessageStream::from(&connection);
        Ok(Self { socket, connection, messages, systemd: None })
    }

    /// Asks for signals.
    pub(super) async fn subscribe(&self) -> Result<Vec<NonZeroU32>, Trouble> {
        let rule = |rule| call(BUS, ("/org/freedesktop/DBus", BUS), "AddMatch", &rule);
        let mut messages = RULES.into_iter().map(rule).collect::<Result<Vec<_>, _>>();
        let subscribe = call(SYSTEMD, MANAGER, "Subscribe", &());
        if let (Ok(messages), Ok(_)) = (&mut messages, &subscribe) {
            messages.extend(subscribe);
        }
        self.send(messages).await
    }

    /// Asks for all services that are or were just active.
    pub(super) async fn list(&self) -> Result<Vec<NonZeroU32>, Trouble> {
        let states = ["active", "reloading", "refreshing", "deactivating", "activating"];
        let message =
            call(SYSTEMD, MANAGER, "ListUnitsByPatterns", &(states.as_slice(), ["*.service"].as_slice()));
        self.send(message.map(|message| vec![message])).await
    }

    /// Asks for the cgroups of services, by their object paths.
    pub(super) async fn groups(&self, paths: impl Iterator<Item = &str>) -> Result<Vec<NonZeroU32>, Trouble> {
        let get = |path| {
            call(SYSTEMD, (path, PROPERTIES), "Get", &("org.freedesktop.systemd1.Service", "ControlGroup"))
        };
        self.send(paths.map(get).collect()).await
    }

    async fn send(&self, messages: zbus::Result<Vec<Message>>) -> Result<Vec<NonZeroU32>, Trouble> {
        let broken = |error| Trouble::Bus { socket: self.socket.clone(), error };
        let messages = messages.map_err(broken)?;
        self.connection.send_all(&messages).await.map_err(broken)?;
        Ok(messages.iter().map(|message| message.primary_header().serial_num()).collect())
    }

    /// The next of what the bus sends that is of use here.
    pub(super) async fn next(&mut self) -> Result<Event, Trouble> {
        loop {
            let next = poll_fn(|cx| Pin::new(&mut self.messages).poll_next(cx)).await;
            let socket = || self.socket.clone();
            let message = match next {
                None => return Err(Trouble::Closed { socket: socket() }),
                Some(Err(zbus::Error::InputOutput(error)))
                    if error.kind() == std::io::ErrorKind::UnexpectedEof =>
                {
                    return Err(Trouble::Closed { socket: socket() });
                }
                Some(Err(error)) => return Err(Trouble::Bus { socket: socket(), error }),
                Some(Ok(message)) => message,
            };
            if let Some(event) = self.event(&message)? {
                return Ok(event);
            }
        }
    }

    fn event(&self, message: &Message) -> Result<Option<Event>, Trouble> {
        let header = message.header();
        match message.message_type() {
            Type::MethodReturn => Ok(header.reply_serial().map(|to| Event::Answer(to, message.clone()))),
            Type::Error => {
                let text = message.body().deserialize::<&str>().map(str::to_owned).unwrap_or_default();
                let name = header.error_name().map(ToString::to_string).unwrap_or_default();
                let reason = format!("{}: {}", name, text.escape_debug());
                Ok(header.reply_serial().map(|to| Event::Refused(to, reason)))
            }
            Type::MethodCall => Ok(None),
            Type::Signal => self.signal(message),
        }
    }

    fn signal(&self, message: &Message) -> Result<Option<Event>, Trouble> {
        let header = message.header();
        let (sender, member) = (header.sender().map(|s| s.as_str()), header.member().map(|m| m.as_str()));
        if sender == Some(BUS) && member == Some("NameOwnerChanged") {
            return Err(Trouble::Left { socket: self.socket.clone() });
        }
        if sender.is_none() || sender != self.systemd.as_deref() {
            return Ok(None);
        }
        Ok(match member {
            Some("PropertiesChanged") => header.path().and_then(|path| changed(path.as_str(), message)),
            Some("UnitRemoved") => removed(message),
            Some("Reloading") => {
                let begins = message.body().deserialize::<bool>().unwrap_or(false);
                (!begins).then_some(Event::Reloaded)
            }
            _ => None,
        })
    }

    /// The services of a list, and how many entries cannot be services although they are said to be.
    pub(super) fn listed(&mut self, answer: &Message) -> Result<(Vec<Listed>, usize), Trouble> {
        type Entry<'a> = (
            &'a str,
            &'a str,
            &'a str,
            &'a str,
            &'a str,
            &'a str,
            zbus::ObjectPath<'a>,
            u32,
            &'a str,
            zbus::ObjectPath<'a>,
        );
        self.systemd = answer.header().sender().map(ToString::to_string);
        let body = answer.body();
        let entries: Vec<Entry<'_>> =
            body.deserialize().map_err(|error| Trouble::Bus { socket: self.socket.clone(), error })?;
        let all = entries.len();
        let good = entries.into_iter().filter(|(unit, ..)| names::is_service(unit));
        let listed: Vec<Listed> = good
            .map(|(unit, _, load, active, _, _, path, ..)| Listed {
                unit: unit.to_owned(),
                path: path.to_string(),
                is_loaded: load == "loaded",
                active: active.to_owned(),
            })
            .collect();
        let refused = all - listed.len();
        Ok((listed, refused))
    }
}

/// The cgroup in an answer; `None` for a service that has none, and for an answer of another form.
pub(super) fn group(answer: &Message) -> Option<String> {
    let body = answer.body();
    let value: Variant<'_> = body.deserialize().ok()?;
    let group: &str = value.downcast_ref().ok()?;
    Some(group.to_owned()).filter(|group| group.len() <= 4096 && !group.contains(char::is_control))
}

fn changed(path: &str, message: &Message) -> Option<Event> {
    // Most signals are of devices, mounts and sockets: their names are not even unescaped.
    let unit = path.ends_with("_2eservice").then(|| names::of_path(path))??;
    let body = message.body();
    let (_, mut values, _): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) = body.deserialize().ok()?;
    let active: &str = values.get("ActiveState")?.downcast_ref().ok()?;
    let active = active.to_owned();
    let invocation = values.remove("InvocationID").and_then(|id| id.downcast().ok());
    Some(Event::State { unit, active, invocation })
}

fn removed(message: &Message) -> Option<Event> {
    let body = message.body();
    let (unit, _): (&str, zbus::ObjectPath<'_>) = body.deserialize().ok()?;
    names::is_service(unit).then(|| Event::Removed { unit: unit.to_owned() })
}

fn call<B>(
    destination: &str,
    (path, interface): (&str, &str),
    member: &'static str,
    body: &B,
) -> zbus::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    Message::method_call(path, member)
        .destination(destination)
        .interface(interface)
        .with_flags(Flags::NO_AUTO_START)
        .build(body)
}
