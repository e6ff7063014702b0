//! What "choose the next token" means: parameters and the scalar truth.
//!
//! The GPU's sampler and the engine's host sampler both follow [`choose`]; it works on a plain
//! slice and is the twin of `shaders/kernels/sample*.wgsl`. Order of the chain (llama.cpp's
//! default, which Ollama inherits): penalties → top-k → typical → top-p → min-p → temperature →
//! draw. Ties go to the lower id, so that greedy is one answer everywhere.
//!
//! The draw uses a counter-based generator (a hash of seed and position), not a stateful one: a
//! token can then be chosen on any device, in any order, or again after a rewind, with the same
//! result.

/// Parameters of the chain; the neutral value of each switches it off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 = greedy.
    pub temperature: f32,
    /// Keep the k largest; 0 = all.
    pub top_k: u32,
    /// Keep the smallest set with at least this probability; 1 = off.
    pub top_p: f32,
    /// Drop tokens below this share of the largest probability; 0 = off.
    pub min_p: f32,
    /// Locally typical sampling (Meister et al. 2022, arXiv:2202.00666); 1 = off.
    pub typical_p: f32,
    /// Divides positive and multiplies negative logits of recent tokens; 1 = off.
    pub repeat_penalty: f32,
    /// Subtracted once if the token is recent; 0 = off.
    pub presence_penalty: f32,
    /// Subtracted per occurrence among the recent tokens; 0 = off.
    pub frequency_penalty: f32,
    /// How many recent tokens the penalties look at (at most [`MAX_RECENT`]).
    pub repeat_last_n: u32,
    /// Together with a position it fixes the draw.
    pub seed: u32,
}

/// Bound of `repeat_last_n`: fixed so that a GPU ring buffer can be sized at load.
pub const MAX_RECENT: usize = 256;

impl Default for Sampling {
    /// Greedy with nothing else switched on; products choose their own defaults on top.
    fn default() -> Self {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical_p: 1.0,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            repeat_last_n: 64,
            seed: 0,
        }
    }
}

impl Sampling {
    /// True if recent tokens change the logits.
    pub fn has_penalties(&self) -> bool {
        self.repeat_last_n > 0
            && (self.repeat_penalty != 1.0
                || self.presence_penalty != 0.0
                || self.frequency_penalty != 0.0)
    }
}

/// Uniform number in `[0, 1)` for the token at `pos`: PCG-RXS-M-XS over a mix of both words, the
/// top 24 bits as a fraction. The WGSL sampler repeats these 32-bit steps exactly.
///
/// Source: Jarzynski & Olano, *Hash Functions for GPU Rendering*, JCGT 2020.
pub fn uniform(seed: u32, pos: u32) -> f32 {
    let bits = pcg(pcg(seed).wrapping_add(pos));
    (bits >> 8) as f32 / (1u32 << 24) as f32
}

fn pcg(v: u32) -> u32 {
    let state = v.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// Applies the three penalties for `recent` (only its last `repeat_last_n` entries) in place.
pub fn penalize(sampling: &Sampling, recent: &[u32], logits: &mut [f32]) {
    if !sampling.has_penalties() {
        return;
    }
    let n = (sampling.repeat_last_n as usize).min(MAX_RECENT).min(recent.len());
    let recent = &recent[recent.len() - n..];
    for (i, &id) in recent.iter().enumerate() {
        if recent[..i].contains(&id) {
            continue; // counted at its first occurrence
        }
        let Some(logit) = logits.get_mut(id as usize) else {
            continue;
        };
        let count = recent[i..].iter().filter(|&&other| other == id).count();
        *logit = if *logit > 0.0 {
            *logit / sampling.repeat_penalty
        } else {
            *logit * sampling.repeat_penalty
        };
        *logit -= sampling.frequency_penalty * count as f32 + sampling.presence_penalty;
    }
}

/// Index of the largest logit; ties and NaN lose to the lower id. Empty input gives 0.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &logit) in logits.iter().enumerate() {
        if logit > best.1 {
            best = (i, logit);
        }
    }
    best.0 as u32
}

/// Reusable memory of [`choose`].
#[derive(Debug, Default)]
pub struct Scratch {
    candidates: Vec<(u32, f32)>,
    /// Id, logit, and how far its surprise is from the entropy.
    by_shift: Vec<(u32, f32, f32)>,
}

/// Chooses the token for position `pos` from already penalized logits.
pub fn choose(sampling: &Sampling, logits: &[f32], pos: u32, scratch: &mut Scratch) -> u32 {
    if sampling.temperature <= 0.0 {
        return argmax(logits);
    }
    let kept = &mut scratch.candidates;
    kept.clear();
    kept.extend(
        logits.iter().enumerate().filter(|(_, l)| !l.is_nan()).map(|(i, &l)| (i as u32, l)),
    );
    let by_logit = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let k = sampling.top_k as usize;
    if k > 0 && k < kept.len() {
        kept.select_nth_unstable_by(k - 1, by_logit);
        kept.truncate(k);
    }
    kept.sort_unstable_by(by_logit);
    if kept.is_empty() {
        return 0;
    }
    if sampling.typical_p < 1.0 {
        keep_typical(sampling.typical_p, kept, &mut scratch.by_shift);
        kept.sort_unstable_by(by_logit);
    }
    if sampling.top_p < 1.0 {
        let total: f32 = kept.iter().map(|c| (c.1 - kept[0].1).exp()).sum();
        let mut sum = 0.0;
        let n = kept.iter().position(|c| {
            sum += (c.1 - kept[0].1).exp() / total;
            sum >= sampling.top_p
        });
        kept.truncate(n.map_or(kept.len(), |n| n + 1));
    }
    if sampling.min_p > 0.0 {
        let floor = kept[0].1 + sampling.min_p.ln();
        let n = kept.iter().take_while(|c| c.1 >= floor).count();
        kept.truncate(n.max(1));
    }
    let best = kept[0].1;
    let weight = |c: &(u32, f32)| ((c.1 - best) / sampling.temperature).exp();
    let total: f32 = kept.iter().map(weight).sum();
    let target = uniform(sampling.seed, pos) * total;
    let mut sum = 0.0;
    for c in kept.iter() {
        sum += weight(c);
        if sum > target {
            return c.0;
        }
    }
    kept[kept.len() - 1].0
}

/// Keeps the tokens whose surprise is closest to the entropy until `p` of the mass is kept.
fn keep_typical(p: f32, kept: &mut Vec<(u32, f32)>, by_shift: &mut Vec<(u32, f32, f32)>) {
    let best = kept[0].1;
    let total: f32 = kept.iter().map(|c| (c.1 - best).exp()).sum();
    let log_prob = |c: &(u32, f32)| (c.1 - best) - total.ln();
    let entropy: f32 = -kept.iter().map(|c| log_prob(c).exp() * log_prob(c)).sum::<f32>();
    by_shift.clear();
    by_shift.extend(kept.iter().map(|c| (c.0, c.1, (-log_prob(c) - entropy).abs())));
    by_shift.sort_unstable_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
    let mut sum = 0.0;
    kept.clear();
    for &(id, logit, _) in by_shift.iter() {
        kept.push((id, logit));
        sum += log_prob(&(id, logit)).exp();
        if sum >= p {
            break;
        }
    }
}
