//! Traces as OTLP has them: the JSON of an `ExportTraceServiceRequest`.
//!
//! Ids are hexadecimal, times are nanoseconds as texts, enumerations are numbers. Names and attributes of the request's span
//! are those of the semantic conventions for HTTP servers.
//!
//! Source: OpenTelemetry Protocol 1.x, "JSON Protobuf Encoding" (stable), and trace/v1/trace.proto.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Finished, Part, Request};

/// `SPAN_KIND_SERVER`, and `SPAN_KIND_INTERNAL`.
const SERVER: u8 = 2;
const INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// The body of a request to a collector.
///
/// * `service`: names the replica.
pub fn body(finished: &[Finished], service: &str) -> Value {
    let resource = [
        text("service.name", "tandem"),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", service),
    ];
    let spans: Vec<Value> = finished.iter().flat_map(spans).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": env!("CARGO_PKG_NAME") }, "spans": spans }],
    }] })
}

/// The span of a request, those of its parts, and those of what the parts consist of.
fn spans(finished: &Finished) -> Vec<Value> {
    let Finished { trace, method, route, status, ended } = finished;
    let request = &*trace.0;
    let mut writer = Writer { request, spans: Vec::new() };
    let attributes =
        [text("http.request.method", method), text("http.route", route), int("http.response.status_code", *status)];
    let span = writer.span(&format!("{method} {route}"), request.parent.span, request.began, *ended);
    span["spanId"] = hex(request.span);
    span["kind"] = json!(SERVER);
    span["attributes"] = json!(attributes);
    if *status >= 500 {
        span["status"] = json!({ "code": ERROR });
    }
    // Parts are added by the thread that answers, which is done.
    let parts = request.parts.lock().map(|parts| parts.clone()).unwrap_or_default();
    parts.iter().for_each(|part| writer.part(part));
    writer.spans
}

struct Writer<'a> {
    request: &'a Request,
    spans: Vec<Value>,
}

impl Writer<'_> {
    fn part(&mut self, Part { name, during, stages }: &Part) {
        let id = self.id();
        self.span(name, Some(self.request.span), during.start, during.end);
        let mut from = during.start;
        for (name, lasted) in stages {
            self.span(name, Some(id), from, from + *lasted);
            from += *lasted;
        }
    }

    /// The id of the next span: those of a request follow its own.
    fn id(&self) -> u64 {
        self.request.span.wrapping_add(self.spans.len() as u64)
    }

    fn span(&mut self, name: &str, parent: Option<u64>, from: Instant, until: Instant) -> &mut Value {
        let mut span = json!({
            "traceId": format!("{:032x}", self.request.parent.trace),
            "spanId": hex(self.id()),
            "name": name,
            "kind": INTERNAL,
            "startTimeUnixNano": self.ns(from),
            "endTimeUnixNano": self.ns(until),
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = hex(parent);
        }
        self.spans.push(span);
        let last = self.spans.len() - 1;
        &mut self.spans[last]
    }

    fn ns(&self, at: Instant) -> String {
        let since: Duration = at.saturating_duration_since(self.request.began);
        (u128::from(self.request.began_ns) + since.as_nanos()).to_string()
    }
}

fn hex(id: u64) -> Value {
    json!(format!("{id:016x}"))
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn int(key: &str, value: u16) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::Trace;
    use super::super::parent::Parent;
    use super::*;

    #[test]
    fn a_request_with_its_parts_has_the_json_of_the_protocol() {
        let began = Instant::now();
        let at = |us: u64| began + Duration::from_micros(us);
        let parent = Parent { trace: 0xabc, span: Some(0xde) };
        let request = Request { parent, span: 0x10, began, began_ns: 1_000_000, parts: Mutex::default() };
        let trace = Trace(Arc::new(request));
        trace.add("read", at(10)..at(30), Vec::new());
        trace.add("engine", at(30)..at(90), vec![("retrieve", Duration::from_micros(40))]);
        let finished = Finished { trace, method: "GET", route: "/popular".to_owned(), status: 503, ended: at(100) };
        let body = body(&[finished], "eu-1");
        let resource = &body["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][2]["value"]["stringValue"], "eu-1");
        let spans = resource["scopeSpans"][0]["spans"].as_array().expect("spans");
        let shown = |span: &Value| {
            let text = |name: &str| span[name].as_str().unwrap_or_default().trim_start_matches('0').to_owned();
            [text("name"), text("spanId"), text("parentSpanId"), text("startTimeUnixNano"), text("endTimeUnixNano")]
        };
        let shown: Vec<[String; 5]> = spans.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                ["GET /popular", "10", "de", "1000000", "1100000"],
                ["read", "11", "10", "1010000", "1030000"],
                ["engine", "12", "10", "1030000", "1090000"],
                ["retrieve", "13", "12", "1030000", "1070000"],
            ]
        );
        let root = &spans[0];
        assert_eq!((root["traceId"].as_str().map(str::len), root["kind"].as_u64()), (Some(32), Some(2)));
        assert_eq!(root["attributes"][2]["value"]["intValue"], "503");
        assert_eq!(root["status"]["code"], 2);
    }
}
