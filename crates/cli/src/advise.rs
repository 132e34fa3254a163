//! `foreshard advise`: what is coming for a table that lives in DynamoDB, from its exported metrics.
//!
//! Everything that is worked out is the `advise` crate's; this module reads the command line and prints.

use ::advise::AdviseError;
use ::advise::input::Inputs;
use ::advise::outlook::Limits;
use clap::ArgGroup;
use std::path::PathBuf;

/// What `foreshard advise` takes.
#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("export").required(true).multiple(true).args(["cloudwatch", "insights", "trace"]))]
pub(crate) struct Args {
    /// CloudWatch metrics: JSON of `get-metric-data` or `get-metric-statistics`, or CSV; repeatable
    #[arg(long, value_name = "FILE")]
    cloudwatch: Vec<PathBuf>,
    /// Contributor Insights: JSON of `get-insight-rule-report`; repeatable
    #[arg(long, value_name = "FILE")]
    insights: Vec<PathBuf>,
    /// A key trace: timestamp_unix_s,op,key,size,client as CSV or CSV.gz
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cloudwatch", "insights"])]
    trace: Option<PathBuf>,
    /// Provisioned read capacity, units per second; else the export's, if it has any
    #[arg(long, value_name = "UNITS")]
    provisioned_read: Option<f64>,
    /// Provisioned write capacity
    #[arg(long, value_name = "UNITS")]
    provisioned_write: Option<f64>,
    /// Warm throughput for reads, as `aws dynamodb describe-table` has it
    #[arg(long, value_name = "UNITS")]
    warm_read: Option<f64>,
    /// Warm throughput for writes
    #[arg(long, value_name = "UNITS")]
    warm_write: Option<f64>,
    /// Also write a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// A file cannot be used.
    #[error("advise: {0}")]
    Advise(#[from] AdviseError),
    /// The page could not be written.
    #[error("advise: cannot write {}: {source}", path.display())]
    Page {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The document could not be written.
    #[error("advise: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads everything and says what is coming.
pub(crate) fn run(args: &Args) -> Result<(), CommandError> {
    let mut inputs = Inputs::default();
    args.cloudwatch.iter().try_for_each(|path| inputs.read_cloudwatch(path))?;
    args.insights.iter().try_for_each(|path| inputs.read_insights(path))?;
    args.trace.iter().try_for_each(|path| inputs.read_trace(path))?;
    let limits = Limits {
        provisioned: [args.provisioned_read, args.provisioned_write],
        warm: [args.warm_read, args.warm_write],
    };
    let advice = ::advise::advise(&inputs, &limits)?;
    if let Some(path) = &args.html {
        std::fs::write(path, ::advise::html::page(&advice))
            .map_err(|source| CommandError::Page { path: path.clone(), source })?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&advice)?);
    } else {
        print!("{}", ::advise::text::text(&advice));
    }
    Ok(())
}
