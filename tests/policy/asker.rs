//! Who asks over TCP and would cut itself off.

use crate::rest::{JSON, TOKEN, request, served, within};
use hsflow::policy::lines::Dialect;

#[test]
fn who_asks_over_tcp_cannot_cut_itself_off_unless_it_insists() {
    within(async {
        let served = served("asker", Dialect::Linux, true).await;
        let token = format!("{JSON}Authorization: Bearer {TOKEN}\r\n");
        let own = served.addresses[0].port();
        for (body, status) in [
            (r#"{"action": "drop"}"#.to_owned(), "422"),
            (r#"{"action": "drop", "protocol": "tcp", "source": "127.0.0.0/8"}"#.to_owned(), "422"),
            (format!(r#"{{"action": "drop", "protocol": "tcp", "destination_port": {own}}}"#), "422"),
            (r#"{"action": "drop", "force": true}"#.to_owned(), "200"),
            (r#"{"action": "drop", "protocol": "udp"}"#.to_owned(), "200"),
            (r#"{"action": "drop", "protocol": "tcp", "source": "10.0.0.1"}"#.to_owned(), "200"),
            (r#"{"action": "drop", "protocol": "tcp", "destination": "10.9.9.9"}"#.to_owned(), "200"),
        ] {
            let answer = request(served.addresses[0], "PUT /v1/policies/a", &token, &body).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{body}: {answer}");
            assert_eq!(answer.contains("of this host for 127.0.0.1/32, which is protected"), status == "422");
        }
        let lines = r#"["[iptables]", "-A INPUT -p tcp -j DROP"]"#;
        let answer = request(served.addresses[1], "PUT /b?wait=1", JSON, lines).await;
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        let filter = r#"{"ip_proto": "tcp"}"#;
        let answer = request(served.addresses[2], "PUT /lo/1", JSON, filter).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    });
}
