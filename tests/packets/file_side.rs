//! The file behind a tun or tap device: a device has a carrier only while a program holds it open. Device names that
//! begin with `tun` are of that kind, others are taps.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// A program that reads, and forgets, what the device sends.
pub(crate) struct FileSide(Child);

impl FileSide {
    const PROGRAM: &str = "
import fcntl, os, struct, sys, threading
device = sys.argv[1]
file = os.open('/dev/net/tun', os.O_RDWR)
kind = 1 if device.startswith('tun') else 2
fcntl.ioctl(file, 0x400454ca, struct.pack('16sH22x', device.encode(), 0x1000 | kind))
def drain():
    while True: os.read(file, 70000)
threading.Thread(target=drain, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin: os.write(file, bytes.fromhex(line))
";

    /// Attaches to a device that exists; it has a carrier then.
    pub(crate) fn new(device: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", Self::PROGRAM, device]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// The packet comes in by the device.
    pub(crate) fn send(&self, frame: &[u8]) {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.0.stdin.as_ref().unwrap(), "{hex}").unwrap();
    }
}

impl Drop for FileSide {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
