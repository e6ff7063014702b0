//! One line of a bench: a test of a model on a device, with everything that belongs to it.
//!
//! [`Row::fields`] is the one list of names and values that every machine-readable form is made of,
//! so that JSON, CSV and the page's objects cannot drift apart. Names only grow: scripts read them.

use kernels::{KvType, OpTime, Peaks, PlayerInfo};

use super::roofline::Roofline;
use super::settings::Test;
use super::stats::Stats;
use crate::open::ModelInfo;

/// Above this deviation (a share of the mean) results are not called comparable.
pub const SPREAD_MAX: f64 = 0.10;

/// If the device's own peaks moved by more than this share between the start and the end of a row,
/// something else used it meanwhile.
pub const DRIFT_MAX: f64 = 0.15;

/// What was asked of the host when the model was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// The file's name, without its folder.
    pub file: String,
    /// As asked for: "auto", "cpu", "gpu"; used where nothing was loaded.
    pub device: String,
    /// Threads of a CPU; 0 for as many as the machine offers.
    pub n_threads: usize,
    /// Layers on the GPU, where a number was asked for.
    pub gpu_layers: Option<usize>,
    /// The cache's format.
    pub kv: KvType,
}

/// What a row is about: the model and what plays it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// As asked.
    pub asked: Asked,
    /// The model; `None` if its header could not be read.
    pub model: Option<ModelInfo>,
    /// What plays it; `None` if it was not loaded.
    pub player: Option<PlayerInfo>,
    /// Time the weights took to load.
    pub load_ms: Option<f64>,
}

impl Subject {
    /// The model's own name, or its file's.
    pub fn model_name(&self) -> String {
        let named = self.model.as_ref().and_then(|model| model.name.clone());
        named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| self.asked.file.clone())
    }

    /// Type of most weights; empty if unknown.
    pub fn model_type(&self) -> &str {
        self.model.as_ref().map_or("", |model| &model.main_type)
    }

    /// "cpu", "gpu", "cpu+gpu"; as asked, if nothing was loaded.
    pub fn device(&self) -> &str {
        self.player.as_ref().map_or(&self.asked.device, |player| &player.device)
    }
}

/// How a row ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Outcome {
    /// All runs were made.
    #[default]
    Done,
    /// Some runs were made.
    Interrupted,
    /// There are no numbers.
    Failed {
        /// A sentence that says why.
        why: String,
        /// [`Error::code`](crate::Error::code), or what the host has instead.
        code: &'static str,
    },
}

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The model and what plays it.
    pub subject: Subject,
    /// What was measured.
    pub test: Test,
    /// Tokens of a prompt that were computed together.
    pub n_batch: usize,
    /// Runs that were not timed, before those that were.
    pub n_warmup: u32,
    /// Seconds of each timed run.
    pub seconds: Vec<f64>,
    /// Milliseconds until the first token was chosen, each run; empty without a prompt.
    pub first_token_ms: Vec<f64>,
    /// Microseconds that the host needs to write and submit one token's commands; `None` where the
    /// player computes by itself, or nothing is written.
    pub host_us_per_token: Option<f64>,
    /// Bytes of keys and values that the last token reads.
    pub kv_bytes_per_token: u64,
    /// The device's peaks: the higher of those before and after the runs. `None` where they were
    /// not measured.
    pub peaks: Option<Peaks>,
    /// How far those two lie apart, as a share; 0 where they were not measured.
    pub drift: f64,
    /// Distance to the device's peaks.
    pub roofline: Roofline,
    /// Highest memory use of the process so far, where the host can tell.
    pub peak_memory: Option<u64>,
    /// Time per kernel of one more run, if asked for; empty where the device has no timers.
    pub profile: Vec<OpTime>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Row {
    /// A row without numbers.
    pub fn failed(subject: Subject, test: Test, code: &'static str, why: impl Into<String>) -> Row {
        let outcome = Outcome::Failed { why: why.into(), code };
        Row { subject, test, outcome, ..Row::default() }
    }

    /// Tokens per second of each run.
    pub fn samples(&self) -> Vec<f64> {
        let n = self.test.n_tokens() as f64;
        self.seconds.iter().map(|&s| if s > 0.0 { n / s } else { 0.0 }).collect()
    }

    /// Tokens per second.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.samples())
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed { why, .. } => Some(why),
            Outcome::Done | Outcome::Interrupted => None,
        }
    }

    /// The error's name for machines.
    pub fn error_code(&self) -> Option<&'static str> {
        match &self.outcome {
            Outcome::Failed { code, .. } => Some(code),
            Outcome::Done | Outcome::Interrupted => None,
        }
    }

    /// What a reader must know before comparing this row with another, as sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let percent = |share: f64| (share * 100.0).round();
        if self.outcome == Outcome::Interrupted {
            notes.push(format!("Interrupted after {} runs.", self.seconds.len()));
        }
        let spread = self.stats().spread();
        if spread > SPREAD_MAX {
            let spread = percent(spread);
            notes.push(format!("Spread {spread}%: something else was using this device."));
        }
        if self.drift > DRIFT_MAX {
            let drift = percent(self.drift);
            notes.push(format!(
                "The device's own peaks moved by {drift}% during this row: do not compare it."
            ));
        }
        if self.roofline.share.is_some_and(|share| share > 1.0) {
            notes.push(
                "Above the limit of main memory: a nearer cache holds a part of the weights."
                    .to_owned(),
            );
        }
        notes
    }

    /// False if other work on the device, or an interruption, shaped the numbers.
    pub fn is_steady(&self) -> bool {
        self.outcome == Outcome::Done
            && self.stats().spread() <= SPREAD_MAX
            && self.drift <= DRIFT_MAX
    }
}
