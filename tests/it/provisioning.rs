//! What a server can change about a stream, asked of a server.

use kassa::nats::provision::differences;
use serde_json::{Value, json};

use crate::support::nats::Nats;

async fn asked(client: &async_nats::Client, verb: &str, name: &str, config: &Value) -> Value {
    let subject = format!("$JS.API.STREAM.{verb}.{name}");
    let answer = client.request(subject, serde_json::to_vec(config).unwrap().into()).await;
    serde_json::from_slice(&answer.unwrap().payload).unwrap()
}

/// Applying begins only when everything can be changed, so it has to know what cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_called_unchangeable_is_what_the_server_refuses_to_change() {
    let nats = Nats::one().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    for (number, (field, from, to)) in [
        ("storage", json!("file"), json!("memory")),
        ("storage", json!("memory"), json!("file")),
        ("retention", json!("limits"), json!("interest")),
        ("retention", json!("limits"), json!("workqueue")),
        ("retention", json!("workqueue"), json!("limits")),
        ("max_consumers", json!(-1), json!(10)),
        ("max_consumers", json!(10), json!(-1)),
        ("deny_delete", json!(true), json!(false)),
        ("deny_delete", json!(false), json!(true)),
        ("deny_purge", json!(true), json!(false)),
        ("deny_purge", json!(false), json!(true)),
        ("allow_msg_ttl", json!(true), json!(false)),
        ("allow_msg_ttl", json!(false), json!(true)),
        ("allow_msg_schedules", json!(true), json!(false)),
        ("allow_msg_schedules", json!(false), json!(true)),
        ("allow_msg_counter", json!(false), json!(true)),
        ("allow_msg_counter", json!(true), json!(false)),
        ("persist_mode", json!("default"), json!("async")),
        ("persist_mode", json!("async"), json!("default")),
        ("sealed", json!(false), json!(true)),
        ("allow_atomic", json!(true), json!(false)),
        ("allow_direct", json!(true), json!(false)),
        ("allow_rollup_hdrs", json!(true), json!(false)),
        ("compression", json!("none"), json!("s2")),
        ("discard", json!("old"), json!("new")),
        ("max_age", json!(0), json!(200_000_000_000_u64)),
        ("max_msg_size", json!(-1), json!(1_000)),
        ("max_msgs_per_subject", json!(-1), json!(1)),
        ("num_replicas", json!(1), json!(1)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("S{number}");
        let mut before = json!({
            "name": name, "subjects": [format!("s{number}.>")], "storage": "file",
            "retention": "limits", "num_replicas": 1,
        });
        before[field] = from;
        let made = asked(&client, "CREATE", &name, &before).await;
        assert!(made["error"].is_null(), "{before}: {made}");
        let mut after = made["config"].clone();
        after[field] = to;
        let found = differences(&after, &made["config"]);
        let refused = !asked(&client, "UPDATE", &name, &after).await["error"].is_null();
        let fixed = found.iter().any(|difference| difference.is_fixed());
        assert_eq!(fixed, refused, "{field}: {found:?}");
    }
}
