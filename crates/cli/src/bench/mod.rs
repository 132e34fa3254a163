//! `foreshard bench`: measurements, of any DynamoDB endpoint and of services of our own.

mod costs;
mod endpoint;
mod server;

/// What `foreshard bench` takes.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    own: Option<Own>,
    #[command(flatten)]
    endpoint: endpoint::Args,
}

/// What is measured on services of our own.
#[derive(clap::Subcommand, Debug)]
enum Own {
    /// What a request costs the service: CPU time of services that are started for it
    Server(server::Args),
    /// What re-partitioning costs here, as a file for `simulate --costs`
    Costs(costs::Args),
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Endpoint(#[from] endpoint::EndpointBenchError),
    #[error(transparent)]
    Server(#[from] server::ServerBenchError),
    #[error(transparent)]
    Costs(#[from] costs::CostsError),
}

/// Runs one of the benchmarks and prints its report.
pub(crate) async fn run(args: Args) -> Result<(), BenchError> {
    match args.own {
        None => endpoint::run(args.endpoint).await?,
        Some(Own::Server(args)) => server::run(args).await?,
        Some(Own::Costs(args)) => costs::run(args).await?,
    }
    Ok(())
}
