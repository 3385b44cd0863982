//! The log in a folder, and what is wrong with a folder.

use std::path::Path;
use std::process::{Command, Output};

use kassa::archive::{Archive, ArchiveHead, ArchiveWriter, Backup, Manifest, Part};
use kassa::domain::Sequence;
use kassa::port::{Entry, Tail};
use kassa::wire::Subjects;

use crate::replay::placed;
use crate::shop::{Dev, failure, kassa};

fn check(dir: &Path) -> Output {
    kassa(&["backup", dir.to_str().unwrap(), "--check"]).output().unwrap()
}

fn parts(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut parts: Vec<_> = files.filter(|file| file.extension().is_some()).collect();
    parts.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with("events-"));
    parts.sort();
    parts
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_backup_that_is_not_what_it_was_is_refused_by_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let dev = Dev::ephemeral();
    placed(&dev);
    dev.says(&["backup", whole.to_str().unwrap()]);
    placed(&dev);
    dev.says(&["backup", whole.to_str().unwrap()]);
    assert!(check(&whole).status.success());
    assert_eq!(parts(&whole).len(), 2);
    let other = kassa(&["backup", whole.to_str().unwrap(), "--check", "--market", "other"]);
    let (exit, said) = failure(&{ other }.output().unwrap());
    assert!(exit == 5 && said.contains("KASSA-ARCHIVE-MARKET"), "{said}");
    let (exit, said) = failure(&check(&folder.path().join("nothing")));
    assert!(exit == 3 && said.contains("KASSA-NOT-FOUND"), "{said}");
    let another = Dev::ephemeral();
    let (exit, said) = failure(&another.type_in(&["backup", whole.to_str().unwrap()]));
    assert!(exit == 5 && said.contains("the backup is of another log"), "{said}");

    let cut: fn(&Path) = |dir| {
        let last = parts(dir).pop().unwrap();
        let bytes = std::fs::read(&last).unwrap();
        std::fs::write(last, &bytes[..bytes.len() - 20]).unwrap();
    };
    let changed: fn(&Path) = |dir| {
        let last = parts(dir).pop().unwrap();
        let mut bytes = std::fs::read(&last).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(last, bytes).unwrap();
    };
    let missing: fn(&Path) = |dir| std::fs::remove_file(parts(dir).pop().unwrap()).unwrap();
    let swapped: fn(&Path) = |dir| {
        let [first, second] = <[_; 2]>::try_from(parts(dir)).unwrap();
        std::fs::copy(first, second).unwrap();
    };
    let gap: fn(&Path) = |dir| edit(dir, |manifest| drop(manifest.parts.remove(0)));
    let newer: fn(&Path) = |dir| edit(dir, |manifest| manifest.v = 9);
    for (fault, harm, exit, says) in [
        ("cut", cut, 7, "KASSA-ARCHIVE-DAMAGED"),
        ("changed", changed, 7, "KASSA-ARCHIVE-DAMAGED"),
        ("missing", missing, 1, "No such file"),
        ("swapped", swapped, 7, "is not what the manifest says"),
        ("gap", gap, 7, "1 is next"),
        ("newer", newer, 7, "version 9 is not known"),
    ] {
        let dir = folder.path().join(fault);
        copied(&whole, &dir);
        harm(&dir);
        let (found, said) = failure(&check(&dir));
        assert!(found == exit && said.contains(says), "{fault}: {found} {said}");
    }
}

fn edit(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    let file = dir.join("manifest.json");
    let mut manifest = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(file, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// Every message of an archive.
fn entries(file: &Path) -> Vec<Entry> {
    let market = "main".parse().unwrap();
    let archive = Archive::open(file, &market).unwrap();
    let mut tail = archive.follow(Subjects::everything(), Sequence::START).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut all = Vec::new();
    while 0 < tail.remaining() {
        all.extend(runtime.block_on(tail.next(256)).unwrap());
    }
    all
}

/// An hourly backup has thousands of parts after some months.
#[test]
fn a_backup_of_many_parts_needs_few_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, many) = (folder.path().join("whole"), folder.path().join("many"));
    let dev = Dev::ephemeral();
    dev.says(&["backup", whole.to_str().unwrap()]);
    let market = "main".parse().unwrap();
    let one = Backup::open(&whole, &market).unwrap().unwrap().manifest;
    let mut backup = Backup::open_or_begin(&many, &market).unwrap();
    let mut manifest = Manifest { parts: Vec::new(), ..one.clone() };
    for entry in entries(&whole.join(&one.parts[0].file)) {
        let name = format!("events-{:020}.kassa", entry.sequence.0);
        let head = ArchiveHead {
            market: market.clone(),
            log_end: entry.sequence,
            made_at_ms: entry.time,
            build: "test".to_owned(),
        };
        let mut writer = ArchiveWriter::create(&backup.place(&name).unwrap(), &head).unwrap();
        writer.add(&entry).unwrap();
        manifest.parts.push(Part::of(&name, writer.finish().unwrap()));
    }
    assert!(50 <= manifest.parts.len(), "{} parts", manifest.parts.len());
    backup.keep(manifest).unwrap();
    let typed = format!("ulimit -n 40; exec \"$0\" backup {} --check", many.display());
    let checked =
        Command::new("sh").args(["-c", &typed, env!("CARGO_BIN_EXE_kassa")]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
