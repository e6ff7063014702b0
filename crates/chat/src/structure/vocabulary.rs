//! A model's tokens as the grammar engine wants them: a trie over their bytes.
//!
//! Made once per model, at the first request for structure: for 150 000 tokens it takes tens of
//! megabytes, which a chat without structure does not pay for.

use std::sync::Arc;

use llguidance::Matcher;
use llguidance::ParserFactory;
use llguidance::api::{GrammarInit, ParserLimits};
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{
    InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv,
};

use super::constraint::Constraint;
use super::error::{Error, detail};
use super::grammar::Grammar;

/// Longest token that can be part of structured output, in bytes. The trie holds at most 1024;
/// longer ones are runs of white space, which shorter tokens write as well.
const MAX_TOKEN_BYTES: usize = 256;
/// Most bytes of all tokens together: the trie has room for four million nodes.
const MAX_VOCAB_BYTES: usize = 4_000_000;
/// Most tokens: ids have 24 bits in the trie, one of which is taken.
const MAX_TOKENS: usize = (1 << 24) - 1;

/// Most levels of a schema, those of all its definitions added up: a chain of references may lead
/// through each of them once. FHIR, the largest schema in use, has about 4 000.
const MAX_LEVELS: usize = 6_000;
/// The same where the stack has only its 1 MiB.
const MAX_LEVELS_SMALL: usize = 100;
/// Stack for compiling [`MAX_LEVELS`]: a level takes up to 8 KiB in an unoptimized build. Only what
/// is used of it becomes memory.
const STACK_BYTES: usize = 64 << 20;

/// A tokenizer, as far as structure needs it.
pub trait TokenSource: Send + Sync {
    /// Number of tokens.
    fn n_vocab(&self) -> usize;
    /// The bytes a token prints; nothing for tokens that never are text: control tokens and unused
    /// ones.
    fn text_bytes(&self, id: u32) -> Option<&[u8]>;
    /// Tokens that end an answer.
    fn ends(&self) -> &[u32];
    /// The tokens of a text in the middle of another; `None` where the tokenizer cannot tell (it
    /// writes a space before every text), so that nothing is forced.
    fn encode(&self, text: &str) -> Option<Vec<u32>>;
}

/// The tokens of a model, ready for grammars.
pub struct Vocabulary {
    factory: ParserFactory,
    n_vocab: usize,
}

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocabulary").field("n_vocab", &self.n_vocab).finish_non_exhaustive()
    }
}

struct Env {
    trie: TokTrie,
    source: Arc<dyn TokenSource>,
    is_canonical: bool,
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let encode = |text: &str| self.source.encode(text);
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            encode(text).unwrap_or_else(|| self.trie.greedy_tokenize(text.as_bytes()))
        })
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.is_canonical
    }
}

/// What one grammar and one step may cost: the grammar engine's own limits, which large real
/// schemas (FHIR) stay below, without the internals in messages.
fn limits() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        // 1 to 2 kB each: at most some 100 MB for a grammar made to use them, a few for real ones.
        max_lexer_states: 50_000,
        max_grammar_size: 500_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}

impl Vocabulary {
    /// The trie of a tokenizer's tokens. Takes about 100 ms for 150 000 tokens.
    ///
    /// # Errors
    /// [`Error::Vocabulary`]: no tokens, too many, or none that ends an answer.
    pub fn new(source: Arc<dyn TokenSource>) -> Result<Vocabulary, Error> {
        let n_vocab = source.n_vocab();
        let bad = |detail: &str| Error::Vocabulary { detail: detail.to_owned() };
        let ends: Vec<u32> =
            source.ends().iter().copied().filter(|&id| (id as usize) < n_vocab).collect();
        let (Some(&eos), Ok(size)) = (ends.first(), u32::try_from(n_vocab)) else {
            return Err(bad("no token ends an answer"));
        };
        let mut words = Vec::with_capacity(n_vocab);
        let mut n_bytes = 0;
        for id in 0..size {
            let is_end = ends.contains(&id);
            // 0xff marks special tokens for the trie, and is never part of UTF-8.
            let usable =
                |bytes: &&[u8]| !is_end && bytes.len() <= MAX_TOKEN_BYTES && !bytes.contains(&0xff);
            let word = source.text_bytes(id).filter(usable).unwrap_or_default().to_vec();
            n_bytes += word.len();
            words.push(word);
        }
        if n_vocab > MAX_TOKENS || n_bytes > MAX_VOCAB_BYTES {
            return Err(bad("it is too large"));
        }
        if n_bytes == 0 {
            return Err(bad("no token prints text"));
        }
        let trie = TokTrie::from(&TokRxInfo::new(size, eos), &words).with_eos_tokens(&ends);
        let is_canonical = source.encode("{").is_some();
        let env: TokEnv = Arc::new(Env { trie, source, is_canonical });
        let caps = InferenceCapabilities { ff_tokens: is_canonical, ..Default::default() };
        let mut factory = ParserFactory::new(&env, caps, &SlicedBiasComputer::json_slices())
            .map_err(|error| bad(&detail(&error)))?;
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Vocabulary { factory, n_vocab })
    }

    /// Number of tokens.
    #[must_use]
    pub fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    /// A grammar ready to follow one answer.
    ///
    /// # Errors
    /// [`Error`], naming what is wrong with the grammar.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, Error> {
        // The compiler's recursion follows the schema. A stack of its own where the platform has
        // such a thing; in a browser the small one of the module, and fewer levels.
        let can_grow = stacker::remaining_stack().is_some();
        let levels = if can_grow { MAX_LEVELS } else { MAX_LEVELS_SMALL };
        let init = GrammarInit::Serialized(grammar.lower(levels)?);
        let what = grammar.what();
        let compile = || self.factory.create_parser_from_init(init, 0, 0);
        // Not `grow` with no bytes: in WebAssembly it would switch to that stack all the same.
        let parser = if can_grow { stacker::grow(STACK_BYTES, compile) } else { compile() };
        let parser = parser.map_err(|error| Error::Grammar { what, detail: detail(&error) })?;
        Constraint::new(Matcher::new(Ok(parser)), self.n_vocab, what)
    }
}
