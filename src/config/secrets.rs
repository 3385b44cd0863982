//! Secrets that are set themselves, or stand in files.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::StripeConfig;

/// A file that should hold a secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{setting} names a file that cannot be read")]
pub struct SecretFileError {
    setting: &'static str,
    #[source]
    source: std::io::Error,
}

impl StripeConfig {
    /// The secret key; none when there is none.
    ///
    /// # Errors
    ///
    /// [`SecretFileError`].
    pub fn key(&self) -> Result<Option<SecretString>, SecretFileError> {
        if let Some(key) = self.secret_key.as_ref().filter(|key| !is_empty(key)) {
            return Ok(Some(key.clone()));
        }
        let text = read(self.secret_key_file.as_deref(), "stripe.secret_key_file")?;
        Ok(text.map(|text| SecretString::from(text.expose_secret().trim())))
    }

    /// What webhooks may be signed with.
    ///
    /// # Errors
    ///
    /// [`SecretFileError`].
    pub fn webhook_keys(&self) -> Result<Vec<SecretString>, SecretFileError> {
        let mut keys = self.webhook_secrets.clone();
        let text = read(self.webhook_secrets_file.as_deref(), "stripe.webhook_secrets_file")?;
        if let Some(text) = text {
            let lines = text.expose_secret().lines().map(str::trim);
            keys.extend(lines.filter(|line| !line.is_empty()).map(SecretString::from));
        }
        // An empty one would be anybody's.
        keys.retain(|key| !is_empty(key));
        Ok(keys)
    }
}

/// As from a variable of the environment that was never set.
fn is_empty(secret: &SecretString) -> bool {
    secret.expose_secret().trim().is_empty()
}

fn read(
    file: Option<&Path>,
    setting: &'static str,
) -> Result<Option<SecretString>, SecretFileError> {
    let read = file.map(std::fs::read_to_string).transpose();
    let text = read.map_err(|source| SecretFileError { setting, source })?;
    Ok(text.map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> StripeConfig {
        StripeConfig {
            base_url: "https://api.example.com".to_owned(),
            secret_key: None,
            secret_key_file: None,
            webhook_secrets: Vec::new(),
            webhook_secrets_file: None,
        }
    }

    #[test]
    fn a_secret_comes_from_its_file_unless_it_is_set_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "sk_from_file\n").unwrap();
        let mut config = config();
        assert!(config.key().unwrap().is_none());
        config.secret_key_file = Some(file.clone());
        assert_eq!(config.key().unwrap().unwrap().expose_secret(), "sk_from_file");
        config.secret_key = Some("".into());
        assert_eq!(config.key().unwrap().unwrap().expose_secret(), "sk_from_file");
        config.secret_key = Some("sk_set".into());
        assert_eq!(config.key().unwrap().unwrap().expose_secret(), "sk_set");
        std::fs::write(&file, "whsec_old\n\n whsec_new \n").unwrap();
        config.webhook_secrets = vec!["".into(), " ".into()];
        config.webhook_secrets_file = Some(file);
        let keys = config.webhook_keys().unwrap();
        let keys: Vec<_> = keys.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(keys, ["whsec_old", "whsec_new"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_by_its_setting() {
        let missing = Some("/nowhere/key".into());
        let config = StripeConfig { secret_key_file: missing, ..config() };
        assert!(config.key().unwrap_err().to_string().contains("stripe.secret_key_file"));
    }
}
