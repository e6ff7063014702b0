//! `/metrics`: every line is Prometheus' text format, and counters move as what they count.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::server::Server;

/// One parsed answer: samples by their name with labels, and the kinds of families.
#[derive(Debug, Default)]
struct Exposition {
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    chars.next().is_some_and(is_first) && chars.all(|c| is_first(c) || c.is_ascii_digit())
}

/// A name, and labels with their values.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Name and labels of a sample: `name` or `name{label="value",…}`.
fn labels(text: &str) -> Result<Sample<'_>, String> {
    let Some((name, rest)) = text.split_once('{') else { return Ok((text, Vec::new())) };
    let inner = rest.strip_suffix('}').ok_or("the labels are not closed")?;
    let pair = |pair| {
        let (label, value): (&str, &str) =
            str::split_once(pair, '=').ok_or("a label has no value")?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = value.filter(|value| !value.contains(['"', '\\', '\n']));
        match (is_name(label), value) {
            (true, Some(value)) => Ok((label, value)),
            _ => Err(format!("no label: {pair}")),
        }
    };
    Ok((name, inner.split(',').map(pair).collect::<Result<_, String>>()?))
}

/// Reads the text format, version 0.0.4, as strictly as it is defined.
fn parse(text: &str) -> Result<Exposition, String> {
    let mut all = Exposition::default();
    let mut helped = BTreeSet::new();
    let mut done = BTreeSet::new();
    let mut family = String::new();
    if !text.ends_with('\n') {
        return Err("the last line is not ended".to_owned());
    }
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line:?}"));
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next(), words.next(), words.next());
            let (Some(name), Some(rest)) = (name, rest) else { return wrong("half a comment") };
            match kind {
                Some("HELP") if is_name(name) && helped.insert(name.to_owned()) => {}
                Some("TYPE")
                    if ["counter", "gauge", "histogram", "summary", "untyped"].contains(&rest) =>
                {
                    if !done.insert(name.to_owned()) {
                        return wrong("a family stands twice");
                    }
                    family = name.to_owned();
                    all.kinds.insert(name.to_owned(), rest.to_owned());
                }
                _ => return wrong("no comment of the format"),
            }
            continue;
        }
        let Some((sample, value)) = line.rsplit_once(' ') else { return wrong("no sample") };
        let (name, _) = labels(sample)?;
        if !is_name(name) || name != family {
            return wrong("a sample outside of its family");
        }
        let Ok(value) = value.parse::<f64>() else { return wrong("no number") };
        if all.samples.insert(sample.to_owned(), value).is_some() {
            return wrong("a sample stands twice");
        }
    }
    match helped == all.kinds.keys().cloned().collect() {
        true => Ok(all),
        false => Err("a family without a help or a type".to_owned()),
    }
}

#[test]
fn the_parser_refuses_what_is_none() {
    assert!(parse("# HELP a b\n# TYPE a counter\na 1\na{b=\"c\"} 2.5\n").is_ok());
    for text in [
        "a 1\n",
        "# HELP a b\n# TYPE a counter\na 1",
        "# HELP a b\n# TYPE a counter\na one\n",
        "# HELP a b\n# TYPE a counter\nb 1\n",
        "# HELP a b\n# TYPE a number\na 1\n",
        "# TYPE a counter\na 1\n",
        "# HELP a b\n# TYPE a counter\na 1\na 2\n",
        "# HELP a b\n# TYPE a counter\na{b=c} 1\n",
        "# HELP a b\n# TYPE a counter\na{b=\"c\" 1\n",
        "# HELP 1a b\n# TYPE 1a counter\n1a 1\n",
        "\n",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn counters_move_as_what_they_count() {
    let server = Server::start(&[("INGLE_METRICS", "1"), ("OLLAMA_NUM_PARALLEL", "2")]);
    let look = || {
        let answer = server.get("/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        parse(&answer.text()).unwrap_or_else(|error| panic!("{error} in {}", answer.text()))
    };
    let first = look();
    let is_whole = |value: &f64| value.fract() == 0.0;
    for (sample, value) in &first.samples {
        assert!(*value >= 0.0 && (sample.contains("seconds") || is_whole(value)), "{sample}");
    }
    let before = first.samples;
    let options = json!({ "num_predict": 7, "temperature": 0 });
    let body = json!({ "model": "tiny", "prompt": "hi", "raw": true, "stream": false,
        "options": options });
    let answer = server.post("/api/generate", &body).json();
    let n_prompt = answer["prompt_eval_count"].as_f64().unwrap();
    assert_eq!(answer["eval_count"], 7, "{answer}");
    server.post("/api/generate", &json!({ "model": "none", "prompt": "hi" }));
    server.get("/nothing");
    server.ask("GET", "/", "host: evil.com\r\n", b"");
    let after = look();
    for (sample, kind, more) in [
        // The first look itself, and the answer.
        ("ingle_http_responses_total{class=\"2xx\"}", "counter", 2.0),
        ("ingle_http_responses_total{class=\"4xx\"}", "counter", 3.0),
        ("ingle_http_responses_total{class=\"5xx\"}", "counter", 0.0),
        ("ingle_prompt_tokens_total", "counter", n_prompt),
        ("ingle_generated_tokens_total", "counter", 7.0),
        ("ingle_models_loaded", "gauge", 1.0),
        ("ingle_queue_length", "gauge", 0.0),
        ("ingle_http_requests_active", "gauge", 0.0),
    ] {
        assert_eq!(after.samples[sample] - before[sample], more, "{sample}");
        let family = sample.split('{').next().unwrap();
        assert_eq!(after.kinds[family], kind, "{sample}");
    }
    for sample in ["ingle_prefill_seconds_total", "ingle_decode_seconds_total"] {
        assert!(after.samples[sample] > before[sample], "{sample}");
    }
    for (sample, value) in &before {
        let family = sample.split('{').next().unwrap();
        let is_counter = after.kinds[family] == "counter";
        assert!(!is_counter || after.samples[sample] >= *value, "{sample} went back");
    }
    // Whatever clients call their models, the series are the same.
    assert_eq!(after.samples.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}
