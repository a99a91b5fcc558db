//! `hsflowctl reload`: gives the order, waits until it is carried out, and says what came of it. In: the agent's answer.
//! Out: text. No where the file was refused: the agent then goes on with the settings that it has.

use super::{Exit, client, fail, print};
use crate::agent::commands::SOCKET;
use crate::agent::sockets::path_beside;
use crate::status::command::{Answer, Command};
use std::path::Path;

/// Has the agent on this control socket reload.
pub(super) fn reload(control: &Path) -> Exit {
    match client::give_order(&path_beside(control, SOCKET), Command::Reload) {
        Err(e) => fail(&e, Exit::Unreachable),
        Ok(answer) => {
            let (page, exit) = render(&answer);
            print(&page).err().unwrap_or(exit)
        }
    }
}

fn render(answer: &Answer) -> (String, Exit) {
    let lines = |list: &[String]| list.iter().map(|line| format!("  {line}\n")).collect::<String>();
    match answer {
        Answer::Changed { revision, changes, restart, remarks } => {
            let mut page = format!("reloaded, revision {revision}:\n{}{}", lines(changes), lines(remarks));
            if let Some(restart) = restart {
                page += &format!("a restart is needed for the rest: {restart}\n");
            }
            (page, Exit::Yes)
        }
        Answer::Unchanged { revision, remarks } => {
            (format!("reloaded, nothing changed, revision {revision}\n{}", lines(remarks)), Exit::Yes)
        }
        Answer::Refused { problems } => {
            (format!("refused, the previous settings stay in force:\n{}", lines(problems)), Exit::No)
        }
        Answer::Unknown => {
            ("the agent does not know this order: it is of another version\n".to_owned(), Exit::No)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_page_and_status() {
        let changed = Answer::Changed {
            revision: 3,
            changes: vec!["polling 30 to 20".to_owned()],
            restart: Some("CAP_NET_RAW".to_owned()),
            remarks: Vec::new(),
        };
        let (page, exit) = render(&changed);
        assert_eq!(
            page,
            "reloaded, revision 3:\n  polling 30 to 20\na restart is needed for the rest: CAP_NET_RAW\n"
        );
        assert_eq!(exit, Exit::Yes);
        let (page, exit) = render(&Answer::Refused { problems: vec!["f:1:2: bad".to_owned()] });
        assert_eq!((page.contains("  f:1:2: bad\n"), exit), (true, Exit::No));
    }
}
