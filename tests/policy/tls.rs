//! TLS with certificates that openssl makes and curl shows.

use crate::rest::{Served, TOKEN, folder, start, within};
use hsflow::policy::file::Unsafe;
use hsflow::policy::lines::Dialect;
use hsflow::policy::rest::Settings;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two CAs; a server of the first, and a client of each.
fn certificates(folder: &Path) {
    const NEW: &str = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for ca in ["ca", "other"] {
        openssl(folder, &format!("{NEW} -x509 -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"));
    }
    std::fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for (name, ca, kind) in
        [("server", "ca", "server"), ("ops", "ca", "client"), ("rogue", "other", "client")]
    {
        openssl(folder, &format!("{NEW} -subj /O=x/CN={name} -keyout {name}.key -out {name}.csr"));
        openssl(
            folder,
            &format!(
                "x509 -req -days 2 -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -extfile {kind}.ext -out {name}.pem"
            ),
        );
        let key = folder.join(format!("{name}.key"));
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn settings(folder: &Path) -> Settings {
    Settings {
        socket: folder.join("api.sock"),
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        tls_cert: Some(folder.join("server.pem")),
        tls_key: Some(folder.join("server.key")),
        client_ca: Some(folder.join("ca.pem")),
        ..Settings::default()
    }
}

/// The code of the answer, 000 where there is none, and the body.
async fn curl(served: &Served, words: &[&str]) -> (String, String) {
    let at = served.addresses[0];
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-w", "\n%{http_code}", "--cacert", "ca.pem"]).args(words);
    let output = command.arg(format!("https://{at}/v1/policies")).current_dir(&served.folder).output().await;
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    (code.to_owned(), body.to_owned())
}

const OPS: &[&str] = &["--cert", "ops.pem", "--key", "ops.key"];
const ROGUE: &[&str] = &["--cert", "rogue.pem", "--key", "rogue.key"];

#[test]
fn a_client_is_let_in_by_a_certificate_of_our_ca_and_is_known_by_its_name() {
    within(async {
        let folder = folder("mtls");
        certificates(&folder);
        let served = start(folder.clone(), settings(&folder), Dialect::Linux).await;
        let put = [OPS, &["-d", r#"{"policies": {"web": {"action": "drop", "protocol": "udp"}}}"#]].concat();
        assert_eq!(curl(&served, &put).await.0, "200");
        let (code, body) = curl(&served, OPS).await;
        assert!(code == "200" && body.contains("certificate 'ops' of 127.0.0.1"), "{body}");
        for nobody in [&[][..], ROGUE] {
            assert_eq!(curl(&served, nobody).await.0, "000", "{nobody:?}");
        }
        // One who speaks in clear gets no answer.
        let clear = crate::rest::request(served.addresses[0], "GET /v1/status", "", "").await;
        assert!(!clear.contains("HTTP/1.1"), "{clear}");
    });
}

#[test]
fn beside_tokens_a_certificate_may_be_missing_but_not_be_wrong() {
    within(async {
        let folder = folder("tls-tokens");
        certificates(&folder);
        let tokens = folder.join("tokens");
        std::fs::write(&tokens, format!("see:{TOKEN}:read\n")).unwrap();
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).unwrap();
        let settings = Settings { tokens: Some(tokens), ..settings(&folder) };
        let served = start(folder, settings, Dialect::Linux).await;
        let token = format!("Authorization: Bearer {TOKEN}");
        assert_eq!(curl(&served, &["-H", &token]).await.0, "200");
        assert_eq!(curl(&served, &[]).await.0, "401");
        assert_eq!(curl(&served, OPS).await.0, "200");
        assert_eq!(curl(&served, ROGUE).await.0, "000");
    });
}

#[test]
fn an_address_that_the_host_has_not_yet_is_heard_when_it_comes() {
    within(async {
        let folder = folder("freebind");
        certificates(&folder);
        let listen = vec!["192.0.2.250:0".parse().unwrap(), "[2001:db8::250]:0".parse().unwrap()];
        let served = start(folder.clone(), Settings { listen, ..settings(&folder) }, Dialect::Linux).await;
        assert_eq!(served.addresses.len(), 2);
    });
}

#[test]
fn beyond_loopback_there_is_tls_or_nothing() {
    let with = Settings { listen: vec!["192.0.2.1:8443".parse().unwrap()], ..settings(Path::new("/x")) };
    assert_eq!(with.check(), Ok(()));
    let without = Settings {
        tls_cert: None,
        tls_key: None,
        client_ca: None,
        tokens: Some("/t".into()),
        ..with.clone()
    };
    assert!(matches!(without.check(), Err(Unsafe::Remote { key: "listen", .. })));
    let open = Settings { client_ca: None, allow_unauthenticated_loopback: true, ..with };
    assert!(matches!(open.check(), Err(Unsafe::NoCredential { .. })));
}
