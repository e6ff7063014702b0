//! Is a quantized model still the model it was made from? Both read one text, window by window.
//!
//! Three views, from the outside in: what is said ([`Divergence`]), what is computed behind each
//! layer ([`layers`]), and how far the weights themselves were moved ([`weights`]). No answer is
//! rounded further than 16 bits, whether both models are in memory together or one after the other.

mod answers;
mod html;
mod layers;
mod reader;
mod weights;

use engine::Session;
use kernels::Plan;

use crate::read::Watch;
use crate::{Divergence, Error, Estimate, Value, Windows};

pub use answers::Answers;
pub use html::{About, html};
pub use layers::Layer;
pub use reader::{Comparison, Reader};
pub use weights::{TensorError, Weights};

/// A text of the project's own, for those who have none at hand: short talk, stories, sums. About
/// 12 000 tokens for a large vocabulary.
pub const TEXT: &str = include_str!("text.txt");

/// A loaded model and its Plan.
pub struct Loaded<'a> {
    /// The session.
    pub session: &'a mut Session,
    /// What it plays.
    pub plan: &'a Plan,
}

/// How one model compares with its baseline.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Its name, for people.
    pub name: String,
    /// Bytes of its weights.
    pub n_bytes: u64,
    /// Type of most of them.
    pub main_type: String,
    /// What it says.
    pub divergence: Divergence,
    /// What it computes; empty where the device does not show it.
    pub layers: Vec<Layer>,
    /// What became of its weights.
    pub tensors: Vec<TensorError>,
}

/// Numbers a model must keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Mean divergence in nats at most.
    pub kl: Option<f64>,
    /// Perplexity over the baseline's at most.
    pub ratio: Option<f64>,
    /// Share of places with the same most probable token at least, 0 to 1.
    pub same_top: Option<f64>,
}

/// A limit and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What it is about.
    pub what: &'static str,
    /// What was measured.
    pub value: f64,
    /// What is allowed.
    pub limit: f64,
    /// Whether that was kept to; never by what is no number.
    pub passed: bool,
}

impl Limits {
    /// The limits that are set, with what `compared` has.
    pub fn check(&self, compared: &Compared) -> Vec<Check> {
        let all = &compared.divergence;
        let most = |what, limit: Option<f64>, Value { value, .. }: Value| {
            limit.map(|limit| Check { what, value, limit, passed: value <= limit })
        };
        let least = |what, limit: Option<f64>, Value { value, .. }: Value| {
            limit.map(|limit| Check { what, value, limit, passed: value >= limit })
        };
        let checks = [
            most("mean KL divergence", self.kl, all.kl()),
            most("ratio of perplexities", self.ratio, all.ratio()),
            least("same most probable token", self.same_top, all.same_top()),
        ];
        checks.into_iter().flatten().collect()
    }
}

/// Reads the text with both models and compares them; [`Compared::tensors`] is left empty. Both are
/// in memory together; a host that has not the room has one [`Reader`] after the other, and keeps
/// [`Answers`] in between.
///
/// # Errors
/// [`Error::Vocabulary`] for models with other tokens; whatever a session reports;
/// [`Error::Cancelled`].
pub async fn validate(
    baseline: Loaded<'_>,
    quantized: Loaded<'_>,
    windows: &Windows,
    watch: &mut dyn Watch,
) -> Result<Compared, Error> {
    check_vocabulary(baseline.plan, quantized.plan)?;
    let mut answers = Answers::new(baseline.plan.dims.n_vocab, windows);
    let (mut a, mut b) = (Reader::new(baseline)?, Reader::new(quantized)?);
    let mut all = Comparison::default();
    for i in 0..windows.len() {
        let mut half = Half { watch: &mut *watch, window: i as f64, part: 0.0 };
        a.answer(windows, i, &mut half, &mut answers).await?;
        half.part = 0.5;
        b.compare(windows, i, &mut half, &answers, &mut all).await?;
        watch.compared(i, all.divergence());
    }
    a.finish()?;
    b.conclude(all)
}

/// Models whose vocabularies differ in size are not compared.
///
/// # Errors
/// [`Error::Vocabulary`].
pub fn check_vocabulary(baseline: &Plan, quantized: &Plan) -> Result<(), Error> {
    let [base, model] = [baseline, quantized].map(|plan| plan.dims.n_vocab);
    if base == model { Ok(()) } else { Err(Error::Vocabulary { base, model }) }
}

/// Two models take turns at a window: each is half of the work.
struct Half<'a> {
    watch: &'a mut dyn Watch,
    window: f64,
    part: f64,
}

impl Watch for Half<'_> {
    fn pulse(&mut self, done: f64, n_windows: usize) -> std::ops::ControlFlow<()> {
        let share = self.part + 0.5 * (done - self.window);
        self.watch.pulse(self.window + share, n_windows)
    }

    fn window(&mut self, _: usize, _: &Estimate) {}
}
