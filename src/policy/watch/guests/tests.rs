use super::*;
use crate::policy::desk::{self, Clerk, Page, Receipt};
use crate::policy::model::{Group, Selector};
use crate::status::guests::{Event, Guest, GuestInterface};
use std::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

const LIMIT: Duration = Duration::from_secs(10);
/// From an event to the order, as it is promised.
const SOON_ENOUGH: Duration = Duration::from_secs(1);

fn guest(id: &str, address: &str) -> Guest {
    let interface = GuestInterface { addresses: vec![address.parse().unwrap()], ..GuestInterface::default() };
    let (engine, image) = ("docker".into(), Some("nginx:1".into()));
    Guest { engine, id: id.into(), image, interfaces: vec![interface], ..Guest::default() }
}

/// The page with a group of this name, of all guests of nginx.
fn show(clerk: &Clerk, group: &str) {
    let web = Selector { image: Some("nginx:*".into()), ..Selector::default() };
    let web = Group { addresses: BTreeSet::new(), guests: vec![web] };
    let groups = [(group.parse().unwrap(), web)].into();
    clerk.page.send_replace(Arc::new(Page { groups, ..Page::default() }));
}

async fn tell(agent: &mut UnixStream, events: &[Event]) {
    for event in events {
        let line = serde_json::to_string(event).unwrap() + "\n";
        agent.write_all(line.as_bytes()).await.unwrap();
    }
}

async fn agent(listener: &UnixListener) -> UnixStream {
    tokio::time::timeout(LIMIT, listener.accept()).await.unwrap().unwrap().0
}

/// The next order, as `group: addresses`, which gets this answer.
async fn order(clerk: &mut Clerk, answer: Result<Receipt, Rejection>) -> String {
    order_within(SOON_ENOUGH, clerk, answer).await
}

async fn order_within(limit: Duration, clerk: &mut Clerk, answer: Result<Receipt, Rejection>) -> String {
    let order = tokio::time::timeout(limit, clerk.orders.recv()).await.expect("an order soon").unwrap();
    order.reply.send(answer).unwrap();
    let Wish::Guests(members) = order.wish else { panic!("{:?}", order.wish) };
    let text = |(name, all): (&GroupName, &BTreeSet<Prefix>)| {
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        format!("{name}: {}", all.join(" "))
    };
    members.iter().map(text).collect::<Vec<_>>().join("; ")
}

fn done() -> Result<Receipt, Rejection> {
    Ok(Receipt::default())
}

fn with_guests(name: &str, test: impl AsyncFnOnce(&Path, Clerk, watch::Receiver<Seen>)) {
    let path = std::env::temp_dir().join(format!("hsflow-guests-{name}-{}", std::process::id()));
    let (desk, clerk) = desk::open();
    show(&clerk, "web");
    let guests = Guests::new(desk, path.clone(), Clock::system());
    let seen = guests.seen();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = guests.run() => {}
            () = test(&path, clerk, seen) => {}
        }
    });
    let _ = std::fs::remove_file(path);
}

#[test]
fn starts_and_stops_of_guests_are_new_addresses_of_groups_within_a_second() {
    with_guests("life", async |path, mut clerk, mut seen| {
        let listener = UnixListener::bind(path).unwrap();
        let mut agent = agent(&listener).await;
        let both = [Event::Present(guest("a", "10.0.0.2")), Event::Present(guest("b", "10.0.0.3"))];
        tell(&mut agent, &both).await;
        agent.write_all(b"no event\n").await.unwrap();
        let told = tokio::time::timeout(LIMIT, seen.wait_for(|seen| (seen.guests, seen.lost) == (2, 1)));
        told.await.expect("both, and what is no event").unwrap();
        assert!(clerk.orders.try_recv().is_err(), "not all are told yet");
        tell(&mut agent, &[Event::Complete { guests: 2 }]).await;
        assert_eq!(order(&mut clerk, done()).await, "web: 10.0.0.2/32 10.0.0.3/32");
        tell(&mut agent, &[Event::Start(guest("c", "2001:db8::4"))]).await;
        assert_eq!(order(&mut clerk, done()).await, "web: 10.0.0.2/32 10.0.0.3/32 2001:db8::4/128");
        tell(&mut agent, &[Event::Stop(guest("a", "10.0.0.2"))]).await;
        assert_eq!(order(&mut clerk, Err(Rejection::Busy)).await, "web: 10.0.0.3/32 2001:db8::4/128");
        let again = order_within(LIMIT, &mut clerk, done()).await;
        assert_eq!(again, "web: 10.0.0.3/32 2001:db8::4/128", "said again");
        show(&clerk, "shop");
        assert_eq!(order(&mut clerk, done()).await, "shop: 10.0.0.3/32 2001:db8::4/128");
    });
}

#[test]
fn an_agent_that_starts_again_opens_nothing_and_who_went_meanwhile_is_taken_out() {
    with_guests("again", async |path, mut clerk, mut seen| {
        let listener = UnixListener::bind(path).unwrap();
        let mut first = agent(&listener).await;
        let (a, b) = (Event::Present(guest("a", "10.0.0.2")), Event::Present(guest("b", "10.0.0.3")));
        tell(&mut first, &[a, b.clone(), Event::Complete { guests: 2 }]).await;
        assert_eq!(order(&mut clerk, done()).await, "web: 10.0.0.2/32 10.0.0.3/32");
        drop((first, listener));
        std::fs::remove_file(path).unwrap();
        let away = tokio::time::timeout(LIMIT, seen.wait_for(|seen| seen.away.is_some())).await;
        let away = away.unwrap().unwrap().clone();
        assert_eq!((away.guests, away.since), (2, None));
        let listener = UnixListener::bind(path).unwrap();
        let mut second = agent(&listener).await;
        tell(&mut second, &[b]).await;
        let told = tokio::time::timeout(LIMIT, seen.wait_for(|seen| seen.since.is_some())).await;
        assert_eq!(told.unwrap().unwrap().away, None);
        assert!(clerk.orders.try_recv().is_err(), "not all are told yet");
        tell(&mut second, &[Event::Complete { guests: 1 }]).await;
        assert_eq!(order(&mut clerk, done()).await, "web: 10.0.0.3/32");
    });
}
