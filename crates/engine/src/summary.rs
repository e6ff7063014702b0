//! The numbers of one generation, and why it ended.

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its answer, or a stop string came.
    Stop,
    /// `max_tokens` were generated.
    Length,
    /// The context is full (and was not to be shifted).
    Context,
    /// The caller cancelled.
    Cancelled,
}

impl FinishReason {
    /// "stop", "length", "context" or "cancelled".
    pub fn name(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::Context => "context",
            FinishReason::Cancelled => "cancelled",
        }
    }
}

/// Numbers of one generation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// `None` while it runs.
    pub finish_reason: Option<FinishReason>,
    /// Which of [`Request::stop`] ended it, if one did.
    pub stop: Option<usize>,
    /// Tokens of the prompt, in the cache or not.
    pub prompt_tokens: usize,
    /// Prompt tokens found in the cache.
    pub reused_tokens: usize,
    /// Tokens of the prompt that were left out, because it is longer than the context.
    pub truncated_tokens: usize,
    /// Tokens dropped from the front of the context while the answer was written.
    pub shifted_tokens: usize,
    /// New tokens, without the end-of-generation token.
    pub generated_tokens: usize,
    /// How many of these were given by the request: written before, and played again.
    pub resumed_tokens: usize,
    /// The seed that was used.
    pub seed: u32,
    /// Until the first token was chosen (behind those that were played again).
    pub prefill_ms: f64,
    /// From the first token to the last.
    pub decode_ms: f64,
}

impl Summary {
    /// New prompt tokens (and tokens that were played again) per second; 0 if nothing was measured.
    pub fn prefill_tok_s(&self) -> f64 {
        per_second(self.prompt_tokens - self.reused_tokens + self.resumed_tokens, self.prefill_ms)
    }

    /// Tokens per second after the first; 0 with fewer than two tokens.
    pub fn decode_tok_s(&self) -> f64 {
        let n_chosen = self.generated_tokens.saturating_sub(self.resumed_tokens);
        per_second(n_chosen.saturating_sub(1), self.decode_ms)
    }
}

fn per_second(n: usize, ms: f64) -> f64 {
    if ms > 0.0 { n as f64 / ms * 1000.0 } else { 0.0 }
}
