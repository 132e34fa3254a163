//! The binary `foreshard`: command lines in, exit codes out.
//!
//! Every command lives in a module of its own; this one only parses, dispatches and reports. Exit
//! codes: 0 done, 1 failed (of `check`: damaged), 2 wrong usage. An error is one line on stderr.

mod admin;
mod advise;
mod alerts;
mod backtest;
mod backup;
mod bench;
mod check;
mod client;
mod clock;
mod config;
mod demo;
mod endpoint;
mod export;
mod help;
mod import;
mod logging;
mod reload;
mod serve;
mod service;
mod simulate;
mod top;
mod tune;
mod tuning;

use clap::{CommandFactory, Parser, Subcommand};
use logging::LogSettings;
use std::process::ExitCode;

/// A data store that speaks the DynamoDB API and re-partitions itself before it gets hot.
#[derive(Parser, Debug)]
#[command(name = "foreshard", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the service
    Serve(serve::Args),
    /// Play a real workload against a predictive and a reactive service, side by side
    Demo(demo::Args),
    /// Play workloads against policies on a virtual clock: what predicting would save
    Simulate(simulate::Args),
    /// Learn the planner's thresholds from load, beside a grid search
    Tune(tune::Args),
    /// Roll the forecasts over recorded load: how good they would have been
    Backtest(backtest::Args),
    /// Say what is coming for a table in DynamoDB, from its exported metrics
    Advise(advise::Args),
    /// Make load on any DynamoDB endpoint
    Bench(bench::Args),
    /// Verify a stopped store: log, catalog, every partition. Changes nothing
    Check(check::Args),
    /// Backups of tables, through the DynamoDB API
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Fill a table from DynamoDB's export to S3
    Import(import::Args),
    /// Say what a configuration comes to
    #[command(subcommand)]
    Config(config::command::ConfigCommand),
    /// Tables, through the admin API
    #[command(subcommand)]
    Table(admin::TableCommand),
    /// Partitions, through the admin API
    #[command(subcommand)]
    Partition(admin::PartitionCommand),
    /// Workflows, through the admin API
    #[command(subcommand)]
    Workflow(admin::workflow::WorkflowCommand),
    /// What the manager would do now, through the admin API
    Plan(admin::PlanArgs),
    /// How a table's thresholds are tuned, through the admin API
    #[command(subcommand)]
    Tuning(tuning::TuningCommand),
    /// What a service saw, through the admin API
    #[command(subcommand)]
    Workload(export::WorkloadCommand),
    /// A service as it is now, drawn again and again, through the admin API
    Top(top::Args),
    /// Print what makes a shell complete these commands
    Completions(help::CompletionsArgs),
    /// Write the manual pages, one for each command
    Man(help::ManArgs),
}

/// Anything a command can fail with, as one line.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error(transparent)]
    Simulate(#[from] simulate::SimulateError),
    #[error(transparent)]
    Tune(#[from] tune::TuneError),
    #[error(transparent)]
    Backtest(#[from] backtest::BacktestError),
    #[error(transparent)]
    Advise(#[from] advise::CommandError),
    #[error(transparent)]
    Bench(#[from] bench::BenchError),
    #[error("backup: {0}")]
    Backup(#[from] client::ClientError),
    #[error("import: {0}")]
    Import(#[from] import::ImportError),
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    #[error(transparent)]
    Export(#[from] export::ExportError),
    #[error(transparent)]
    Top(#[from] top::TopError),
    #[error(transparent)]
    Help(#[from] help::HelpError),
    #[error("could not start the runtime: {0}")]
    Runtime(std::io::Error),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match init_logging(&cli.command).map_err(Failure::from).and_then(|()| run(cli.command)) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("foreshard: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(args).await?,
            Command::Demo(args) => demo::run(args).await?,
            Command::Simulate(args) => simulate::run(args)?,
            Command::Tune(args) => tune::run(&args)?,
            Command::Backtest(args) => backtest::run(&args)?,
            Command::Advise(args) => advise::run(&args)?,
            Command::Bench(args) => bench::run(args).await?,
            Command::Check(args) => return Ok(check::run(args).await),
            Command::Backup(command) => backup::run(command).await?,
            Command::Import(args) => import::run(args).await?,
            Command::Config(command) => config::command::run(&command)?,
            Command::Table(command) => admin::table(command).await?,
            Command::Partition(command) => admin::partition(command).await?,
            Command::Workflow(command) => admin::workflow::workflow(command).await?,
            Command::Plan(args) => admin::plan(args).await?,
            Command::Tuning(command) => tuning::run(command).await?,
            Command::Workload(command) => export::run(command).await?,
            Command::Top(args) => top::run(args).await?,
            Command::Completions(args) => help::completions(args, &mut Cli::command())?,
            Command::Man(args) => help::man(&args, Cli::command())?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Begins to log as a command without a configuration does; `serve` has one.
fn init_logging(command: &Command) -> Result<(), config::ConfigError> {
    let settings = match command {
        Command::Serve(_) => return Ok(()),
        // The trace is full of bursts, and the demo has its own lines.
        Command::Demo(_) => LogSettings::of_command("manager::anomalies=error"),
        _ => LogSettings::default(),
    };
    logging::start(&settings).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
