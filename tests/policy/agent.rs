//! The real agent as the source of samples and guests, and a clerk that carries orders out on the kernel's tables.

use crate::netns;
use crate::support::process::Process;
use crate::support::{TempDir, wait_listening};
use hsflow::host::Clock;
use hsflow::policy::apply::{Runner, Tables};
use hsflow::policy::desk::{Clerk, Receipt, Wish};
use hsflow::policy::model::{Policy, PolicyName};
use hsflow::policy::plan::Members;
use hsflow::policy::wanted::Wanted;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::sync::watch;

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running agent, with its folder. Dropping it kills it.
pub(crate) struct Agent {
    dir: TempDir,
    process: Option<Process>,
    more: Vec<String>,
}

impl Agent {
    /// With `body` in its configuration and further arguments.
    pub(crate) fn start(body: &str, more: &[&str]) -> Self {
        let dir = TempDir::new();
        dir.write("hsflowd.conf", format!("sflow {{ collector {{ ip = 127.0.0.1 }} {body} }}\n"));
        let more = more.iter().map(|&word| word.to_owned()).collect();
        let mut agent = Self { dir, process: None, more };
        agent.again();
        agent
    }

    /// One in the place of the one that was killed.
    pub(crate) fn again(&mut self) {
        self.process = None;
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowd"));
        command.arg("-d").args(&self.more).args(netns::is_inside().then_some("-P"));
        for (option, name) in
            [("-f", "hsflowd.conf"), ("-o", "run/hsflowd.auto"), ("--socket", "run/control.sock")]
        {
            command.arg(option).arg(self.dir.path().join(name));
        }
        self.process = Some(Process::start(&mut command));
        wait_listening(&self.socket("guests"), LIMIT);
    }

    /// `stream` or `guests`.
    pub(crate) fn socket(&self, word: &str) -> PathBuf {
        self.dir.path().join("run").join(format!("{word}.sock"))
    }
}

/// What is in force, by name.
pub(crate) type Live = BTreeMap<PolicyName, Policy>;

/// Takes orders for ever and makes them true at once; `live` is told what is in force.
pub(crate) async fn carry(mut clerk: Clerk, mut policies: Live, live: watch::Sender<Live>) {
    let (mut tables, clock, mut members) = (Tables::new(Runner::new()), Clock::system(), Members::new());
    while let Some(order) = clerk.orders.recv().await {
        match &order.wish {
            Wish::Put { policies: more, .. } => more.iter().for_each(|policy| {
                let expiry = policy.expiry.from(clock.wall());
                policies.insert(policy.name.clone(), Policy { expiry, ..policy.clone() });
            }),
            Wish::Remove(names) => policies.retain(|name, _| !names.contains(name)),
            Wish::Guests(all) => members.clone_from(all),
            other => panic!("{other:?}"),
        }
        let all = policies.values().cloned().collect();
        let wanted = Wanted { policies: all, members: members.clone(), is_cumulus: false };
        let outcome = tables.apply(&wanted, clock.wall()).await;
        assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
        live.send_if_modified(|live| {
            let is_other = *live != policies;
            live.clone_from(&policies);
            is_other
        });
        let _ = order.reply.send(Ok(Receipt::default()));
    }
}

/// Runs the program's parts, which never end, beside a test.
pub(crate) fn beside(parts: impl Future<Output = ()>, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = parts => panic!("a part has ended"),
            () = test => {}
        }
    });
}

/// Asks every few milliseconds while other parts go on.
pub(crate) async fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::system();
    let end = clock.now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(clock.now() < end, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
