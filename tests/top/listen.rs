//! The sFlow of many hosts, of any agent.

use crate::terminal::{LIMIT, Terminal, skips};
use crate::{datagrams, port};
use std::net::UdpSocket;

/// The recording, as if another agent had sent it.
fn of_another() -> Vec<Vec<u8>> {
    let change = |mut datagram: Vec<u8>| {
        datagram[8..12].copy_from_slice(&[192, 0, 2, 9]);
        datagram
    };
    datagrams().into_iter().map(change).collect()
}

#[test]
fn two_agents_are_two_lines_and_one_of_them_is_looked_into() {
    if skips("two_agents_are_two_lines_and_one_of_them_is_looked_into") {
        return;
    }
    let port = port::free();
    let terminal = Terminal::top((100, 30), &["--listen", &format!("127.0.0.1:{port}"), "-d", "0.2"]);
    terminal.wait_text("0 hosts");
    port::wait_bound(port);
    port::send(port, &datagrams());
    port::send(port, &of_another());
    port::send(port, &[b"garbage".to_vec()]);
    let screen = terminal.wait_text("2 hosts");
    assert!(screen.contains("192.0.2.2 ") && screen.contains("192.0.2.9 "), "{screen}");
    terminal.press(&["/", "2", ".", "9", "Enter"]);
    terminal.wait("one row", |screen| !screen.contains("192.0.2.2 ") && screen.contains("192.0.2.9 "));
    terminal.press(&["Enter"]);
    terminal.wait_text("(192.0.2.9)");
    terminal.press(&["Escape"]);
    terminal.wait_text("2 hosts");
    terminal.press(&["q"]);
    assert_eq!(terminal.wait_end(), "0");
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["top", "--batch", "-n", "1", "--listen", &address];
    let mut tool = crate::support::process::Process::hsflowctl(&arguments);
    assert_eq!(tool.wait_exit(LIMIT).code(), Some(2));
    assert!(tool.stderr().contains(&address), "{}", tool.stderr());
}

#[test]
fn hosts_are_printed_as_lines_too() {
    let port = port::free();
    let address = format!("127.0.0.1:{port}");
    let arguments = ["top", "--batch", "-d", "0.2", "--listen", &address];
    let mut tool = crate::support::process::Process::hsflowctl(&arguments);
    port::wait_bound(port);
    port::send(port, &datagrams());
    port::send(port, &of_another());
    tool.wait_for("both", LIMIT, |said| {
        let block = said.stdout.join("\n");
        let last = block.rsplit("=== ").next()?.to_owned();
        (last.contains("192.0.2.2 ") && last.contains("192.0.2.9 ")).then_some(())
    });
    assert!(tool.stop(LIMIT).success());
}
