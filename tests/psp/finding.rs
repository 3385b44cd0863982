//! Looking for payments: by what was attached to them, and by when they were made.

use std::time::Duration;

use serde_json::Value;

use super::caller::{INTENTS, Psp};

const SEARCH: &str = "/v1/payment_intents/search";

async fn order(psp: &Psp, order: &str, method: &str) -> String {
    let form = [
        ("amount", "1250"),
        ("currency", "eur"),
        ("confirm", "true"),
        ("payment_method", method),
        ("metadata[kassa_order]", order),
    ];
    let answer = psp.post(INTENTS, &form).await;
    let id = answer.body.pointer("/id").or(answer.body.pointer("/error/payment_intent/id"));
    id.and_then(Value::as_str).unwrap().to_owned()
}

async fn found(psp: &Psp, query: &str) -> Vec<String> {
    psp.get(SEARCH, &[("query", query)]).await.ids()
}

#[tokio::test]
async fn a_payment_is_found_by_what_was_attached_to_it() {
    let psp = Psp::open().await;
    let first = order(&psp, "o1", "pm_card_visa").await;
    let failed = order(&psp, "o2", "decline_lost_card").await;
    let second = order(&psp, "o2", "pm_card_visa").await;
    assert_eq!(found(&psp, "metadata['kassa_order']:'o1'").await, [first]);
    assert_eq!(found(&psp, "metadata[\"kassa_order\"]:\"o2\"").await, [second.clone(), failed]);
    let both = "metadata['kassa_order']:'o2' AND status:'succeeded'";
    assert_eq!(found(&psp, both).await, [second]);
    assert!(found(&psp, "metadata['kassa_order']:'o3'").await.is_empty());
}

#[tokio::test]
async fn a_search_that_cannot_be_read_is_refused() {
    let psp = Psp::open().await;
    for query in ["order:'1'", "metadata['a']", "status='succeeded'"] {
        let answer = psp.get(SEARCH, &[("query", query)]).await;
        assert_eq!((answer.status, answer.text("/error/param")), (400, "query"));
    }
    assert_eq!(psp.get(SEARCH, &[]).await.code(), "parameter_missing");
}

#[tokio::test]
async fn a_long_search_goes_on_where_its_page_ended() {
    let psp = Psp::open().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, order(&psp, "o1", "pm_card_visa").await);
    }
    let query = ("query", "metadata['kassa_order']:'o1'");
    let mut seen = Vec::new();
    let mut page = None::<String>;
    loop {
        let mut asked = vec![query, ("limit", "2")];
        asked.extend(page.as_deref().map(|page| ("page", page)));
        let answer = psp.get(SEARCH, &asked).await;
        assert_eq!(answer.text("/object"), "search_result");
        seen.extend(answer.ids());
        page = answer.body["next_page"].as_str().map(ToOwned::to_owned);
        assert_eq!(answer.body["has_more"], page.is_some());
        if page.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_new_payment_is_not_found_by_search_yet_and_by_its_list_at_once() {
    let psp = Psp::with(|settings| settings.search_lag = Duration::from_secs(60)).await;
    let made = order(&psp, "o1", "pm_card_visa").await;
    let query = "metadata['kassa_order']:'o1'";
    assert!(found(&psp, query).await.is_empty());
    assert_eq!(psp.get(INTENTS, &[]).await.ids(), std::slice::from_ref(&made));
    psp.pass(Duration::from_secs(60));
    assert_eq!(found(&psp, query).await, [made]);
}

#[tokio::test]
async fn payments_are_listed_by_their_time_and_page_by_page() {
    let psp = Psp::open().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.insert(0, order(&psp, "o1", "pm_card_visa").await);
        psp.pass(Duration::from_secs(10));
    }
    let first = psp.get(INTENTS, &[("limit", "3")]).await;
    assert_eq!((first.ids(), &first.body["has_more"]), (made[..3].to_vec(), &Value::Bool(true)));
    let rest = psp.get(INTENTS, &[("limit", "3"), ("starting_after", &made[2])]).await;
    assert_eq!((rest.ids(), &rest.body["has_more"]), (made[3..].to_vec(), &Value::Bool(false)));
    let within = [("created[gte]", "1700000010"), ("created[lt]", "1700000030")];
    assert_eq!(psp.get(INTENTS, &within).await.ids(), made[1..3]);
    for (field, value) in [("limit", "101"), ("limit", "0"), ("created[gte]", "now")] {
        assert_eq!(psp.get(INTENTS, &[(field, value)]).await.status, 400, "{field}={value}");
    }
    assert_eq!(psp.get(INTENTS, &[("starting_after", "pi_x")]).await.code(), "resource_missing");
}

#[tokio::test]
async fn everything_that_happened_is_listed_as_an_event() {
    let psp = Psp::open().await;
    let paid = order(&psp, "o1", "pm_card_visa").await;
    order(&psp, "o2", "decline_lost_card").await;
    psp.post("/v1/refunds", &[("payment_intent", &paid)]).await;
    let events = psp.get("/v1/events", &[]).await;
    let kinds: Vec<_> =
        events.body["data"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    let told = ["refund.updated", "charge.refunded", "payment_intent.payment_failed"];
    assert_eq!(kinds[..3], told);
    assert_eq!(kinds[3], "payment_intent.succeeded");
    assert_eq!(events.text("/data/3/data/object/id"), paid);
    let one = psp.get(&format!("/v1/events/{}", events.ids()[3]), &[]).await;
    assert_eq!(one.text("/type"), "payment_intent.succeeded");
    let some = psp.get("/v1/events", &[("type", "charge.refunded")]).await;
    assert_eq!(some.ids().len(), 1);
}
