//! What a line of the log looks like. Both forms say which request it is about.

use serde_json::{Map, Value, json};
use server::with_current_request_id;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields of a line of text, and the request's id behind them.
#[derive(Debug, Default)]
pub(super) struct Text(DefaultFields);

impl<'w> FormatFields<'w> for Text {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        with_current_request_id(|id| match id {
            Some(id) => write!(writer, " request_id={id}"),
            None => Ok(()),
        })
    }
}

/// A line as one JSON document: `time`, `level`, `target`, `message`, `request_id` if it is about a
/// request, and what else there is to say under `fields`.
#[derive(Debug)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Line { target: event.metadata().target().to_owned(), ..Line::default() };
        event.record(&mut line);
        let mut document = json!({
            "time": time,
            "level": event.metadata().level().as_str(),
            "target": line.target,
            "message": line.message,
        });
        if let Some(id) = with_current_request_id(|id| id.map(str::to_owned)) {
            document["request_id"] = id.into();
        }
        if !line.fields.is_empty() {
            document["fields"] = line.fields.into();
        }
        writeln!(writer, "{document}")
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Line {
    target: String,
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), &value) {
            ("message", Value::String(text)) => self.message.clone_from(text),
            // Libraries that log in another way: their target is a field.
            ("log.target", Value::String(text)) => self.target.clone_from(text),
            (name, _) if name.starts_with("log.") => {}
            (name, _) => {
                self.fields.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_document() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Json)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = std::io::Error::other("two\nlines");
            tracing::warn!(level = 7, %error, ok = true, share = 0.5, "it \"failed\"");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!("it \"failed\"")));
        assert_eq!(
            line["fields"],
            json!({"level": 7, "error": "two\nlines", "ok": true, "share": 0.5})
        );
        assert!(line["target"].as_str().is_some_and(|target| target.contains("format")), "{line}");
        assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert_eq!(line.get("request_id"), None);
    }
}
