//! The fit planner: can this model run here, how, and if not, what could?
//!
//! Pure: what the model takes comes in as a function (worked out from its header, by whoever knows
//! Plans), what there is comes in as numbers; out comes a verdict with its sum. The same code
//! answers in a page before a download and in `ingle show --fit`, so the two never disagree.
//!
//! A model should leave room: up to seven tenths of what there is fit well, up to nine tenths fit
//! tightly. Where the wish does not fit, a smaller cache type is tried before a shorter context,
//! because it costs nothing one would notice, and the processor's memory after the graphics chip's.

mod facts;
mod words;

use crate::text::human_bytes;
pub use facts::Facts;

/// Share of a memory that a model may take and fit well, in tenths.
const WELL_TENTHS: u64 = 7;
/// Share above which it does not fit.
const MOST_TENTHS: u64 = 9;
/// The shortest context that is offered instead of the one that was wished, in tokens.
const LEAST_CONTEXT: u64 = 1024;
/// Contexts are cut to a multiple of this many tokens.
const CONTEXT_STEP: u64 = 256;

/// Bytes a model takes at one place, with one context and cache type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The weights as they are stored.
    pub weights: u64,
    /// Keys and values of the context.
    pub context: u64,
    /// Activations and what else is sized by the model.
    pub scratch: u64,
    /// The largest buffer that cannot be cut.
    pub largest: u64,
}

impl Needs {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.context).saturating_add(self.scratch)
    }
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A graphics chip.
    Gpu,
    /// The processor.
    Cpu,
}

/// A memory that models may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What computes there.
    pub device: Device,
    /// Bytes models may take, without what the model in use takes; `None` if nobody knows.
    pub bytes: Option<u64>,
    /// The largest buffer it allows; `None` for no limit.
    pub buffer: Option<u64>,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A page: "this browser".
    Browser,
    /// A program: "this machine".
    Machine,
}

/// What there is, the preferred place first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memories, in the order they are tried.
    pub places: Vec<Place>,
    /// Bytes that can still be stored; `None` if nobody says.
    pub storage: Option<u64>,
    /// Who is told.
    pub host: Host,
}

/// What is known of a model, with cache types of `K`.
pub struct Model<'a, K> {
    /// Bytes by place, context in tokens, and cache type.
    pub needs: &'a dyn Fn(Device, u64, K) -> Needs,
    /// Cache types from the one to prefer to the smallest, with their names.
    pub kv_types: &'a [(K, &'static str)],
    /// Tokens that are wished for.
    pub context: u64,
    /// The cache type is a person's wish and not changed.
    pub is_kv_fixed: bool,
    /// Bytes that have to be stored; 0 for a model that is here.
    pub storage: u64,
    /// Weights in all.
    pub n_params: u64,
}

/// How it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With room to spare.
    Well,
    /// Barely, or with less than was wished.
    Tight,
    /// It would run, and there is no room to keep it.
    Storage,
    /// Not at all.
    No,
}

impl Verdict {
    /// "well", "tight", "storage", "no".
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Well => "well",
            Verdict::Tight => "tight",
            Verdict::Storage => "storage",
            Verdict::No => "no",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit<K> {
    /// How it fits.
    pub verdict: Verdict,
    /// Where it would run.
    pub device: Device,
    /// Tokens of context it would have.
    pub context: u64,
    /// Tokens of context that were wished; more than it would have where that is what makes it fit.
    pub wished_context: u64,
    /// The cache type it would have.
    pub kv: K,
    /// What it takes there.
    pub needs: Needs,
    /// Bytes there; `None` if nobody knows.
    pub has: Option<u64>,
    /// All of this for a person.
    pub sentence: String,
    /// What would fit, where this does not.
    pub nearest: Option<String>,
}

/// One way to run a model.
#[derive(Clone, Copy)]
struct Way<K> {
    place: Place,
    context: u64,
    kv: (K, &'static str),
    needs: Needs,
}

impl<K: Copy> Way<K> {
    /// It takes at most so many tenths of what is there.
    fn is_within(&self, tenths: u64) -> bool {
        let share = |bytes: u64| u64::try_from(u128::from(bytes) * u128::from(tenths) / 10);
        let fits = self
            .place
            .bytes
            .is_none_or(|have| self.needs.total() <= share(have).unwrap_or(u64::MAX));
        fits && self.place.buffer.is_none_or(|most| self.needs.largest <= most)
    }
}

/// Answers; `None` only where there is no place or no cache type to choose from.
pub fn plan<K: Copy + PartialEq>(model: &Model<'_, K>, limits: &Limits) -> Option<Fit<K>> {
    let first = limits.places.first()?;
    let wished = way(model, *first, model.context, *model.kv_types.first()?);
    let found = limits.places.iter().find_map(|place| best(model, *place));
    let Some(chosen) = found else { return Some(refused(model, limits, wished)) };
    let is_lesser = chosen.place != wished.place
        || chosen.context < model.context
        || chosen.kv.0 != wished.kv.0;
    let verdict = match chosen.is_within(WELL_TENTHS) && !is_lesser {
        true => Verdict::Well,
        false => Verdict::Tight,
    };
    let mut sentence = words::fits(&wished, &chosen, limits.host, verdict);
    let mut verdict = verdict;
    if let Some(have) = limits.storage.filter(|have| model.storage > *have) {
        verdict = Verdict::Storage;
        sentence = words::no_storage(model.storage, have, limits.host);
    }
    let nearest = limits
        .storage
        .filter(|_| verdict == Verdict::Storage)
        .and_then(|have| words::nearest(model, have, "storage"));
    Some(Fit {
        verdict,
        device: chosen.place.device,
        context: chosen.context,
        wished_context: model.context,
        kv: chosen.kv.0,
        needs: chosen.needs,
        has: chosen.place.bytes,
        sentence,
        nearest,
    })
}

fn way<K: Copy>(model: &Model<'_, K>, place: Place, context: u64, kv: (K, &'static str)) -> Way<K> {
    Way { place, context, kv, needs: (model.needs)(place.device, context, kv.0) }
}

/// The first of these that fits a place: as wished, with a smaller cache type, with less context.
fn best<K: Copy>(model: &Model<'_, K>, place: Place) -> Option<Way<K>> {
    let n_types = if model.is_kv_fixed { 1 } else { model.kv_types.len() };
    let types = model.kv_types.iter().take(n_types);
    let mut ways = types.map(|kv| way(model, place, model.context, *kv));
    if let Some(way) = ways.find(|way| way.is_within(MOST_TENTHS)) {
        return Some(way);
    }
    let smallest = *model.kv_types.get(n_types.saturating_sub(1))?;
    let with = |steps: u64| way(model, place, steps * CONTEXT_STEP, smallest);
    // Needs grow with the context, so halving finds the longest that fits.
    let (mut low, mut high) = (LEAST_CONTEXT / CONTEXT_STEP, model.context / CONTEXT_STEP);
    if low > high || !with(low).is_within(MOST_TENTHS) {
        return None;
    }
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match with(middle).is_within(MOST_TENTHS) {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    Some(with(low))
}

/// No way fits: the sum of what was wished, at the roomiest place.
fn refused<K: Copy>(model: &Model<'_, K>, limits: &Limits, wished: Way<K>) -> Fit<K> {
    let roomy = limits.places.iter().max_by_key(|place| place.bytes.unwrap_or(u64::MAX));
    let place = *roomy.unwrap_or(&wished.place);
    let asked = way(model, place, model.context, wished.kv);
    let have = place.bytes.unwrap_or(u64::MAX);
    let least = way(model, place, LEAST_CONTEXT.min(model.context), wished.kv).needs;
    let room =
        (have / 10 * MOST_TENTHS).saturating_sub(least.context.saturating_add(least.scratch));
    Fit {
        verdict: Verdict::No,
        device: place.device,
        context: asked.context,
        wished_context: model.context,
        kv: asked.kv.0,
        needs: asked.needs,
        has: place.bytes,
        sentence: words::refused(asked.needs, place, limits.host),
        nearest: words::nearest(model, room, "memory"),
    }
}

/// The sum of a model and what there is, in one line for a terminal: ", needs 2.8 GB of 8.0 GB".
pub fn short_sum<K>(fit: &Fit<K>) -> String {
    let need = human_bytes(fit.needs.total());
    match fit.has {
        Some(have) => format!("needs {need} of {}", human_bytes(have)),
        None => format!("needs {need}"),
    }
}

#[cfg(test)]
mod tests;
