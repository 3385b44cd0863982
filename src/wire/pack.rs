//! Events, packed. They say the same names over and over: a commit of hundreds of commands
//! becomes a seventh of its size, which every server, every disk and every reader then carries.

/// zstd's own fast level. Units: zstd's levels. A full commit takes it 0.2 ms, less than what the
/// bytes it saves would cost on their way; the next levels take longer and save no more.
const LEVEL: i32 = 1;

/// Bytes that packed events may become. A committer stops at a quarter of that; without a bound
/// a few bytes could ask for all the memory there is.
const UNPACKED_MAX: u64 = 1024 * 1024;

/// Packs bytes into one zstd frame (RFC 8878) that says how many they are.
pub(super) fn pack(plain: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::compress(plain, LEVEL)
        .map_err(|error| format!("the events cannot be packed: {error}"))
}

/// What [`pack`] packed, or why it is not that.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let size = zstd::zstd_safe::get_frame_content_size(packed)
        .map_err(|error| format!("the events are no zstd frame: {error}"))?
        .ok_or("the zstd frame does not say how large the events are")?;
    if UNPACKED_MAX < size {
        return Err(format!("the events are {size} bytes, at most {UNPACKED_MAX} are read"));
    }
    let size = usize::try_from(size).map_err(|error| error.to_string())?;
    zstd::bulk::decompress(packed, size)
        .map_err(|error| format!("the events cannot be unpacked: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        for plain in [Vec::new(), b"stock_reserved".repeat(500), vec![7; 1024 * 1024]] {
            assert_eq!(unpack(&pack(&plain).unwrap()), Ok(plain));
        }
    }

    #[test]
    fn what_would_become_too_large_is_not_unpacked() {
        let refused = unpack(&pack(&vec![0; 1024 * 1024 + 1]).unwrap()).unwrap_err();
        assert!(refused.contains("at most 1048576"), "{refused}");
    }

    #[test]
    fn what_is_not_packed_is_not_unpacked() {
        let mut cut = pack(&b"stock_reserved".repeat(500)).unwrap();
        cut.truncate(30);
        assert!(unpack(&cut).is_err());
        assert!(unpack(b"").is_err());
        assert!(unpack(b"stock_reserved").is_err());
    }
}
