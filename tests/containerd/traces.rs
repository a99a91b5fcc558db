//! What is known without a right to containerd's socket, against what the same containerd knows.

use crate::rig::{Containerd, Watcher, cgroup, isolated, shell, tasks};
use hsflow::collect::guests::{containerd, k8s};
use hsflow::config::model::K8s;
use hsflow::host::Host;
use hsflow::sample::guest::Engine;

/// From now on files are opened with the rights of nobody, on this thread and those that it starts.
fn become_nobody() {
    nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
    nix::unistd::setfsgid(nix::unistd::Gid::from_raw(65534));
}

fn settings() -> K8s {
    K8s { mark_traffic: false, eof: false, set_if_alias: true, set_if_name: true, unix_socket: None }
}

/// A pod of no other test: cgroups are for all to see.
struct Pod {
    uid: String,
    cgroup: String,
    web: String,
    pause: String,
}

impl Pod {
    fn run(daemon: &Containerd) -> Self {
        let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
        let uid = random.trim().to_owned();
        let hex = uid.replace('-', "");
        let (web, pause) = (format!("{hex}{}a1", "0".repeat(30)), format!("{hex}{}a2", "0".repeat(30)));
        let cgroup = format!("{}/kubepods/burstable/pod{uid}", cgroup());
        for (id, own) in [(&web, "container-type=container"), (&pause, "container-type=sandbox")] {
            let options: String = [
                own,
                if *id == web { "container-name=nginx" } else { "none=x" },
                "sandbox-name=web-7d4",
                "sandbox-namespace=shop",
                &format!("sandbox-uid={uid}"),
            ]
            .map(|annotation| format!("--annotation io.kubernetes.cri.{annotation} "))
            .concat();
            daemon.run_in("k8s.io", &format!("{cgroup}/{id}"), &options, id);
        }
        Self { uid, cgroup, web, pause }
    }
}

#[test]
fn an_ordinary_user_finds_pods_by_their_cgroups_and_names_by_their_logs() {
    isolated(|| {
        let daemon = Containerd::start();
        daemon.run("", "plain");
        let pod = Pod::run(&daemon);
        let nobody = Watcher::start(Engine::K8s, become_nobody, |feed| {
            k8s::run(Host::default(), settings(), false, feed)
        });
        let nameless = format!("k8s__{}__u_a", pod.uid);
        let guest = nobody.wait("a pod", |told| told.guests.get(&nameless).cloned());
        assert_eq!(guest.cgroup.as_ref(), Some(&pod.cgroup));
        let reason = nobody.wait("a reason", |told| told.state.as_ref().map(|_| told.reason().to_owned()));
        assert!(reason.contains("Permission denied (os error 13)"), "{reason}");
        assert!(reason.contains("without the name of their pod"), "{reason}");

        // What kubelet leaves for everybody to list.
        shell(&format!("mkdir -p /var/log/pods/shop_web-7d4_{}/nginx /var/log/containers", pod.uid));
        shell(&format!("ln -s x /var/log/containers/web-7d4_shop_nginx-{}.log", pod.web));
        let name = "k8s__web-7d4_shop_u_a";
        let found = nobody.wait("its name", |told| told.guests.get(name).cloned());
        let root =
            Watcher::start(Engine::K8s, || {}, |feed| k8s::run(Host::default(), settings(), false, feed));
        root.wait_running();
        let truth = root.told().guests[name].clone();
        assert_eq!((found.pid, found.cgroup), (truth.pid, truth.cgroup), "the same process and cgroup");
        assert_eq!(truth.pid, tasks("k8s.io").get(&pod.pause).map(|task| task.0));

        let containers = Watcher::start(Engine::Containerd, become_nobody, |feed| {
            containerd::run(Host::default(), false, feed)
        });
        let web = containers.wait("containers", |told| told.guests.get(&pod.web).cloned());
        assert_eq!(web.name, "k8s_nginx_web-7d4_shop_u_a");
        assert!(containers.told().guests.contains_key(&pod.pause));
        assert!(
            !containers.told().guests.contains_key("plain"),
            "which its cgroup does not tell from others"
        );
    });
}

#[test]
fn root_knows_nearly_all_from_the_files_of_the_runtime_while_containerd_is_away() {
    isolated(|| {
        let mut daemon = Containerd::start();
        daemon.run("--memory-limit 67108864", "plain");
        Pod::run(&daemon);
        let truth =
            Watcher::start(Engine::Containerd, || {}, |feed| containerd::run(Host::default(), false, feed));
        truth.wait_running();
        let mut truth = truth.told().guests.clone();
        daemon.kill();
        // What a runtime that was killed leaves behind is no container.
        shell(
            "cp -r /run/containerd/io.containerd.runtime.v2.task/default/plain /run/containerd/io.containerd.runtime.v2.task/default/dead; \
            echo 1 > /run/containerd/io.containerd.runtime.v2.task/default/dead/init.pid; \
            mkdir /run/containerd/io.containerd.runtime.v2.task/default/bad; cd /run/containerd/io.containerd.runtime.v2.task/default/bad; \
            echo 1 > init.pid; echo '{' > config.json",
        );
        let files =
            Watcher::start(Engine::Containerd, || {}, |feed| containerd::run(Host::default(), false, feed));
        files.wait("containers", |told| (!told.guests.is_empty()).then_some(()));
        truth.values_mut().for_each(|guest| {
            guest.image = None;
            guest.labels.clear();
        });
        assert_eq!(files.told().guests, truth);
    });
}
