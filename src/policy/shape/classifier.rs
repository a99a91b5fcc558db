//! What the kernel finds packets by: tried once, on a device that is made for it and goes at once.
//!
//! In: the kernel. Out: `flower` where it takes a filter of it, else `u32`. Rule: nothing of others is touched, and a
//! device that a crash left behind is known as ours by its name and ifalias. Spec: tc-flower(8).

use super::plan::Classifier;
use super::{ALIAS, IFB};
use crate::policy::apply::{Failed, Runner};

pub(super) async fn probe(runner: &Runner) -> Result<Classifier, Failed> {
    let name = format!("{IFB}0");
    // What is not there cannot be removed first; `-force` goes on.
    let make = format!(
        "link del dev {name}\nlink add name {name} type veth peer name {name}0\nlink set dev {name} alias {ALIAS}\n"
    );
    runner.run("ip", &["-force", "-batch", "-"], &make).await.or_else(if_refused)?;
    let filter = format!(
        "qdisc add dev {name} clsact\nfilter add dev {name} ingress protocol ip pref 1 flower ip_proto udp\n"
    );
    let tried = runner.run("tc", &["-batch", "-"], &filter).await;
    runner.run("ip", &["link", "del", "dev", &name], "").await.or_else(if_refused)?;
    match tried {
        Ok(_) => Ok(Classifier::Flower),
        Err(Failed::Status { .. }) => Ok(Classifier::U32),
        Err(failed) => Err(failed),
    }
}

fn if_refused(failed: Failed) -> Result<String, Failed> {
    if matches!(failed, Failed::Status { .. }) { Ok(String::new()) } else { Err(failed) }
}
