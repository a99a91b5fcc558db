//! `hsflowctl policy` as people and scripts use it: the real program and a socket of the service's.

use crate::rest::{GUILTY, Served, served, within};
use hsflow::policy::lines::Dialect;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

struct Said {
    status: i32,
    out: String,
    err: String,
}

fn tool(served: &Served, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
    command.arg("policy").args(words).arg("--socket").arg(served.folder.join("api.sock"));
    command.kill_on_drop(true);
    command
}

async fn run(served: &Served, words: &[&str], input: &str) -> Said {
    let mut command = tool(served, words);
    let pipe = std::process::Stdio::piped;
    let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that does not read has its reasons.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const FILE: &str = "[policy.web]\naction = { limit = \"10Mbit/s\" }\ndestination = \"192.0.2.1\"\n\
                    [policy.raw]\nlines = [\"[iptables]\", \"-A FORWARD -p udp -j DROP\"]\n";

#[test]
fn policies_of_a_file_are_planned_put_shown_and_removed() {
    within(async {
        let served = served("ctl", Dialect::Linux, false).await;
        let empty = run(&served, &["list"], "").await;
        assert_eq!((empty.status, empty.out.as_str()), (0, "There are no policies.\n"));
        let plan = run(&served, &["plan", "-"], FILE).await;
        assert!(plan.out.contains("# web\n-A x\n"), "{}{}", plan.out, plan.err);
        let put = run(&served, &["put", "-"], FILE).await;
        assert_eq!((put.status, put.out.as_str()), (0, "Done.\n"), "{}", put.err);
        let list = run(&served, &["list"], "").await;
        assert!(list.out.lines().count() == 2 && list.out.contains("web ") && list.out.contains(" live "));
        let show = run(&served, &["show", "web"], "").await;
        for words in ["asked by uid ", "action {\"limit\":\"10 Mbit/s\"}", "destination 192.0.2.1/32"] {
            assert!(show.out.contains(words), "{words}: {}", show.out);
        }
        let raw = run(&served, &["show", "raw"], "").await;
        assert!(raw.out.contains("\n  -A FORWARD -p udp -j DROP\n"), "{}", raw.out);
        let json = run(&served, &["show", "web", "--json"], "").await;
        let shown: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(shown["policy"]["action"]["limit"], "10 Mbit/s");
        assert_eq!(run(&served, &["confirm", "web"], "").await.status, 0);
        assert_eq!(run(&served, &["remove", "web"], "").await.status, 0);
        let status = run(&served, &["status"], "").await;
        assert_eq!(status.out, "1 policies in force, 0 waiting, 0 not working\n");
    });
}

#[test]
fn what_is_refused_is_told_with_its_place_and_status_1() {
    within(async {
        let served = served("ctl-no", Dialect::Linux, false).await;
        for (words, input, status, says) in [
            (&["show", "none"][..], "", 1, "there is no policy none"),
            (&["show", "../status"], "", 1, "there is no policy ../status"),
            (&["confirm", "none"], "", 1, "there is no policy none"),
            (&["put", "-"], "[policy.web]\naction = \"drop\"\nsource = \"1.2.3\"\n", 1, "\n  web: source: "),
            (&["put", "-"], "[policy.guilty]\naction = \"drop\"\n", 1, "no such target"),
            (&["put", "-"], "[policy.web]\naction =\n", 2, "-:2: not TOML"),
            (&["put", "-"], "[limits]\npolicies = 1\n", 2, "'limits' cannot be asked for"),
            (&["put", "/nonexistent"], "", 2, "/nonexistent: "),
        ] {
            let said = run(&served, words, input).await;
            assert_eq!(said.status, status, "{words:?}: {}", said.err);
            assert!(said.err.contains(says), "{words:?}: {}", said.err);
        }
        assert_eq!(GUILTY, "guilty");
        assert_eq!(run(&served, &["list"], "").await.out, "There are no policies.\n");
        std::fs::remove_file(served.folder.join("api.sock")).unwrap();
        let gone = run(&served, &["list"], "").await;
        assert!(gone.status == 3 && gone.err.contains("no hsflowd-policy answers"), "{}", gone.err);
    });
}

#[test]
fn events_are_lines_as_they_happen() {
    within(async {
        let served = served("ctl-events", Dialect::Linux, false).await;
        let mut child = tool(&served, &["events"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Events count from when they are asked for: orders are given until one is seen.
        let line = loop {
            assert_eq!(run(&served, &["put", "-"], FILE).await.status, 0);
            tokio::select! {
                line = lines.next_line() => break line.unwrap().unwrap(),
                () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
            }
        };
        assert!(line.starts_with("00:00:00 UTC, uid ") && line.ends_with(": true"), "{line}");
        child.kill().await.unwrap();
    });
}
