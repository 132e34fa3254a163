//! `foreshard tuning …`: what a running service has learnt of a table, and what an operator fixes.

use crate::admin::{AdminError, Common, call, get};
use clap::Subcommand;
use serde_json::{Map, Value, json};

/// `foreshard tuning …`
#[derive(Subcommand, Debug)]
pub(crate) enum TuningCommand {
    /// What is in force, what was proposed, and every change with its evidence
    Show {
        /// The table
        table: String,
        #[command(flatten)]
        common: Common,
    },
    /// Fix thresholds; those that are not given are let go
    Pin {
        /// The table
        table: String,
        /// The quantile of the forecast that decisions are made at: 0.5, 0.9 or 0.99
        #[arg(long, value_parser = ["0.5", "0.9", "0.99"])]
        quantile: Option<String>,
        /// How long before a crossing a forecast is acted on, 60 to 3600 seconds
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(i64).range(60..=3_600))]
        lead_seconds: Option<i64>,
        /// How full new partitions are planned, 0.5 to 0.95
        #[arg(long, value_name = "SHARE")]
        target_utilisation: Option<f64>,
        /// How long a table is left alone after a plan, 60 to 3600 seconds
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(i64).range(60..=3_600))]
        cooldown_seconds: Option<i64>,
        /// From how many points on a partition is acted on, 5 to 10
        #[arg(long, value_name = "POINTS")]
        score_threshold: Option<f64>,
        #[command(flatten)]
        common: Common,
    },
}

/// Runs `foreshard tuning …`.
pub(crate) async fn run(command: TuningCommand) -> Result<(), AdminError> {
    let (common, reply) = match command {
        TuningCommand::Show { table, common } => {
            let reply = get(&common, &format!("tables/{table}/tuning")).await?;
            (common, reply)
        }
        TuningCommand::Pin {
            table,
            quantile,
            lead_seconds,
            target_utilisation,
            cooldown_seconds,
            score_threshold,
            common,
        } => {
            let milliseconds = |seconds: Option<i64>| seconds.map(|seconds| seconds * 1_000);
            let pins = json!({
                "quantile": quantile,
                "lead_ms": milliseconds(lead_seconds),
                "target_utilisation": target_utilisation,
                "cooldown_ms": milliseconds(cooldown_seconds),
                "score_threshold": score_threshold,
            });
            let path = format!("tables/{table}/tuning");
            let reply = call(&common, "POST", &path, Some(pins)).await?;
            (common, reply)
        }
    };
    match common.json() {
        true => println!("{reply}"),
        false => print!("{}", text(&reply)),
    }
    Ok(())
}

/// For people: one line per threshold, and one per record.
fn text(reply: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let nothing = Map::new();
    let in_force = reply["in_force"].as_object().unwrap_or(&nothing);
    let mut lines = vec![format!("tuning is {}", plain(&reply["mode"]))];
    for (name, value) in in_force {
        let own = &reply["own"][name];
        let mut line = format!("{name}: {}", plain(value));
        if value != own {
            line += &format!(" (the operator's own: {})", plain(own));
        }
        if !reply["pins"][name].is_null() {
            line += " (pinned)";
        }
        let proposed = &reply["proposed"][name];
        if !proposed.is_null() && proposed != value {
            line += &format!(" (proposed: {})", plain(proposed));
        }
        lines.push(line);
    }
    let canary = &reply["canary"];
    if canary.is_object() {
        let (days, of) = (&canary["days"], &canary["days_min"]);
        lines.push(match canary["share"].as_f64() {
            Some(share) => format!(
                "a canary: {:.0} % of the load goes by {}, on {days} of {of} day(s) so far",
                share * 100.0,
                other(&canary["thresholds"], &reply["in_force"])
            ),
            None => "a canary waits until the table has a boundary to end it at".to_string(),
        });
    }
    if let Some(day) = reply["paused_until_day"].as_i64() {
        lines.push(format!("nothing goes live before day {day}, after a revert"));
    }
    for record in reply["records"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let (day, kind) = (&record["day"], plain(&record["kind"]));
        lines.push(format!("day {day}: {kind}: {}", plain(&record["reason"])));
    }
    lines.join("\n") + "\n"
}

/// What of some thresholds is other than in force.
fn other(these: &Value, in_force: &Value) -> String {
    let nothing = Map::new();
    let these = these.as_object().unwrap_or(&nothing).iter();
    let differs = these.filter(|(name, value)| in_force[name.as_str()] != **value);
    let named: Vec<String> = differs.map(|(name, value)| format!("{name} {value}")).collect();
    if named.is_empty() { "the same thresholds".into() } else { named.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_what_differs_and_why() {
        let reply = json!({
            "mode": "shadow",
            "in_force": { "lead_ms": 600_000, "quantile": "0.9" },
            "own": { "lead_ms": 600_000, "quantile": "0.9" },
            "pins": { "lead_ms": 600_000, "quantile": null },
            "proposed": { "lead_ms": 600_000, "quantile": "0.5" },
            "canary": {
                "thresholds": { "lead_ms": 600_000, "quantile": "0.5" },
                "end": "40", "share": 0.25, "days": 1, "days_min": 2
            },
            "paused_until_day": null,
            "records": [{ "day": 20_001, "kind": "proposed", "reason": "tuning is in the shadow" }],
        });
        let expected = "tuning is shadow\n\
            lead_ms: 600000 (pinned)\n\
            quantile: 0.9 (proposed: 0.5)\n\
            a canary: 25 % of the load goes by quantile \"0.5\", on 1 of 2 day(s) so far\n\
            day 20001: proposed: tuning is in the shadow\n";
        assert_eq!(text(&reply), expected);
    }
}
