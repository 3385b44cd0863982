//! `kassa config`: what is set, and where it comes from.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output::{Show, line, table};
use super::session::Session;
use crate::config::Origin;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting and the layer it comes from
    Show,
    /// Check the settings without starting anything
    Check,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Origins(Vec<Origin>);

impl Show for Origins {
    fn table(&self) -> String {
        let row = |o: &Origin| vec![o.key.clone(), o.value.clone(), o.origin.clone()];
        table(&["SETTING", "VALUE", "FROM"], self.0.iter().map(row))
    }
}

pub(super) fn settings(session: &Session, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show => {
            session.show(&Origins(session.layers.origins().map_err(anyhow::Error::from)?))
        }
        // They were read before we came here.
        ConfigCommand::Check => line("ok"),
    }
}
