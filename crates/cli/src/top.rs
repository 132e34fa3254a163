//! `foreshard top`: a service as it is now, in a terminal, drawn again and again.
//!
//! It asks the admin API and shows what that says; what a frame looks like is `frame`'s business. The
//! terminal is given back as it was found, whatever ends the command.

mod frame;
mod rates;
mod screen;

use crate::admin::{AdminError, Common, get};
use crate::logging::wants_colour;
use frame::Frame;
use futures::future::join_all;
use rates::Counters;
use screen::Screen;
use serde_json::Value;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Tables whose partitions are asked for: the busiest.
const TABLES_MAX: usize = 16;

/// What `foreshard top` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Print one frame as text, and end
    #[arg(long)]
    once: bool,
    /// How often to look, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..))]
    interval_ms: u64,
    /// How many partitions to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    partitions: usize,
    #[command(flatten)]
    common: Common,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopError {
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error("this is no terminal to draw on: use --once or --json")]
    NoTerminal,
    #[error("cannot draw: {0}")]
    Draw(std::io::Error),
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
}

/// Runs `foreshard top`.
pub(crate) async fn run(args: Args) -> Result<(), TopError> {
    let first = look(&args.common).await?;
    if args.common.json {
        println!("{}", first.document());
        return Ok(());
    }
    let mut counters = Counters::default();
    let is_drawn = std::io::stdout().is_terminal();
    let shown = Shown { url: args.common.url(), partitions: args.partitions };
    if args.once {
        let width = if is_drawn { screen::size().1 } else { frame::WIDTH };
        shown
            .frame(&first, &mut counters)
            .lines(width, None, false)
            .iter()
            .for_each(|l| println!("{l}"));
        return Ok(());
    }
    if !is_drawn {
        return Err(TopError::NoTerminal);
    }
    watch(&args, &shown, first, counters).await
}

/// Draws until it is told to stop.
async fn watch(
    args: &Args,
    shown: &Shown,
    first: Look,
    mut counters: Counters,
) -> Result<(), TopError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(TopError::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(TopError::Signal)?;
    let mut resized = signal(SignalKind::window_change()).map_err(TopError::Signal)?;
    let is_coloured = wants_colour();
    let mut interval = tokio::time::interval(Duration::from_millis(args.interval_ms));
    let mut screen = Screen::enter(std::io::stdout()).map_err(TopError::Draw)?;
    let mut frame = shown.frame(&first, &mut counters);
    loop {
        let (height, width) = screen::size();
        let lines = frame.lines(width, Some(height), is_coloured);
        screen.draw(&lines).map_err(TopError::Draw)?;
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = resized.recv() => continue,
            _ = interval.tick() => {}
        }
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            look = look(&args.common) => match look {
                Ok(look) => frame = shown.frame(&look, &mut counters),
                // It may come back: what was seen last stays, with a word of it.
                Err(error) => frame.trouble = Some(error.to_string()),
            },
        }
    }
}

/// What stays the same from frame to frame.
struct Shown {
    url: String,
    partitions: usize,
}

impl Shown {
    fn frame(&self, look: &Look, counters: &mut Counters) -> Frame {
        let rates = counters.take(&look.overview["service"], look.at);
        Frame::new(&self.url, &look.overview, &look.partitions, rates, self.partitions)
    }
}

/// What a service said.
struct Look {
    at: Instant,
    overview: Value,
    /// The busiest tables' partitions, with the tables' names.
    partitions: Vec<(String, Value)>,
}

impl Look {
    fn document(&self) -> Value {
        let partitions: serde_json::Map<String, Value> =
            self.partitions.iter().map(|(table, found)| (table.clone(), found.clone())).collect();
        serde_json::json!({ "overview": self.overview, "partitions": partitions })
    }
}

async fn look(common: &Common) -> Result<Look, AdminError> {
    let overview = get(common, "overview").await?;
    let at = Instant::now();
    let mut tables: Vec<&Value> = overview["tables"].as_array().into_iter().flatten().collect();
    let heat = |table: &Value| table["hottest"]["share"].as_f64().unwrap_or(0.0);
    tables.sort_by(|one, other| heat(other).total_cmp(&heat(one)));
    let names = tables.iter().filter_map(|table| table["name"].as_str()).take(TABLES_MAX);
    let found = names.map(|name| async move {
        let path = format!("tables/{name}/partitions");
        // A table that was dropped meanwhile has none.
        let reply = get(common, &path).await.unwrap_or_default();
        (name.to_owned(), reply["partitions"].clone())
    });
    let partitions = join_all(found).await;
    Ok(Look { at, overview, partitions })
}
