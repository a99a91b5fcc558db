//! Who is heard, with senders that the kernel knows as other users.

use super::*;

/// Sends from a thread that is this user's. `None`: this may not become that user.
fn send_as(uid: libc::uid_t, to: &netlink_sys::SocketAddr) -> Option<()> {
    let to = *to;
    let sender = move || {
        let keep = libc::uid_t::MAX;
        // SAFETY: the bare system call changes this thread alone, and takes no pointers.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, uid, keep, keep) };
        (changed == 0).then(|| {
            let socket = Socket::new(NETLINK_USERSOCK).unwrap();
            socket.send_to(format!("from {uid}").as_bytes(), &to, 0).unwrap();
        })
    };
    std::thread::spawn(sender).join().unwrap()
}

#[test]
fn only_root_is_heard_where_everybody_may_send() {
    let mut hears = Netlink::open(Protocol::Programs, 1 << 16).unwrap();
    hears.hear_root().unwrap();
    let mut address = netlink_sys::SocketAddr::new(0, 0);
    hears.socket.get_address(&mut address).unwrap();
    let sent = [65534, 0, 1000].map(|uid| send_as(uid, &address));
    if sent != [Some(()); 3] {
        return eprintln!("skipped: needs root");
    }
    let received = hears.receive(256, Duration::from_secs(5)).unwrap();
    assert_eq!(received.iter().collect::<Vec<_>>(), [b"from 0"]);
    assert_eq!((received.len(), received.refused, received.truncated), (3, 2, 0));
}
