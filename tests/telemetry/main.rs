//! What is exported, as a collector that is not ours receives it.
#![cfg(feature = "foreign-tests")]

#[cfg(test)]
mod collector;
#[cfg(test)]
#[path = "../shop/mod.rs"]
mod shop;
#[cfg(test)]
mod sink;

use std::process::Stdio;

use kassa::domain::TraceParent;
use kassa::port::Commands;
use kassa::telemetry::{Export, LogFormat, Target, TelemetrySettings, init};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use collector::Collector;
use shop::journey::{EDGE, PATH, faults};
use shop::{Shop, command_id, cups, order_id, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_one_trace_of_one_order_and_its_metrics() {
    let collector = Collector::start().await;
    let settings = TelemetrySettings {
        filter: "warn".to_owned(),
        format: LogFormat::Json,
        export: Export {
            traces: Target::At(format!("{}/v1/traces", collector.url())),
            metrics: Target::At(format!("{}/v1/metrics", collector.url())),
        },
    };
    let guard = init(&settings).unwrap();
    let shop = Shop::open().await;
    let (order, edge) = (order_id(), TraceParent::parse(EDGE).unwrap());

    shop.place(order, Some(&edge)).await;
    shop.client.send(command_id(), &cups(order_id(), 2_000), None).await.unwrap();
    shop.history(order).await;

    // What is still open when everything stops is exported too.
    shop.world.stop().await;
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
    let mut left = Vec::new();
    let whole = until("the trace is whole", async || {
        left = faults(&collector.spans(), &edge, order);
        left.is_empty().then_some(())
    });
    whole.await;
    let services = collector.services();
    assert_eq!(services, ["kassa"], "every span names its service");
    let expected = [
        ("kassa.orders{outcome=confirmed,reason=none}", "{order}", 1),
        ("kassa.orders{outcome=rejected,reason=insufficient_stock}", "{order}", 1),
        ("kassa.stock.rejections{}", "{order}", 1),
        ("kassa.order.duration{}", "s", 1),
        ("kassa.payment.attempts{class=none,connector=simulated,result=captured}", "{call}", 1),
        ("kassa.payment.duration{connector=simulated,result=captured}", "s", 1),
    ];
    let complete = until("the metrics have come", async || {
        let metrics = collector.metrics();
        metrics.contains_key(expected[0].0).then_some(metrics)
    });
    let metrics = complete.await;
    for (name, unit, count) in expected {
        let found = metrics.get(name);
        assert_eq!(found.map(|metric| metric.unit.as_str()), Some(unit), "{name} {metrics:#?}");
        assert_eq!(found.map(|metric| metric.count), Some(count), "{name} {metrics:#?}");
    }
    // Two for the shelves, two orders, one payment; the last two may share a commit.
    let commits = &metrics["kassa.commit.duration{}"];
    assert!((4..=5).contains(&commits.count) && commits.unit == "s", "{commits:?}");
    let commands = &metrics["kassa.commit.commands{}"];
    assert_eq!((commands.count, commands.unit.as_str()), (commits.count, "{command}"));
    // The view may or may not have been there when the market was opened.
    let delays = &metrics["kassa.event.delay{view=orders}"];
    assert!(commits.count <= delays.count && delays.unit == "s", "{delays:?}");
    let edges = &metrics["kassa.order.duration{}"].edges;
    assert!([1.0, 2.0, 3.0].iter().all(|promise| edges.contains(promise)), "{edges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_exports_where_the_environment_says_and_to_the_last() {
    let collector = Collector::start().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_kassa"))
        .args(["dev", "--ephemeral"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("OTEL_SERVICE_NAME", "corner-shop")
        // Spans every 100 ms; metrics only at the end.
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    // Its own buyers begin the traces.
    let whole = until("an order's trace", async || {
        let spans = collector.spans();
        let orders = spans.iter().filter(|span| span.name == "place_order");
        let mut traces = orders.map(|order| {
            spans.iter().filter(|span| span.trace == order.trace).map(|s| s.name.clone())
        });
        traces
            .any(|names| {
                let names: Vec<String> = names.collect();
                PATH.iter().all(|(name, _)| names.iter().any(|found| found == name))
            })
            .then_some(())
    });
    whole.await;
    assert!(collector.metrics().is_empty(), "{:?}", collector.metrics());
    let id = i32::try_from(program.id().unwrap()).unwrap();
    kill(Pid::from_raw(id), Signal::SIGINT).unwrap();
    let ended = program.wait().await.unwrap();
    assert!(ended.success(), "{ended}");
    let confirmed = until("the last metrics", async || {
        collector.metrics().get("kassa.orders{outcome=confirmed,reason=none}").cloned()
    });
    assert!(0 < confirmed.await.count);
    assert_eq!(collector.services(), ["corner-shop"]);
}
