//! What happened to one order, as an auditor reads it.

use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

#[test]
fn the_history_of_an_order_says_who_asked_what_was_decided_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.kassa");
    let file = file.to_str().unwrap();
    let dev = Dev::ephemeral();
    let order = placed(&dev);
    dev.says(&["order", "cancel", &order, "--reason", "too late", "--source", "desk"]);
    assert!(dev.says(&["order", "watch", &order]).trim_end().ends_with("refunded"));
    let plain = dev.tells(&["events", "history", &order]);
    let steps = plain["steps"].as_array().unwrap();
    let sources: Vec<_> = steps.iter().map(|step| step["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["cli", "payer", "desk", "payer"]);
    assert_eq!(steps[0]["stock"][0], "MUG-01 -2 available, promised to the order");
    assert_eq!(steps[1]["money"][0], "+25.00 EUR to the shop");
    assert_eq!(steps[3]["money"][0], "-25.00 EUR to the buyer");
    assert!(steps.iter().skip(1).all(|step| step["after_ms"].is_u64()), "{steps:?}");
    assert!(steps.iter().all(|step| step.get("why").is_none()), "only who asks is told why");
    let explained = dev.says(&["events", "history", &order, "--explain"]);
    for why in ["the whole sum has come", r#""too late" was given as the reason"#] {
        assert!(explained.contains(why), "{explained}");
    }
    // From a file it is the same, without a server.
    dev.says(&["replay", "--into", file]);
    let kept = kassa(&["events", "history", &order, "--from-file", file, "-o", "json"]).output();
    let kept: serde_json::Value = serde_json::from_slice(&kept.unwrap().stdout).unwrap();
    assert_eq!(kept["steps"], plain["steps"]);
    assert_eq!(kept["events"], plain["events"]);
    let nobody = "01a205f2-c221-7484-8ce8-e17cd3af93e8";
    for arguments in [
        ["events", "history", nobody].as_slice(),
        &["events", "history", nobody, "--from-file", file],
    ] {
        let (status, said) = failure(&dev.type_in(arguments));
        assert!(status == 3 && said.contains("is not in the log"), "{said}");
    }
}
