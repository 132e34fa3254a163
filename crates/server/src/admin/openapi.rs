//! `/openapi.json`: the admin API described for tools, made of the table of calls (`table`).
//!
//! Answers are described by their outermost fields; docs/admin-api.md says what is in them.

use serde_json::{Map, Value, json};

use super::table::{Call, Parameter, ROUTES, Route, Values};

/// The document; `with_tokens` says whether tokens are needed.
pub(super) fn document(with_tokens: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(format!("/api/v1/{}", route.path)).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    for (path, about, kind) in [
        ("/healthz", "Whether the process answers.", "text/plain"),
        (
            "/readyz",
            "Whether requests should come here; 503 with the reason otherwise.",
            "text/plain",
        ),
        ("/metrics", "Metrics.", "application/openmetrics-text"),
        ("/openapi.json", "This document.", "application/json"),
    ] {
        paths.insert(path.to_owned(), json!({"get": plain(path, about, kind)}));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Foreshard's admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Tables, partitions, load, forecasts, plans and decisions. Keys are in \
                            hexadecimal, times in milliseconds since the Unix epoch on the service's \
                            clock, loads and capacities in read and write units per second.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": object(&[("error", "string")])},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    });
    if with_tokens {
        document["security"] = json!([{"token": []}]);
    }
    document
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let schema = match name {
            "table" => json!({"type": "string", "minLength": 1}),
            _ => json!({"type": "integer", "minimum": 0}),
        };
        Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
    });
    let parameters: Vec<Value> = in_path.chain(route.query.iter().map(in_query)).collect();
    let mut responses = json!({
        "200": {
            "description": "Done.",
            "content": {"application/json": {"schema": object(route.fields)}},
        },
    });
    for (status, about) in refusals(route) {
        responses[*status] = json!({
            "description": about,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        });
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "description": format!("Needs the role {}.", match route.method.as_str() {
            "GET" => "read-only",
            _ => "operator",
        }),
        "parameters": parameters,
        "responses": responses,
    });
    if route.method == http::Method::POST {
        let content = json!({"application/json": {"schema": body(route.call)}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn refusals(route: &Route) -> &'static [(&'static str, &'static str)] {
    const READ: &[(&str, &str)] = &[
        ("400", "The request makes no sense as it is; the text says what to change."),
        ("401", "There is no token, or nobody's."),
        ("403", "Another origin, another host, or a role that may not."),
        ("404", "There is no such thing."),
    ];
    const CHANGE: &[(&str, &str)] = &[
        READ[0],
        READ[1],
        READ[2],
        READ[3],
        ("409", "Not now: something else is under way, or it has ended."),
        ("413", "The body is too large."),
        ("415", "The request does not say that it is JSON."),
    ];
    if route.method == http::Method::GET { READ } else { CHANGE }
}

fn in_query(parameter: &Parameter) -> Value {
    let schema = match &parameter.values {
        Values::Text => json!({"type": "string"}),
        Values::Whole { least } if *least == i64::MIN => {
            json!({"type": "integer", "format": "int64"})
        }
        Values::Whole { least } => {
            json!({"type": "integer", "minimum": least, "maximum": u32::MAX})
        }
        Values::OneOf(names) => json!({"type": "string", "enum": names}),
    };
    json!({"name": parameter.name, "in": "query", "description": parameter.about, "schema": schema})
}

/// What a change is asked for with.
fn body(call: Call) -> Value {
    let id = || json!({"type": "integer", "minimum": 0});
    let ids = |least| json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": least});
    let action = |name: &str, properties: Value, required: &[&str]| {
        let mut schema =
            json!({"type": "object", "properties": properties, "additionalProperties": false});
        schema["properties"]["action"] = json!({"const": name});
        let required: Vec<&str> = required.iter().copied().chain(["action"]).collect();
        schema["required"] = json!(required);
        schema
    };
    match call {
        Call::Reslice => json!({"oneOf": [
            action(
                "split",
                json!({"partition": id(), "into": {"type": "integer", "minimum": 2, "maximum": 64}}),
                &["partition", "into"],
            ),
            action("merge", json!({"partitions": ids(2)}), &["partitions"]),
            action("shift", json!({"partitions": ids(2)}), &["partitions"]),
            action("isolate", json!({"key": {"type": "object"}}), &["key"]),
            action(
                "reslice",
                json!({
                    "sources": ids(1),
                    "boundaries": {"type": "array", "items": {"type": "string", "pattern": "^([0-9a-f]{2})+$"}},
                }),
                &["sources", "boundaries"],
            ),
        ]}),
        Call::Rekey => json!({
            "type": "object",
            "required": ["strategy"],
            "properties": {"strategy": {"enum": ["hash", "range", "composite"]}},
            "additionalProperties": false,
        }),
        Call::ReportAnomalies => json!({
            "description": "A list of alerts, or Alertmanager's webhook format with the list under `alerts`.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["labels"],
                "properties": {
                    "labels": {
                        "type": "object",
                        "required": ["alertname"],
                        "properties": {"alertname": {"type": "string"}},
                        "additionalProperties": {"type": "string"},
                    },
                    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
                    "startsAt": {"type": "string", "format": "date-time"},
                    "endsAt": {"type": "string", "format": "date-time"},
                },
            },
        }),
        _ => json!({"type": "object"}),
    }
}

/// What a field may be; with a question mark, nothing as well.
fn types(kind: &str) -> Value {
    match kind.strip_suffix('?') {
        Some(kind) => json!([kind, "null"]),
        None => json!(kind),
    }
}

fn object(fields: &[(&str, &str)]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), json!({"type": types(kind)})))
        .collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn plain(path: &str, about: &str, kind: &str) -> Value {
    let name = path.trim_start_matches('/').trim_end_matches(".json");
    let mut responses = json!({"200": {"description": about, "content": {kind: {}}}});
    if path == "/readyz" {
        responses["503"] = json!({"description": "Not ready, with the reason."});
    }
    json!({"operationId": name, "summary": about, "security": [], "responses": responses})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_described_once_with_its_parameters() {
        let document = document(true);
        let operations: usize = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(path, _)| path.starts_with("/api/v1/"))
            .map(|(_, methods)| methods.as_object().unwrap().len())
            .sum();
        assert_eq!(operations, ROUTES.len());
        for route in ROUTES {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][format!("/api/v1/{}", route.path)][method];
            assert_eq!(operation["operationId"], route.name);
            let braces = route.path.matches('{').count();
            assert_eq!(
                operation["parameters"].as_array().unwrap().len(),
                braces + route.query.len()
            );
            assert_eq!(operation["requestBody"].is_object(), route.method == http::Method::POST);
        }
        assert_eq!(document["security"], json!([{"token": []}]));
    }
}
