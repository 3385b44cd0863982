//! The files: reading, comparing, and writing those that do not exist.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Set to `1` to write files that do not exist.
const WRITE: &str = "KASSA_WRITE_GOLDEN";

/// Bytes on one line of a file: a hash.
const BYTES_A_LINE: usize = 32;

/// One file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Golden {
    /// The name of the shape, as it is on the wire.
    pub(crate) r#type: String,
    /// Its version, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u16>,
    /// The bytes in hexadecimal digits, line by line.
    bytes: Vec<String>,
    /// What the bytes say.
    pub(crate) says: Value,
}

impl Golden {
    pub(crate) fn new(r#type: &str, version: Option<u16>, bytes: &[u8], says: Value) -> Self {
        let bytes = bytes.chunks(BYTES_A_LINE).map(hex).collect();
        Self { r#type: r#type.to_owned(), version, bytes, says }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let digits: String = self.bytes.concat();
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect()
}

/// The file that stands under this name; `today` is written when there is none and that is
/// asked for.
#[track_caller]
pub(crate) fn standing(place: &str, name: &str, today: &Golden) -> Golden {
    let path = folder(place).join(format!("{name}.json"));
    let shown = format!("tests/golden/{place}/{name}.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{shown} is no golden file: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_write() => {
            fs::create_dir_all(folder(place)).unwrap();
            let text = format!("{}\n", serde_json::to_string_pretty(today).unwrap());
            fs::write(&path, &text).unwrap();
            serde_json::from_str(&text).unwrap()
        }
        Err(error) => panic!(
            "{shown} is missing ({error}): every shape needs its bytes kept. \
             {WRITE}=1 cargo test --test golden writes files that do not exist"
        ),
    }
}

/// Compares what today's code writes with what stands.
#[track_caller]
pub(crate) fn same(place: &str, name: &str, today: &Golden) -> Golden {
    let standing = standing(place, name, today);
    alike(place, name, (&standing, today), <[u8]>::to_vec);
    standing
}

/// Compares what today's code writes with what stands, by that of the bytes which `seen` leaves.
#[track_caller]
pub(crate) fn alike(
    place: &str,
    name: &str,
    (standing, today): (&Golden, &Golden),
    seen: impl Fn(&[u8]) -> Vec<u8>,
) {
    let shown = format!("tests/golden/{place}/{name}.json");
    assert_eq!(
        (&standing.r#type, standing.version, &standing.says),
        (&today.r#type, today.version, &today.says),
        "{shown} says something else than today's code. What was written stays: make a new \
         version of the shape with a file of its own"
    );
    let (stands, writes) = (seen(&standing.bytes()), seen(&today.bytes()));
    assert!(
        stands == writes,
        "{shown}: today's code writes other bytes for the same value. What was written stays: \
         make a new version of the shape with a file of its own\nstands: {}\ntoday:  {}",
        hex(&stands),
        hex(&writes),
    );
}

/// No file stands there that no test reads.
#[track_caller]
pub(crate) fn none_unread(place: &str, read: &BTreeSet<String>) {
    for entry in fs::read_dir(folder(place)).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        assert!(
            read.contains(name),
            "tests/golden/{place}/{file} is read by no test: bytes that were written once have \
             to stay readable, so give it its value again"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a switch of this test, not a setting of Kassa")]
fn may_write() -> bool {
    env::var(WRITE).is_ok_and(|value| value == "1")
}
