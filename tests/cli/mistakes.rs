//! What can be wrong around it, and what is said then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kassa::config::Environment;
use kassa::server::find;
use serde_json::json;

use crate::shop::{Dev, failure, kassa};

/// A server with a configuration of the test's own.
struct Server {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(jetstream: bool, more: &str) -> Self {
        let environment = Environment::read();
        let cache = &environment.folders.cache;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (named, path) = (environment.nats_server.as_deref(), environment.path.as_deref());
        let found = runtime.block_on(find(named, path, cache, |_| {})).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let store = folder.path().join("store");
        let js = if jetstream {
            format!("jetstream {{ store_dir: {store:?}, max_file_store: 64GB }}\n")
        } else {
            String::new()
        };
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, format!("listen: \"127.0.0.1:{port}\"\n{js}{more}")).unwrap();
        let child = Command::new(found.program)
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the server does not listen");
            std::thread::yield_now();
        }
        Self { child, url: format!("nats://127.0.0.1:{port}"), _folder: folder }
    }

    fn type_in(&self, arguments: &[&str]) -> (i32, String) {
        failure(&kassa(arguments).args(["--nats", &self.url]).output().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nobody_at_the_address_is_told_apart_from_a_server_that_says_no() {
    let nobody = kassa(&["doctor", "--nats", "nats://127.0.0.1:1"]).output().unwrap();
    let (status, said) = failure(&nobody);
    assert_eq!(status, 6, "{said}");
    assert!(said.contains("KASSA-NATS-UNREACHABLE") && said.contains("kassa dev"), "{said}");
    assert_eq!(said.matches("Connection refused").count(), 1, "a cause is told once: {said}");
    let locked = Server::start(true, "authorization { user: a, password: b }\n");
    let (status, said) = locked.type_in(&["doctor"]);
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("KASSA-NATS-CREDENTIALS"), "{said}");
}

#[test]
fn a_server_without_jetstream_is_named_as_such() {
    let (status, said) = Server::start(false, "").type_in(&["streams", "apply"]);
    assert_eq!(status, 6, "{said}");
    assert!(said.contains("KASSA-JETSTREAM-OFF"), "{said}");
}

/// As much of a server of another age as it takes to be asked for its API level.
fn old_server(level: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that has read enough goes away.
            let _ = serve_as_old(&stream.unwrap(), level);
        }
    });
    url
}

fn serve_as_old(stream: &TcpStream, level: u64) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let info = json!({"server_id": "x", "version": "2.12.0", "headers": true,
        "max_payload": 1_048_576});
    writer.write_all(format!("INFO {info}\r\n").as_bytes())?;
    let (mut line, mut subscription) = (String::new(), String::new());
    while 0 < reader.read_line(&mut line)? {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => writer.write_all(b"PONG\r\n")?,
            ["SUB", .., id] => id.clone_into(&mut subscription),
            ["PUB" | "HPUB", subject, reply, .., length] => {
                let mut payload = vec![0; length.parse::<usize>().unwrap().saturating_add(2)];
                reader.read_exact(&mut payload)?;
                let asked = String::from_utf8_lossy(&payload);
                let answer = if asked.contains("Nats-Required-Api-Level") {
                    json!({"error": {"code": 412, "err_code": 10185,
                        "description": "JetStream minimum api level required"}})
                } else {
                    assert_eq!(subject, "$JS.API.INFO");
                    json!({"memory": 0, "storage": 0, "api": {"level": level}})
                };
                let answer = answer.to_string();
                let line = format!("MSG {reply} {subscription} {}\r\n", answer.len());
                writer.write_all(format!("{line}{answer}\r\n").as_bytes())?;
            }
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

#[test]
fn a_server_that_is_too_old_is_told_what_it_has_and_what_is_needed() {
    let url = old_server(3);
    for arguments in [["doctor"].as_slice(), &["streams", "diff"], &["run", "committer"]] {
        let output = kassa(arguments).args(["--nats", &url]).output().unwrap();
        let (status, said) = failure(&output);
        assert_eq!(status, 6, "{arguments:?}: {said}");
        assert!(said.contains("KASSA-SERVER-OLD"), "{arguments:?}: {said}");
        assert!(said.contains("level is 3, at least 4"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_forbidden_subject_is_named() {
    let more = "authorization { users: [{ user: kassa, password: kassa, \
                permissions: { publish: { deny: \"$JS.API.STREAM.CREATE.>\" } } }] }\n";
    let server = Server::start(true, more);
    let apply = kassa(&["streams", "apply", "--replicas", "1", "--nats", &server.url])
        .env("NATS_USER", "kassa")
        .env("NATS_PASSWORD", "kassa")
        .output()
        .unwrap();
    let (status, said) = failure(&apply);
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("KASSA-PERMISSION") && said.contains("STREAM.CREATE"), "{said}");
}

#[test]
fn roles_do_not_run_on_streams_that_differ_from_their_files() {
    let server = Server::start(true, "");
    let (status, said) = server.type_in(&["run"]);
    assert_eq!(status, 7, "{said}");
    assert!(said.contains("KASSA-STREAM-DRIFT") && said.contains("is missing"), "{said}");
    let url = ["--nats", &server.url];
    let apply = |more: &[&str]| {
        let arguments = [&["streams", "apply", "--replicas", "1"], more, &url].concat();
        kassa(&arguments).output().unwrap()
    };
    let dry = apply(&["--dry-run"]);
    assert!(String::from_utf8_lossy(&dry.stdout).contains("create"), "{dry:?}");
    assert_eq!(server.type_in(&["run"]).0, 7, "a dry run changes nothing");
    assert!(apply(&[]).status.success());
    let diff = ["streams", "diff", "--replicas", "1"];
    assert_eq!(server.type_in(&diff).0, 0);
    // Somebody changes a stream by hand.
    let folder = tempfile::tempdir().unwrap();
    export(&server, folder.path());
    let file = folder.path().join("commands.json");
    let mut stream: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    stream["max_age"] = json!(3_600_000_000_000_u64);
    std::fs::write(&file, stream.to_string()).unwrap();
    let from = ["--from", folder.path().to_str().unwrap()];
    assert!(apply(&from).status.success());
    let (status, said) = server.type_in(&["run"]);
    assert_eq!(status, 7, "{said}");
    assert!(said.contains("KASSA_MAIN_COMMANDS differs in max_age"), "{said}");
    // What the server cannot change is refused before anything is changed.
    stream["storage"] = json!("memory");
    std::fs::write(&file, stream.to_string()).unwrap();
    let (status, said) = failure(&apply(&from));
    assert_eq!(status, 5, "{said}");
    assert!(said.contains("KASSA-STREAM-UNCHANGEABLE") && said.contains("storage"), "{said}");
}

fn export(server: &Server, folder: &Path) {
    let to = folder.to_str().unwrap();
    assert_eq!(server.type_in(&["streams", "export", "--to", to]).0, 0);
}

#[test]
fn a_command_without_a_committer_is_stored_and_said_to_be_pending() {
    let server = Server::start(true, "");
    let apply = kassa(&["streams", "apply", "--replicas", "1", "--nats", &server.url]);
    assert!({ apply }.output().unwrap().status.success());
    let (status, said) = server.type_in(&["stock", "receive", "MUG-01", "5"]);
    assert_eq!(status, 6, "{said}");
    assert!(said.contains("KASSA-OUTCOME-PENDING"), "{said}");
}

#[test]
fn a_log_with_a_message_of_somebody_else_does_not_verify() {
    let dev = Dev::ephemeral();
    dev.says(&["order", "place", "MUG-01", "--watch"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sequence = runtime.block_on(async {
        let client = async_nats::connect(&dev.url).await.unwrap();
        let stream = async_nats::jetstream::new(client);
        let published = stream.publish("kassa.main.evt.stock.FAKE", "forged".into()).await.unwrap();
        published.await.unwrap().sequence
    });
    let (status, said) = failure(&dev.type_in(&["verify", "--quiet"]));
    assert_eq!(status, 7, "{said}");
    assert!(said.contains(&format!("sequence {sequence}: I7")), "{said}");
}

#[test]
fn what_is_not_there_and_what_is_misspelt_have_their_own_exit_status() {
    let dev = Dev::ephemeral();
    let unknown = "01a205c9-8bcc-7c48-a1d1-32b259d1313c";
    assert_eq!(failure(&dev.type_in(&["order", "show", unknown])).0, 3);
    assert_eq!(failure(&dev.type_in(&["order", "cancel", unknown])).0, 3);
    assert_eq!(failure(&dev.type_in(&["order", "place", "NO-SUCH-SKU"])).0, 3);
    assert_eq!(failure(&dev.type_in(&["order", "place", "MUG-01=0"])).0, 2);
    assert_eq!(failure(&dev.type_in(&["order", "show", "42"])).0, 2);
    let misspelt = kassa(&["config", "check"]).env("KASSA_ORDER__HOLDS", "5").output().unwrap();
    let (status, said) = failure(&misspelt);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("KASSA-CONFIG") && said.to_lowercase().contains("holds"), "{said}");
    let profile = kassa(&["config", "check", "--profile", "no-such"]).output().unwrap();
    assert_eq!(failure(&profile).0, 2);
}
