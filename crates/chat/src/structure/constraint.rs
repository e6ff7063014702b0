//! A grammar that follows one answer.

use llguidance::Matcher;

use super::error::{Error, detail};

/// Bits per word of a mask.
pub const MASK_BITS: usize = 32;

/// A grammar and how far the answer has come in it.
pub struct Constraint {
    matcher: Matcher,
    n_vocab: usize,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").field("n_vocab", &self.n_vocab).finish_non_exhaustive()
    }
}

impl Constraint {
    /// Refuses a grammar in which no answer can begin.
    pub(super) fn new(
        matcher: Matcher,
        n_vocab: usize,
        what: &'static str,
    ) -> Result<Constraint, Error> {
        let mut constraint = Constraint { matcher, n_vocab };
        let mut mask = Vec::new();
        constraint.mask(&mut mask).map_err(|error| match error {
            Error::Stuck { detail } => Error::Grammar { what, detail },
            other => other,
        })?;
        Ok(constraint)
    }

    /// Which tokens may come next, one bit each: token `id` is bit `id % 32` of word `id / 32`.
    /// Tokens that end an answer are among them only where the answer is complete. The buffer is
    /// resized to the vocabulary and used again from call to call.
    ///
    /// # Errors
    /// [`Error::Stuck`]: no token can come, or the grammar is too complex here.
    pub fn mask(&mut self, mask: &mut Vec<u32>) -> Result<(), Error> {
        let allowed = self.matcher.compute_mask_or_eos();
        let allowed = allowed.map_err(|error| stuck(&error))?;
        mask.clear();
        mask.extend_from_slice(allowed.as_slice());
        mask.resize(self.n_vocab.div_ceil(MASK_BITS), 0);
        Ok(())
    }

    /// The answer goes on with this token.
    ///
    /// # Errors
    /// [`Error::Stuck`]: the mask did not allow it. The constraint cannot be used afterwards.
    pub fn accept(&mut self, token: u32) -> Result<(), Error> {
        if self.is_done() {
            return Ok(());
        }
        let accepted = self.matcher.consume_token(token);
        accepted.map_err(|error| stuck(&error))
    }

    /// Whether nothing can be added: the answer is complete and ends here.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.matcher.is_stopped() && !self.matcher.is_error()
    }

    /// Whether the answer could end here.
    pub fn may_end(&mut self) -> bool {
        self.is_done() || self.matcher.is_accepting().unwrap_or(false)
    }

    /// Tokens that must come next, whatever the model says; empty where there is a choice or the
    /// tokenizer cannot tell. They are not accepted yet.
    pub fn forced(&mut self) -> Vec<u32> {
        if self.is_done() { Vec::new() } else { self.matcher.compute_ff_tokens() }
    }
}

fn stuck(error: &impl ToString) -> Error {
    let detail = match detail(error) {
        code if code == "NoExtensionBias" => "no token of the model fits the grammar".to_owned(),
        words => words,
    };
    Error::Stuck { detail }
}
