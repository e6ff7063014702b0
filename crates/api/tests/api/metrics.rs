//! `/metrics`, where it is switched on.

use crate::fake::{Server, settings};

#[test]
fn counters_count() {
    let mut server = Server::with(api::Settings { metrics: true, ..settings() });
    server.post("/api/generate", r#"{"model":"base","prompt":"hi","raw":true}"#);
    server.post("/v1/completions", r#"{"model":"base","prompt":"hi"}"#);
    server.post("/api/generate", r#"{"model":"none","prompt":"hi"}"#);
    server.get("/nothing");
    let answer = server.get("/metrics");
    let media_type = answer.headers.get("content-type");
    assert_eq!(media_type, Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "ingle_http_responses_total{class=\"2xx\"} 2",
        "ingle_http_responses_total{class=\"4xx\"} 2",
        "ingle_http_responses_total{class=\"5xx\"} 0",
        "# TYPE ingle_queue_length gauge",
        "ingle_queue_length 0",
        "ingle_models_loaded 1",
        "ingle_prompt_tokens_total 6",
        "ingle_generated_tokens_total 6",
        "ingle_prefill_seconds_total 0.004",
        "ingle_decode_seconds_total 0.006",
    ] {
        assert!(answer.body.lines().any(|have| have == line), "{line}\n{}", answer.body);
    }
}
