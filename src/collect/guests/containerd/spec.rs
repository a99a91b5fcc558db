//! What a container was made to be: the parts of its OCI specification that are of use here.
//!
//! In: the JSON that containerd keeps with each container, the same as `config.json` in the bundle of one that runs. Out: a
//! [`Spec`]. Rules: a value of another type than the specification gives it counts as missing; only what is no such
//! document at all is an error. Pure. Spec: OCI runtime specification, "config.md" and "config-linux.md"; annotations
//! `io.kubernetes.cri.*` are those of containerd's CRI plugin.

use super::cgroup_path;
use serde::Deserialize;
use serde_json::Value;

/// Names longer than this are cut: no sample could carry them.
const LONGEST: usize = 255;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("its specification: {0}")]
pub struct SpecError(#[from] serde_json::Error);

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Its host name inside.
    pub hostname: Option<String>,
    /// Its cgroup, below the mount points.
    pub cgroup: Option<String>,
    /// What Kubernetes says of it, where Kubernetes made it.
    pub cri: Option<Cri>,
    /// CPUs that it may use, rounded, at least 1; none without a limit.
    pub cpus: Option<u32>,
    /// Bytes of memory that it may use; none without a limit.
    pub memory_max: Option<u64>,
    /// UUIDs of the GPUs that it was given, without `GPU-`.
    pub gpus: Vec<String>,
}

/// A container's place in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cri {
    /// Its name in the pod; none has the pod's sandbox.
    pub container: Option<String>,
    /// True for the container that only holds the pod's namespaces.
    pub sandbox: bool,
    /// The pod's name.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's UID.
    pub uid: Option<String>,
    /// The image's name.
    pub image: Option<String>,
}

impl Cri {
    /// Its name as the C agent has it, which collectors take apart.
    pub fn name(&self) -> String {
        let container = self.container.as_deref().filter(|name| *name != self.pod).unwrap_or_default();
        bounded(&format!("k8s_{container}_{}_{}_u_a", self.pod, self.namespace))
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    hostname: Value,
    #[serde(default)]
    annotations: Value,
    #[serde(default)]
    process: Option<Process>,
    #[serde(default)]
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(default)]
    env: Value,
}

#[derive(Deserialize)]
struct Linux {
    #[serde(default, rename = "cgroupsPath")]
    cgroups_path: Value,
    #[serde(default)]
    resources: Value,
}

impl Spec {
    /// Reads the document; an empty one says nothing.
    pub fn parse(json: &[u8]) -> Result<Self, SpecError> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        let document: Document = serde_json::from_slice(json)?;
        let linux = document.linux.as_ref();
        Ok(Self {
            hostname: text(&document.hostname),
            cgroup: linux.and_then(|linux| cgroup_path::expand(linux.cgroups_path.as_str()?)),
            cri: cri(&document),
            cpus: linux.and_then(|linux| cpus(&linux.resources["cpu"])),
            memory_max: linux.and_then(|linux| positive(&linux.resources["memory"]["limit"])),
            gpus: document.process.as_ref().map(|process| gpus(&process.env)).unwrap_or_default(),
        })
    }
}

fn cri(document: &Document) -> Option<Cri> {
    let of = |name: &str| text(&document.annotations[format!("io.kubernetes.cri.{name}")]);
    let kind = of("container-type")?;
    Some(Cri {
        container: of("container-name"),
        sandbox: kind == "sandbox",
        pod: of("sandbox-name").or_else(|| text(&document.hostname)).unwrap_or_default(),
        namespace: of("sandbox-namespace").unwrap_or_default(),
        uid: of("sandbox-uid"),
        image: of("image-name"),
    })
}

/// Time that it may use in a period, both in microseconds.
fn cpus(cpu: &Value) -> Option<u32> {
    let (quota, period) = (positive(&cpu["quota"])?, positive(&cpu["period"]).unwrap_or(100_000));
    u32::try_from(((quota.saturating_add(period / 2)) / period).max(1)).ok()
}

/// Negative and 0 mean no limit.
fn positive(value: &Value) -> Option<u64> {
    value.as_u64().filter(|limit| (1..=i64::MAX.unsigned_abs()).contains(limit))
}

fn gpus(environment: &Value) -> Vec<String> {
    let variables = environment.as_array().into_iter().flatten().filter_map(Value::as_str);
    let lists = variables.filter_map(|variable| variable.strip_prefix("NVIDIA_VISIBLE_DEVICES="));
    // The last one counts, as it does for a process that has a variable twice.
    let list = lists.fold("", |_, last| last);
    let devices = list.split(',').filter_map(|item| item.trim().strip_prefix("GPU-"));
    devices.map(bounded).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(bounded)
}

/// At most `LONGEST` bytes, on one line.
pub fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST);
    text.get(..end).unwrap_or_default().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_kubernetes_is_told_with_all_that_is_of_use() {
        let json = br#"{"ociVersion":"1.0.2","process":{"args":["x"],"env":["PATH=/bin","NVIDIA_VISIBLE_DEVICES=GPU-8a9b,all,GPU-0c1d"]},
            "hostname":"web-7d4","mounts":[],"annotations":{"io.kubernetes.cri.container-name":"nginx",
            "io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"docker.io/nginx:1",
            "io.kubernetes.cri.sandbox-name":"web-7d4","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"4b0e"},
            "linux":{"cgroupsPath":"kubepods-burstable-pod4b0e.slice:cri-containerd:ab12",
            "resources":{"memory":{"limit":134217728},"cpu":{"shares":2,"quota":150000,"period":100000}}}}"#;
        let spec = Spec::parse(json).unwrap();
        let cri = spec.cri.as_ref().unwrap();
        assert_eq!(cri.name(), "k8s_nginx_web-7d4_shop_u_a");
        assert_eq!((cri.uid.as_deref(), cri.sandbox), (Some("4b0e"), false));
        assert_eq!((spec.cpus, spec.memory_max), (Some(2), Some(128 << 20)));
        assert_eq!(spec.gpus, ["8a9b", "0c1d"]);
        assert_eq!(
            spec.cgroup.as_deref(),
            Some(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod4b0e.slice/cri-containerd-ab12.scope"
            )
        );
    }

    #[test]
    fn a_sandbox_has_no_name_of_its_own() {
        let json = br#"{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"web",
            "io.kubernetes.cri.sandbox-namespace":"shop"}}"#;
        let cri = Spec::parse(json).unwrap().cri.unwrap();
        assert!(cri.sandbox);
        assert_eq!(cri.name(), "k8s__web_shop_u_a");
    }

    #[test]
    fn values_of_a_wrong_type_and_limits_that_are_none_count_as_missing() {
        let json = br#"{"hostname":7,"annotations":["a"],"process":{"env":{"a":1}},"linux":{"cgroupsPath":[],
            "resources":{"memory":{"limit":-1},"cpu":{"quota":"much","period":0}}},"extra":{}}"#;
        assert_eq!(Spec::parse(json).unwrap(), Spec::default());
        let json = br#"{"process":null,"linux":{"resources":{"memory":{"limit":9223372036854775808},"cpu":{"quota":1000}}}}"#;
        assert_eq!(Spec::parse(json).unwrap(), Spec { cpus: Some(1), ..Spec::default() });
        assert_eq!(Spec::parse(b"").unwrap(), Spec::default());
        for bad in [&b"{"[..], b"[1]x", br#"{"linux":"x"}"#, b"\xff"] {
            assert!(Spec::parse(bad).is_err());
        }
    }

    #[test]
    fn a_name_of_4_kb_with_newlines_is_cut_between_characters_and_stays_on_one_line() {
        let name = bounded(&format!("a\nb{}", "\u{20ac}".repeat(1365)));
        assert!(name.starts_with("a?b\u{20ac}") && name.len() <= 255 && name.len() > 250);
    }
}
