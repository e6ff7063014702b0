//! The form an answer must have, where tokens are chosen.
//!
//! The logits are read back, what the grammar does not allow becomes −∞, and the host's sampler
//! chooses among the rest: the device's own sampler knows no grammars. The vocabulary is prepared
//! for grammars at the first request that has one, once per model. Without the feature `structure`
//! there is no grammar engine, and such a request is refused.

use std::sync::Arc;

use chat::structure::{Error, Grammar};
use tokenizer::Tokenizer;

#[cfg(feature = "structure")]
use std::cell::OnceCell;

#[cfg(feature = "structure")]
use chat::structure::{Constraint, MASK_BITS, TokenSource, Vocabulary};

/// Makes forms for one model.
pub(crate) struct Forms {
    #[cfg(feature = "structure")]
    tokenizer: Arc<Tokenizer>,
    #[cfg(feature = "structure")]
    vocabulary: OnceCell<Vocabulary>,
}

/// A grammar that follows one answer.
pub(crate) struct Form {
    #[cfg(feature = "structure")]
    constraint: Constraint,
    #[cfg(feature = "structure")]
    mask: Vec<u32>,
}

#[cfg(not(feature = "structure"))]
impl Forms {
    pub fn new(_: &Arc<Tokenizer>) -> Forms {
        Forms {}
    }

    /// # Errors
    /// Always [`Error::NotBuilt`].
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub fn form(&self, _: &Grammar) -> Result<Form, Error> {
        Err(Error::NotBuilt)
    }
}

/// Never made: [`Forms::form`] refuses.
#[cfg(not(feature = "structure"))]
impl Form {
    pub fn mask(&mut self, _: &mut [f32]) -> Result<(), Error> {
        Err(Error::NotBuilt)
    }

    pub fn accept(&mut self, _: u32) -> Result<(), Error> {
        Err(Error::NotBuilt)
    }

    pub fn forced(&mut self) -> Vec<u32> {
        Vec::new()
    }

    pub fn is_done(&self) -> bool {
        false
    }
}

#[cfg(feature = "structure")]
impl Forms {
    pub fn new(tokenizer: &Arc<Tokenizer>) -> Forms {
        Forms { tokenizer: tokenizer.clone(), vocabulary: OnceCell::new() }
    }

    /// A form of this grammar.
    ///
    /// # Errors
    /// [`Error`], naming what is wrong with the grammar.
    pub fn form(&self, grammar: &Grammar) -> Result<Form, Error> {
        let vocabulary = match self.vocabulary.get() {
            Some(vocabulary) => vocabulary,
            None => {
                let made = Vocabulary::new(Arc::new(Tokens(self.tokenizer.clone())))?;
                self.vocabulary.get_or_init(|| made)
            }
        };
        Ok(Form { constraint: vocabulary.compile(grammar)?, mask: Vec::new() })
    }
}

#[cfg(feature = "structure")]
impl Form {
    /// Makes −∞ of the logits of all tokens that may not come next.
    ///
    /// # Errors
    /// [`Error::Stuck`] if none may.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<(), Error> {
        self.constraint.mask(&mut self.mask)?;
        for (logits, mut word) in logits.chunks_mut(MASK_BITS).zip(&self.mask).map(|(l, w)| (l, *w))
        {
            for logit in logits {
                if word & 1 == 0 {
                    *logit = f32::NEG_INFINITY;
                }
                word >>= 1;
            }
        }
        Ok(())
    }

    /// The answer goes on with this token.
    ///
    /// # Errors
    /// [`Error::Stuck`] if it may not.
    pub fn accept(&mut self, id: u32) -> Result<(), Error> {
        self.constraint.accept(id)
    }

    /// Tokens that must come next; not accepted yet.
    pub fn forced(&mut self) -> Vec<u32> {
        self.constraint.forced()
    }

    /// Whether nothing can be added.
    pub fn is_done(&self) -> bool {
        self.constraint.is_done()
    }
}

/// A tokenizer as grammars see it.
#[cfg(feature = "structure")]
struct Tokens(Arc<Tokenizer>);

#[cfg(feature = "structure")]
impl TokenSource for Tokens {
    fn n_vocab(&self) -> usize {
        self.0.n_vocab()
    }

    fn text_bytes(&self, id: u32) -> Option<&[u8]> {
        self.0.text_bytes(id)
    }

    fn ends(&self) -> &[u32] {
        self.0.ends()
    }

    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        // Such a tokenizer writes a space before every text, also in the middle of another.
        let options = tokenizer::Encode { add_special: false, parse_special: false };
        (!self.0.adds_space_prefix()).then(|| self.0.encode(text, options))
    }
}
