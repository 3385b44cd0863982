//! What is exported of one order.

use std::collections::BTreeMap;

use kassa::domain::{
    AttentionAction, ChangePaymentMethod, Command, FindingKind, ItemKind, PlaceOrder,
    ReportFinding, ResolveAttention, Text, Token, TraceParent,
};
use kassa::port::Commands;
use kassa::wire::OutcomeKind;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use tracing::Instrument;

use crate::memory::Memory;
use crate::shop::journey::{EDGE, faults};
use crate::shop::{Shop, command_id, cups, order_id, until};

#[tokio::test]
async fn one_order_is_one_trace() {
    let memory = Memory::listen();
    let shop = Shop::open().await;
    let (order, edge) = (order_id(), TraceParent::parse(EDGE).unwrap());

    shop.place(order, Some(&edge)).await;

    shop.history(order).await;
    let mut left = Vec::new();
    until("the trace is whole", async || {
        left = faults(&memory.spans(), &edge, order);
        left.is_empty().then_some(())
    })
    .await;
    shop.world.stop().await;
}

/// Metrics are of the process, so other tests may be in them: what is counted is counted at least
/// once here.
#[tokio::test]
async fn what_becomes_of_orders_is_counted() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    kassa::telemetry::install(&provider);
    let shop = Shop::open().await;
    let order = order_id();

    shop.place(order, None).await;
    let refused = shop.client.send(command_id(), &cups(order_id(), 2_000), None).await.unwrap();
    assert_eq!(refused.result, OutcomeKind::Refused, "{refused:?}");

    shop.history(order).await;
    pays_with_another_card(&shop).await;
    needs_a_human(&shop, &provider, &exporter).await;
    let mut seen = BTreeMap::new();
    let expected = [
        "kassa.orders{outcome=confirmed,reason=none}",
        "kassa.orders{outcome=rejected,reason=insufficient_stock}",
        "kassa.stock.rejections{}",
        "kassa.order.duration{}",
        "kassa.commit.duration{}",
        "kassa.commit.commands{}",
        "kassa.command.age{}",
        "kassa.payment.attempts{class=none,connector=simulated,result=captured}",
        "kassa.payment.duration{connector=simulated,result=captured}",
        "kassa.payment.attempts{class=customer,connector=simulated,result=declined}",
        "kassa.payment.recovery.duration{}",
        "kassa.payment.unknown.age{}",
        "kassa.payment.circuit{connector=simulated}",
        "kassa.event.delay{view=orders}",
        "kassa.projection.lag{view=orders}",
    ];
    let counted = until("everything is counted", async || {
        provider.force_flush().unwrap();
        seen = counted(&exporter);
        expected.iter().all(|name| seen.contains_key(*name)).then(|| seen.clone())
    });
    let counted = counted.await;
    // Nobody else writes, and the server answered.
    assert!(!counted.contains_key("kassa.fenced{role=committer}"), "{counted:?}");
    assert!(!counted.contains_key("kassa.commit.ambiguous{}"), "{counted:?}");
    shop.world.stop().await;
}

/// Something is found, and then settled: the list's figures say so.
async fn needs_a_human(
    shop: &Shop,
    provider: &SdkMeterProvider,
    exporter: &InMemoryMetricExporter,
) {
    const AGE: &str = "kassa.attention.age{}";
    const ITEMS: &str = "kassa.attention.items{kind=view_differs}";
    let orders: Token = "orders".parse().unwrap();
    let finding = ReportFinding {
        kind: FindingKind::ViewDiffers,
        id: orders.clone(),
        reason: Text::try_from("1 of 2 keys differ").unwrap(),
    };
    let resolve = ResolveAttention {
        kind: ItemKind::ViewDiffers,
        id: orders,
        action: AttentionAction::Discard,
        reason: Text::try_from("looked again").unwrap(),
        by: "ada".parse().unwrap(),
    };
    let rows = [(Command::ReportFinding(finding), 1), (Command::ResolveAttention(resolve), 0)];
    for (command, items) in rows {
        let outcome = shop.client.send(command_id(), &command, None).await.unwrap();
        assert_eq!(outcome.result, OutcomeKind::Accepted, "{outcome:?}");
        until("the list has it", async || {
            provider.force_flush().unwrap();
            let seen = counted(exporter);
            let told = (seen.get(ITEMS).copied(), seen.get(AGE).copied());
            (told == (Some(items), Some(items))).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_command_joins_the_trace_of_whoever_sends_it() {
    let memory = Memory::listen();
    let shop = Shop::open().await;
    let order = order_id();
    // Whatever span an edge is in.
    let edge = kassa::telemetry::child(Some(EDGE), kassa::telemetry::Kind::Internal, || {
        "checkout".to_owned()
    });

    shop.place(order, None).instrument(edge.clone()).await;

    let around = kassa::telemetry::traceparent(&edge).unwrap();
    let around = around.split('-').nth(2).unwrap();
    let request = until("the request has ended", async || {
        memory.spans().into_iter().find(|span| span.name == REQUEST)
    })
    .await;
    assert_eq!(request.parent, around, "{request:?}");
    shop.world.stop().await;
}

#[tokio::test]
async fn an_order_without_a_trace_begins_none() {
    let memory = Memory::listen();
    let shop = Shop::open().await;
    let order = order_id();

    shop.place(order, None).await;

    assert!(shop.history(order).await.iter().all(|record| record.trace.is_none()));
    shop.world.stop().await;
    assert!(memory.spans().is_empty(), "{:?}", memory.spans());
}

const REQUEST: &str = "request kassa.{market}.cmd.{source}.order.place";

/// Counts by name and attributes: of a sum and of a gauge its value, of a histogram its records, of
/// an age 1 while there is one.
fn counted(exporter: &InMemoryMetricExporter) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    let finished = exporter.get_finished_metrics().unwrap();
    let Some(last) = finished.last() else {
        return counted;
    };
    for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
        let mut add = |attributes: Vec<String>, value| {
            let mut attributes = attributes;
            attributes.sort();
            counted.insert(format!("{}{{{}}}", metric.name(), attributes.join(",")), value);
        };
        let data = metric.data();
        if let AggregatedMetrics::F64(MetricData::Histogram(data)) = data {
            data.data_points().for_each(|p| add(words(p.attributes()), p.count()));
        } else if let AggregatedMetrics::U64(MetricData::Histogram(data)) = data {
            data.data_points().for_each(|p| add(words(p.attributes()), p.count()));
        } else if let AggregatedMetrics::U64(MetricData::Sum(data)) = data {
            data.data_points().for_each(|p| add(words(p.attributes()), p.value()));
        } else if let AggregatedMetrics::F64(MetricData::Gauge(data)) = data {
            data.data_points().for_each(|p| add(words(p.attributes()), (0.0 < p.value()).into()));
        } else if let AggregatedMetrics::U64(MetricData::Gauge(data)) = data {
            data.data_points().for_each(|p| add(words(p.attributes()), p.value()));
        } else {
            panic!("{}: {data:?}", metric.name());
        }
    }
    counted
}

fn words<'a>(attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> Vec<String> {
    attributes.map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect()
}

/// An order whose first card is declined.
async fn pays_with_another_card(shop: &Shop) {
    let order = order_id();
    let Command::PlaceOrder(placed) = cups(order, 1) else { unreachable!() };
    let payment_method_token = "decline_1x_insufficient_funds".parse().unwrap();
    let placed = Command::PlaceOrder(PlaceOrder { payment_method_token, ..placed });
    shop.client.send(command_id(), &placed, None).await.unwrap();
    let another = Command::ChangePaymentMethod(ChangePaymentMethod {
        order_id: order,
        payment_method_token: "tok_visa".parse().unwrap(),
    });
    until("the buyer is asked", async || {
        let outcome = shop.client.send(command_id(), &another, None).await.unwrap();
        (outcome.result == OutcomeKind::Accepted).then_some(())
    })
    .await;
    shop.history(order).await;
}
