//! Is a quantized model still the model it was made from? Both read one text, window by window.
//!
//! Three views, from the outside in: what is said ([`Divergence`]), what is computed behind each
//! layer ([`layers`]), and how far the weights themselves were moved ([`weights`]). Both models are
//! in memory together, so nothing is written and no answer is rounded further than 16 bits.

mod html;
mod layers;
mod weights;

use engine::Session;
use kernels::Plan;

use crate::kl::{Coded, Other, WithNext};
use crate::read::{Watch, scored};
use crate::{Divergence, Error, Estimate, Value, Windows};
use layers::{Streams, StreamsTap};

pub use html::{About, html};
pub use layers::Layer;
pub use weights::{TensorError, weights};

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

/// Reads the text with both models and compares them; [`Compared::tensors`] is left empty.
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
    let (a, b) = (baseline.session, quantized.session);
    let [base, model] = [&*a, &*b].map(|session| session.model_info().dims.n_vocab);
    if base != model {
        return Err(Error::Vocabulary { base, model });
    }
    let streams = [tapped(a, baseline.plan)?, tapped(b, quantized.plan)?];
    let mut all = Compared {
        n_bytes: b.model_info().weight_bytes,
        main_type: b.model_info().main_type.clone(),
        ..Compared::default()
    };
    let mut layers = layers::Errors::default();
    let mut rows = vec![(Coded::new(base), 0f32); windows.scored().len()];
    for i in 0..windows.len() {
        let mut place = rows.iter_mut();
        let mut half = Half { watch: &mut *watch, window: i as f64, part: 0.0 };
        scored(a, windows, i, &mut half, |row, next| {
            if let Some((place, log_prob)) = place.next() {
                place.encode(&row);
                *log_prob = Other::log_prob(&row, next as usize);
            }
            Ok(())
        })
        .await?;
        let mut place = rows.iter();
        half.part = 0.5;
        scored(b, windows, i, &mut half, |row, next| {
            if let Some((base, log_prob)) = place.next() {
                let next = next as usize;
                let base = WithNext { row: base, next, log_prob: *log_prob };
                all.divergence.add(&row, &base, next);
            }
            Ok(())
        })
        .await?;
        if let [Some(a), Some(b)] = &streams {
            layers.add(a.take(), b.take());
        }
        watch.compared(i, &all.divergence);
    }
    a.set_tap(None)?;
    b.set_tap(None)?;
    all.layers = layers.finish();
    Ok(all)
}

/// Has a tap keep rows of the residual stream, where the device can.
fn tapped(session: &mut Session, plan: &Plan) -> Result<Option<Streams>, Error> {
    let (tap, streams) = StreamsTap::new(plan);
    Ok(session.set_tap(Some(Box::new(tap)))?.then_some(streams))
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
