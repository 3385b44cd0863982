//! What an archive promises.

use std::path::{Path, PathBuf};

use super::*;
use crate::domain::fixtures::T0;
use crate::port::{MissingLog, Older, Tail};

const MARKET: &str = "main";

fn market(name: &str) -> MarketName {
    name.parse().unwrap()
}

fn entry(seq: u64) -> Entry {
    Entry {
        sequence: Sequence(seq),
        subject: format!(
            "kassa.main.evt.{}",
            if seq.is_multiple_of(2) { "commit" } else { "stock.MUG" }
        ),
        time: T0,
        headers: vec![("Kassa-Type".to_owned(), "commit/1".to_owned())],
        payload: vec![u8::try_from(seq % 251).unwrap(); 300].into(),
    }
}

fn head() -> ArchiveHead {
    let build = "test".to_owned();
    ArchiveHead { market: market(MARKET), log_end: Sequence(9), made_at_ms: T0, build }
}

/// An archive of messages 3 to 9.
fn written(folder: &Path) -> PathBuf {
    let file = folder.join("a.kassa");
    let mut writer = ArchiveWriter::create(&file, &head()).unwrap();
    (3..=9).for_each(|seq| writer.add(&entry(seq)).unwrap());
    assert!(!file.exists(), "it has its name when it is whole");
    let foot = writer.finish().unwrap();
    assert_eq!((foot.messages, foot.first, foot.last), (7, Sequence(3), Sequence(9)));
    file
}

async fn read(archive: &Archive, filter: &str, after: u64) -> Vec<Entry> {
    let mut tail = archive.follow(filter, Sequence(after)).unwrap();
    let mut all = Vec::new();
    while 0 < tail.remaining() {
        all.extend(tail.next(2).await.unwrap());
    }
    all
}

#[tokio::test]
async fn what_was_written_is_read_by_subject_and_from_any_place() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(&written(folder.path()), &market(MARKET)).unwrap();
    assert_eq!(archive.head, head());
    assert_eq!(read(&archive, ">", 0).await, (3..=9).map(entry).collect::<Vec<_>>());
    assert_eq!(read(&archive, ">", 7).await, [entry(8), entry(9)]);
    let commits = read(&archive, "kassa.main.evt.commit", 0).await;
    assert_eq!(commits, [entry(4), entry(6), entry(8)]);
    assert_eq!(read(&archive, "kassa.main.evt.stock.>", 6).await, [entry(7), entry(9)]);
    assert_eq!(read(&archive, ">", 9).await, []);
}

#[test]
fn a_file_of_that_name_is_never_written_over_and_a_rest_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.kassa");
    drop(ArchiveWriter::create(&file, &head()).unwrap());
    assert_eq!(written(folder.path()), file, "what was interrupted is begun again");
    let again = ArchiveWriter::create(&file, &head());
    assert!(matches!(again, Err(ArchiveError::Io { .. })));
}

/// However it is cut and whatever byte is changed: what can still be read is what was written.
#[tokio::test]
async fn an_archive_that_was_cut_or_changed_is_told_from_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path());
    let whole = std::fs::read(&file).unwrap();
    let opened = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        Archive::open(&file, &market(MARKET)).map(drop)
    };
    assert!(opened(&whole).is_ok());
    for length in (0..whole.len()).step_by(7) {
        let error = opened(&whole[..length]).unwrap_err();
        let is_told = matches!(
            error,
            ArchiveError::Cut { .. }
                | ArchiveError::NoArchive { .. }
                | ArchiveError::Version { .. }
                | ArchiveError::Changed { .. }
        );
        assert!(is_told, "{length}: {error:?}");
    }
    let mut passed = 0;
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        // A few bits of the packing say nothing.
        if opened(&changed).is_ok() {
            let archive = Archive::open(&file, &market(MARKET)).unwrap();
            let same: Vec<_> = (3..=9).map(entry).collect();
            assert_eq!(read(&archive, ">", 0).await, same, "byte {at} of {}", whole.len());
            passed += 1;
        }
    }
    assert!(passed < 10, "{passed} of {} changes pass", whole.len());
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(opened(&longer).is_err(), "something follows its end");
}

#[test]
fn another_market_another_version_and_no_archive_have_their_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path());
    let other = Archive::open(&file, &market("other")).unwrap_err();
    assert!(other.to_string().ends_with("a.kassa is of market main, not of other"), "{other}");
    std::fs::write(&file, "KASSA-ARCHIVE 2\nwhatever").unwrap();
    let newer = Archive::open(&file, &market(MARKET)).unwrap_err();
    assert!(newer.to_string().ends_with("another version: KASSA-ARCHIVE 2"), "{newer}");
    std::fs::write(&file, "{}").unwrap();
    let none = Archive::open(&file, &market(MARKET)).unwrap_err();
    assert!(none.to_string().ends_with("is no archive"), "{none}");
    let nowhere = Archive::open(Path::new("/nowhere/x"), &market(MARKET)).unwrap_err();
    assert!(matches!(nowhere, ArchiveError::Io { .. }));
}

/// A folder with messages 1 to 6 in two archives, and 9 in another.
fn folder(dir: &Path) -> LogFolder {
    for (first, last) in [(1, 4), (5, 6), (9, 9)] {
        let file = dir.join(LogPart::name(Sequence(first), Sequence(last)));
        let mut writer = ArchiveWriter::create(&file, &head()).unwrap();
        (first..=last).for_each(|seq| writer.add(&entry(seq)).unwrap());
        writer.finish().unwrap();
    }
    LogFolder::of(dir, market(MARKET))
}

fn sequences(folder: &LogFolder, filter: &str, (after, to): (u64, u64)) -> Vec<u64> {
    let mut tail = folder.read(filter, Sequence(after), Sequence(to)).unwrap();
    let mut all = Vec::new();
    loop {
        let entries = tail.next(1).unwrap();
        if entries.is_empty() {
            assert!(tail.next(1).unwrap().is_empty(), "the end stays the end");
            return all;
        }
        all.extend(entries.iter().map(|entry| entry.sequence.0));
    }
}

#[test]
fn the_parts_in_a_folder_are_read_as_one_log() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path());
    std::fs::write(dir.path().join("events-1-2.kassa"), "no name of a part").unwrap();
    assert_eq!(sequences(&folder, ">", (0, 6)), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sequences(&folder, ">", (3, 5)), [4, 5]);
    assert_eq!(sequences(&folder, "kassa.main.evt.commit", (1, 6)), [2, 4, 6]);
    assert_eq!(sequences(&folder, "kassa.main.evt.stock.*", (1, 6)), [3, 5]);
    assert_eq!(sequences(&folder, "kassa.*.evt", (0, 6)), [] as [u64; 0]);
}

#[test]
fn what_a_folder_does_not_have_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path());
    for ((after, to), missing) in [((0, 9), (7, 8)), ((6, 7), (7, 7)), ((8, 11), (10, 11))] {
        let error = folder.holding(Sequence(after), Sequence(to)).unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let found = source.downcast_ref::<MissingLog>().unwrap();
        assert_eq!((found.first.0, found.last.0), missing, "{after} to {to}");
    }
}

#[test]
fn a_part_that_is_not_what_its_name_says_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = folder(dir.path());
    let name = |first, last| dir.path().join(LogPart::name(Sequence(first), Sequence(last)));
    std::fs::rename(name(5, 6), name(5, 7)).unwrap();
    assert!(folder.read(">", Sequence(4), Sequence(6)).is_err());
}

#[test]
fn an_archive_is_written_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.kassa");
    let mut first = ArchiveWriter::create(&file, &head()).unwrap();
    let second = ArchiveWriter::create(&file, &head());
    assert!(matches!(second, Err(ArchiveError::Busy { .. })));
    first.add(&entry(3)).unwrap();
    first.finish().unwrap();
    assert_eq!(Archive::open(&file, &market(MARKET)).unwrap().foot.messages, 1);
    assert!(matches!(ArchiveWriter::create(&file, &head()), Err(ArchiveError::Io { .. })));
    // One that was interrupted is begun again.
    let other = dir.path().join("b.kassa");
    drop(ArchiveWriter::create(&other, &head()).unwrap());
    assert!(ArchiveWriter::create(&other, &head()).is_ok());
}
