//! Money: the provider, its books, and whether it takes us.

use std::io::Write;

use serde_json::Value;

use crate::shop::{Dev, Psp, failure};

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
    for (url, key, says) in [
        (psp.url.as_str(), "", "there is no stripe.secret_key"),
        (&psp.url, "sk_test_sesame", "401"),
    ] {
        let dev = Dev::open_with(&paid_by(url, key), &arguments);
        // Orders wait: nothing of it is their fault.
        let order = dev.says(&["order", "place", "MUG-01"]);
        let order_id = order.split_whitespace().next().unwrap();
        let (status, said) = failure(&dev.type_in(&["doctor"]));
        assert!(status == 7 && said.contains(says) && !said.contains("sesame"), "{said}");
        let (status, said) = failure(&dev.type_in(&EVER));
        assert!(status == 4 && said.contains("KASSA-PROVIDER-REFUSES"), "{said}");
        assert_eq!(dev.tells(&["order", "show", order_id])["state"], "placed");
    }
    // A secret never goes over an open line: the shop does not even open.
    let mut command = crate::shop::kassa(&["dev", "--ephemeral", "--port-base", "0"]);
    let output = command.envs(paid_by(open, "sk_test_kassa")).output().unwrap();
    let (status, said) = failure(&output);
    assert!(status == 2 && said.contains("must be https"), "{said}");
}
