//! Signed heads, and what is written down about a proof.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn certificate(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_log_and_its_copies_pass_the_heads_that_were_signed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (key, heads, archive, backup) =
        (place("key"), place("heads"), place("log.kassa"), place("backup"));
    let public = place("key.pub");
    let made = kassa(&["checkpoint", "keygen", "--out", text(&key), "-o", "json"]).output();
    let made: Value = serde_json::from_slice(&made.unwrap().stdout).unwrap();
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&public).unwrap().trim(), made["key"]);
    let again = kassa(&["checkpoint", "keygen", "--out", text(&key)]).output().unwrap();
    assert_eq!(failure(&again).0, 1, "a key is never written over");

    let dev = Dev::ephemeral();
    for _ in 0..2 {
        placed(&dev);
        dev.says(&["checkpoint", "--key", text(&key), "--out", text(&heads)]);
    }
    dev.says(&["replay", "--into", text(&archive)]);
    dev.says(&["backup", text(&backup)]);
    let shown = dev.tells(&["checkpoint", "--key", text(&key)]);
    assert_eq!((&shown["market"], &shown["key"]), (&"main".into(), &made["key"]));
    let against = ["verify", "--against", text(&heads), "--key", text(&public)];
    let paper = place("certificate.json");
    let certify = ["--certificate", text(&paper)];
    let live = dev.tells(&[&against[..], &certify].concat());
    assert_eq!(live["heads"], 2);
    let of_live = certificate(&paper);
    assert!(of_live["checked"].as_array().unwrap().contains(&"I4".into()));
    let mut digests = vec![of_live["digest"].clone()];
    for (from, file) in [("--from-file", &archive), ("--from-backup", &backup)] {
        let arguments = [&against[..], &[from, text(file)], &certify].concat();
        let output = kassa(&arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let paper = certificate(&paper);
        assert_eq!((&paper["holds"], &paper["heads"]), (&true.into(), &2.into()));
        assert_eq!((&paper["head"], &paper["end"]), (&of_live["head"], &of_live["end"]));
        assert!(paper["of"].as_str().unwrap().contains(text(file)));
        // A file has no commands in it: nothing is said about them.
        assert!(paper["not_checked"].as_array().unwrap().contains(&"I4".into()));
        digests.push(paper["digest"].clone());
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn heads_that_are_not_believed_have_an_exit_code_and_a_sentence_each() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (key, heads, archive) = (place("key"), place("heads"), place("log.kassa"));
    let (public, other) = (place("key.pub"), place("other"));
    for file in [&key, &other] {
        assert!(kassa(&["checkpoint", "keygen", "--out", text(file)]).status().unwrap().success());
    }
    let dev = Dev::ephemeral();
    // What is kept ends before what is signed: as if somebody had cut the log.
    dev.says(&["replay", "--into", text(&archive)]);
    placed(&dev);
    dev.says(&["checkpoint", "--key", text(&key), "--out", text(&heads)]);
    let signed = std::fs::read_to_string(&heads).unwrap();
    let forged = place("forged");
    std::fs::write(&forged, signed.replace("\"epoch\":1", "\"epoch\":2")).unwrap();
    let strangers = place("other.pub");
    let missing = place("missing");
    for (arguments, exit, says) in [
        (["--against", text(&heads), "--key", text(&public)], 7, "the log was cut at"),
        (["--against", text(&heads), "--key", text(&strangers)], 7, "is not the key that was"),
        (["--against", text(&forged), "--key", text(&public)], 7, "its signature is not"),
        (["--against", text(&heads), "--market", "other"], 5, "KASSA-HEADS-MARKET"),
        (["--against", text(&missing), "--key", text(&public)], 1, "KASSA-HEADS:"),
        (["--against", text(&key), "--key", text(&public)], 1, "is no signed head"),
        (["--against", text(&heads), "--key", text(&heads)], 1, "is no key"),
    ] {
        let all = [&["verify", "--from-file", text(&archive)], &arguments[..]].concat();
        let (status, said) = failure(&kassa(&all).output().unwrap());
        assert!(status == exit && said.contains(says), "{arguments:?}: {status} {said}");
    }
    let (status, said) = failure(&dev.type_in(&["checkpoint"]));
    assert!(status == 2 && said.contains("nothing to sign with"), "{said}");
}

#[test]
fn heads_are_signed_by_themselves_where_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let (key, heads) = (folder.path().join("key"), folder.path().join("heads"));
    assert!(kassa(&["checkpoint", "keygen", "--out", text(&key)]).status().unwrap().success());
    let settings = [
        ("KASSA_CHECKPOINT__KEY_FILE", text(&key)),
        ("KASSA_CHECKPOINT__FILE", text(&heads)),
        ("KASSA_CHECKPOINT__EVERY_S", "1"),
    ];
    let dev = Dev::open_with(&settings, &["--ephemeral", "--no-traffic", "--port-base", "0"]);
    placed(&dev);
    let public = folder.path().join("key.pub");
    let begun = Instant::now();
    // The first head is of the empty shop, or not; the next one is of the order.
    loop {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing was signed");
        let last = std::fs::read_to_string(&heads).unwrap_or_default();
        let last: Option<Value> =
            last.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let proved = dev.tells(&["verify"]);
        if last.is_some_and(|head| head["hash"] == proved["head"]["hash"]) {
            break;
        }
    }
    let proved = dev.tells(&["verify", "--against", text(&heads), "--key", text(&public)]);
    let lines = std::fs::read_to_string(&heads).unwrap().lines().count();
    assert_eq!(proved["heads"], lines);
}
