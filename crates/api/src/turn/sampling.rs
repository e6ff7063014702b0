//! Options as the runner takes them.

use kernels::Sampling;
use kernels::sampling::MAX_RECENT;

use super::task::Task;
use crate::host::{GenerateRequest, Rendered};
use crate::types::Options;

/// Tokens at a prompt's head that a full context keeps; Ollama's default.
const DEFAULT_NUM_KEEP: u32 = 4;

/// The request to a runner for a prompt.
pub(super) fn generate_request(
    task: &Task,
    options: &Options,
    prompt: Rendered,
    template: Option<String>,
) -> GenerateRequest {
    let mut stop = options.stop.clone().unwrap_or_default();
    stop.extend(prompt.stop);
    let from_options = options.num_predict.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    GenerateRequest {
        prompt: prompt.tokens,
        sampling: sampling(options),
        seed: options.seed.and_then(fold_seed),
        max_tokens: task.max_tokens.or(from_options),
        stop,
        logit_bias: task.logit_bias.clone(),
        logprobs: task.logprobs,
        format: task.format.clone(),
        tools: task.tools().to_vec(),
        tool_choice: task.tool_choice(),
        template,
        truncate: task.truncate,
        shift: task.shift,
        num_keep: options.num_keep.unwrap_or(DEFAULT_NUM_KEEP) as usize,
    }
}

fn sampling(options: &Options) -> Sampling {
    let base = engine::default_sampling();
    let recent = |n: i64| usize::try_from(n).map_or(MAX_RECENT, |n| n.min(MAX_RECENT)) as u32;
    Sampling {
        temperature: options.temperature.unwrap_or(base.temperature),
        top_k: options.top_k.unwrap_or(base.top_k),
        top_p: options.top_p.unwrap_or(base.top_p),
        min_p: options.min_p.unwrap_or(base.min_p),
        typical_p: options.typical_p.unwrap_or(base.typical_p),
        repeat_penalty: options.repeat_penalty.unwrap_or(base.repeat_penalty),
        presence_penalty: options.presence_penalty.unwrap_or(base.presence_penalty),
        frequency_penalty: options.frequency_penalty.unwrap_or(base.frequency_penalty),
        repeat_last_n: options.repeat_last_n.map_or(base.repeat_last_n, recent),
        ..base
    }
}

/// A seed of 64 bits in 32; negative ones ask for chance.
fn fold_seed(seed: i64) -> Option<u32> {
    let seed = u64::try_from(seed).ok()?;
    // Small seeds, which people write, stay what they are.
    Some((seed ^ (seed >> 32)) as u32)
}

/// The seed of the `n`th of several answers to one prompt: as given for the first, another one for
/// each that follows.
pub(crate) fn reset_seed(options: &mut Options, n: u32) {
    if let Some(seed) = options.seed.as_mut().filter(|seed| **seed >= 0) {
        *seed = seed.saturating_add(i64::from(n));
    }
}
