//! Objects that name guests of the host: virtual machines, containers, services, and devices shared with them.

use super::{Activity, Key, Kind, Object, ObjectId, Repeat, int, name, path, pattern, switch};

const SECONDS: &str = "seconds";
const REFRESH: Key = int("refreshVMs", 60, 3600, SECONDS, "", "Time between two re-reads of the list")
    .unset("the global refreshVMs");
const FORGET: Key = int(
    "forgetVMs",
    60,
    u32::MAX,
    SECONDS,
    "",
    "Time after which guests are forgotten that their engine does not answer for",
)
.more("Containers only where their cgroup is gone too.")
.unset("the global forgetVMs");
const HOSTNAME: Key =
    switch("hostname", "off", "Report the host name inside a container, not the container's name");
const MARK_TRAFFIC: Key = switch("markTraffic", "off", "Name the guest in samples of its packets");

pub(super) static KVM: Object = Object {
    activity: Activity::Active,
    more: "Read by hsflowd-libvirt, a program of a package of its own, over libvirt's read-only socket.",
    ..Object::new(ObjectId::Kvm, "kvm", "Virtual machines of libvirt", KVM_KEYS)
};

static KVM_KEYS: &[Key] = &[REFRESH, FORGET, MARK_TRAFFIC.more("The C agent does not know this key.")];

pub(super) static XEN: Object = Object {
    activity: Activity::Ignored("Xen is not supported"),
    ..Object::new(ObjectId::Xen, "xen", "Virtual machines of Xen", XEN_KEYS)
};

static XEN_KEYS: &[Key] = &[
    switch("update.dominfo", "off", "Ask for the state of a machine at each sample, not at each refresh"),
    switch("dsk", "on", "Report disk counters"),
    pattern("switchport", r"vif[^0-9]*([0-9]+)\.([0-9]+)$", "Names of interfaces that belong to a machine"),
    path("vbd", "Directory of the counters of virtual disks").unset("none"),
    REFRESH,
    FORGET,
];

pub(super) static DOCKER: Object = Object {
    activity: Activity::Active,
    more: "Asks /var/run/docker.sock, or where there is none /run/podman/podman.sock; the agent's user must be permitted to.",
    ..Object::new(ObjectId::Docker, "docker", "Containers of Docker and Podman", DOCKER_KEYS)
};

static DOCKER_KEYS: &[Key] =
    &[REFRESH.more("At least 120: events tell of changes."), FORGET, HOSTNAME, MARK_TRAFFIC];

pub(super) static CONTAINERD: Object = Object {
    activity: Activity::Active,
    ..Object::new(ObjectId::Containerd, "containerd", "Containers of containerd", CONTAINERD_KEYS)
};

static CONTAINERD_KEYS: &[Key] = &[FORGET, HOSTNAME, MARK_TRAFFIC];

pub(super) static K8S: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Active,
    ..Object::new(ObjectId::K8s, "k8s", "Pods of Kubernetes", K8S_KEYS)
};

static K8S_KEYS: &[Key] = &[
    MARK_TRAFFIC,
    switch("eof", "off", "Keep running when the source of pod events ends").ignored("it always does"),
    switch("setIfAlias", "on", "Use the pod's name as the alias of its interface"),
    switch("setIfName", "on", "Send that alias as the name of the interface"),
    name("unixsock", "Socket of containerd")
        .more("Pods of other runtimes are found by their cgroups.")
        .example("/run/containerd/containerd.sock")
        .unset("that of the runtime found"),
];

pub(super) static SYSTEMD: Object = Object {
    activity: Activity::Active,
    more: "Those that run below system.slice, with the counters of their cgroups.",
    ..Object::new(ObjectId::Systemd, "systemd", "Services of systemd", SYSTEMD_KEYS)
};

static SYSTEMD_KEYS: &[Key] = &[
    int("refreshVMs", 10, 3600, SECONDS, "60", "Time between two re-reads of the list"),
    switch("dropPriv", "off", "Do without what only root may read")
        .ignored("the agent never needs root for it"),
    path("cgroup_procs", "Pattern of the paths of the process lists")
        .unset("no effect")
        .ignored("the kernel says where they are"),
    path("cgroup_acct", "Pattern of the paths of the accounting files")
        .unset("no effect")
        .ignored("the kernel says where they are"),
    MARK_TRAFFIC,
];

pub(super) static OVS: Object = Object {
    activity: Activity::Active,
    more: "Every bridge gets the collectors, polling, headerBytes, the agent's device and the sampling of this file, whatever the \
           speed of its ports, and sends by itself; bridges that come later too. A bridge with another's sFlow record keeps it. \
           Collectors with dev or namespace are left out: Open vSwitch cannot choose the way.",
    ..Object::new(ObjectId::Ovs, "ovs", "Set up sFlow in Open vSwitch to match this file", OVS_KEYS)
};

static OVS_KEYS: &[Key] = &[
    path("unixsock", "Socket of Open vSwitch's data base")
        .unset("/var/run/openvswitch/db.sock")
        .more("The C agent does not know this key."),
    Key::new("atExit", Kind::Choice(&["remove", "keep"]), "remove", "What becomes of the bridges' sFlow when the agent ends")
        .more("With keep, bridges go on sending while no agent runs. The C agent does not know this key, and removes."),
];

pub(super) static NVML: Object = Object {
    activity: Activity::Active,
    more: "Of the whole host, and of the containers that were given GPUs. Needs NVIDIA's libnvidia-ml.so.1.",
    ..Object::new(ObjectId::Nvml, "nvml", "Counters of NVIDIA GPUs", &[])
};
