//! `hsflowctl demo`: an agent of this user on a free loopback port, and what it sends, decoded. Rule: whatever ends
//! it, the agent it started is stopped and its directory removed.

use super::ends::{self, Ends};
use super::{Exit, decode};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use tokio::net::UdpSocket;

/// A running agent and its directory.
struct Demonstration {
    agent: Child,
    directory: PathBuf,
}

impl Demonstration {
    fn start(port: u16) -> io::Result<Self> {
        let directory = std::env::temp_dir().join(format!("hsflowctl-demo-{}", std::process::id()));
        std::fs::create_dir(&directory)?;
        let configuration = directory.join("hsflowd.conf");
        let text = format!(
            "sflow {{\n  polling = 5\n  collector {{ ip = 127.0.0.1 udpport = {port} }}\n  \
             interfaceCounters = all\n}}\n"
        );
        let agent = std::fs::write(&configuration, text).and_then(|()| {
            Command::new(sibling("hsflowd")?)
                .arg("-d")
                .arg("-f")
                .arg(&configuration)
                .arg("-o")
                .arg(directory.join("hsflowd.auto"))
                .arg("--socket")
                .arg(directory.join("control.sock"))
                .spawn()
        });
        match agent {
            Ok(agent) => Ok(Self { agent, directory }),
            Err(e) => {
                let _ = std::fs::remove_dir_all(&directory);
                Err(e)
            }
        }
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.agent.id()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
        }
        let _ = self.agent.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The program of this name that was built or installed with this one.
fn sibling(name: &str) -> io::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name(name);
    let installed = Path::new("/usr/sbin").join(name);
    Ok(if beside.exists() { beside } else { installed })
}

/// Runs until interrupted, or until `count` datagrams were printed.
pub(super) fn demo(count: Option<u64>) -> Exit {
    ends::run("demo", watch(count))
}

async fn watch(count: Option<u64>) -> io::Result<Exit> {
    let mut ends = Ends::catch()?;
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let mut demonstration = Demonstration::start(socket.local_addr()?.port())?;
    let mut buffer = vec![0; 65_536];
    let mut printed = 0;
    while count.is_none_or(|count| printed < count) {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received?;
                let bytes = buffer.get(..length).unwrap_or_default();
                match decode::print_datagram(bytes, Some(from), false) {
                    Ok(done) => printed += u64::from(done),
                    Err(exit) => return Ok(exit),
                }
            }
            () = ends.recv() => return Ok(Exit::Yes),
            // An agent that ends says why on the same terminal.
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if demonstration.agent.try_wait()?.is_some() {
                    return Ok(Exit::No);
                }
            }
        }
    }
    Ok(Exit::Yes)
}
