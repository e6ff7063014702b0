//! What is said about a text that was measured: llama-perplexity's lines, or one JSON object.

use engine::Session;
use measure::{Divergence, Estimate, Percentiles, SHARES, Value};
use serde_json::{Value as Json, json};

use super::super::print_json;
use crate::args::Format;
use crate::failure::Failure;
use crate::term;

/// What was measured with what.
pub struct Run {
    model: String,
    device: String,
    n_ctx: usize,
    n_read: usize,
    seconds: f64,
}

impl Run {
    /// `n_read` tokens in so many seconds.
    pub fn new(session: &Session, n_ctx: usize, n_read: usize, seconds: f64) -> Run {
        let info = session.model_info();
        let model = info.name.clone().unwrap_or_else(|| info.architecture.clone());
        Run { model, device: session.player_info().name, n_ctx, n_read, seconds }
    }

    fn json(&self, estimate: &Estimate, running: &[f64]) -> Json {
        json!({
            "model": self.model,
            "device": self.device,
            "ctx": self.n_ctx,
            "chunks": running.len(),
            "tokens_scored": estimate.n(),
            "tokens_read": self.n_read,
            "seconds": self.seconds,
            "perplexity": value(estimate.perplexity()),
            "nats": value(estimate.nats()),
            "running": running,
        })
    }

    fn note(&self) {
        let rate = self.n_read as f64 / self.seconds.max(1e-9);
        term::note(&format!(
            "{} tokens in {:.1} s ({rate:.0} tokens/s) on {}",
            self.n_read, self.seconds, self.device
        ));
    }
}

/// A number with its error.
pub fn value(value: Value) -> Json {
    json!({ "value": value.value, "error": value.error })
}

/// The end of a run over a text.
pub fn perplexity(
    run: &Run,
    estimate: &Estimate,
    running: Vec<f64>,
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        return print_json(&run.json(estimate, &running));
    }
    let Value { value, error } = estimate.perplexity();
    term::line(&format!("Final estimate: PPL = {value:.4} +/- {error:.5}"))?;
    run.note();
    Ok(())
}

/// The end of a comparison.
pub fn divergence(
    run: &Run,
    all: &Divergence,
    running: Vec<f64>,
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        let mut object = run.json(&all.model, &running);
        if let (Some(object), Json::Object(more)) = (object.as_object_mut(), comparison(all)) {
            object.extend(more);
        }
        return print_json(&object);
    }
    term::text_out(&lines(all))?;
    run.note();
    Ok(())
}

/// All that is known about two models, as an object.
pub fn comparison(all: &Divergence) -> Json {
    let percentiles = |values: Percentiles| {
        values.named().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Json>()
    };
    json!({
        "base_perplexity": value(all.base.perplexity()),
        "correlation": all.correlation(),
        "log_ratio": value(all.log_ratio()),
        "ratio": value(all.ratio()),
        "difference": value(all.difference()),
        "kl": value(all.kl()),
        "kl_percentiles": percentiles(all.kl_percentiles()),
        "delta_p": value(all.delta()),
        "delta_p_rms": value(all.rms_delta()),
        "delta_p_percentiles": percentiles(all.delta_percentiles()),
        "same_top": value(all.same_top()),
    })
}

/// As llama-perplexity prints it.
fn lines(all: &Divergence) -> String {
    let line = |name: &str, value: Value| {
        format!("{name:30}: {:10.6} ± {:10.6}\n", value.value, value.error)
    };
    let percent = |name: &str, value: Value| {
        format!("{name:30}: {:6.3} ± {:5.3} %\n", 100.0 * value.value, 100.0 * value.error)
    };
    let mut out = "====== Perplexity statistics ======\n".to_owned();
    out += &line("Mean PPL(Q)", all.model.perplexity());
    out += &line("Mean PPL(base)", all.base.perplexity());
    out +=
        &format!("{:30}: {:6.2}%\n", "Cor(ln(PPL(Q)), ln(PPL(base)))", 100.0 * all.correlation());
    out += &line("Mean ln(PPL(Q)/PPL(base))", all.log_ratio());
    out += &line("Mean PPL(Q)/PPL(base)", all.ratio());
    out += &line("Mean PPL(Q)-PPL(base)", all.difference());
    out += "\n====== KL divergence statistics ======\n";
    out += &line("Mean    KLD", all.kl());
    out += &table("KLD", &all.kl_percentiles(), |value| format!("{value:10.6}"));
    out += "\n====== Token probability statistics ======\n";
    out += &percent("Mean    Δp", all.delta());
    out += &table("Δp", &all.delta_percentiles(), |value| format!("{:6.3}%", 100.0 * value));
    out += &percent("RMS Δp", all.rms_delta());
    out += &percent("Same top p", all.same_top());
    out
}

fn table(what: &str, values: &Percentiles, number: impl Fn(f64) -> String) -> String {
    let line = |name: &str, share: f64| {
        let name = format!("{name:7} {what}");
        format!("{name:30}: {}\n", number(values.at(share)))
    };
    let mut out = line("Maximum", 1.0);
    for (share, name) in SHARES {
        if share < 0.5 && !out.contains("Median") {
            out += &line("Median", 0.5);
        }
        out += &line(&format!("{name:>4}%"), share);
    }
    out + &line("Minimum", 0.0)
}
