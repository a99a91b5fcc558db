//! A dockerd of a test's own, with its containerd: its folders, socket, network and mounts are private, and nothing of it
//! outlives the test, containers included.
//!
//! Its processes are found by the folder that is in their command lines, its containers by the cgroup that they are all
//! below. Needs root, dockerd, the `docker` program and busybox; the image `bb` is made of busybox alone.
#![allow(dead_code)] // each test program uses its part

use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// For what takes a second on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Shell words that put what engines keep in fixed places, such as the sockets of shims, below `$HOME`, for all that run
/// with it as home; without `/run/systemd` they make cgroups themselves.
pub(crate) const PRIVATE: &str = "mkdir -p $HOME/run $HOME/etc && mount --bind $HOME/run /run && \
    { [ ! -d /etc/docker ] || mount --bind $HOME/etc /etc/docker; } &&";

pub(crate) struct Dockerd {
    daemon: Option<Process>,
    /// The namespaces that it has apart, as unshare(1) has them.
    apart: &'static str,
    options: Vec<String>,
    remains: Remains,
}

impl Dockerd {
    /// Runs, with an image and without networks. `options` are dockerd's own, such as `--bridge=none`.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in("-nm", options)
    }

    /// The same, in the network of the caller.
    pub(crate) fn beside(options: &[&str]) -> Self {
        Self::start_in("-m", options)
    }

    fn start_in(apart: &'static str, options: &[&str]) -> Self {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut dockerd = Self { daemon: None, apart, options, remains: Remains::new() };
        fs::create_dir_all(dockerd.socket().parent().unwrap()).unwrap();
        dockerd.launch();
        let image = image(dockerd.dir());
        dockerd.docker(&format!("import {} bb", image.display()));
        dockerd
    }

    /// Starts dockerd, which takes up what an earlier one left.
    pub(crate) fn launch(&mut self) {
        let dir = self.dir().to_owned();
        let line = format!(
            "{PRIVATE} ip link set lo up && exec dockerd --data-root {0}/data --exec-root {0}/exec --pidfile {0}/pid \
             --host unix://{1} --storage-driver vfs --iptables=false --cgroup-parent {2} {3}",
            dir.display(),
            self.socket().display(),
            self.remains.cgroup,
            self.options.join(" "),
        );
        // One that was killed leaves its id, which may be another process's by now.
        let _ = fs::remove_file(dir.join("pid"));
        let _ = fs::remove_file(dir.join("exec/containerd/containerd.pid"));
        let mut command = Command::new("unshare");
        command.args([self.apart, "sh", "-c", &line]).env("HOME", &dir);
        self.daemon = Some(Process::start(&mut command));
        wait_until("dockerd answers", PATIENCE, || {
            // One whose containerd has not begun within 15 s ends.
            if !self.daemon.as_mut().unwrap().is_running() {
                let _ = fs::remove_file(dir.join("exec/containerd/containerd.pid"));
                self.daemon = Some(Process::start(&mut command));
            }
            self.attempt("version").status.success().then_some(())
        });
    }

    /// Runs the `docker` program; fails the test where that fails. Words are separated by blanks.
    #[track_caller]
    pub(crate) fn docker(&self, line: &str) -> String {
        self.docker_args(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The same with arguments as they are.
    #[track_caller]
    pub(crate) fn docker_args(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The same, which may fail.
    pub(crate) fn attempt(&self, line: &str) -> Output {
        self.command().args(line.split_whitespace()).output().unwrap()
    }

    /// Starts a container that sleeps and has no network; its id.
    #[track_caller]
    pub(crate) fn sleeper(&self, name: &str, options: &str) -> String {
        self.docker(&format!("run -d --network none --name {name} {options} bb sleep 100000"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.daemon.as_ref().unwrap().signal(signal);
    }

    /// Ends dockerd as an administrator does.
    pub(crate) fn stop(&mut self) {
        self.daemon.take().unwrap().stop(PATIENCE);
    }

    /// Ends dockerd and its containerd as a fault does; containers go on.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::SIGKILL);
        daemon.wait_exit(PATIENCE);
    }

    /// How many clients are connected.
    pub(crate) fn connections(&self) -> usize {
        let pid = self.daemon.as_ref().unwrap().pid();
        let sockets = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
        let path = self.socket().display().to_string();
        let connected = |line: &&str| line.ends_with(&path) && line.split_whitespace().nth(5) == Some("03");
        sockets.lines().filter(connected).count()
    }

    /// What `Host::at` wants, for an agent that shall find the socket in its usual place.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir().join("root")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root().join("var/run/docker.sock")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.remains.dir.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(format!("unix://{}", self.socket().display())).env("HOME", self.dir());
        command
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // A stopped one cannot be ended politely; the remains are removed either way.
        let _ = self.daemon.as_ref().map(|daemon| kill(daemon.pid(), Signal::SIGKILL));
    }
}

/// An archive with busybox and names for some of its commands.
pub(crate) fn image(dir: &Path) -> PathBuf {
    let (root, archive) = (dir.join("image"), dir.join("image.tar"));
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    for name in ["sh", "sleep", "true", "cat", "dd", "ping", "nc", "yes", "kill", "tail"] {
        let _ = std::os::unix::fs::symlink("busybox", root.join("bin").join(name));
    }
    let made = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status().unwrap();
    assert!(made.success(), "tar");
    archive
}

/// What a container engine leaves when it is killed, and its removal.
pub(crate) struct Remains {
    /// In the command lines of all that it starts.
    pub(crate) dir: TempDir,
    /// All its containers are below it, in every hierarchy.
    pub(crate) cgroup: String,
}

impl Remains {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new();
        let cgroup = format!("/{}", dir.path().file_name().unwrap().to_string_lossy());
        Self { dir, cgroup }
    }

    fn processes(&self) -> Vec<Pid> {
        let dir = format!("{}/", self.dir.path().display());
        let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let id: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            String::from_utf8_lossy(&line).contains(&dir).then(|| Pid::from_raw(id))
        });
        let own = ids.filter(|pid| *pid != Pid::this());
        let text =
            self.cgroups().into_iter().filter_map(|path| fs::read_to_string(path.join("cgroup.procs")).ok());
        let inside =
            text.flat_map(|text| text.lines().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>());
        own.chain(inside.map(Pid::from_raw)).collect()
    }

    /// A frozen process does not end.
    fn thaw(&self) {
        for dir in self.cgroups() {
            for (file, word) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
                let _ = fs::OpenOptions::new().write(true).open(dir.join(file)).map(|mut file| {
                    let _ = file.write_all(word.as_bytes());
                });
            }
        }
    }

    /// The deepest first.
    fn cgroups(&self) -> Vec<PathBuf> {
        let mounts = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
        let name = self.cgroup.trim_start_matches('/');
        let mut found = Vec::new();
        for mount in mounts.chain([PathBuf::from("/sys/fs/cgroup")]) {
            below(&mount.join(name), &mut found);
        }
        found
    }
}

fn below(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        below(&entry.path(), found);
    }
    found.push(dir.to_owned());
}

impl Drop for Remains {
    fn drop(&mut self) {
        let gone = || {
            self.thaw();
            let left = self.processes();
            left.iter().for_each(|pid| _ = kill(*pid, Signal::SIGKILL));
            left.is_empty().then_some(())
        };
        wait_until("the engine and its containers end", PATIENCE, gone);
        let removed = || {
            let left = self.cgroups();
            left.iter().for_each(|dir| _ = fs::remove_dir(dir));
            left.is_empty().then_some(())
        };
        wait_until("their cgroups end", PATIENCE, removed);
    }
}
