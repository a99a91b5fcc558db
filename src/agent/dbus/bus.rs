//! The connection to the bus. In: calls of any program. Out: replies. Rules: a bus that is away, or does not let us have our
//! name, is tried again; a call that makes no sense costs its caller a refusal; nobody waits for the bus but this task.
//! Spec: the D-Bus specification, sections "Message Protocol" and "Message Bus Specification".

use super::super::asked::Desk;
use super::super::board::Board;
use super::words::{Answer, Call, Facts, NAME};
use crate::host::Clock;
use crate::sample::backoff::Backoff;
use crate::status::registry::State;
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream, connection};

/// For the bus to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For so long what is so is so.
const FRESH: Duration = Duration::from_millis(100);

/// Why we are not on the bus.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the bus at {address}: {error}")]
    Bus { address: String, error: zbus::Error },
    #[error("the bus at {address} does not answer within {} s", PATIENCE.as_secs())]
    Slow { address: String },
    #[error("the bus at {address} has closed the connection")]
    Closed { address: String },
    #[error("another program has the name {NAME} on the bus at {address}")]
    Taken { address: String },
    #[error(
        "the bus at {address} does not let this user have the name {NAME}: its policy file net.sflow.hsflowd.conf is missing \
         ({error})"
    )]
    Refused { address: String, error: Box<zbus::fdo::Error> },
}

/// Is on the bus, until it is dropped.
pub(super) async fn run(address: String, desk: Desk, board: Board, clock: Clock) {
    let mut backoff = Backoff::default();
    loop {
        let trouble = match connect(&address).await {
            Ok((connection, messages)) => {
                board.tell(State::Running);
                backoff.reset();
                let known = Known { desk: desk.clone(), clock: clock.clone(), facts: None };
                serve(&address, &connection, messages, known).await
            }
            Err(trouble) => trouble,
        };
        board.tell(State::degraded(&trouble));
        tokio::time::sleep(backoff.advance()).await;
    }
}

async fn connect(address: &str) -> Result<(Connection, MessageStream), Trouble> {
    let at = || address.to_owned();
    let slow = |_| Trouble::Slow { address: at() };
    let broken = |error| Trouble::Bus { address: at(), error };
    let built = timeout(PATIENCE, connection::Builder::address(address).build()).await;
    let connection = built.map_err(slow)?.map_err(broken)?;
    // Before others know the name, so that no call is missed.
    let messages = MessageStream::from(&connection);
    match timeout(PATIENCE, connection.request_name(NAME)).await.map_err(slow)? {
        Ok(()) => Ok((connection, messages)),
        Err(zbus::Error::NameTaken) => Err(Trouble::Taken { address: at() }),
        Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::AccessDenied(_)) => {
            Err(Trouble::Refused { address: at(), error })
        }
        Err(error) => Err(broken(error)),
    }
}

/// What the agent said last.
struct Known {
    desk: Desk,
    clock: Clock,
    facts: Option<(Instant, Facts)>,
}

impl Known {
    async fn facts(&mut self) -> Option<&Facts> {
        let now = self.clock.now();
        if self.facts.as_ref().is_none_or(|(told, _)| now.saturating_duration_since(*told) >= FRESH) {
            let facts = self.desk.ask(super::Agent::facts).await;
            self.facts = facts.map(|facts| (now, facts));
        }
        self.facts.as_ref().map(|(_, facts)| facts)
    }
}

/// Answers calls until the bus is gone.
async fn serve(
    address: &str,
    connection: &Connection,
    mut messages: MessageStream,
    mut known: Known,
) -> Trouble {
    loop {
        let message = match poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
            Some(Ok(message)) => message,
            Some(Err(zbus::Error::InputOutput(_))) | None => {
                return Trouble::Closed { address: address.to_owned() };
            }
            Some(Err(error)) => return Trouble::Bus { address: address.to_owned(), error },
        };
        let wants_reply = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
        if message.message_type() != Type::MethodCall || !wants_reply {
            continue;
        }
        let call = call_of(&message);
        let facts = if call.needs_facts() { known.facts().await } else { None };
        match timeout(PATIENCE, reply(connection, &message, call.answer(facts))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Trouble::Bus { address: address.to_owned(), error },
            Err(_) => return Trouble::Slow { address: address.to_owned() },
        }
    }
}

fn call_of(message: &Message) -> Call {
    let header = message.header();
    Call {
        interface: header.interface().map(ToString::to_string),
        member: header.member().map(ToString::to_string).unwrap_or_default(),
        argument: message.body().deserialize::<&str>().ok().map(str::to_owned),
    }
}

async fn reply(connection: &Connection, message: &Message, answer: Answer) -> zbus::Result<()> {
    let to = message.header();
    match answer {
        Answer::Nothing => connection.reply(&to, &()).await,
        Answer::Text(text) => connection.reply(&to, &text).await,
        Answer::Count(count) => connection.reply(&to, &count).await,
        Answer::Counters(counters) => connection.reply(&to, &*counters).await,
        Answer::Ports(ports) => connection.reply(&to, &ports).await,
        // In a tuple of its own, or its parts would be four answers.
        Answer::Port(port) => connection.reply(&to, &(port,)).await,
        Answer::Error(name, words) => connection.reply_error(&to, name, &words).await,
    }
}
