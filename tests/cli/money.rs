//! Money: the provider, its books, and whether it takes us.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shop::{Dev, Psp, failure};

/// Far above what anything here takes, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(30);

/// A period that holds all that ever was.
const EVER: [&str; 5] =
    ["reconcile", "--from", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z"];

/// What a shop has to be told to have a provider take its money.
fn paid_by<'a>(url: &'a str, key: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("KASSA_GATEWAY__CONNECTOR", "stripe"),
        ("KASSA_STRIPE__BASE_URL", url),
        ("KASSA_STRIPE__SECRET_KEY", key),
    ]
}

fn placed(dev: &Dev) -> String {
    let said = dev.says(&["order", "place", "MUG-01=2", "--watch"]);
    assert!(said.trim_end().ends_with("confirmed"), "{said}");
    said.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_providers_list_is_held_against_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::on(folder.path());
    placed(&dev);
    let order_id = placed(&dev);
    dev.says(&["order", "cancel", &order_id]);
    dev.says(&["order", "watch", &order_id]);
    let same = dev.tells(&EVER);
    assert_eq!((&same["payments"], &same["refunds"]), (&2.into(), &1.into()));
    assert_eq!(same["differences"].as_array().unwrap().len(), 0);
    // What has moved in the last minutes is not looked at unless somebody asks for it.
    assert_eq!(dev.tells(&["reconcile"])["payments"], 0);
    // Somebody was charged of whom the log knows nothing.
    let ledger = folder.path().join("gateway.jsonl");
    let lines = std::fs::read_to_string(&ledger).unwrap();
    let first = lines.lines().next().unwrap();
    let mut more: Value = serde_json::from_str(first).unwrap();
    *more.pointer_mut("/result/captured/provider_ref").unwrap() = "sim_from_nowhere".into();
    more["idempotency_key"] = "another-key".into();
    let mut file = std::fs::OpenOptions::new().append(true).open(&ledger).unwrap();
    writeln!(file, "{more}").unwrap();
    let output = dev.type_in(&EVER);
    let (status, said) = failure(&output);
    assert_eq!(status, 7, "{said}");
    assert!(said.contains("1 payments or refunds are not the same"), "{said}");
    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().find(|line| line.contains("sim_from_nowhere")).unwrap();
    assert!(row.starts_with("extra") && row.contains("25.00 EUR"), "{table}");
}

#[test]
fn a_period_that_is_none_is_told_from_one() {
    let dev = Dev::ephemeral();
    let (status, said) = failure(&dev.type_in(&["reconcile", "--from", "yesterday"]));
    assert!(status == 2 && said.contains("write it as 2026-11-22T00:00:00Z"), "{said}");
    let backwards =
        ["reconcile", "--from", "2026-11-22T00:00:00Z", "--until", "2026-11-21T00:00:00Z"];
    let (status, said) = failure(&dev.type_in(&backwards));
    assert!(status == 2 && said.contains("--from is not before --until"), "{said}");
}

#[test]
fn an_order_is_paid_over_http_and_found_in_the_providers_list() {
    let psp = Psp::open(&[]);
    let arguments = ["--ephemeral", "--no-traffic", "--port-base", "0"];
    let dev = Dev::open_with(&paid_by(&psp.url, "sk_test_kassa"), &arguments);
    placed(&dev);
    let said = dev.says(&["doctor"]);
    assert!(said.contains("takes our key"), "{said}");
    assert_eq!(dev.tells(&EVER)["payments"], 1);
    assert!(!dev.says(&["config", "show"]).contains("sk_test_kassa"), "secrets stay secret");
}

#[test]
fn the_doctor_says_what_is_wrong_with_the_connector() {
    let psp = Psp::open(&[]);
    let arguments = ["--ephemeral", "--no-traffic", "--port-base", "0"];
    let open = "http://pay.example.com";
    let beside = format!("{}/beside", psp.url);
    for (url, key, says, of_reconcile) in [
        (psp.url.as_str(), "", "there is no stripe.secret_key", (4, "KASSA-PROVIDER-REFUSES")),
        (&psp.url, "sk_test_sesame", "401", (4, "KASSA-PROVIDER-REFUSES")),
        (&beside, "sk_test_kassa", "404", (4, "KASSA-PROVIDER-REFUSES")),
        ("http://127.0.0.1:1", "sk_test_kassa", "be reached", (6, "KASSA-PROVIDER-SILENT")),
    ] {
        let dev = Dev::open_with(&paid_by(url, key), &arguments);
        // Orders wait: nothing of it is their fault.
        let order = dev.says(&["order", "place", "MUG-01"]);
        let order_id = order.split_whitespace().next().unwrap();
        let (status, said) = failure(&dev.type_in(&["doctor"]));
        assert!(status == 7 && said.contains(says) && !said.contains("sesame"), "{said}");
        let (status, said) = failure(&dev.type_in(&EVER));
        assert!(status == of_reconcile.0 && said.contains(of_reconcile.1), "{status} {said}");
        assert_eq!(dev.tells(&["order", "show", order_id])["state"], "placed");
    }
    // A secret never goes over an open line: the shop does not even open.
    let mut command = crate::shop::kassa(&["dev", "--ephemeral", "--port-base", "0"]);
    let output = command.envs(paid_by(open, "sk_test_kassa")).output().unwrap();
    let (status, said) = failure(&output);
    assert!(status == 2 && said.contains("must be https"), "{said}");
}

#[test]
fn a_buyer_who_was_asked_pays_with_another_card() {
    let dev = Dev::ephemeral();
    let poor = ["--payment-method", "decline_insufficient_funds"];
    let said = dev.says(&[&["order", "place", "MUG-01"][..], &poor].concat());
    let order = said.split_whitespace().next().unwrap();
    let begun = Instant::now();
    while dev.tells(&["order", "show", order])["payment"]["state"] != "needs_customer" {
        assert!(begun.elapsed() < PATIENCE, "{}", dev.says(&["order", "show", order]));
    }
    let retry = ["order", "retry-payment", order, "--payment-method", "tok_other"];
    assert_eq!(dev.tells(&retry)["result"], "accepted");
    let watched = dev.says(&["order", "watch", order]);
    assert!(watched.trim_end().ends_with("confirmed"), "{watched}");
    let (status, said) = failure(&dev.type_in(&retry));
    assert!(status == 5 && said.contains("wrong_state"), "{status} {said}");
    dev.says(&["verify", "--quiet"]);
}

/// Everything that a shop writes, with its log at its most talkative.
#[test]
fn no_secret_is_in_any_log_stream_or_event() {
    let folder = tempfile::tempdir().unwrap();
    let psp = Psp::open(&[]);
    let key = "sk_test_kassa";
    let mut settings = paid_by(&psp.url, key).to_vec();
    settings.push(("KASSA_LOG__FILTER", "trace"));
    settings.push(("KASSA_STRIPE__WEBHOOK_SECRETS", "[\"whsec_sesame\"]"));
    let data = folder.path().to_str().unwrap();
    let arguments = ["--no-traffic", "--port-base", "0", "--data-dir", data];
    let dev = Dev::open_with(&settings, &arguments);
    let order_id = placed(&dev);
    dev.says(&["order", "cancel", &order_id]);
    dev.says(&["order", "watch", &order_id]);
    dev.says(&["order", "place", "MUG-01", "--payment-method", "pm_card_chargeDeclined"]);
    let replayed = dev.says(&["replay", "-o", "jsonl"]);
    assert!(replayed.contains("payment_refunded"), "the provider was called both ways");
    let doctor = dev.says(&["doctor"]);
    let begun = dev.banner.clone();
    let (_, log) = dev.interrupted();
    let mut written = vec![("replay".to_owned(), replayed), ("doctor".to_owned(), doctor)];
    written.push(("its log".to_owned(), begun + &log));
    written.extend(files(folder.path()));
    assert!(written.iter().any(|(_, text)| text.contains("\"DEBUG\"")), "it was talkative");
    for (place, text) in written {
        for secret in [key, "whsec_sesame"] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

/// Every file below a folder, as text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}
