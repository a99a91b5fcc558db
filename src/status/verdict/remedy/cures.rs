//! Cures by the words of a reason that mean the same wherever they stand. In: nothing. Out: pairs of words and remedy, the
//! first that fits counts; a row's own go before them.

/// Where nothing better is known.
pub(super) const LOG: &str = "journalctl -u hsflowd has more; hsflowctl doctor looks at the host";

const CAPABILITY: &str = "systemctl restart hsflowd gives what the unit grants; what it does not grant has a drop-in: man 8 hsflowd, \
                          ls /usr/share/doc/hsflowd-rs/; hsflowctl doctor shows what is missing";

/// Words of a reason, and what to do.
pub(super) static OF_ALL: &[(&str, &str)] = &[
    ("was not given CAP_", CAPABILITY),
    (" is missing (", CAPABILITY),
    ("needs CAP_", CAPABILITY),
    (
        "Permission denied",
        "let the agent's user in: ls -l on the path above, and ps -o user,group -C hsflowd",
    ),
    ("Operation not permitted", CAPABILITY),
    ("No space left on device", "make room: df -h on the path above"),
    ("file system is full", "make room: df -h on the path above"),
    (
        "Read-only file system",
        "mount it writable, or name another path: -o for hsflowd.auto, --socket for the sockets",
    ),
    ("Too many open files", "raise LimitNOFILE: systemctl edit hsflowd, then systemctl restart hsflowd"),
    ("Cannot allocate memory", "free memory, or raise MemoryMax: systemctl edit hsflowd; free -m"),
    ("thread cannot be started", "raise TasksMax: systemctl edit hsflowd, then systemctl restart hsflowd"),
    ("panic", "it was started again; please report what journalctl -u hsflowd says of it"),
];
