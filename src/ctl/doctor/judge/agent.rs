//! The agent: does one run, is all well with it, is there a second one, when did it send last. In: facts. Out: checks.

use super::super::Check;
use super::super::facts::{Facts, Process};
use crate::ctl::status::duration;
use crate::status::snapshot::Snapshot;
use crate::status::verdict::Severity;

const STOP: &str =
    "stop one of them: systemctl stop hsflowd, or kill PID; two agents on one host send everything twice";

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut all = vec![running(facts)];
    if let Some(snapshot) = &facts.snapshot {
        all.extend(findings(snapshot));
        all.push(sending(snapshot));
    }
    all.extend(others(facts));
    if !facts.left_behind.is_empty() {
        let found = format!("of the C agent there is still: {}", facts.left_behind.join(", "));
        all.push(Check::unsure(
            "c-agent",
            found,
            "this agent does not use them; remove the package or the files when it is gone",
        ));
    }
    all
}

fn running(facts: &Facts) -> Check {
    match &facts.snapshot {
        Some(snapshot) => {
            let a = &snapshot.agent;
            Check::good(
                "agent",
                format!("version {} runs as process {}, up {}", a.program, a.pid, duration(a.uptime_secs)),
            )
        }
        None => Check::unsure(
            "agent",
            format!("not running, or elsewhere: {}", facts.silent),
            "systemctl start hsflowd; --socket names another socket",
        ),
    }
}

/// What the agent itself says is wrong.
fn findings(snapshot: &Snapshot) -> impl Iterator<Item = Check> {
    let degraded = snapshot.findings.iter().filter(|finding| finding.severity == Severity::Degraded);
    degraded.map(|finding| {
        Check::wrong(&format!("agent/{}", finding.what), finding.cause.clone(), finding.remedy.clone())
    })
}

fn sending(snapshot: &Snapshot) -> Check {
    let t = &snapshot.telemetry;
    let made =
        format!("{} counter samples and {} packet samples were sent", t.counter_samples, t.flow_samples);
    match snapshot.collectors.iter().filter_map(|c| c.last_send_secs_ago).min() {
        Some(secs) => {
            Check::good("samples", format!("the last datagram left {} ago; {made}", duration(secs)))
        }
        None => Check::unsure(
            "samples",
            "nothing was sent yet",
            "hsflowctl status says why, where there is a reason",
        ),
    }
}

fn others(facts: &Facts) -> Vec<Check> {
    let own = facts.snapshot.as_ref().map(|snapshot| snapshot.agent.pid);
    let others: Vec<&Process> = facts.processes.iter().filter(|process| Some(process.pid) != own).collect();
    if others.is_empty() {
        return vec![Check::good("other-agents", "no other hsflowd runs in this network namespace")];
    }
    let check = |process: &&Process| {
        let program = process.program.as_deref().unwrap_or("a program that this user may not see");
        let kind = if process.is_c_agent { "the C agent" } else { "another hsflowd" };
        let found = format!("{kind} runs as process {} ({program})", process.pid);
        if !process.is_here {
            let found =
                format!("{found}, perhaps in a network namespace of its own, which this user may not see");
            return Check::unsure("other-agents", found, "sudo hsflowctl doctor sees it");
        }
        if own.is_none() && others.len() == 1 && !process.is_c_agent {
            return Check::unsure(
                "other-agents",
                format!("{found} and does not answer on the socket"),
                "hsflowctl --socket PATH asks another one; journalctl -u hsflowd",
            );
        }
        Check::wrong("other-agents", found, STOP.replace("PID", &process.pid.to_string()))
    };
    others.iter().map(check).collect()
}
