//! `foreshard completions` and `foreshard man`: what the command line says of itself, in other forms.

use clap::Command;
use clap_complete::Shell;
use std::io::Write;
use std::path::PathBuf;

/// What `foreshard completions` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// What `foreshard man` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct ManArgs {
    /// Where to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelpError {
    #[error("cannot write the manual pages to {}: {why}", to.display())]
    Man { to: PathBuf, why: std::io::Error },
    #[error("cannot write: {0}")]
    Print(#[from] std::io::Error),
}

/// Runs `foreshard completions`.
pub(crate) fn completions(args: CompletionsArgs, command: &mut Command) -> Result<(), HelpError> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, name, &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}

/// Runs `foreshard man`.
pub(crate) fn man(args: &ManArgs, command: Command) -> Result<(), HelpError> {
    let failed = |why| HelpError::Man { to: args.out.clone(), why };
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    clap_mangen::generate_to(command, &args.out).map_err(failed)
}
