//! The work: headers first, so that what cannot be judged is said before anything is loaded; then
//! one model after the other.

use std::io;

use engine::Session;
use gguf::Gguf;
use kernels::Plan;
use measure::validate::{
    self, Answers, Compared, Comparison, Loaded, Reader, TensorError, Weights,
};
use measure::{Watch, Windows};
use store::{Clock, Name};

use super::Bench;
use super::kept::{IN_MEMORY, Kept};
use super::listener::{Listener, Reading};
use super::out::{PerplexityOut, Run, ValidationOut};
use super::settings::Settings;
use super::subject::Subject;
use crate::error::EdgeError;
use crate::js::performance_now;
use crate::store::{cancelled, open};

/// How well a model foresees a text.
pub async fn perplexity(
    bench: &Bench,
    name: &str,
    settings: &Settings,
    listener: &Listener,
) -> Result<PerplexityOut, EdgeError> {
    let subject = Subject::open(bench, name).await?;
    let windows = Windows::new(&subject.opened.tokenizer, settings.text()?, settings.cut()?)?;
    let name = subject.name.clone();
    let (mut session, _) = subject.load(bench, windows.n_ctx(), 0, listener).await?;
    let start = performance_now();
    let mut reading = Reading::new(listener, &name.short(), windows.len(), (0, 1));
    let estimate = measure::perplexity(&mut session, &windows, &mut reading).await?;
    let run = Run::new(settings, &windows, performance_now() - start);
    Ok(PerplexityOut::new(&name, &session, run, &estimate, reading.running))
}

/// How a model compares with the one it was made from.
pub async fn validate(
    bench: &Bench,
    [baseline, quantized]: [&str; 2],
    settings: &Settings,
    listener: &Listener,
) -> Result<ValidationOut, EdgeError> {
    let base = Subject::open(bench, baseline).await?;
    let other = Subject::open(bench, quantized).await?;
    let windows = Windows::new(&base.opened.tokenizer, settings.text()?, settings.cut()?)?;
    validate::check_vocabulary(&base.opened.model.plan, &other.opened.model.plan)?;
    windows.check_tokens(&other.opened.tokenizer, settings.text()?)?;
    let start = performance_now();
    let names = [base.name.clone(), other.name.clone()];
    let one = Answers::max_bytes(&base.opened.model.plan, &windows);
    let kept = Kept::new(&bench.store, one.saturating_mul(windows.len() as u64)).await?;
    let mut pair = Pair { bench, windows: &windows, listener, one, kept };
    let work = async {
        let baseline = pair.answer(base).await?;
        Ok((baseline, pair.compare(other).await?))
    };
    let result: Result<_, EdgeError> = work.await;
    pair.kept.remove().await;
    let (about, mut compared) = result?;
    if settings.weights {
        compared.compared.tensors = weights(bench, &names, listener).await?;
    }
    let run = Run::new(settings, &windows, performance_now() - start);
    Ok(ValidationOut::new(&names, run, about, &compared))
}

/// What the report says about the baseline.
pub struct Baseline {
    pub n_bytes: u64,
    pub main_type: String,
}

/// What it says about the other model.
pub struct Judged {
    pub compared: Compared,
    pub running: Vec<f64>,
}

/// Two models that read the same windows, one after the other.
struct Pair<'a> {
    bench: &'a Bench,
    windows: &'a Windows,
    listener: &'a Listener,
    /// Bytes of one window's answers at most.
    one: u64,
    kept: Kept,
}

impl Pair<'_> {
    /// Loads a model; answers of a window are beside it twice, as numbers and as bytes.
    async fn load(&self, subject: Subject) -> Result<(Session, Plan), EdgeError> {
        let all = self.one.saturating_mul(self.windows.len() as u64);
        let beside = 2 * self.one + if all > IN_MEMORY { 0 } else { all };
        subject.load(self.bench, self.windows.n_ctx(), beside, self.listener).await
    }

    /// The baseline reads, and what it says is kept.
    async fn answer(&mut self, subject: Subject) -> Result<Baseline, EdgeError> {
        let n = self.windows.len();
        let name = subject.name.short();
        let (mut session, plan) = self.load(subject).await?;
        let mut reading = Reading::new(self.listener, &name, n, (0, 2));
        let mut reader = Reader::new(Loaded { session: &mut session, plan: &plan })?;
        let mut answers = Answers::new(plan.dims.n_vocab, self.windows);
        let mut bytes = Vec::new();
        for i in 0..n {
            reader.answer(self.windows, i, &mut reading, &mut answers).await?;
            bytes.clear();
            answers.write(&mut bytes).map_err(unkept)?;
            self.kept.push(&bytes).await?;
        }
        self.kept.settle().await?;
        reader.finish()?;
        let info = session.model_info();
        Ok(Baseline { n_bytes: info.weight_bytes, main_type: info.main_type.clone() })
    }

    /// The other model reads, and is compared with what was kept.
    async fn compare(&mut self, subject: Subject) -> Result<Judged, EdgeError> {
        let n = self.windows.len();
        let name = subject.name.short();
        let (mut session, plan) = self.load(subject).await?;
        let mut reading = Reading::new(self.listener, &name, n, (1, 2));
        let mut reader = Reader::new(Loaded { session: &mut session, plan: &plan })?;
        let mut answers = Answers::new(plan.dims.n_vocab, self.windows);
        let (mut all, mut bytes) = (Comparison::default(), Vec::new());
        for i in 0..n {
            self.kept.read(i, &mut bytes)?;
            answers.read(&mut &*bytes).map_err(unkept)?;
            reader.compare(self.windows, i, &mut reading, &answers, &mut all).await?;
            reading.compared(i, all.divergence());
        }
        let compared = reader.conclude(all)?;
        Ok(Judged { compared, running: reading.running })
    }
}

/// Answers that do not come back as they were.
fn unkept(error: io::Error) -> EdgeError {
    let text = format!("what the first model said could not be kept ({error}); try again");
    EdgeError::new("store.failed", text)
}

/// How far the weights were moved.
async fn weights(
    bench: &Bench,
    [base, other]: &[Name; 2],
    listener: &Listener,
) -> Result<Vec<TensorError>, EdgeError> {
    let file = async |name: &Name| -> Result<Gguf, EdgeError> {
        Ok(open(&bench.store, &name.to_string()).await?.1)
    };
    let (a, b) = (file(base).await?, file(other).await?);
    let mut work = Weights::new(&a, &b);
    let mut telling = listener.begin("weights", &other.short());
    while let Some((done, total)) = work.step()? {
        telling.tell(done as f64, total as f64, None);
        if listener.is_over() {
            return Err(cancelled());
        }
        bench.store.clock().breathe().await;
    }
    Ok(work.finish())
}
