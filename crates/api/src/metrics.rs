//! Counters for operators, in Prometheus' text format.
//!
//! Few on purpose: what autoscaling and alarms are made of. No label carries anything that a
//! client sent, so neither prompts nor names get into a monitoring system, and the number of
//! series is fixed.

use std::cell::Cell;
use std::fmt::Write;
use std::time::Duration;

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by the first digit of their status, 1 to 5.
    responses: [Cell<u64>; 5],
    /// Requests whose handler runs.
    active: Cell<u64>,
    prompt_tokens: Cell<u64>,
    generated_tokens: Cell<u64>,
    prefill: Cell<Duration>,
    decode: Cell<Duration>,
}

fn add(cell: &Cell<u64>, n: u64) {
    cell.set(cell.get().saturating_add(n));
}

impl Metrics {
    pub(crate) fn request_started(&self) {
        add(&self.active, 1);
    }

    pub(crate) fn request_left(&self) {
        self.active.set(self.active.get().saturating_sub(1));
    }

    pub(crate) fn answered(&self, status: u16) {
        if let Some(cell) = self.responses.get(usize::from(status / 100).saturating_sub(1)) {
            add(cell, 1);
        }
    }

    /// A prompt was accepted.
    pub(crate) fn prompted(&self, n_tokens: usize) {
        add(&self.prompt_tokens, n_tokens as u64);
    }

    /// Tokens came; counted as they come, so that those of a cancelled answer are counted too.
    pub(crate) fn generated(&self, n_tokens: usize) {
        add(&self.generated_tokens, n_tokens as u64);
    }

    /// An answer is complete.
    pub(crate) fn took(&self, summary: &crate::host::Summary) {
        self.prefill.set(self.prefill.get().saturating_add(summary.prefill));
        self.decode.set(self.decode.get().saturating_add(summary.decode));
    }

    /// The text of `/metrics`; `waiting` and `loaded` are the scheduler's numbers now.
    pub(crate) fn text(&self, waiting: usize, loaded: usize) -> String {
        let mut text = String::new();
        let mut row = |name: &str, kind: &str, help: &str, values: &[(String, f64)]| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP ingle_{name} {help}\n# TYPE ingle_{name} {kind}");
            for (labels, value) in values {
                let _ = writeln!(text, "ingle_{name}{labels} {value}");
            }
        };
        let one = |value: f64| [(String::new(), value)];
        let count = |cell: &Cell<u64>| one(cell.get() as f64);
        let by_class: Vec<(String, f64)> = (1..)
            .zip(&self.responses)
            .map(|(class, cell)| (format!("{{class=\"{class}xx\"}}"), cell.get() as f64))
            .collect();
        row("http_responses_total", "counter", "Answers by class of status.", &by_class);
        row(
            "http_requests_active",
            "gauge",
            "Requests whose answer has not begun.",
            &count(&self.active),
        );
        row("queue_length", "gauge", "Requests waiting for a model.", &one(waiting as f64));
        row("models_loaded", "gauge", "Models in memory.", &one(loaded as f64));
        let tokens = count(&self.prompt_tokens);
        row("prompt_tokens_total", "counter", "Tokens of prompts.", &tokens);
        let tokens = count(&self.generated_tokens);
        row("generated_tokens_total", "counter", "Tokens of answers.", &tokens);
        let seconds = one(self.prefill.get().as_secs_f64());
        row("prefill_seconds_total", "counter", "Time spent reading prompts.", &seconds);
        let seconds = one(self.decode.get().as_secs_f64());
        row("decode_seconds_total", "counter", "Time spent writing answers.", &seconds);
        text
    }
}
