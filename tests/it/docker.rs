//! The same promises in containers: one, three on a network of their own, and one of three cut off
//! from the others.
//!
//! Needs a Docker engine (`.ci/docker` starts one). The image is built around the very server that
//! the other tests use.

use std::process::Command;
use std::time::Duration;

use kassa::domain::Sequence;
use kassa::nats::{JsLog, Scratch};
use kassa::port::{Entry, Log, Tail};
use kassa::server::free_ports;
use serde_json::json;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use tokio::sync::OnceCell;

use crate::contract::{NatsWorld, whole_contract};
use crate::support::nats::{connect, program};
use crate::support::{PROGRESS, eventually};

const IMAGE: &str = "kassa-test/nats-server";
const TAG: &str = "local";

/// A hard loss of a leader costs an election of 4 to 9 s; missing its server, a client another 10.
const LOSS: Duration = Duration::from_secs(20);

/// Builds the image, once for all tests.
async fn image() -> GenericImage {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT
        .get_or_init(|| async {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docker/build");
            let mut build = Command::new(script);
            build.arg(program().await).arg(format!("{IMAGE}:{TAG}"));
            run(&mut build);
        })
        .await;
    GenericImage::new(IMAGE, TAG).with_wait_for(WaitFor::message_on_stderr("Server is ready"))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Three servers on a network of their own.
struct Cluster {
    nodes: Vec<ContainerAsync<GenericImage>>,
    ports: Vec<u16>,
    network: String,
}

impl Cluster {
    async fn start(name: &str) -> Self {
        // Two runs on one engine must not meet.
        let network = format!("kassa-{name}-{}", std::process::id());
        let (ports, host) = (free_ports(3).unwrap(), |node| format!("{network}-n{node}"));
        let routes: Vec<_> = (0..3).map(|node| format!("nats://{}:6222", host(node))).collect();
        let start = async |node: usize| {
            let options = ["-js", "-sd", "/data", "-cluster_name", "kassa", "-no_advertise"];
            let (name, routes) = (format!("n{node}"), routes.join(","));
            let own = ["-name", &name, "-cluster", "nats://0.0.0.0:6222", "-routes", &routes];
            image()
                .await
                .with_cmd(options.into_iter().chain(own))
                .with_network(&network)
                .with_container_name(host(node))
                // A port of ours, because it has to be the same after the node was cut off.
                .with_mapped_port(ports[node], 4222.tcp())
                .start()
                .await
                .unwrap()
        };
        let (n0, n1, n2) = tokio::join!(start(0), start(1), start(2));
        Self { nodes: vec![n0, n1, n2], ports, network }
    }

    fn urls(&self) -> String {
        let urls = self.ports.iter().map(|port| format!("nats://127.0.0.1:{port}"));
        urls.collect::<Vec<_>>().join(",")
    }

    /// Takes a node off the network, or puts it back.
    fn network(&self, verb: &str, node: usize) {
        let (network, node) = (&self.network, self.nodes[node].id());
        run(Command::new("docker").args(["network", verb, network, node]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_a_container_keeps_the_promises_of_a_log() {
    let server = image().await.with_exposed_port(4222.tcp()).with_cmd(["-js", "-sd", "/data"]);
    let server = server.start().await.unwrap();
    let port = server.get_host_port_ipv4(4222.tcp()).await.unwrap();
    whole_contract(NatsWorld::of(&format!("nats://127.0.0.1:{port}"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_in_containers_keep_the_promises_of_a_log() {
    let cluster = Cluster::start("contract").await;
    whole_contract(NatsWorld::of(&cluster.urls())).await;
}

/// Appends the messages of these numbers, each after the one before, whatever gets in the way.
async fn append(log: &JsLog, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let sent = kassa::port::Message {
            subject: "cut.commit".to_owned(),
            payload: number.to_string().into(),
            expected: Some(Sequence(number)),
            ..Default::default()
        };
        let batch = kassa::port::Batch::of(vec![sent]);
        let appended = async || match log.commit(&batch).await {
            Ok(committed) => Some(committed.head),
            // It may have been stored before: then its place is taken, by itself.
            Err(_) => {
                let last = log.last("cut.commit").await.ok()??;
                (last.payload == batch.messages[0].payload).then_some(last.sequence)
            }
        };
        let first = eventually("the message is stored", LOSS + PROGRESS, appended).await;
        assert_eq!(first, Sequence(number + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_is_replaced_and_comes_back() {
    let cluster = Cluster::start("cut").await;
    let connection = connect(&cluster.urls(), "writer").await;
    let config = json!({
        "name": "CUT", "subjects": ["cut.>"], "storage": "file", "num_replicas": 3,
        "allow_atomic": true, "allow_direct": true,
    });
    let create = async || Scratch::create(&connection, "CUT", &config).await.ok();
    eventually("the cluster has leaders", LOSS + PROGRESS, create).await;
    let log = JsLog::open(&connection, "CUT".to_owned()).await.unwrap();
    append(&log, 0..20).await;
    let urls: Vec<_> = cluster.urls().split(',').map(ToOwned::to_owned).collect();
    let operator = async_nats::jetstream::new(async_nats::connect(&urls[..]).await.unwrap());
    let info = operator.get_stream("CUT").await.unwrap().cached_info().clone();
    let leader = info.cluster.and_then(|cluster| cluster.leader).unwrap();
    let leader: usize = leader.strip_prefix('n').unwrap().parse().unwrap();
    // A reader that knows no other server than the one that is cut off.
    let there = connect(&urls[leader], "reader").await;
    let reader = JsLog::open(&there, "CUT".to_owned()).await.unwrap();
    let mut tail = reader.follow("cut.>", Sequence::START).await.unwrap();
    cluster.network("disconnect", leader);
    append(&log, 20..40).await;
    cluster.network("connect", leader);
    append(&log, 40..60).await;
    let mut read: Vec<Entry> = Vec::new();
    let all = async {
        while read.len() < 60 {
            read.extend(tail.next(9).await.unwrap());
        }
    };
    tokio::time::timeout(LOSS + PROGRESS, all).await.expect("the reader has everything");
    let sequences: Vec<_> = read.iter().map(|entry| entry.sequence.0).collect();
    assert_eq!(sequences, (1..=60).collect::<Vec<_>>());
}
