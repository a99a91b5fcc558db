//! One guest in full. In: its row. Out: lines.

use crate::view::guests::{GuestRow, metrics};
use crate::view::limits::Limits;
use crate::view::number::{binary, percent, si};
use crate::view::picture::AgentPicture;
use crate::view::summary::{Piece, size};

/// What is known of it.
pub(super) fn lines(agent: &AgentPicture, row: &GuestRow, limits: &Limits) -> Vec<Vec<Piece>> {
    let [cpu, memory, drops] = metrics(row.kind);
    let places = match row.interfaces.as_slice() {
        [] => "-".to_owned(),
        all => all.iter().map(|index| agent.place((0, *index))).collect::<Vec<_>>().join(" "),
    };
    let cpus = row.cpus.map_or_else(|| "all cpus".to_owned(), |cpus| format!("{cpus} cpus"));
    vec![
        vec![Piece::plain(format!(
            "{} {}  {}  data source 3:{}",
            row.kind.name(),
            row.name,
            row.state,
            row.index
        ))],
        vec![
            Piece::plain("cpu    "),
            Piece { text: format!("{}%", percent(row.cpu_share)), level: limits.level(cpu, row.cpu_share) },
            Piece::plain(format!(" of {cpus}, {}% of one", percent(row.cpu))),
        ],
        vec![
            Piece::plain("memory "),
            Piece {
                text: format!("{}%", percent(row.memory_share())),
                level: limits.level(memory, row.memory_share()),
            },
            Piece::plain(format!("  {} of {}", size(row.memory), size(row.memory_max))),
        ],
        vec![Piece::plain(format!(
            "disk   read {}/s ({}/s) written {}/s ({}/s)  {} free of {}",
            binary(row.disk_read),
            si(row.disk_reads),
            binary(row.disk_written),
            si(row.disk_writes),
            size(row.disk_free),
            size(row.disk_capacity)
        ))],
        vec![
            Piece::plain(format!(
                "net    in {}b/s out {}b/s  {}/{} p/s  errors {}/s  ",
                si(row.in_bits),
                si(row.out_bits),
                si(row.in_packets),
                si(row.out_packets),
                si(row.errors)
            )),
            Piece { text: format!("drops {}/s", si(row.drops)), level: limits.level(drops, row.drops) },
        ],
        vec![Piece::plain(format!("host's interfaces  {places}"))],
    ]
}
