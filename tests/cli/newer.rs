//! A running shop, in whose log a newer build writes.

use kassa::wire::Hash;
use serde::Serialize;

use crate::shop::{Dev, failure, kassa};

/// A commit whose events stand in it as they are.
#[derive(Serialize)]
struct Commit {
    v: u64,
    epoch: u64,
    number: u64,
    at_ms: u64,
    position: u64,
    prev_hash: Hash,
    events: [Event; 1],
}

#[derive(Serialize)]
struct Event {
    r#type: &'static str,
    v: u16,
    source: &'static str,
    data: [u8; 0],
}

/// Writes an event into the log of a server, as if it were a committer.
fn plant(url: &str, r#type: &'static str, v: u16) {
    let event = Event { r#type, v, source: "web", data: [] };
    let (epoch, number, at_ms, position, prev_hash) = (9, 9, 0, 0, Hash::default());
    let commit = Commit { v: 1, epoch, number, at_ms, position, prev_hash, events: [event] };
    let payload = rmp_serde::to_vec_named(&commit).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let stored = client.request("kassa.main.evt.commit", payload.into()).await.unwrap();
        let stored: serde_json::Value = serde_json::from_slice(&stored.payload).unwrap();
        assert_eq!(stored["stream"], "KASSA_MAIN_EVENTS", "{stored}");
    });
}

#[test]
fn a_shop_whose_log_a_newer_build_wrote_to_stops_and_does_not_start_again() {
    for (r#type, version) in [("order_teleported", 1), ("order_placed", 9)] {
        let folder = tempfile::tempdir().unwrap();
        let dev = Dev::on(folder.path());
        plant(&dev.url, r#type, version);
        let shape = format!("{}/{version}", r#type);
        let (status, said) = dev.ended();
        assert!(status == 5 && said.contains("KASSA-NEWER-LOG"), "{status}: {said}");
        assert!(said.contains(&shape) && said.contains("of the log"), "{said}");
        let folder = folder.path().to_str().unwrap();
        let again = ["dev", "--no-traffic", "--port-base", "0", "--data-dir", folder];
        let (status, said) = failure(&kassa(&again).output().unwrap());
        assert!(status == 5 && said.contains("KASSA-NEWER-LOG"), "{status}: {said}");
        assert!(said.contains(&shape) && said.contains("of the log"), "{said}");
    }
}
