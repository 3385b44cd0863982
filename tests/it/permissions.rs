//! Who may do what on a server that is set up as deploy/ says.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use kassa::server::free_ports;
use tempfile::TempDir;

use crate::support::nats::program;
use crate::support::{PROGRESS, eventually};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// A server of its own, with a market that is open.
struct Deployed {
    url: String,
    server: Child,
    shop: Option<Child>,
    _data: TempDir,
}

impl Drop for Deployed {
    fn drop(&mut self) {
        for child in self.shop.iter_mut().chain([&mut self.server]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Deployed {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = free_ports(1).unwrap().remove(0);
        let listen = format!("127.0.0.1:{port}");
        let mut server = Command::new(program().await);
        server.arg("-c").arg(Path::new(PROJECT).join("deploy/nats/kassa.conf"));
        let settings = [
            ("KASSA_NODE", "n1"),
            ("KASSA_NATS_LISTEN", listen.as_str()),
            ("KASSA_NATS_DATA", data.path().to_str().unwrap()),
            ("KASSA_SHOP_PASSWORD", "of-the-shop"),
            ("KASSA_WEB_PASSWORD", "of-the-edge"),
            ("KASSA_AUDITOR_PASSWORD", "of-the-auditor"),
        ];
        let server = server.envs(settings).stderr(Stdio::null()).spawn().unwrap();
        let url = format!("nats://{listen}");
        let mut deployed = Self { url, server, shop: None, _data: data };
        eventually("the streams are there", PROGRESS, async || {
            deployed
                .types("shop", &["streams", "apply", "--replicas", "1"])
                .status
                .success()
                .then_some(())
        })
        .await;
        let shop = deployed.command("shop", &["run"]).stderr(Stdio::null()).spawn().unwrap();
        deployed.shop = Some(shop);
        let listed = ["sku", "add", "MUG-01", "--name", "Mug", "--price", "12.50"];
        eventually("the market decides", PROGRESS, async || {
            deployed.types("shop", &listed).status.success().then_some(())
        })
        .await;
        deployed
    }

    fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let passwords =
            [("shop", "of-the-shop"), ("web", "of-the-edge"), ("auditor", "of-the-auditor")];
        let (_, password) = passwords.into_iter().find(|(name, _)| *name == user).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
        command.args(arguments).args(["--nats", &self.url]);
        command.envs([("NATS_USER", user), ("NATS_PASSWORD", password)]);
        command
    }

    fn types(&self, user: &str, arguments: &[&str]) -> Output {
        self.command(user, arguments).output().unwrap()
    }

    fn says(&self, user: &str, arguments: &[&str]) -> String {
        let output = self.types(user, arguments);
        assert!(output.status.success(), "{user} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refuses(&self, user: &str, arguments: &[&str]) {
        let output = self.types(user, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{user} {arguments:?}: {said}");
        assert!(said.contains("KASSA-PERMISSION"), "{user} {arguments:?}: {said}");
    }

    /// Publishes with every right a program could take for itself; what the server stored of it.
    async fn forces(&self, subject: &str) -> Option<String> {
        self.forces_with(subject, "{}".to_owned()).await
    }

    async fn forces_with(&self, subject: &str, payload: String) -> Option<String> {
        let options = async_nats::ConnectOptions::with_user_and_password(
            "auditor".into(),
            "of-the-auditor".into(),
        );
        let client = options.connect(&self.url).await.unwrap();
        let asked = client.request(subject.to_owned(), payload.into());
        let answer = tokio::time::timeout(std::time::Duration::from_millis(500), asked).await;
        answer.ok()?.ok().map(|message| String::from_utf8_lossy(&message.payload).into_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_reads_everything_and_can_write_nothing() {
    let shop = Deployed::open().await;
    shop.says("shop", &["stock", "receive", "MUG-01", "10"]);
    let placed = shop.says("web", &["order", "place", "MUG-01=2", "--source", "web", "--watch"]);
    let order = placed.split_whitespace().next().unwrap();
    let end = |shop: &Deployed| shop.says("auditor", &["replay", "-o", "jsonl"]).lines().count();
    let events = end(&shop);
    let paid = format!("paid:{order}");
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    for arguments in [
        ["verify", "--quiet", "--views"].as_slice(),
        &["backup", backup.to_str().unwrap()],
        &["replay"],
        &["at", "3", "summary"],
        &["at", &paid, "order", order, "--stock"],
        &["diff", "1", &paid],
        &["events", "history", order, "--explain"],
        &["order", "show", order],
        &["stock", "show"],
        &["attention", "list", "--all"],
    ] {
        shop.says("auditor", arguments);
    }
    for arguments in [
        ["order", "place", "MUG-01=1"].as_slice(),
        &["order", "cancel", order, "--reason", "for fun"],
        &["stock", "receive", "MUG-01", "5"],
        &["rebuild", "orders"],
        &["streams", "apply"],
    ] {
        shop.refuses("auditor", arguments);
    }
    let bucket = "$KV.kassa_main_orders";
    for subject in [
        "kassa.main.cmd.auditor.order.place",
        "kassa.main.ask.auditor.order.place",
        "kassa.main.evt.commit",
        "kassa.main.evt.stock.MUG-01",
        "kassa.main.timer.retry.x",
        "kassa.main.feed.order_placed.x",
        "kassa.main.attention.poison.1-0",
        &format!("{bucket}.{order}"),
        "$KV.kassa_leases.main.committer",
        "$O.kassa_main_snapshots.C.x",
        "$JS.API.STREAM.CREATE.MORE",
        "$JS.API.STREAM.UPDATE.KASSA_MAIN_EVENTS",
        "$JS.API.STREAM.PURGE.KASSA_MAIN_EVENTS",
        "$JS.API.STREAM.DELETE.KASSA_MAIN_EVENTS",
        "$JS.API.STREAM.MSG.DELETE.KASSA_MAIN_EVENTS",
        "$JS.API.STREAM.RESTORE.KASSA_MAIN_EVENTS",
    ] {
        assert_eq!(shop.forces(subject).await, None, "{subject} was answered");
    }
    assert_eq!(end(&shop), events, "nothing was written");
    // Nor by having the server deliver the log to where commands come, or values.
    let create = "$JS.API.CONSUMER.CREATE.KASSA_MAIN_EVENTS";
    for place in [
        "kassa.main.ask.web.order.place",
        "kassa.main.cmd.web.order.place",
        "$KV.kassa_main_orders.x",
    ] {
        let deliver = serde_json::json!({
            "stream_name": "KASSA_MAIN_EVENTS",
            "config": {"deliver_subject": place, "ack_policy": "none"},
        });
        // Whether the server agrees does not matter; what comes of it does.
        shop.forces_with(create, deliver.to_string()).await;
    }
    shop.says("web", &["order", "place", "MUG-01=1", "--source", "web", "--watch"]);
    // Placed, reserved; captured, deducted, confirmed.
    assert_eq!(end(&shop), events + 5, "a refusal would be an event too");
    shop.says("shop", &["verify", "--quiet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_sends_its_own_commands_and_no_others() {
    let shop = Deployed::open().await;
    shop.says("shop", &["stock", "receive", "MUG-01", "10"]);
    shop.says("web", &["order", "place", "MUG-01=1", "--source", "web", "--watch"]);
    shop.says("web", &["order", "place", "MUG-01=1", "--source", "web", "--publish"]);
    shop.says("web", &["stock", "show", "MUG-01"]);
    shop.refuses("web", &["order", "place", "MUG-01=1", "--source", "payer"]);
    shop.refuses("web", &["streams", "apply"]);
    // Who could read the log could read what every other edge was asked for.
    shop.refuses("web", &["replay"]);
    shop.refuses("web", &["attention", "list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_reads_a_view_that_was_built_anew() {
    let shop = Deployed::open().await;
    shop.says("shop", &["stock", "receive", "MUG-01", "10"]);
    let placed = shop.says("web", &["order", "place", "MUG-01=1", "--source", "web", "--watch"]);
    let order = placed.split_whitespace().next().unwrap();
    for turn in ["once", "back", "again"] {
        for view in ["orders", "stock", "metrics"] {
            shop.says("shop", &["rebuild", view, "--diff", "--swap"]);
        }
        let shown = shop.says("web", &["order", "show", order]);
        assert!(shown.contains("confirmed"), "{turn}: {shown}");
        let shown = shop.says("web", &["stock", "show", "MUG-01"]);
        assert!(shown.contains("MUG-01"), "{turn}: {shown}");
    }
    shop.says("web", &["order", "place", "MUG-01=1", "--source", "web", "--watch"]);
}

/// The rest of what a shop may, and not the log.
const MAY_NOT_WRITE: &str = r#"
users: [
  { user: good, password: good }
  { user: bad, password: bad, permissions: { publish: { deny: ["kassa.main.evt.>"] } } }
  { user: idle, password: idle, permissions: { publish: { deny: ["$KV.kassa_leases.>"] } } }
]
"#;

/// Whoever may not write the log says so and makes room for one who may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committer_that_may_not_write_gives_up_and_another_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_ports(1).unwrap().remove(0);
    let (file, store) = (folder.path().join("nats.conf"), folder.path().join("store"));
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {store:?}, max_file_store: 64GB }}\n\
         authorization {{ {MAY_NOT_WRITE} }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut server = Command::new(program().await);
    let server = server.arg("-c").arg(&file).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("nats://127.0.0.1:{port}");
    let mut deployed = Deployed { url, server, shop: None, _data: folder };
    let user = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
        command.args(arguments).args(["--nats", &deployed.url]);
        command.envs([("NATS_USER", name), ("NATS_PASSWORD", name)]);
        command
    };
    eventually("the streams are there", PROGRESS, async || {
        let applied = user("good", &["streams", "apply", "--replicas", "1"]).output().unwrap();
        applied.status.success().then_some(())
    })
    .await;
    for (name, subject) in
        [("bad", "kassa.main.evt.commit"), ("idle", "$KV.kassa_leases.main.committer")]
    {
        let output = user(name, &["run", "committer"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{name}: {said}");
        assert!(said.contains("KASSA-PERMISSION") && said.contains(subject), "{name}: {said}");
    }
    let shop = user("good", &["run", "committer"]).stderr(Stdio::null()).spawn().unwrap();
    deployed.shop = Some(shop);
    let listed = ["sku", "add", "MUG-01", "--name", "Mug", "--price", "12.50"];
    eventually("the market decides", PROGRESS, async || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kassa"));
        command.args(listed).args(["--nats", &deployed.url]);
        command.envs([("NATS_USER", "good"), ("NATS_PASSWORD", "good")]);
        command.output().unwrap().status.success().then_some(())
    })
    .await;
}
