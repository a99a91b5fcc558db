//! The agent's state as a value: component states, and the snapshot for the control socket. In: the running agent.
//! Out: [`Snapshot`]. Rule: made when somebody asks, from what is known; nothing is read for it but the process's
//! own cost.

use super::daemon::Agent;
use super::ports;
use crate::status::snapshot::{self, Cost, SettingsInForce, Snapshot, VERSION};
use nix::sys::resource::{UsageWho, getrusage};
use std::time::Instant;

/// Everything `hsflowctl status` shows.
pub fn snapshot(agent: &Agent, now: Instant) -> Snapshot {
    Snapshot {
        version: VERSION,
        healthy: agent.registry.healthy(),
        agent: identity(agent, now),
        settings: settings(agent),
        collectors: collectors(agent, now),
        components: agent.registry.list(),
        interfaces: interfaces(agent),
        telemetry: agent.telemetry,
        cost: cost(),
    }
}

fn identity(agent: &Agent, now: Instant) -> snapshot::Agent {
    let choice = agent.election.choice.as_ref();
    let id = agent.measures.sample.id.as_ref();
    snapshot::Agent {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_secs: agent.pace.uptime_secs(now),
        address: choice.map(|c| c.ip.to_string()),
        device: choice.and_then(|c| c.device.clone()),
        address_reason: agent.election.explanation.clone(),
        sub_agent_id: agent.settings.sub_agent(),
        uuid: agent.uuid.to_string(),
        uuid_reason: agent.uuid.explanation(),
        hostname: id.map(|id| id.hostname.clone()).unwrap_or_default(),
    }
}

fn settings(agent: &Agent) -> SettingsInForce {
    let s = &agent.settings;
    SettingsInForce {
        file: agent.options.config.display().to_string(),
        revision: agent.revision,
        polling_secs: s.polling_secs,
        sampling: s.sampling,
        header_bytes: s.header_bytes,
        datagram_bytes: s.datagram_bytes,
        interface_counters: s.interface_counters.to_string(),
        auto_file: agent.options.auto_file.display().to_string(),
        inactive: agent.remarks.clone(),
    }
}

fn collectors(agent: &Agent, now: Instant) -> Vec<snapshot::Collector> {
    let list = agent.collectors.status(agent.since_start(now));
    let entry = |c: crate::export::CollectorStatus| snapshot::Collector {
        name: c.name(),
        datagrams: c.counts.datagrams,
        bytes: c.counts.bytes,
        errors: c.counts.errors(),
        last_error: c.last_error,
        last_send_secs_ago: c.last_success_secs_ago,
    };
    list.into_iter().map(entry).collect()
}

fn interfaces(agent: &Agent) -> Vec<snapshot::Interface> {
    let table = agent.measures.interfaces.table();
    let entry = |i: &crate::collect::interfaces::Interface| {
        let source = crate::sflow::ids::DataSource::interface(i.index);
        snapshot::Interface {
            index: i.index,
            name: i.name.clone(),
            kind: i.kind.to_string(),
            admin_up: i.admin_up,
            oper_up: i.oper_up,
            speed_bps: i.speed_bps,
            counter_samples: agent.measures.sources.get(&source).map_or(0, |s| u64::from(s.sequence)),
            counters_reason: ports::decide(&agent.settings, table, i).1.to_owned(),
        }
    };
    table.iter().map(entry).collect()
}

/// What the kernel charges this process with.
fn cost() -> Cost {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Cost::default() };
    let ms = |t: nix::sys::time::TimeVal| {
        u64::try_from(t.tv_sec()).unwrap_or(0) * 1000 + u64::try_from(t.tv_usec()).unwrap_or(0) / 1000
    };
    Cost {
        cpu_ms: ms(usage.user_time()) + ms(usage.system_time()),
        peak_rss_kib: u64::try_from(usage.max_rss()).unwrap_or(0),
        sleeps: u64::try_from(usage.voluntary_context_switches()).unwrap_or(0),
    }
}
