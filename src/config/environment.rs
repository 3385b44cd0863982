//! What the process was started with: read once, here.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::telemetry::Export;

/// The variables that are not settings, and the folders of the user.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `KASSA_PROFILE`.
    pub profile: Option<String>,
    /// `KASSA_CONFIG_DIR`.
    pub config_dir: Option<PathBuf>,
    /// `KASSA_NATS_SERVER`: the nats-server to start.
    pub nats_server: Option<PathBuf>,
    /// `USER`: who types, in what is written down about it.
    pub user: Option<String>,
    /// `PATH`.
    pub path: Option<String>,
    /// What the standard `OTEL_…` variables ask to be exported.
    pub export: Export,
    /// Folders of the user.
    pub folders: Folders,
}

/// Folders of the user, by the rules of the platform.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// Ours, for what we can fetch again.
    pub cache: PathBuf,
    /// Ours, for what is to be kept.
    pub data: PathBuf,
    /// Everybody's, for settings: other programs' are of interest as well.
    pub config: PathBuf,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn read() -> Self {
        Self {
            profile: variable("KASSA_PROFILE"),
            config_dir: variable("KASSA_CONFIG_DIR").map(PathBuf::from),
            nats_server: variable("KASSA_NATS_SERVER").map(PathBuf::from),
            user: variable("USER"),
            path: variable("PATH"),
            export: Export::standard(variable),
            folders: Folders::of_the_user(),
        }
    }
}

impl Folders {
    fn of_the_user() -> Self {
        etcetera::choose_base_strategy().map_or_else(
            // A process without a home keeps its things beside itself.
            |_| Self::below(&PathBuf::from(".kassa")),
            |user| Self {
                cache: user.cache_dir().join("kassa"),
                data: user.data_dir().join("kassa"),
                config: user.config_dir(),
            },
        )
    }

    fn below(folder: &std::path::Path) -> Self {
        Self {
            cache: folder.join("cache"),
            data: folder.join("data"),
            config: folder.join("config"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
