//! One round: every program once, the memory timed between them.

use anyhow::Result;
use serde_json::{Value, json};

use super::calibrate::Yardstick;
use super::numbers::round as short;
use super::runner::{Rates, Runner};

/// A pair whose memory speeds lie further apart than this is left out: no ratio can be more exact
/// than the machine was steady.
const DRIFT_MAX: f64 = 0.15;

/// What one round gave, in the runners' order.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    pub rates: Vec<Rates>,
    /// For each runner the memory speed before and after it, in GB/s.
    pub memory: Vec<[f64; 2]>,
}

/// Runs all, in the runners' order or backwards: whoever runs second finds the file in the cache
/// and the processor warm, so odd rounds turn the order around.
pub fn round(
    runners: &[Runner],
    index: usize,
    n_threads: u32,
    mut run: impl FnMut(&Runner) -> Result<Rates>,
) -> Result<Round> {
    let mut order: Vec<usize> = (0..runners.len()).collect();
    if index % 2 == 1 {
        order.reverse();
    }
    // Made anew each time: while a model runs, the buffers would be in its way.
    let calibrate = || Yardstick::new(n_threads as usize).gb_per_s();
    let mut results = vec![None; runners.len()];
    let mut before = calibrate();
    for at in order {
        let rates = run(&runners[at])?;
        let after = calibrate();
        results[at] = Some((rates, [before, after]));
        before = after;
    }
    let (rates, memory) = results.into_iter().flatten().unzip();
    Ok(Round { rates, memory })
}

impl Round {
    /// How far the memory speeds around two runs lie apart, as a share of the largest.
    pub fn drift(&self, a: usize, b: usize) -> f64 {
        let speeds = [a, b].into_iter().filter_map(|at| self.memory.get(at)).flatten();
        let (min, max) =
            speeds.fold((f64::INFINITY, 0.0f64), |(min, max), &s| (min.min(s), max.max(s)));
        if max > 0.0 { (max - min) / max } else { 1.0 }
    }

    /// Ours over the peer's, if the machine was steady meanwhile.
    pub fn ratio(&self, peer: usize, pick: fn(&Rates) -> f64) -> Option<f64> {
        let is_steady = self.drift(0, peer) <= DRIFT_MAX;
        let (ours, theirs) = (pick(self.rates.first()?), pick(self.rates.get(peer)?));
        (is_steady && theirs > 0.0).then_some(ours / theirs)
    }

    /// One line for the terminal.
    pub fn line(&self, runners: &[Runner]) -> String {
        let part = |(at, runner): (usize, &Runner)| {
            let (rates, memory) = (self.rates.get(at)?, self.memory.get(at)?);
            let mark = if self.drift(0, at) > DRIFT_MAX { " NOT STEADY" } else { "" };
            Some(format!(
                "{} prefill {:.1} decode {:.2} (memory {:.1} {:.1} GB/s){mark}",
                runner.name(),
                rates.prefill,
                rates.decode,
                memory[0],
                memory[1]
            ))
        };
        runners.iter().enumerate().filter_map(part).collect::<Vec<_>>().join(" | ")
    }

    /// For the result file.
    pub fn json(&self) -> Value {
        let pairs = |values: Vec<[f64; 2]>| -> Value {
            values.into_iter().map(|[a, b]| json!([short(a), short(b)])).collect()
        };
        let rates = self.rates.iter().map(|rates| [rates.prefill, rates.decode]).collect();
        json!({ "rates": pairs(rates), "memory_gb_s": pairs(self.memory.clone()) })
    }

    /// Back from the result file; `None` if it is not one of ours.
    pub fn of(value: &Value) -> Option<Round> {
        let pair = |value: &Value| Some([value.get(0)?.as_f64()?, value.get(1)?.as_f64()?]);
        let pairs = |name: &str| -> Option<Vec<[f64; 2]>> {
            value.get(name)?.as_array()?.iter().map(pair).collect()
        };
        let rates = |[prefill, decode]: [f64; 2]| Rates { prefill, decode };
        let memory = pairs("memory_gb_s")?;
        Some(Round { rates: pairs("rates")?.into_iter().map(rates).collect(), memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(after: f64) -> Round {
        let rates = [(10.0, 4.0), (5.0, 2.0)].map(|(prefill, decode)| Rates { prefill, decode });
        Round { rates: rates.to_vec(), memory: vec![[20.0, 19.0], [19.0, after]] }
    }

    #[test]
    fn a_pair_on_an_unsteady_machine_has_no_ratio() {
        assert_eq!(example(18.0).ratio(1, |rates| rates.decode), Some(2.0));
        assert_eq!(example(16.9).ratio(1, |rates| rates.decode), None);
        assert_eq!(example(18.0).ratio(2, |rates| rates.decode), None, "no such peer");
    }

    #[test]
    fn rounds_survive_the_result_file() {
        let round = example(18.0);
        assert_eq!(Round::of(&round.json()), Some(round));
        assert_eq!(Round::of(&json!({})), None);
    }
}
