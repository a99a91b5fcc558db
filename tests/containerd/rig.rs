//! A containerd of the test's own: in namespaces of mounts, processes and networks that end with the test and take
//! everything that runs in them along. It has its usual paths, because `/run` in there is another.

use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use hsflow::collect::guests::containerd::grpc::Channel;
use hsflow::collect::guests::{Feed, News, channel};
use hsflow::sample::guest::{Engine, Guest};
use hsflow::status::registry::State;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Where containerd listens.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

const INSIDE: &str = "HSFLOW_TEST_CONTAINERD";

/// Runs the test again inside the namespaces. Its cgroups, which lie outside of them, are removed in the end.
pub(crate) fn isolated(body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        let mut folders = vec!["/run", "/var/log"];
        // The programs under test may lie there.
        if !std::env::current_exe().unwrap().starts_with("/tmp") {
            folders.push("/tmp");
        }
        folders.iter().for_each(|folder| _ = shell(&format!("mount -t tmpfs tmpfs {folder}")));
        shell("ip link set lo up");
        return body();
    }
    let thread = std::thread::current();
    let name = thread.name().expect("a test has a name");
    if !nix::unistd::Uid::effective().is_root() {
        println!("SKIP {name}: containerd needs root");
        return;
    }
    let cgroup = format!("hsflow-test-{}-{}", std::process::id(), name.replace(':', "-"));
    let again = Command::new("unshare")
        .args(["-mnpf", "--mount-proc", "--kill-child=KILL"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, &cgroup)
        .output()
        .unwrap();
    remove_cgroups(&cgroup);
    let said = String::from_utf8_lossy(&[again.stdout, again.stderr].concat()).into_owned();
    assert!(again.status.success(), "{said}");
    said.lines()
        .filter(|line| line.contains("SKIP") || line.contains("MEASURED"))
        .for_each(|line| println!("{line}"));
}

/// The cgroup that everything of this test lies in.
pub(crate) fn cgroup() -> String {
    format!("/{}", std::env::var(INSIDE).unwrap())
}

fn remove_cgroups(name: &str) {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    for root in hierarchies.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
        if root.join(name).is_dir() {
            wait_until("its processes to leave the cgroup", LIMIT, || {
                remove_below(&root.join(name));
                (!root.join(name).exists()).then_some(())
            });
        }
    }
}

fn remove_below(cgroup: &Path) {
    for entry in std::fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(cgroup);
}

pub(crate) fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    text(line, &output)
}

fn text(what: &str, output: &Output) -> String {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The network of pods that do not share the host's: a bridge.
fn network(folder: &Path) -> String {
    format!(
        "{{\"cniVersion\": \"1.0.0\", \"name\": \"test\", \"plugins\": [{{\"type\": \"bridge\", \"bridge\": \"cni0\", \
         \"isGateway\": true, \"ipam\": {{\"type\": \"host-local\", \"dataDir\": \"{}/ipam\", \
         \"ranges\": [[{{\"subnet\": \"10.88.0.0/24\"}}]]}}}}]}}",
        folder.display()
    )
}

/// The daemon, and what its containers are made from.
pub(crate) struct Containerd {
    pub(crate) process: Process,
    folder: TempDir,
}

impl Containerd {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new();
        let rootfs = folder.path().join("rootfs");
        for name in ["bin", "proc", "dev", "sys", "etc", "tmp"] {
            std::fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        std::fs::copy("/bin/busybox", rootfs.join("bin/busybox")).unwrap();
        ["sh", "sleep", "true", "pause"]
            .iter()
            .for_each(|name| symlink("busybox", rootfs.join("bin").join(name)).unwrap());
        let configuration = format!(
            "version = 2\nroot = \"{folder}/root\"\nstate = \"/run/containerd\"\n\
             [grpc]\n  address = \"{SOCKET}\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"localhost/pause:1\"\n  restrict_oom_score_adj = true\n\
             [plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/usr/lib/cni\"\n  conf_dir = \"{folder}/cni\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n  snapshotter = \"native\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\n  path = \"{folder}/opt\"\n",
            folder = folder.path().display()
        );
        folder.write("config.toml", configuration);
        std::fs::create_dir(folder.path().join("cni")).unwrap();
        folder.write("cni/10-test.conflist", network(folder.path()));
        let process = Self::spawn(&folder);
        let this = Self { process, folder };
        this.wait();
        this
    }

    fn spawn(folder: &TempDir) -> Process {
        Process::start(Command::new("containerd").arg("--config").arg(folder.path().join("config.toml")))
    }

    fn wait(&self) {
        wait_until("containerd to answer", LIMIT, || try_ctr("version").ok());
    }

    /// Starts another in the place of one that was killed; its containers have lived on.
    pub(crate) fn start_again(&mut self) {
        self.process = Self::spawn(&self.folder);
        self.wait();
    }

    pub(crate) fn kill(&mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGKILL);
        self.process.wait_exit(LIMIT);
    }

    /// A container from our root directory, that sleeps.
    pub(crate) fn run(&self, options: &str, id: &str) {
        let cgroup = format!("{}/{id}", cgroup());
        self.run_in("default", &cgroup, options, id);
    }

    pub(crate) fn run_in(&self, namespace: &str, cgroup: &str, options: &str, id: &str) {
        let rootfs = self.rootfs();
        let what = format!("{} {id} /bin/sleep 10000", rootfs.display());
        ctr(&format!("-n {namespace} run -d --rootfs --cgroup {cgroup} {options} {what}"));
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.folder.path().join("rootfs")
    }
}

/// `ctr` with these words.
pub(crate) fn ctr(words: &str) -> String {
    try_ctr(words).unwrap_or_else(|output| text(words, &output))
}

fn try_ctr(words: &str) -> Result<String, Output> {
    let output = Command::new("ctr").args(words.split_whitespace()).output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(output)
    }
}

/// Process and state of each task, as `ctr task ls` has them.
pub(crate) fn tasks(namespace: &str) -> BTreeMap<String, (u32, String)> {
    let listed = ctr(&format!("-n {namespace} task ls"));
    let rows = listed.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.map(|row| (row[0].to_owned(), (row[1].parse().unwrap(), row[2].to_owned()))).collect()
}

/// What an engine has told so far.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) guests: BTreeMap<String, Guest>,
    pub(crate) state: Option<State>,
    pub(crate) news: Vec<News>,
    pub(crate) lists: usize,
}

impl Told {
    fn take(&mut self, news: News) {
        match news.clone() {
            News::All(guests) => {
                self.lists += 1;
                let count = guests.len();
                self.guests =
                    guests.into_iter().map(|guest| (guest.id.clone(), Guest::clone(&guest))).collect();
                assert_eq!(self.guests.len(), count, "two guests with one id");
            }
            News::Counters(counters) => panic!("{counters:?}"),
            News::One(guest) => {
                self.guests.insert(guest.id.clone(), Guest::clone(&guest));
            }
            News::Gone(id) => {
                self.guests.remove(&id).expect("only what is there can go");
            }
            News::State(state) => self.state = Some(state),
        }
        self.news.push(news);
    }

    pub(crate) fn reason(&self) -> &str {
        match &self.state {
            Some(State::Degraded { reason } | State::Unavailable { reason }) => reason,
            _ => "",
        }
    }
}

/// An engine's task on a thread of its own.
pub(crate) struct Watcher(Arc<Mutex<Told>>);

impl Watcher {
    /// Starts `run`; `prepare` is called on its thread before.
    pub(crate) fn start<F: Future<Output = ()>>(
        engine: Engine,
        prepare: fn(),
        run: impl FnOnce(Feed) -> F + Send + 'static,
    ) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let into = Arc::clone(&told);
        std::thread::spawn(move || {
            prepare();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (feed, mut receiver) = channel();
            let listen = async {
                while let Some((_, news)) = receiver.recv().await {
                    into.lock().unwrap().take(news);
                }
            };
            runtime.block_on(async { tokio::join!(run(feed.of(engine)), listen) });
        });
        Self(told)
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    /// Waits until this is true of what was told.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut probe: impl FnMut(&Told) -> Option<T>) -> T {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(what, LIMIT, || probe(&self.told()))
        }));
        found.unwrap_or_else(|_| {
            let told = self.told();
            panic!("{what}: {:?}\n{:#?}", told.state, told.guests.values().collect::<Vec<_>>())
        })
    }

    /// Waits for its state to be running.
    #[track_caller]
    pub(crate) fn wait_running(&self) {
        self.wait("a running state", |told| (told.state == Some(State::Running)).then_some(()));
    }
}

/// Calls methods of containerd that the agent does not.
pub(crate) fn with_channel<T>(body: impl AsyncFnOnce(&Channel) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { body(&Channel::connect(Path::new(SOCKET)).await.unwrap()).await })
}
