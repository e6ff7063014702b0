//! The planner's sentences.

use super::{Host, LEAST_CONTEXT, Model, Needs, Place, Verdict, Way};
use crate::fit::Device;

/// Words a token stands for, in hundredths: English, by common vocabularies.
const WORDS_PER_100_TOKENS: u64 = 75;

/// Usual types with bits per weight, in tenths, the best first.
const TYPES: [(&str, u64); 6] =
    [("Q8_0", 85), ("Q6_K", 66), ("Q5_K_M", 57), ("Q4_K_M", 49), ("Q3_K_M", 39), ("Q2_K", 30)];

/// The unit numbers of one sentence are in.
#[derive(Clone, Copy)]
enum Unit {
    Mb,
    Gb,
}

impl Unit {
    fn of(bytes: u64) -> Unit {
        if bytes >= 100_000_000 { Unit::Gb } else { Unit::Mb }
    }

    fn number(self, bytes: u64) -> String {
        let unit: u64 = match self {
            Unit::Mb => 1_000_000,
            Unit::Gb => 1_000_000_000,
        };
        let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Mb => "MB",
            Unit::Gb => "GB",
        }
    }
}

/// "1.9 GB".
pub(super) fn size(bytes: u64) -> String {
    let unit = Unit::of(bytes);
    format!("{} {}", unit.number(bytes), unit.name())
}

/// "4,096".
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn here(host: Host) -> &'static str {
    match host {
        Host::Browser => "this browser",
        Host::Machine => "this machine",
    }
}

/// "Needs 1.9 of 4.0 GB: 1.1 weights, 0.5 for 4,096 tokens of context, 0.3 working space."
fn sum<K>(way: &Way<K>) -> String {
    let needs = &way.needs;
    let unit = Unit::of(needs.total());
    let [all, weights, context, scratch] =
        [needs.total(), needs.weights, needs.context, needs.scratch].map(|n| unit.number(n));
    let (tokens, name) = (grouped(way.context), unit.name());
    let of = match way.place.bytes {
        Some(have) if Unit::of(have).name() == name => {
            format!("{all} of {} {name}", unit.number(have))
        }
        Some(have) => format!("{all} {name} of {}", size(have)),
        None => format!("{all} {name}"),
    };
    format!(
        "Needs {of}: {weights} weights, {context} for {tokens} tokens of context, {scratch} \
         working space."
    )
}

/// How a model runs here.
pub(super) fn fits<K: Copy>(
    wished: &Way<K>,
    chosen: &Way<K>,
    host: Host,
    verdict: Verdict,
) -> String {
    let mut text = String::new();
    if chosen.place.device == Device::Cpu && wished.place.device == Device::Gpu {
        text.push_str("No room in graphics memory; it runs on the processor, more slowly. ");
    }
    if chosen.context < wished.context {
        let words = chosen.context.saturating_mul(WORDS_PER_100_TOKENS) / 100 / 100 * 100;
        text.push_str(&format!(
            "Fits with {} tokens of context instead of {}. That is about {} words. ",
            grouped(chosen.context),
            grouped(wished.context),
            grouped(words)
        ));
    }
    if chosen.kv.1 != wished.kv.1 {
        let (now, then) = (chosen.kv.1, wished.kv.1);
        text.push_str(&format!("The context is kept as {now} instead of {then}. "));
    }
    text.push_str(&sum(chosen));
    if verdict == Verdict::Tight {
        text.push_str(match host {
            Host::Browser => " Close other heavy tabs first.",
            Host::Machine => " Close other heavy programs first.",
        });
    }
    text
}

pub(super) fn no_storage(need: u64, have: u64, host: Host) -> String {
    let (need, have) = (size(need), size(have));
    match host {
        Host::Browser => {
            format!("Needs {need} of storage; this browser has {have} left for ingle.")
        }
        Host::Machine => format!("Needs {need} of storage; this machine's disk has {have} left."),
    }
}

/// Why a model cannot run here.
pub(super) fn refused(needs: Needs, place: Place, host: Host) -> String {
    let here = here(host);
    let end = match host {
        Host::Browser => " It would not start, so it is not offered for download.",
        Host::Machine => " It would not start.",
    };
    match (place.bytes, place.buffer.filter(|most| needs.largest > *most)) {
        (Some(have), _) if needs.total() > have / 10 * super::MOST_TENTHS => {
            let (need, have) = (size(needs.total()), size(have));
            format!("Needs {need}; {here} allows about {have}.{end}")
        }
        (_, Some(most)) => {
            let (need, most) = (size(needs.largest), size(most));
            format!("Its context needs a buffer of {need}; {here} allows {most}.{end}")
        }
        _ => format!("Needs {}.{end}", size(needs.total())),
    }
}

/// What would fit into `room` bytes: the same model in another type, or how large one may be.
pub(super) fn nearest<K>(model: &Model<'_, K>, room: u64, of: &str) -> Option<String> {
    let least_context = grouped(LEAST_CONTEXT.min(model.context));
    let bytes = |tenths: u64| u128::from(model.n_params) * u128::from(tenths) / 80;
    let smaller = TYPES.iter().find(|(_, tenths)| bytes(*tenths) <= u128::from(room));
    if let Some((name, tenths)) = smaller.filter(|_| model.n_params > 0) {
        let about = size(u64::try_from(bytes(*tenths)).unwrap_or(u64::MAX));
        return Some(format!("The same model as {name}, about {about}, would fit."));
    }
    // Below a hundred million weights there is no model worth naming.
    let n = u64::try_from(u128::from(room) * 80 / 49).unwrap_or(u64::MAX) / 100_000_000;
    (n > 0).then(|| {
        format!(
            "A model of at most {}.{} billion weights as Q4_K_M would fit this {of}, with {} \
             tokens of context.",
            n / 10,
            n % 10,
            least_context
        )
    })
}
