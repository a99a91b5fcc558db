//! Pods that containerd's CRI plugin makes, as kubelet would ask it to.

use crate::rig::{Containerd, LIMIT, Watcher, cgroup, ctr, isolated, shell, tasks, with_channel};
use crate::support::wait_until;
use hsflow::collect::guests::{News, containerd, k8s};
use hsflow::config::model::K8s;
use hsflow::host::Host;
use hsflow::sample::guest::{Engine, GuestState};
use hsflow::wire::protobuf::{Message, fields};

fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    fields
        .iter()
        .fold(Message::default(), |message, (n, bytes)| message.with(*n, bytes))
        .as_bytes()
        .to_owned()
}

/// A method of `runtime.v1.RuntimeService`; field 1 of its answer.
fn cri(method: &'static str, request: &[u8]) -> String {
    // These may take longer than anything that the agent asks for.
    let answer = with_channel(async |channel| {
        let mut answers = channel.follow(method, request).await.unwrap();
        // The status comes behind the answer.
        let whole = async { (answers.next().await.unwrap(), answers.next().await.unwrap()).0 };
        tokio::time::timeout(LIMIT, whole).await.expect(method).unwrap_or_default()
    });
    fields(&answer).flatten().find(|(n, _)| *n == 1).map(|(_, value)| value.text()).unwrap_or_default()
}

pub(crate) fn wait_for_cri() {
    let asked = "/runtime.v1.RuntimeService/Status";
    wait_until("the CRI plugin", LIMIT, || with_channel(async |c| c.ask(asked, "", &[]).await).ok());
}

/// An image of our root directory.
pub(crate) fn import(daemon: &Containerd, name: &str) {
    let folder = daemon.rootfs();
    shell(&format!(
        "cd {0}/.. && rm -rf image && mkdir image && tar -C {0} -cf image/layer.tar . && cd image && \
         printf '{{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{{\"Entrypoint\":[\"/bin/sleep\",\"10000\"]}},\
         \"rootfs\":{{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}}}' $(sha256sum layer.tar | cut -c1-64) > config.json && \
         echo '[{{\"Config\":\"config.json\",\"RepoTags\":[\"{name}\"],\"Layers\":[\"layer.tar\"]}}]' > manifest.json && \
         tar -cf image.tar manifest.json config.json layer.tar && ctr -n k8s.io images import image.tar",
        folder.display()
    ));
    // The CRI plugin hears of it a moment later.
    let asked = message(&[(1, &message(&[(1, name.as_bytes())]))]);
    wait_until("the CRI plugin to know the image", LIMIT, || {
        let answer =
            with_channel(async |c| c.ask("/runtime.v1.ImageService/ImageStatus", "", &asked).await).ok()?;
        fields(&answer).flatten().any(|(n, _)| n == 1).then_some(())
    });
}

pub(crate) struct Pod {
    id: String,
    config: Vec<u8>,
    pub(crate) cgroup: String,
}

impl Pod {
    /// On the host's network: no CNI plugin is asked.
    pub(crate) fn run(name: &str, uid: &str) -> Self {
        Self::run_in(name, uid, &[(1, Message::default().with_integer(1, 2).as_bytes())])
    }

    /// In a network of its own.
    pub(crate) fn run_apart(name: &str, uid: &str) -> Self {
        Self::run_in(name, uid, &[])
    }

    fn run_in(name: &str, uid: &str, security: &[(u32, &[u8])]) -> Self {
        let cgroup = format!("{}/kubepods/besteffort/pod{uid}", cgroup());
        let metadata = message(&[(1, name.as_bytes()), (2, uid.as_bytes()), (3, b"shop")]);
        let linux = message(&[(1, cgroup.as_bytes()), (2, &message(security))]);
        let label = message(&[(1, b"app"), (2, name.as_bytes())]);
        let config = message(&[(1, &metadata), (3, b"/tmp/logs"), (6, &label), (8, &linux)]);
        let id = cri("/runtime.v1.RuntimeService/RunPodSandbox", &message(&[(1, &config)]));
        Self { id, config, cgroup }
    }

    pub(crate) fn add(&self, name: &str) -> String {
        let resources =
            Message::default().with_integer(1, 100_000).with_integer(2, 200_000).with_integer(4, 64 << 20);
        let container = message(&[
            (1, &message(&[(1, name.as_bytes())])),
            (2, &message(&[(1, b"localhost/pause:1")])),
            (15, &message(&[(1, resources.as_bytes())])),
        ]);
        let request = message(&[(1, self.id.as_bytes()), (2, &container), (3, &self.config)]);
        let id = cri("/runtime.v1.RuntimeService/CreateContainer", &request);
        cri("/runtime.v1.RuntimeService/StartContainer", &message(&[(1, id.as_bytes())]));
        id
    }

    pub(crate) fn stop(&self) {
        cri("/runtime.v1.RuntimeService/StopPodSandbox", &message(&[(1, self.id.as_bytes())]));
    }
}

#[test]
fn pods_are_put_together_from_the_containers_that_the_cri_plugin_makes() {
    isolated(|| {
        let daemon = Containerd::start();
        import(&daemon, "localhost/pause:1");
        wait_for_cri();
        let first = Pod::run("web-0", "4b0e2f1c-0b57-4a3e-9f0e-5d1c2b3a4f5e");
        let nginx = first.add("nginx");
        daemon.run("", "plain");

        let settings =
            K8s { mark_traffic: false, eof: false, set_if_alias: true, set_if_name: true, unix_socket: None };
        let pods = Watcher::start(Engine::K8s, || {}, |feed| k8s::run(Host::default(), settings, true, feed));
        let containers =
            Watcher::start(Engine::Containerd, || {}, |feed| containerd::run(Host::default(), true, feed));
        pods.wait_running();
        containers.wait_running();
        let pod = pods.told().guests["k8s__web-0_shop_u_a"].clone();
        let running = tasks("k8s.io");
        assert_eq!(pods.told().guests.len(), 1);
        assert_eq!(
            (pod.pid, pod.cgroup.as_deref()),
            (running.get(&first.id).map(|task| task.0), Some(&*first.cgroup))
        );
        assert_eq!(
            (pod.cpus, pod.memory_max, pod.image.as_deref()),
            (Some(2), Some(64 << 20), Some("localhost/pause:1"))
        );
        assert_eq!(pod.labels.get("app").map(String::as_str), Some("web-0"));
        for (pid, _) in running.values() {
            let kernels = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
            assert!(kernels.lines().all(|line| line.contains(&first.cgroup)), "{kernels}");
        }
        let names: Vec<_> = containers.told().guests.values().map(|guest| guest.name.clone()).collect();
        assert!(
            ["k8s__web-0_shop_u_a", "k8s_nginx_web-0_shop_u_a", "plain"]
                .iter()
                .all(|n| names.iter().any(|name| name == n)),
            "{names:?}"
        );

        let second = Pod::run("db-0", "aaaaaaaa-0b57-4a3e-9f0e-5d1c2b3a4f5e");
        second.add("postgres");
        first.add("sidecar");
        pods.wait("the second pod", |told| told.guests.get("k8s__db-0_shop_u_a")?.memory_max);
        pods.wait("the sidecar", |told| (told.guests[&pod.id].memory_max == Some(128 << 20)).then_some(()));

        ctr(&format!("-n k8s.io task kill -s KILL {nginx}"));
        containers.wait("nginx gone", |told| (!told.guests.contains_key(&nginx)).then_some(()));
        pods.wait("its limit gone", |told| (told.guests[&pod.id].memory_max == Some(64 << 20)).then_some(()));
        // The next list after the second is minutes away: what ends is told by its event.
        pods.wait("the second list", |told| (told.lists > 1).then_some(()));
        first.stop();
        pods.wait("the first pod gone", |told| (!told.guests.contains_key(&pod.id)).then_some(()));
        match &pods.told().news[..] {
            [.., News::One(last), News::Gone(id)] => {
                assert_eq!((last.state, id), (GuestState::Shutdown, &pod.id));
                assert_eq!(last.cgroup, pod.cgroup);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(pods.told().guests.len(), 1);
        second.stop();
    });
}
