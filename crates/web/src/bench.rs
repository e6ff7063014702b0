//! The bench in a page: the engine's own, with the script's settings, events and cancel flag.
//!
//! Rows go out under the names that `ingle bench --format json` prints, so that a table from a
//! browser and one from a terminal can be laid side by side.

use std::ops::ControlFlow;

use engine::Session;
use engine::bench::{self, Asked, Field, Pace, Progress, Row, Settings, Step, Test, Watch};
use js_sys::Function;
use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::JsValue;

use crate::cancel::CancelFlag;
use crate::error::EdgeError;
use crate::js::{performance_now, to_js};

/// `{ tests?, runs?, warmUps?, peaks?, profile? }`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BenchSettings {
    tests: Option<Vec<TestSettings>>,
    runs: Option<u32>,
    warm_ups: Option<u32>,
    peaks: Option<bool>,
    profile: bool,
}

/// `{ prompt?, output?, depth? }`, in tokens.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct TestSettings {
    prompt: u32,
    output: u32,
    depth: u32,
}

/// So many runs say no more than a thousand, and would keep a page busy for days.
const MAX_RUNS: u32 = 1000;

impl BenchSettings {
    fn settings(self) -> Result<Settings, EdgeError> {
        let mut settings = Settings::default();
        if let Some(tests) = self.tests {
            settings.tests = tests.iter().copied().map(TestSettings::test).collect();
        }
        let is_idle = |test: &Test| test.n_tokens() == 0;
        if settings.tests.is_empty() || settings.tests.iter().any(is_idle) {
            let text = "every test must read or write something: give tests a prompt or an output";
            return Err(EdgeError::new("request.invalid", text));
        }
        settings.n_runs = self.runs.unwrap_or(settings.n_runs).clamp(1, MAX_RUNS);
        settings.n_warmup = self.warm_ups.unwrap_or(settings.n_warmup).min(MAX_RUNS);
        settings.peaks = self.peaks.unwrap_or(settings.peaks);
        settings.profile = self.profile;
        Ok(settings)
    }
}

impl TestSettings {
    fn test(self) -> Test {
        let [n_prompt, n_gen, depth] = [self.prompt, self.output, self.depth].map(|n| n as usize);
        Test { n_prompt, n_gen, depth, ..Test::default() }
    }
}

/// Runs the tests on the loaded model. `{ progress }` and `{ row }` go to `on_event` as they come;
/// the result is all rows.
pub async fn run(
    session: &mut Session,
    asked: Asked,
    settings: JsValue,
    on_event: &Function,
    cancel: &CancelFlag,
) -> Result<JsValue, EdgeError> {
    let settings: BenchSettings = serde_wasm_bindgen::from_value(settings)?;
    let settings = settings.settings()?;
    let mut watch = Listener { on_event, cancel, told: None, told_ms: 0.0 };
    let mut pace = Pace::default();
    let rows = bench::run(session, &asked, &settings, &mut pace, &mut watch).await;
    to_js(&rows.iter().map(|row| Object(row.fields())).collect::<Vec<_>>())
}

/// Progress within a step is told at most this often: telling costs time inside timed runs.
const TELL_MS: f64 = 250.0;

struct Listener<'a> {
    on_event: &'a Function,
    cancel: &'a CancelFlag,
    /// The test and step told last, and when.
    told: Option<(usize, Step)>,
    told_ms: f64,
}

impl Listener<'_> {
    fn tell(&self, event: &impl Serialize) {
        if let Ok(event) = to_js(event) {
            // What the listener throws is its own affair: the bench goes on.
            let _ = self.on_event.call1(&JsValue::UNDEFINED, &event);
        }
    }
}

impl Watch for Listener<'_> {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        let (here, now) = (Some((progress.index, progress.step)), performance_now());
        if here != self.told || now - self.told_ms > TELL_MS {
            (self.told, self.told_ms) = (here, now);
            self.tell(&Event { progress: ProgressOut::of(progress) });
        }
        if self.cancel.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn row(&mut self, row: &Row) {
        self.tell(&RowEvent { row: Object(row.fields()) });
    }
}

#[derive(serde::Serialize)]
struct Event {
    progress: ProgressOut,
}

#[derive(serde::Serialize)]
struct RowEvent {
    row: Object,
}

/// `BenchProgress` of the package.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgressOut {
    test: String,
    index: usize,
    n_tests: usize,
    step: &'static str,
    run: u32,
    n_runs: u32,
    seconds_left: Option<f64>,
}

impl ProgressOut {
    fn of(progress: &Progress) -> ProgressOut {
        let (step, run) = match progress.step {
            Step::Filling => ("fill", 0),
            Step::WarmUp => ("warm-up", 0),
            Step::Peaks => ("peaks", 0),
            Step::Run(run) => ("run", run),
            Step::Profile => ("profile", 0),
        };
        ProgressOut {
            test: progress.test.name(),
            index: progress.index,
            n_tests: progress.n_tests,
            step,
            run,
            n_runs: progress.n_runs,
            seconds_left: progress.left_s,
        }
    }
}

/// Fields in their order, as one object.
struct Object(Vec<(&'static str, Field)>);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, &Value(field))?;
        }
        map.end()
    }
}

struct Value<'a>(&'a Field);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Field::None => serializer.serialize_unit(),
            Field::Text(text) => serializer.serialize_str(text),
            Field::Count(n) => serializer.serialize_u64(*n),
            Field::Number(value) => serializer.serialize_f64(*value),
            Field::Flag(flag) => serializer.serialize_bool(*flag),
            Field::Numbers(values) => values.serialize(serializer),
            Field::Texts(texts) => texts.serialize(serializer),
            Field::Objects(objects) => {
                serializer.collect_seq(objects.iter().map(|fields| Object(fields.clone())))
            }
        }
    }
}
