//! The tables that are shown: hosts, interfaces, guests, services, flows, drops, alerts. In: a picture, limits. Out: sheets.

use super::applications::ApplicationRow;
use super::drops::DropRow;
use super::flows::FlowRow;
use super::guests::{GuestRow, Kind, metrics};
use super::interfaces::InterfaceRow;
use super::limits::{Level, Limits, Metric};
use super::number::{self, UNKNOWN, binary, of_day, percent, si};
use super::picture::{AgentPicture, HostLine, Picture, label};
use super::sheet::{Cell, Column, Row, Sheet, number, text};

const HOSTS: [Column; 11] = [
    text("HOST", 12, 0),
    text("ADDRESS", 15, 3),
    number("CPU%", 5, 0),
    number("LOAD", 5, 2),
    number("MEM%", 5, 1),
    number("IN b/s", 7, 0),
    number("OUT b/s", 7, 0),
    number("DROP/s", 6, 2),
    number("IFS", 4, 4),
    number("GUESTS", 6, 3),
    number("ALERTS", 6, 1),
];

/// All agents.
pub fn hosts(picture: &Picture, limits: &Limits) -> Sheet {
    let row = |host: &HostLine| {
        let name = label(&host.name, host.address);
        let (name, silent) =
            if host.is_silent { (format!("{name} (silent)"), Level::High) } else { (name, Level::Normal) };
        let alerts = if host.alerts > 0 { Level::High } else { Level::Normal };
        Row {
            id: host.address.to_string(),
            cells: vec![
                Cell::text(name).at(silent),
                Cell::text(host.address.to_string()),
                Cell::number(host.cpu, percent).at(limits.level(Metric::HostCpu, host.cpu)),
                Cell::number(host.load, si),
                Cell::number(host.memory, percent).at(limits.level(Metric::HostMemory, host.memory)),
                Cell::number(host.in_bits, si),
                Cell::number(host.out_bits, si),
                Cell::number(host.drops, si).at(limits.level(Metric::HostDrops, host.drops)),
                count(host.interfaces),
                count(host.guests),
                count(host.alerts).at(alerts),
            ],
        }
    };
    Sheet { columns: &HOSTS, order: 2, rows: picture.hosts.iter().map(row).collect() }
}

fn count(number: usize) -> Cell {
    Cell { text: number.to_string(), order: Some(number as f64), level: Level::Normal }
}

const INTERFACES: [Column; 10] = [
    text("INTERFACE", 12, 0),
    text("LINK", 4, 2),
    number("SPEED", 5, 3),
    number("IN b/s", 7, 0),
    number("OUT b/s", 7, 0),
    number("USE%", 5, 1),
    number("IN p/s", 7, 1),
    number("OUT p/s", 7, 1),
    number("ERR/s", 6, 1),
    number("DROP/s", 6, 1),
];

/// The interfaces of an agent.
pub fn interfaces(agent: &AgentPicture, limits: &Limits) -> Sheet {
    let row = |row: &InterfaceRow| Row {
        id: row.index.to_string(),
        cells: vec![
            Cell::text(row.label()),
            Cell::text(row.up.map_or("-", |up| if up { "up" } else { "down" })),
            Cell::number(row.speed.map(|speed| speed as f64), si),
            Cell::number(row.in_bits, si),
            Cell::number(row.out_bits, si),
            Cell::number(row.busy, percent).at(limits.level(Metric::InterfaceUse, row.busy)),
            Cell::number(row.in_packets, si),
            Cell::number(row.out_packets, si),
            Cell::number(row.errors(), si).at(limits.level(Metric::InterfaceErrors, row.errors())),
            Cell::number(row.drops(), si).at(limits.level(Metric::InterfaceDrops, row.drops())),
        ],
    };
    Sheet { columns: &INTERFACES, order: 3, rows: agent.interfaces.iter().map(row).collect() }
}

const GUESTS: [Column; 12] = [
    text("GUEST", 12, 0),
    text("KIND", 9, 2),
    text("STATE", 7, 3),
    number("CPU%", 5, 0),
    number("OF ALL%", 7, 1),
    number("MEM", 6, 0),
    number("MEM%", 5, 1),
    number("IN b/s", 7, 0),
    number("OUT b/s", 7, 0),
    number("READ/s", 6, 1),
    number("WRITE/s", 7, 1),
    number("DROP/s", 6, 2),
];

/// Virtual machines and containers of an agent.
pub fn guests(agent: &AgentPicture, limits: &Limits) -> Sheet {
    let rows = agent.guests.iter().filter(|row| row.kind != Kind::Service);
    Sheet { columns: &GUESTS, order: 3, rows: rows.map(|row| guest(row, limits)).collect() }
}

fn guest(row: &GuestRow, limits: &Limits) -> Row {
    let [cpu, memory, drops] = metrics(row.kind);
    Row {
        id: row.index.to_string(),
        cells: vec![
            Cell::text(row.name.clone()),
            Cell::text(row.kind.name()),
            Cell::text(row.state),
            Cell::number(row.cpu, percent).at(limits.level(cpu, row.cpu_share)),
            Cell::number(row.cpu_share, percent).at(limits.level(cpu, row.cpu_share)),
            Cell::number(row.memory.map(|bytes| bytes as f64), binary),
            Cell::number(row.memory_share(), percent).at(limits.level(memory, row.memory_share())),
            Cell::number(row.in_bits, si),
            Cell::number(row.out_bits, si),
            Cell::number(row.disk_read, binary),
            Cell::number(row.disk_written, binary),
            Cell::number(row.drops, si).at(limits.level(drops, row.drops)),
        ],
    }
}

const SERVICES: [Column; 9] = [
    text("SERVICE", 16, 0),
    text("KIND", 7, 2),
    number("CPU%", 5, 0),
    number("MEM", 6, 0),
    number("MEM%", 5, 1),
    number("READ/s", 6, 2),
    number("WRITE/s", 7, 2),
    number("OPS/s", 6, 1),
    number("FAIL/s", 6, 1),
];

/// Services and applications of an agent.
pub fn services(agent: &AgentPicture, limits: &Limits) -> Sheet {
    let units = agent.guests.iter().filter(|row| row.kind == Kind::Service).map(|row| Row {
        id: row.index.to_string(),
        cells: vec![
            Cell::text(row.name.clone()),
            Cell::text("service"),
            Cell::number(row.cpu, percent).at(limits.level(Metric::ServiceCpu, row.cpu_share)),
            Cell::number(row.memory.map(|bytes| bytes as f64), binary),
            Cell::number(row.memory_share(), percent)
                .at(limits.level(Metric::ServiceMemory, row.memory_share())),
            Cell::number(row.disk_read, binary),
            Cell::number(row.disk_written, binary),
            Cell::number(None, si),
            Cell::number(None, si),
        ],
    });
    let applications = agent.applications.iter().map(|row: &ApplicationRow| Row {
        id: format!("app {}", row.index),
        cells: vec![
            Cell::text(row.name.clone()),
            Cell::text("app"),
            Cell::number(row.cpu, percent),
            Cell::number(row.memory.map(|bytes| bytes as f64), binary),
            Cell::number(None, percent),
            Cell::number(None, binary),
            Cell::number(None, binary),
            Cell::number(row.good, si),
            Cell::number(row.bad, si).at(limits.level(Metric::ServiceErrors, row.bad)),
        ],
    });
    Sheet { columns: &SERVICES, order: 2, rows: units.chain(applications).collect() }
}

const FLOWS: [Column; 9] = [
    text("FLOW", 30, 0),
    text("PROTO", 5, 2),
    number("b/s", 6, 0),
    number("+-%", 4, 1),
    number("p/s", 6, 0),
    number("+-%", 4, 2),
    number("SAMPLES", 7, 3),
    text("SAMPLED ON", 11, 3),
    text("GUESTS", 16, 4),
];

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{:.0}", value.min(9999.0)))
}

/// The heaviest flows of an agent, or of one of its guests.
pub fn flows(agent: &AgentPicture, guest: Option<u32>) -> Sheet {
    let row = |row: &FlowRow| {
        let guests = match row.guests {
            (0, 0) => String::new(),
            (from, to) => format!("{}>{}", agent.guest(from), agent.guest(to)),
        };
        Row {
            id: format!(
                "{} {} {} {:?} {:?}",
                row.source, row.destination, row.protocol, row.sampled, row.guests
            ),
            cells: vec![
                Cell::text(format!("{} > {}", row.source, row.destination)),
                Cell::text(row.protocol.clone()),
                Cell::number(Some(row.bits.value), si),
                Cell::number(row.bits.spread(), whole),
                Cell::number(Some(row.packets.value), si),
                Cell::number(row.packets.spread(), whole),
                Cell { text: row.samples.to_string(), order: Some(row.samples.into()), level: Level::Normal },
                Cell::text(agent.place(row.sampled)),
                Cell::text(guests),
            ],
        }
    };
    let is_of = |row: &&FlowRow| guest.is_none_or(|guest| row.guests.0 == guest || row.guests.1 == guest);
    Sheet { columns: &FLOWS, order: 2, rows: agent.flows.iter().filter(is_of).map(row).collect() }
}

const DROPS: [Column; 5] = [
    text("REASON", 20, 0),
    text("DETAIL", 16, 1),
    number("DROP/s", 7, 0),
    number("TOTAL", 7, 0),
    text("LAST PACKET", 26, 2),
];

/// What was dropped, by reason, and what counters say.
pub fn drops(agent: &AgentPicture, limits: &Limits) -> Sheet {
    let row = |row: &DropRow| Row {
        id: format!("{} {}", row.reason, row.detail),
        cells: vec![
            Cell::text(if row.counted { format!("counter: {}", row.reason) } else { row.reason.clone() }),
            Cell::text(row.detail.clone()),
            Cell::number(row.rate, si).at(limits.level(Metric::HostDrops, row.rate)),
            Cell::number(row.total.map(|total| total as f64), number::count),
            Cell::text(row.last.clone()),
        ],
    };
    Sheet { columns: &DROPS, order: 2, rows: agent.drops.iter().map(row).collect() }
}

const ALERTS: [Column; 2] = [text("WHAT", 40, 0), number("UTC", 8, 0)];

/// The log of what was high, the newest first.
pub fn alerts(picture: &Picture) -> Sheet {
    let row = |line: &super::alerts::Line| Row {
        id: line.number.to_string(),
        cells: vec![
            Cell::text(line.text.clone()).at(if line.begun { Level::High } else { Level::Normal }),
            Cell { text: of_day(line.unix), order: Some(line.number as f64), level: Level::Normal },
        ],
    };
    Sheet { columns: &ALERTS, order: 1, rows: picture.alerts.iter().map(row).collect() }
}
