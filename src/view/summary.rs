//! A host in three lines. In: its picture, limits. Out: pieces of text with how high they are.

use super::limits::{Level, Limits, Metric};
use super::number::{binary, percent, si, time};
use super::picture::AgentPicture;
use std::time::Duration;

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// How it is.
    pub level: Level,
}

/// Pieces, one behind the other.
pub type Line = Vec<Piece>;

impl Piece {
    /// A text that says nothing of how things are.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), level: Level::Normal }
    }
}

/// A number of bytes.
pub fn size(bytes: Option<u64>) -> String {
    binary(bytes.map(|bytes| bytes as f64))
}

/// Who it is.
pub fn title(agent: &AgentPicture) -> String {
    let host = &agent.host;
    let mut text = agent.label();
    if !host.name.is_empty() {
        text += &format!(" ({})", agent.address);
    }
    if let Some(secs) = host.uptime_secs {
        text += &format!(" up {}", time(Duration::from_secs(secs.into())));
    }
    if let Some(cpus) = host.cpus {
        text += &format!(", {cpus} cpu{}", if cpus == 1 { "" } else { "s" });
    }
    if !host.release.is_empty() {
        text += &format!(", {}", host.release);
    }
    text
}

/// Processors, memory, network.
pub fn lines(agent: &AgentPicture, limits: &Limits) -> [Line; 3] {
    [processors(agent, limits), memory(agent, limits), network(agent, limits)]
}

fn processors(agent: &AgentPicture, limits: &Limits) -> Line {
    let host = &agent.host;
    let load = host.load.map_or_else(
        || "load -".to_owned(),
        |[one, five, fifteen]| format!("load {one:.2} {five:.2} {fifteen:.2}"),
    );
    vec![
        Piece::plain("cpu "),
        Piece { text: format!("{:>5}%", percent(host.cpu)), level: limits.level(Metric::HostCpu, host.cpu) },
        Piece::plain(format!(
            "  user {} sys {} wait {} steal {}  ",
            percent(host.cpu_user),
            percent(host.cpu_system),
            percent(host.cpu_wait),
            percent(host.cpu_steal)
        )),
        Piece { text: load, level: limits.level(Metric::HostLoad, host.load_by_cpu()) },
    ]
}

fn memory(agent: &AgentPicture, limits: &Limits) -> Line {
    let host = &agent.host;
    vec![
        Piece::plain("mem "),
        Piece {
            text: format!("{:>5}%", percent(host.memory())),
            level: limits.level(Metric::HostMemory, host.memory()),
        },
        Piece::plain(format!("  {} of {}  ", size(host.memory_used), size(host.memory_total))),
        Piece {
            text: format!("swap {}% of {}", percent(host.swap()), size(host.swap_total)),
            level: limits.level(Metric::HostSwap, host.swap()),
        },
        Piece::plain("  "),
        Piece {
            text: format!("disk {}%", percent(host.disk_fullest)),
            level: limits.level(Metric::HostDisk, host.disk_fullest),
        },
        Piece::plain(format!(" r {}/s w {}/s", binary(host.disk_read), binary(host.disk_written))),
    ]
}

fn network(agent: &AgentPicture, limits: &Limits) -> Line {
    let host = &agent.host;
    vec![
        Piece::plain(format!(
            "net  in {} out {} b/s  {}/{} p/s  ",
            si(host.in_bits),
            si(host.out_bits),
            si(host.in_packets),
            si(host.out_packets)
        )),
        Piece {
            text: format!("drop {}/s", si(host.drops)),
            level: limits.level(Metric::HostDrops, host.drops),
        },
        Piece::plain(format!(
            " err {}/s  tcp {} retrans {}/s",
            si(host.errors),
            host.connections.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            si(host.retransmissions)
        )),
    ]
}

/// What there is to say of what was received; `None` where all is well.
pub fn remark(agent: &AgentPicture) -> Option<String> {
    let mut said = Vec::new();
    if agent.is_silent {
        said.push(format!("silent for {}", time(Duration::from_secs(agent.silent_secs))));
    }
    if agent.host.cpu.is_none() && agent.interfaces.iter().all(|row| row.in_bits.is_none()) {
        said.push("rates come with the second counters".to_owned());
    }
    for (count, what) in [
        (agent.lost, "datagrams lost"),
        (agent.lost_samples, "packet samples lost"),
        (agent.unseen_drops, "drops not told one by one"),
        (agent.left_out, "counters left out for want of room"),
    ] {
        if count > 0 {
            said.push(format!("{count} {what}"));
        }
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// A line as text; without colours a `+` marks what is remarkable and a `!` what is high.
pub fn text(line: &[Piece]) -> String {
    line.iter().fold(String::new(), |text, piece| text + &piece.text + piece.level.mark())
}
