//! Lines for a log. In: the model. Out: one block for each refresh: the date, the host in three lines, and the first rows of each
//! table that has any.

use super::Session;
use crate::ctl::ends::Ends;
use crate::ctl::feed::Feed;
use crate::ctl::watched::Watched;
use crate::ctl::{Exit, capture, fail, print};
use crate::view::limits::Limits;
use crate::view::number::date;
use crate::view::picture::AgentPicture;
use crate::view::sheet::Sheet;
use crate::view::{sheets, summary};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

const WIDTH: u16 = 120;
/// Rows of a table.
const MOST: usize = 20;

/// Prints what comes. With a count the end comes after so many blocks; status 3 where no agent was there.
pub(super) async fn live(
    session: &mut Session,
    mut feed: Feed,
    delay: Duration,
    count: Option<u64>,
) -> io::Result<Exit> {
    let mut ends = Ends::catch()?;
    let mut buffer = vec![0; 65_536];
    let mut ticks = interval_at(Instant::now() + delay, delay);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut printed, mut told) = (0, 0);
    while count.is_none_or(|count| printed < count) {
        tokio::select! {
            () = ends.recv() => break,
            news = feed.next(&mut buffer) => session.watched.take(news, &buffer),
            _ = ticks.tick() => {
                if let Err(exit) = one(session, &mut told) {
                    return Ok(exit);
                }
                printed += 1;
            }
        }
    }
    let was_there = session.watched.datagrams > 0 || session.watched.away.is_none();
    Ok(if was_there { Exit::Yes } else { Exit::Unreachable })
}

/// Prints a recording: a block each `delay` of its own time, and one at its end.
pub(super) fn of_file(session: &mut Session, file: &Path, delay: Duration, count: Option<u64>) -> Exit {
    let (mut due, mut printed, mut told) = (None, 0, 0);
    let mut stopped = None;
    let read = capture::read(file, &mut |time, datagram| {
        session.watched.stand_at(time);
        let due_at = *due.get_or_insert(time + delay);
        if time >= due_at && count.is_none_or(|count| printed + 1 < count) {
            due = Some(time + delay);
            printed += 1;
            stopped = one(session, &mut told).err();
        }
        session.watched.feed(datagram.payload);
        if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Some(exit) = stopped {
        return exit;
    }
    if let Err(text) = read {
        return fail(&text, Exit::Usage);
    }
    one(session, &mut told).err().unwrap_or(Exit::Yes)
}

/// Prints a block.
fn one(session: &mut Session, told: &mut u64) -> Result<(), Exit> {
    session.tick();
    print(&block(&session.watched, told))
}

/// `told` is the number of the last alert that was printed.
fn block(watched: &Watched, told: &mut u64) -> String {
    let picture = watched.picture(None);
    let mut lines = vec![format!("=== {}", date(picture.unix))];
    lines.extend(watched.away.clone());
    let limits = watched.view.limits();
    if watched.is_many {
        lines.extend(rows(sheets::hosts(&picture, limits)));
    } else if let Some(agent) = &picture.shown {
        one_host(agent, limits, &mut lines);
    } else if watched.away.is_none() {
        lines.push("nothing was received yet".to_owned());
    }
    for line in picture.alerts.iter().filter(|line| line.number > *told) {
        lines.push(format!("alert {} {}", date(line.unix), line.text));
    }
    *told = picture.alerts.last().map_or(*told, |line| line.number);
    lines.join("\n") + "\n"
}

fn one_host(agent: &AgentPicture, limits: &Limits, lines: &mut Vec<String>) {
    lines.push(summary::title(agent));
    lines.extend(summary::lines(agent, limits).iter().map(|line| summary::text(line)));
    lines.extend(summary::remark(agent));
    let tables = [
        sheets::interfaces(agent, limits),
        sheets::guests(agent, limits),
        sheets::services(agent, limits),
        sheets::flows(agent, None),
        sheets::drops(agent, limits),
    ];
    tables.into_iter().filter(|sheet| !sheet.rows.is_empty()).for_each(|sheet| lines.extend(rows(sheet)));
}

fn rows(mut sheet: Sheet) -> Vec<String> {
    sheet.sort(sheet.order, false);
    let more = sheet.rows.len().saturating_sub(MOST);
    sheet.rows.truncate(MOST);
    let mut lines = sheet.lines(WIDTH);
    if more > 0 {
        lines.push(format!("({more} more)"));
    }
    lines
}
