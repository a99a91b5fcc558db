//! Objects by which other programs of this host and elsewhere ask the agent.

use super::{Activity, Key, Kind, Object, ObjectId};

pub(super) static DBUS: Object = Object {
    activity: Activity::Active,
    more: "As net.sflow.hsflowd, with the interfaces net.sflow.hsflowd.telemetry and net.sflow.hsflowd.switchport: see D-BUS in \
           hsflowd(8). The bus lets root and the user hsflowd have that name, by its policy file net.sflow.hsflowd.conf.",
    ..Object::new(ObjectId::Dbus, "dbus", "Answer questions on the system bus", &[])
};

pub(super) static METRICS: Object = Object {
    activity: Activity::Active,
    more: "As Prometheus reads them, at /metrics: the counters that were sent last with the time of their reading, and the agent's \
           own state and cost: see METRICS in hsflowd(8). A file with this object needs no collector. The C agent does not \
           know this object.",
    ..Object::new(
        ObjectId::Metrics,
        "metrics",
        "Give counters to Prometheus and its like, over HTTP",
        METRICS_KEYS,
    )
};

static METRICS_KEYS: &[Key] = &[Key::new("listen", Kind::Listen, "127.0.0.1:9036", "Where to be asked")
    .more(
        "There is no password: whoever reaches the address reads everything. A socket may be used by every local user whom its \
         folder lets through; only where the agent's user may write can it be made, as in /run/hsflowd.",
    )];
