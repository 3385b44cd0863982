//! Moods by share, and outages.

use std::time::{Duration, Instant};

use kassa::psp::{Moods, OutageKind};

use super::caller::{INTENTS, PATIENCE, Psp};

/// All of a hundred thousand.
const ALL: u64 = 100_000;

async fn with(moods: Moods) -> Psp {
    Psp::with(|settings| settings.moods = moods).await
}

#[tokio::test]
async fn two_providers_with_one_seed_behave_alike() {
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let codes = vec!["lost_card".to_owned(), "do_not_honor".to_owned()];
        let moods = Moods { seed, declined: 50_000, decline_codes: codes, ..Moods::default() };
        let psp = with(moods).await;
        let mut answers = Vec::new();
        for number in 0..20 {
            let key = format!("k{number}");
            let answer = psp.try_pay("pm_card_visa", "1", Some(&key)).await.unwrap();
            let code = answer.body.pointer("/error/decline_code").cloned();
            answers.push((answer.status, code));
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    let declined = seen[0].iter().filter(|(status, _)| *status == 402).count();
    assert!((3..18).contains(&declined), "{declined} of 20");
}

#[tokio::test]
async fn a_provider_that_limits_carries_nothing_out() {
    let psp = with(Moods { rate_limited: ALL, ..Moods::default() }).await;
    let answer = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!((answer.status, answer.code()), (429, "rate_limit"));
}

#[tokio::test]
async fn an_error_does_not_tell_whether_the_money_came() {
    let file = tempfile::tempdir().unwrap();
    let ledger = file.path().join("ledger.jsonl");
    let psp = Psp::with(|settings| {
        settings.moods = Moods { errors: ALL, ..Moods::default() };
        settings.ledger = Some(ledger.clone());
    })
    .await;
    for number in 0..20 {
        let key = format!("k{number}");
        for replayed in [None, Some("true")] {
            let answer = psp.try_pay("pm_card_visa", "1", Some(&key)).await.unwrap();
            assert_eq!((answer.status, answer.header("idempotent-replayed")), (500, replayed));
        }
    }
    let ledger = std::fs::read_to_string(ledger).unwrap();
    let captures = ledger.lines().filter(|line| line.starts_with(r#"{"what":"capture""#)).count();
    assert!((3..18).contains(&captures), "{captures} of 20");
}

#[tokio::test]
async fn a_lost_answer_is_a_cut_connection_and_the_money_came() {
    let file = tempfile::tempdir().unwrap();
    let ledger = file.path().join("ledger.jsonl");
    let psp = Psp::with(|settings| {
        settings.moods = Moods { answers_lost: ALL, ..Moods::default() };
        settings.ledger = Some(ledger.clone());
    })
    .await;
    let lost = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap_err();
    assert!(!lost.is_connect() && !lost.is_timeout(), "{lost:?}");
    assert_eq!(std::fs::read_to_string(ledger).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn an_answer_takes_its_time() {
    let takes = Duration::from_millis(80);
    let moods = Moods { latency_min: takes, latency_max: takes, ..Moods::default() };
    let psp = with(moods.clone()).await;
    let begun = Instant::now();
    psp.pay("pm_card_visa").await;
    assert!(takes <= begun.elapsed());
    let psp = with(Moods { slow: ALL, ..moods }).await;
    let begun = Instant::now();
    psp.pay("pm_card_visa").await;
    assert!(takes * 10 <= begun.elapsed(), "the tail is long");
}

#[tokio::test]
async fn during_an_outage_nothing_is_carried_out() {
    let psp = Psp::open().await;
    let began = psp.request("POST", "/_sim/outage").body(r#"{"for_s":3600}"#).send().await.unwrap();
    assert_eq!(began.status(), 200);
    let answer = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!((answer.status, answer.text("/error/type")), (503, "api_error"));
    psp.request("POST", "/_sim/heal").send().await.unwrap();
    let answer = psp.try_pay("pm_card_visa", "1", Some("k1")).await.unwrap();
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn an_outage_that_was_planned_comes_and_goes() {
    let outage = Some((Duration::ZERO, Duration::from_secs(2)));
    let psp = with(Moods { outage, ..Moods::default() }).await;
    psp.until(INTENTS, |answer| answer.status == 503).await;
    psp.until(INTENTS, |answer| answer.status == 200).await;
}

#[tokio::test]
async fn an_outage_may_refuse_connections() {
    let psp = Psp::open().await;
    assert_eq!(psp.count().await, 0);
    psp.running.outage(Duration::from_secs(3_600), OutageKind::Refused);
    let begun = Instant::now();
    // The open connection is cut; after that nobody listens.
    loop {
        match psp.try_pay("pm_card_visa", "1", None).await {
            Err(error) if error.is_connect() => break,
            Err(_) | Ok(_) => assert!(begun.elapsed() < PATIENCE),
        }
    }
    psp.running.heal();
    loop {
        match psp.try_pay("pm_card_visa", "1", Some("after")).await {
            Ok(answer) => break assert_eq!(answer.status, 200),
            Err(_) => assert!(begun.elapsed() < PATIENCE),
        }
    }
}

#[tokio::test]
async fn an_outage_that_cannot_be_read_does_not_begin() {
    let psp = Psp::open().await;
    for body in ["", "{}", r#"{"for_s":-1}"#, r#"{"for_s":1,"sort":"refused"}"#] {
        let answer = psp.request("POST", "/_sim/outage").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
    }
    assert_eq!(psp.count().await, 0);
}
