//! How far it is, told to the page from time to time, and whether it shall go on.

use std::ops::ControlFlow;

use js_sys::Function;
use measure::{Estimate, Watch};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::js::{performance_now, to_js};

/// Between two reports of one phase, milliseconds.
const TELL_MS: f64 = 100.0;
/// Before this nothing is said about the time left, milliseconds.
const LEFT_AFTER_MS: f64 = 1000.0;

/// The page's ear, and its hand on the brake.
pub struct Listener {
    pub on_progress: Function,
    pub signal: AbortSignal,
}

impl Listener {
    /// A phase of the work begins, on the model of this name.
    pub fn begin(&self, phase: &'static str, model: &str) -> Telling<'_> {
        let (start, model) = (performance_now(), model.to_owned());
        Telling { listener: self, phase, model, start, before: 0.0, told: None }
    }

    /// True if it shall end.
    pub fn is_over(&self) -> bool {
        self.signal.aborted()
    }
}

/// `JudgeProgress`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    phase: &'static str,
    model: &'a str,
    loaded: f64,
    total: f64,
    seconds_left: Option<f64>,
    perplexity: Option<f64>,
}

/// One phase.
pub struct Telling<'a> {
    listener: &'a Listener,
    phase: &'static str,
    model: String,
    start: f64,
    /// What of the whole was done before this phase began, by another model.
    before: f64,
    told: Option<f64>,
}

impl Telling<'_> {
    /// `done` of `total`, in whatever the phase counts; `perplexity` so far.
    pub fn tell(&mut self, done: f64, total: f64, perplexity: Option<f64>) {
        let now = performance_now();
        let is_soon = self.told.is_some_and(|at| now - at < TELL_MS);
        if is_soon && done < total && perplexity.is_none() {
            return;
        }
        self.told = Some(now);
        let (took, here) = (now - self.start, done - self.before);
        let left = (took >= LEFT_AFTER_MS && here > 0.0).then(|| took * (total - done) / here);
        let told = Told {
            phase: self.phase,
            model: &self.model,
            loaded: done,
            total,
            seconds_left: left.map(|ms| ms / 1000.0),
            perplexity,
        };
        if let Ok(told) = to_js(&told) {
            // What the listener throws is its own affair.
            let _ = self.listener.on_progress.call1(&JsValue::UNDEFINED, &told);
        }
    }
}

/// Windows that are read: those of one of `n_models` models.
pub struct Reading<'a> {
    telling: Telling<'a>,
    /// Of all models.
    total: f64,
    /// The model's perplexity after each window.
    pub running: Vec<f64>,
}

impl<'a> Reading<'a> {
    /// The model is loaded and begins; `before` models have read theirs.
    pub fn new(
        listener: &'a Listener,
        model: &str,
        n_windows: usize,
        (before, n_models): (usize, usize),
    ) -> Reading<'a> {
        let mut telling = listener.begin("read", model);
        telling.before = (before * n_windows) as f64;
        Reading { telling, total: (n_models * n_windows) as f64, running: Vec::new() }
    }

    fn tell(&mut self, done: f64, perplexity: Option<f64>) {
        self.telling.tell(self.telling.before + done, self.total, perplexity);
    }
}

impl Watch for Reading<'_> {
    fn pulse(&mut self, done: f64, _: usize) -> ControlFlow<()> {
        self.tell(done, None);
        match self.telling.listener.is_over() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn window(&mut self, i: usize, so_far: &Estimate) {
        let value = so_far.perplexity().value;
        self.running.push(value);
        self.tell((i + 1) as f64, Some(value));
    }
}
