//! One frame: what the admin API said, as lines of text that fit.

use super::rates::Rates;
use crate::admin::text;
use serde_json::Value;

/// How wide a frame is that nobody sees.
pub(super) const WIDTH: usize = 100;
/// The widest bar.
const BAR_MAX: usize = 40;
/// What stands beside a bar, in characters.
const BESIDE_BAR: usize = 68;
/// From these shares of capacity on a partition is warm, and hot.
const WARM: f64 = 0.6;
const HOT: f64 = 0.9;

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Frame {
    head: Vec<String>,
    tables: Vec<String>,
    partitions: Vec<Partition>,
    /// What comes, and what is being done.
    ahead: Vec<String>,
    /// Why this is not what is now.
    pub(super) trouble: Option<String>,
}

#[derive(Debug)]
struct Partition {
    name: String,
    share: f64,
    load: String,
}

impl Frame {
    /// A frame of what was said.
    pub(super) fn new(
        url: &str,
        overview: &Value,
        partitions: &[(String, Value)],
        rates: Rates,
        partitions_max: usize,
    ) -> Self {
        let mut all: Vec<Partition> = partitions
            .iter()
            .flat_map(|(table, found)| {
                found.as_array().into_iter().flatten().map(move |found| partition(table, found))
            })
            .collect();
        all.sort_by(|one, other| other.share.total_cmp(&one.share));
        all.truncate(partitions_max);
        Self {
            head: head(url, overview, rates),
            tables: tables(overview),
            partitions: all,
            ahead: ahead(overview),
            trouble: None,
        }
    }

    /// Its lines, cut to what there is room for.
    pub(super) fn lines(&self, width: usize, height: Option<usize>, colour: bool) -> Vec<String> {
        let mut lines = self.head.clone();
        if let Some(trouble) = &self.trouble {
            lines.push(format!("NOT NOW: {trouble}"));
        }
        lines.push(String::new());
        lines.extend(self.tables.clone());
        lines.push(String::new());
        lines.extend(self.ahead.clone());
        lines.push(String::new());
        lines.push("hottest partitions, load against capacity".to_owned());
        let mut lines: Vec<String> = lines.into_iter().map(|line| cut(&line, width)).collect();
        let bar = width.saturating_sub(BESIDE_BAR).clamp(4, BAR_MAX);
        lines.extend(self.partitions.iter().map(|partition| partition.line(bar, width, colour)));
        lines.truncate(height.unwrap_or(usize::MAX));
        lines
    }
}

impl Partition {
    fn line(&self, bar: usize, width: usize, colour: bool) -> String {
        let name = cut(&self.name, 24);
        let drawn = drawn(self.share, bar);
        let rest = cut(
            &format!("{:5.0} %  {}", 100.0 * self.share, self.load),
            width.saturating_sub(26 + bar),
        );
        let shade = match self.share {
            share if share >= HOT => "\x1b[31m",
            share if share >= WARM => "\x1b[33m",
            _ => "\x1b[32m",
        };
        match colour {
            true => format!("{name:24} {shade}{drawn}\x1b[0m {rest}"),
            false => format!("{name:24} {drawn} {rest}"),
        }
    }
}

/// A bar of `width` characters; it is full at the capacity.
fn drawn(share: f64, width: usize) -> String {
    let full = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    // What has any load shows it.
    let full = if share > 0.0 { full.max(1) } else { full };
    format!("{}{}", "█".repeat(full), "·".repeat(width - full))
}

fn head(url: &str, overview: &Value, rates: Rates) -> Vec<String> {
    let service = &overview["service"];
    let health = match service["why_not"].as_str() {
        None => "ready".to_owned(),
        Some(why) => format!("NOT READY: {why}"),
    };
    let paused = if overview["paused"] == true { ", planner paused" } else { "" };
    let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.1} ms"));
    let since = if rates.since_start { "  (since the start)" } else { "" };
    vec![
        format!(
            "Foreshard {} at {url}: {health}{paused}, up {}",
            text(&service["version"]),
            duration(service["uptime_s"].as_i64().unwrap_or(0))
        ),
        format!(
            "requests {:.1}/s  throttled {:.1}/s  errors {:.1}/s  p50 {}  p99 {}{since}",
            rates.requests,
            rates.throttled,
            rates.errors,
            ms(rates.p50_ms),
            ms(rates.p99_ms)
        ),
    ]
}

fn tables(overview: &Value) -> Vec<String> {
    let all: Vec<&Value> = overview["tables"].as_array().into_iter().flatten().collect();
    if all.is_empty() {
        return vec!["no tables".to_owned()];
    }
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let of =
        |load: &Value, capacity: &Value| format!("{:.0} of {:.0}", number(load), number(capacity));
    let title = format!(
        "{:24} {:>11} {:>12} {:>10} {:>18} {:>18}",
        "table", "requests/s", "throttled/s", "partitions", "read units/s", "write units/s"
    );
    let row = |table: &&Value| {
        let (load, capacity) = (&table["load"], &table["capacity"]);
        let odd = match table["anomalies_open"].as_u64() {
            None | Some(0) => String::new(),
            Some(open) => format!("  {open} anomalies"),
        };
        format!(
            "{:24} {:>11.1} {:>12.1} {:>10} {:>18} {:>18}{odd}",
            cut(&text(&table["name"]), 24),
            number(&table["requests_per_s"]),
            number(&table["throttled_per_s"]),
            text(&table["partitions"]),
            of(&load["read"], &capacity["read"]),
            of(&load["write"], &capacity["write"]),
        )
    };
    std::iter::once(title).chain(all.iter().map(row)).collect()
}

/// The next planned action of each table, and the workflows under way.
fn ahead(overview: &Value) -> Vec<String> {
    let now_ms = overview["now_ms"].as_i64().unwrap_or(0);
    let mut lines = Vec::new();
    for table in overview["tables"].as_array().into_iter().flatten() {
        let name = text(&table["name"]);
        for running in table["running"].as_array().into_iter().flatten() {
            let waits = running["waits_for"].as_str();
            lines.push(format!(
                "running  {name}: {} {} of partitions {}, at {}{}",
                text(&running["action"]),
                text(&running["id"]),
                text(&running["sources"]),
                text(&running["step"]),
                waits.map_or(String::new(), |waits| format!(", waits for {waits}"))
            ));
        }
        let next = &table["next"];
        if next.is_object() {
            let due_s = (next["when_ms"].as_i64().unwrap_or(now_ms) - now_ms) / 1_000;
            let held =
                next["held"].as_str().map_or(String::new(), |held| format!(", held up: {held}"));
            lines.push(format!(
                "next     {name}: {} in {}{held}: {}",
                text(&next["action"]),
                duration(due_s.max(0)),
                text(&next["reason"])
            ));
        }
    }
    if lines.is_empty() {
        lines.push("nothing is planned, and nothing is under way".to_owned());
    }
    lines
}

fn partition(table: &str, found: &Value) -> Partition {
    // What is nearly nothing would be "-0".
    let number = |name: &str| found[name].as_f64().map_or(0.0, |number| number.max(0.0));
    let (read, write) = (number("load_read_units"), number("load_write_units"));
    let (reads, writes) = (number("capacity_read_units"), number("capacity_write_units"));
    let share = |load: f64, capacity: f64| if capacity > 0.0 { load / capacity } else { 0.0 };
    Partition {
        name: format!("{table} p{}", text(&found["id"])),
        share: share(read, reads).max(share(write, writes)),
        load: format!("read {read:.0}/{reads:.0} write {write:.0}/{writes:.0}"),
    }
}

/// Seconds as a person would say them.
fn duration(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// At most so many characters.
fn cut(line: &str, width: usize) -> String {
    match line.chars().count() > width {
        true => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RATES: Rates = Rates {
        requests: 812.04,
        throttled: 1.0,
        errors: 0.0,
        p50_ms: Some(0.5),
        p99_ms: None,
        since_start: false,
    };

    fn frame(partitions_max: usize) -> Frame {
        let overview = json!({
            "now_ms": 1_000_000, "paused": true,
            "service": {"version": "0.1.0", "why_not": null, "uptime_s": 7300},
            "tables": [{
                "name": "orders", "partitions": 2, "requests_per_s": 812.0, "throttled_per_s": 1.0,
                "load": {"read": 12.0, "write": 1250.0}, "capacity": {"read": 6000.0, "write": 2000.0},
                "anomalies_open": 2,
                "next": {"action": "split", "when_ms": 1_040_000, "held": null, "reason": "it is full"},
                "running": [{"id": 7, "action": "merge", "sources": ["p1", "p2"], "step": "cutover",
                             "waits_for": null}],
            }],
        });
        let one = |id: u64, write: f64| {
            json!({"id": id, "load_read_units": 6.0, "load_write_units": write,
                   "capacity_read_units": 3000.0, "capacity_write_units": 1000.0})
        };
        let partitions =
            [("orders".to_owned(), json!([one(1, 300.0), one(2, 950.0), one(3, 0.0)]))];
        Frame::new("http://here", &overview, &partitions, RATES, partitions_max)
    }

    #[test]
    fn a_frame_has_it_all_and_the_hottest_first() {
        let lines = frame(2).lines(120, None, false).join("\n");
        let head = "Foreshard 0.1.0 at http://here: ready, planner paused, up 2 h\n\
                    requests 812.0/s  throttled 1.0/s  errors 0.0/s  p50 0.5 ms  p99 -\n";
        assert!(lines.starts_with(head), "{lines}");
        for line in [
            "running  orders: merge 7 of partitions p1, p2, at cutover",
            "next     orders: split in 40 s: it is full",
            "hottest partitions, load against capacity\norders p2 ",
        ] {
            assert!(lines.contains(line), "no {line:?} in\n{lines}");
        }
        assert!(lines.contains("12 of 6000") && lines.contains("2 anomalies"), "{lines}");
        assert!(lines.contains("   95 %  read 6/3000 write 950/1000"), "{lines}");
        assert!(!lines.contains("orders p3"), "{lines}");
    }

    #[test]
    fn it_fits() {
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
            let lines = frame(50).lines(width, Some(height), false);
            assert!(lines.len() <= height, "{width} × {height}: {lines:#?}");
            if width >= 40 {
                let widest = lines.iter().map(|line| line.chars().count()).max();
                assert!(widest <= Some(width), "{width} × {height}: {lines:#?}");
            }
        }
    }

    #[test]
    fn bars_show_load_against_capacity() {
        assert_eq!(drawn(0.0, 4), "····");
        assert_eq!(drawn(0.001, 4), "█···");
        assert_eq!(drawn(0.5, 4), "██··");
        assert_eq!(drawn(7.0, 4), "████");
        let coloured = frame(3).lines(100, None, true);
        let shades: Vec<_> = coloured.iter().filter(|line| line.contains("\x1b[31m")).collect();
        assert_eq!(shades.len(), 1, "{coloured:#?}");
    }
}
