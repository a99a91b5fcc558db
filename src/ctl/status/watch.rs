//! `hsflowctl status --watch`: the page again every two seconds, until interrupted. In: what makes a page. Out: pages. Rules: a
//! terminal is redrawn with two plain sequences and left as it is; anything else gets page after page, a line of dashes
//! between them, or JSON line by line; an agent that is not there is said and waited for.

use crate::ctl::ends::{self, Ends};
use crate::ctl::{Exit, print};
use std::io::{self, IsTerminal};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(2);
/// To the first cell, and what is below it is cleared (ECMA-48: CUP, ED).
const REDRAW: &str = "\u{1b}[H\u{1b}[J";
const BETWEEN: &str = "----------\n";

/// Prints what `page` makes until somebody wants no more; the exit status of the last page.
pub(in crate::ctl) fn watch(json: bool, page: impl Fn() -> (String, Exit)) -> Exit {
    let lead = match (json, io::stdout().is_terminal()) {
        (true, _) => ["", ""],
        (false, true) => [REDRAW, REDRAW],
        (false, false) => ["", BETWEEN],
    };
    ends::run("status --watch", redraw(lead, page))
}

async fn redraw([first, later]: [&str; 2], page: impl Fn() -> (String, Exit)) -> io::Result<Exit> {
    let mut ends = Ends::catch()?;
    let mut is_first = true;
    loop {
        let (text, exit) = page();
        let lead = if std::mem::take(&mut is_first) { first } else { later };
        if let Err(exit) = print(&format!("{lead}{text}")) {
            return Ok(exit);
        }
        tokio::select! {
            () = ends.recv() => return Ok(exit),
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
