//! `foreshard config check`: what a configuration comes to, or why it would be refused.

use super::{ConfigError, Loaded, show};
use clap::Subcommand;
use std::path::PathBuf;

/// `foreshard config …`
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Read a configuration as `serve` would, and show what it comes to; starts nothing
    Check {
        /// The file [default: no file: the defaults and the environment]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs `foreshard config …`.
pub(crate) fn run(command: &ConfigCommand) -> Result<(), ConfigError> {
    let ConfigCommand::Check { file, json } = command;
    let Loaded { config, origins } = Loaded::new(file.as_deref(), std::env::vars_os())?;
    config.check()?;
    match json {
        true => {
            let document = serde_json::json!({ "settings": config.tree(), "told": origins });
            println!("{document}");
        }
        false => print!("{}", show::toml(&config.tree(), &origins)),
    }
    Ok(())
}
