//! Names of cgroups that container runtimes give.
//!
//! In: `cgroupsPath` of an OCI specification, or the path of a cgroup that was found. Out: the path below the mount points,
//! or the container and pod that a path tells of. Pure. Spec: runc's `docs/systemd.md`, `systemd.slice(5)`, kubelet's cgroup drivers.

/// The path of a container's cgroup. `slice:prefix:name` is a scope that systemd makes; none for what is relative to
/// the cgroup of the runtime, which is not known here.
pub fn expand(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let mut parts = path.split(':');
    let (slice, prefix, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || name.is_empty() || path.contains('/') {
        return None;
    }
    let slice = if slice.is_empty() { "system.slice" } else { slice };
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}-") };
    Some(format!("{}/{prefix}{name}.scope", slice_path(slice)?))
}

/// `a-b.slice` lies in `a.slice`, and so on.
fn slice_path(slice: &str) -> Option<String> {
    let name = slice.strip_suffix(".slice")?;
    if name == "-" {
        return Some(String::new());
    }
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    Some(ends.filter_map(|end| name.get(..end)).map(|part| format!("/{part}.slice")).collect())
}

/// What the path of a cgroup tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The container's id.
    pub container: String,
    /// The pod's UID, with dashes.
    pub pod: Option<String>,
}

/// The container whose cgroup has this path, where its runtime is containerd or CRI-O. Docker's and Podman's are not
/// ours to tell.
pub fn parse(path: &str) -> Option<Told> {
    let (parent, last) = path.rsplit_once('/')?;
    let scope = last.strip_suffix(".scope");
    let id = match scope {
        Some(scope) => scope.strip_prefix("cri-containerd-").or_else(|| scope.strip_prefix("crio-"))?,
        // Under systemd's eyes the scope of CRI-O has a cgroup of its own inside.
        None if parent.contains("kubepods") && !parent.ends_with(".scope") => {
            last.strip_prefix("crio-").unwrap_or(last)
        }
        None => return None,
    };
    let hex = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| Told { container: id.to_owned(), pod: pod(parent) })
}

/// The UID of the pod whose cgroup has this path: `…/pod<uid>`, or `…-pod<uid with _>.slice`.
pub fn pod(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    let name = last.strip_suffix(".slice").map_or(last, |slice| slice.rsplit('-').next().unwrap_or(slice));
    let uid = name.strip_prefix("pod")?;
    let plausible =
        uid.len() >= 8 && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    plausible.then(|| uid.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_scope_lies_in_all_the_slices_that_its_slice_names() {
        for (path, expanded) in [
            ("/default/web", Some("/default/web")),
            ("kubepods-burstable-podab_c.slice:cri-containerd:1", {
                Some(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_c.slice/cri-containerd-1.scope",
                )
            }),
            (":docker:1", Some("/system.slice/docker-1.scope")),
            ("-.slice::1", Some("/1.scope")),
            ("system.slice:a:b:c", None),
            ("relative/path", None),
            ("a:b:", None),
            ("noslice:b:c", None),
            ("", None),
        ] {
            assert_eq!(expand(path).as_deref(), expanded, "{path}");
        }
    }

    #[test]
    fn both_cgroup_drivers_of_kubelet_tell_container_and_pod() {
        let uid = "4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e";
        let slice = format!(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
            uid.replace('-', "_")
        );
        for path in [
            format!("/kubepods/burstable/pod{uid}/{ID}"),
            format!("{slice}/cri-containerd-{ID}.scope"),
            format!("{slice}/crio-{ID}.scope"),
        ] {
            let told = Told { container: ID.into(), pod: Some(uid.into()) };
            assert_eq!(parse(&path), Some(told), "{path}");
        }
    }

    #[test]
    fn other_cgroups_tell_nothing() {
        for path in [
            "/kubepods/burstable",
            "/kubepods/burstable/pod4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e",
            &format!("/docker/{ID}"),
            &format!("/system.slice/docker-{ID}.scope"),
            &format!("/machine.slice/libpod-{ID}.scope"),
            &format!("/kubepods.slice/x/crio-conmon-{ID}.scope"),
            &format!("/kubepods.slice/x/crio-{ID}.scope/container"),
            "/user.slice/session-1.scope",
            "",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
