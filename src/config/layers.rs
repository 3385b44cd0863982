//! Puts the layers on top of each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};

use super::{Config, context};

/// The weakest layer.
const DEFAULT: &str = include_str!("../../config/default.toml");

/// Variables of the nats command line, which set keys of `nats`.
const NATS_VARIABLES: [&str; 9] =
    ["url", "context", "creds", "nkey", "user", "password", "ca", "cert", "key"];

/// Variables that begin like settings and are none.
const NO_SETTINGS: [&str; 3] = ["profile", "config_dir", "nats_server"];

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The profile's file is not there.
    #[error("profile {profile} is not at {file}")]
    NoProfile {
        /// The profile.
        profile: String,
        /// Where it should be.
        file: PathBuf,
        /// Why it could not be read.
        #[source]
        source: std::io::Error,
    },
    /// The named nats context is not there.
    #[error("nats context {name} cannot be read from {file}: {why}")]
    NoContext {
        /// The context.
        name: String,
        /// Where it should be.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// A key that does not exist, or a value that may not be.
    #[error("{0}")]
    Invalid(#[from] Box<figment::Error>),
}

/// What the layers are made of.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Folder of the profiles.
    pub config_dir: PathBuf,
    /// The profile.
    pub profile: Option<String>,
    /// Folder of the user's settings, where nats contexts are.
    pub user_config: PathBuf,
    /// What the command at hand prefers to the default, as full keys and their values.
    pub preferred: BTreeMap<&'static str, String>,
    /// What flags say: full keys and their values.
    pub flags: BTreeMap<&'static str, String>,
}

/// One setting, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// The full key.
    pub key: String,
    /// Its value; a secret is not shown.
    pub value: String,
    /// The layer.
    pub origin: String,
}

impl Layers {
    /// The configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn load(&self) -> Result<Config, ConfigError> {
        let config: Config = self.figment()?.extract().map_err(Box::new)?;
        match config.discord() {
            None => Ok(config),
            Some(why) => Err(Box::new(figment::Error::from(why)).into()),
        }
    }

    /// Every setting with its origin.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn origins(&self) -> Result<Vec<Origin>, ConfigError> {
        let figment = self.figment()?;
        let all: Dict = figment.extract().map_err(Box::new)?;
        let mut origins = Vec::new();
        collect("", &all, &mut |key, value| {
            let origin = figment
                .find_metadata(key)
                .map_or_else(|| "default".to_owned(), |metadata| metadata.name.to_string());
            let secret = ["password", "secret_key", "secrets"].iter().any(|end| key.ends_with(end));
            let value = if secret { "(secret)".to_owned() } else { shown(value) };
            origins.push(Origin { key: key.to_owned(), value, origin });
        });
        Ok(origins)
    }

    fn figment(&self) -> Result<Figment, ConfigError> {
        let below = self.below()?;
        let named = self.above(below.clone()).extract_inner::<String>("nats.context").ok();
        let Some(name) = named else { return Ok(self.above(below)) };
        let nats = Value::from(context::read(&self.user_config, &name)?);
        let with_context = below.merge(Named {
            name: format!("nats context {name}"),
            data: [("nats".to_owned(), nats)].into_iter().collect(),
        });
        Ok(self.above(with_context))
    }

    /// The files.
    fn below(&self) -> Result<Figment, ConfigError> {
        let default = Named::from_toml("config/default.toml, built in", DEFAULT)?;
        let mut figment = Figment::new().merge(default);
        for (key, value) in &self.preferred {
            figment = figment.merge(Serialized::default(key, value));
        }
        let Some(profile) = &self.profile else { return Ok(figment) };
        let file = profile_file(&self.config_dir, profile);
        // A missing file would be read as an empty one: a misspelt profile would start with the
        // defaults.
        let text = std::fs::read_to_string(&file).map_err(|source| ConfigError::NoProfile {
            profile: profile.clone(),
            file: file.clone(),
            source,
        })?;
        Ok(figment.merge(Named::from_toml(&file.display().to_string(), &text)?))
    }

    /// The environment, and the flags.
    fn above(&self, below: Figment) -> Figment {
        let nats =
            Env::prefixed("NATS_").only(&NATS_VARIABLES).map(|key| format!("nats.{key}").into());
        let own = Env::prefixed("KASSA_").ignore(&NO_SETTINGS).split("__");
        let mut figment = below.merge(nats).merge(own);
        for (key, value) in &self.flags {
            // A flag's text is read like a variable's: as a number where it is one.
            let value: Value = value.parse().unwrap_or_else(|_| Value::from(value.as_str()));
            figment = figment.merge(Serialized::default(key, value));
        }
        figment
    }
}

fn profile_file(folder: &Path, profile: &str) -> PathBuf {
    folder.join(format!("{profile}.toml"))
}

/// Values under the name of their layer.
struct Named {
    name: String,
    data: Dict,
}

impl Named {
    fn from_toml(name: &str, text: &str) -> Result<Self, ConfigError> {
        let data = Toml::from_str::<Dict>(text)
            .map_err(|error| Box::new(figment::Error::from(format!("{name}: {error}"))))?;
        Ok(Self { name: name.to_owned(), data })
    }
}

impl figment::Provider for Named {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<figment::Profile, Dict>, figment::Error> {
        Ok([(figment::Profile::Default, self.data.clone())].into_iter().collect())
    }
}

fn collect(prefix: &str, values: &Dict, each: &mut impl FnMut(&str, &Value)) {
    for (name, value) in values {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value.as_dict() {
            Some(inner) => collect(&key, inner, each),
            None => each(&key, value),
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(
        || serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}")),
        ToOwned::to_owned,
    )
}
