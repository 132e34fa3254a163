//! `foreshard demo`: a real workload against two services at once, one that predicts and one that
//! reacts.
//!
//! Both run in this process, each on its own directory, and get the same requests at the same
//! moments through the real HTTP API. The clock is scaled: token buckets, windows, forecasts,
//! cooldowns and the rival's delays run on it; the engine's I/O takes the time it takes, so a split
//! that needs 50 ms costs more than a minute of the demo's clock. What is the trace's and what is
//! synthetic is said in `simulator::scenario`, whose parameters are used here as they are.

mod history;
mod ledger;
mod narrate;
mod report;
mod traffic;

use crate::client::{ClientError, DynamoClient};
use crate::clock::ScaledClock;
use crate::config::Config;
use crate::service::{Service, ServiceError};
use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use manager::{DecisionsRequest, PolicyFactory};
use narrate::Narrator;
use planner::policy::{
    ReactiveDynamoDb, ReactiveDynamoDbSettings, ReactiveFast, ReactiveFastSettings,
};
use report::{Report, Side};
use serde_json::json;
use simulator::{OnlineRetail, Scenario, SimulatorError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use traffic::{Clients, Op, Request};
use types::Clock;
use workload::RequestType;

/// The table that is played on.
const TABLE: &str = "sales";
/// Clients of each service: enough that one that waits for a disk does not hold up the trace.
const WORKERS: usize = 256;
/// How long the last outcomes are waited for after the last request.
const OUTCOME_WAIT_MS: u64 = 4_000;

/// What `foreshard demo` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// End when the trace does, instead of serving until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// How many times faster than real time the clock runs (720: a day in two minutes)
    #[arg(long, default_value_t = 720.0)]
    speed: f64,
    /// The trace [default: traces/online-retail.csv.gz]
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Whom to compare with
    #[arg(long, value_enum, default_value_t = Rival::Dynamodb)]
    rival: Rival,
    /// How many days to play
    #[arg(long, default_value_t = OnlineRetail::default().days)]
    days: i64,
    /// Permute the imported history in time: a forecast that lives on knowing when must then fail
    #[arg(long, value_name = "SEED")]
    shuffle_history: Option<u64>,
    /// Let the predictive service act on forecasts alone, without its reactive floor
    #[arg(long)]
    no_floor: bool,
}

/// The other service's policy.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rival {
    /// As DynamoDB: splits after ten minutes at the limit
    Dynamodb,
    /// Foreshard's own reactive floor alone: splits within seconds of load above capacity
    Fast,
}

/// Why the demo did not run, or what it found wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the demo's trace: {0}")]
    Trace(#[from] SimulatorError),
    #[error("no trace at {}; run from the repository, or name one with --trace", .0.display())]
    NoTrace(PathBuf),
    #[error("--speed must be between 1 and 10000, --days between 1 and 8")]
    Usage,
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no directory for the demo's data: {0}")]
    Directory(std::io::Error),
    #[error("a client failed: {0}")]
    Worker(#[from] tokio::task::JoinError),
    #[error("a service failed its check: {0}")]
    Check(String),
}

/// Runs the demo.
pub(crate) async fn run(args: Args) -> Result<(), DemoError> {
    if !(1.0..=10_000.0).contains(&args.speed) || !(1..=8).contains(&args.days) {
        return Err(DemoError::Usage);
    }
    let scenario = scenario(&args)?;
    let clock = Arc::new(ScaledClock::standing_at(scenario.parameters.start_ms, args.speed));
    let directory = tempfile::tempdir().map_err(DemoError::Directory)?;
    let ours = Player::start(&scenario, &args, &clock, directory.path(), None).await?;
    let theirs =
        Player::start(&scenario, &args, &clock, directory.path(), Some(args.rival)).await?;
    println!("  predictive      API http://{}", ours.service.api_address());
    println!("                  page http://{}/?table={TABLE}", ours.service.admin_address());
    println!("  {:<15} API http://{}", theirs.name, theirs.service.api_address());
    println!("                  page http://{}/?table={TABLE}\n", theirs.service.admin_address());
    history::import(&ours.service, TABLE, &scenario).await.map_err(ServiceError::from)?;
    let report = play(&scenario, &args, &clock, &ours, &theirs).await?;
    print!("{report}");
    if !args.exit {
        println!("\nBoth services go on until Ctrl-C; look at the pages.");
        // An error here means that no Ctrl-C can be waited for: then the demo is over.
        let _ = tokio::signal::ctrl_c().await;
    }
    ours.service.stop().await?;
    theirs.service.stop().await?;
    report.verdict().map_err(DemoError::Check)
}

fn scenario(args: &Args) -> Result<Scenario, DemoError> {
    let path = match &args.trace {
        Some(path) => path.clone(),
        None => PathBuf::from("traces/online-retail.csv.gz"),
    };
    if !path.exists() {
        return Err(DemoError::NoTrace(path));
    }
    let parameters = OnlineRetail { days: args.days, ..OnlineRetail::default() };
    let scenario = simulator::scenario::online_retail(&path, parameters)?;
    print!("{}", report::introduction(&scenario, args.speed));
    Ok(match args.shuffle_history {
        Some(seed) => {
            println!("  the imported history is SHUFFLED in time (seed {seed})");
            scenario.with_shuffled_history(seed)
        }
        None => scenario,
    })
}

/// One of the two services with what belongs to it.
struct Player {
    name: &'static str,
    service: Service,
}

impl Player {
    /// Starts a service on its own directory with an empty table. Without a rival it is ours.
    async fn start(
        scenario: &Scenario,
        args: &Args,
        clock: &Arc<ScaledClock>,
        directory: &Path,
        rival: Option<Rival>,
    ) -> Result<Self, DemoError> {
        let name = match rival {
            None => "predictive",
            Some(Rival::Dynamodb) => "as DynamoDB",
            Some(Rival::Fast) => "fast reactive",
        };
        let config = config(scenario, args, &directory.join(name.replace(' ', "-")), rival);
        let clock: Arc<dyn Clock> = clock.clone();
        let service = match rival {
            None => Service::predictive(&config, clock).await?,
            Some(rival) => Service::start(&config, clock, policy(rival)).await?,
        };
        let client = DynamoClient::unsigned(&format!("http://{}", service.api_address()))?;
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "product", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "product", "KeyType": "HASH" }]
        });
        client.expect("CreateTable", &table).await?;
        Ok(Self { name, service })
    }

    fn client(&self) -> Result<DynamoClient, ClientError> {
        DynamoClient::unsigned(&format!("http://{}", self.service.api_address()))
    }
}

fn policy(rival: Rival) -> PolicyFactory {
    match rival {
        Rival::Dynamodb => {
            Arc::new(|| Box::new(ReactiveDynamoDb::new(ReactiveDynamoDbSettings::default())))
        }
        Rival::Fast => Arc::new(|| Box::new(ReactiveFast::new(ReactiveFastSettings::default()))),
    }
}

fn config(scenario: &Scenario, args: &Args, directory: &Path, rival: Option<Rival>) -> Config {
    let mut config = Config::default();
    config.storage.directory = directory.to_owned();
    config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port(8000, rival)));
    config.admin.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port(8001, rival)));
    config.server.limits.mode = server::LimitMode::Dynamodb;
    config.server.limits.read_units_per_s = scenario.capacity.read;
    config.server.limits.write_units_per_s = scenario.capacity.write;
    config.server.tables.partitions_initial = scenario.parameters.partitions as _;
    config.planner = scenario.planner_settings();
    if args.no_floor {
        config.planner.floor = None;
    }
    config.controller.now_ms = scenario.controller_settings().now_ms;
    // Training runs on real time: at this speed its result would come when the demo is over.
    config.manager.training.enabled = false;
    // A vector may wait for some real milliseconds, which are minutes of this clock.
    config.workload.collector.late_ms_max = (100.0 * args.speed) as i64;
    config
}

/// The usual ports if they are free, so that the printed addresses are familiar; else any.
fn port(wanted: u16, rival: Option<Rival>) -> u16 {
    let wanted = if rival.is_some() { wanted + 2 } else { wanted };
    match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)) {
        Ok(_free) => wanted,
        Err(_taken) => 0,
    }
}

async fn play(
    scenario: &Scenario,
    args: &Args,
    clock: &Arc<ScaledClock>,
    ours: &Player,
    theirs: &Player,
) -> Result<Report, DemoError> {
    let screen = MultiProgress::new();
    let bar = screen.add(progress(scenario));
    let narrators = [ours, theirs]
        .map(|player| Narrator::start(player.name, player.service.manager(), screen.clone()));
    let shared: Arc<dyn Clock> = clock.clone();
    let clients = [ours.client()?, theirs.client()?]
        .map(|client| Clients::start(client, TABLE, WORKERS, shared.clone()));
    clock.start();
    feed(scenario, clock, &clients, &bar).await;
    let [mine, other] = clients;
    let tallies = [mine.finish().await?, other.finish().await?];
    settle(ours).await;
    bar.finish_and_clear();
    let mut sides = Vec::with_capacity(2);
    for ((player, tally), narrator) in [ours, theirs].into_iter().zip(tallies).zip(narrators) {
        narrator.stop();
        let audit = tally.ledger.audit(&player.client()?, TABLE).await?;
        sides.push(Side::gather(player.name, &player.service, TABLE, scenario, tally, audit));
    }
    Ok(Report { sides, days: args.days })
}

/// Hands every request to both services when it is due.
async fn feed(scenario: &Scenario, clock: &ScaledClock, clients: &[Clients; 2], bar: &ProgressBar) {
    let workload = &scenario.workload;
    let events = workload.between(scenario.parameters.start_ms, scenario.end_ms());
    for (sequence, event) in (1..).zip(events) {
        let ahead_ms = (event.at_ms - clock.now_ms()) as f64 / clock.speed();
        // The timer knows milliseconds; what is due within one goes now.
        if ahead_ms >= 1.0 {
            tokio::time::sleep(Duration::from_secs_f64(ahead_ms / 1e3)).await;
            bar.set_position((event.at_ms - scenario.parameters.start_ms).unsigned_abs());
        }
        let request = Request {
            due_ms: event.at_ms,
            op: match event.request {
                RequestType::Store | RequestType::Modify => Op::Put,
                RequestType::Delete => Op::Delete,
                RequestType::Retrieve
                | RequestType::Query
                | RequestType::Range
                | RequestType::Scan
                | RequestType::Segment => Op::Get,
            },
            key: workload.key(event.key).name.clone(),
            client: workload.client(event.client).name.clone(),
            quantity: event.quantity.into(),
            sequence,
        };
        clients[0].send(request.clone()).await;
        clients[1].send(request).await;
    }
}

/// Waits until the last decisions have been judged, if that is a matter of seconds.
async fn settle(player: &Player) {
    let manager = player.service.manager();
    let of_table = DecisionsRequest { table: Some(TABLE), ..Default::default() };
    let judged = async {
        loop {
            let document = manager.decisions_document(&of_table);
            let open = |d: &manager::DecisionDocument| {
                d.state == manager::State::Running
                    || (d.state == manager::State::Done
                        && d.entry.as_ref().is_none_or(|entry| entry.outcome.is_none()))
            };
            if !document.decisions.iter().any(open) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // Decisions of the last minutes stay without a verdict: the report counts them as open.
    let _ = tokio::time::timeout(Duration::from_millis(OUTCOME_WAIT_MS), judged).await;
}

fn progress(scenario: &Scenario) -> ProgressBar {
    let span_ms = scenario.end_ms() - scenario.parameters.start_ms;
    let style = ProgressStyle::with_template("  playing {bar:40} {percent} %, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(span_ms.unsigned_abs()).with_style(style)
}
