//! What can be wrong with a grammar, as sentences for a person.

/// Why a grammar cannot be used, or why an answer cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A schema or grammar nests too deeply.
    #[error("the {what} nests deeper than {max} levels; flatten it")]
    Depth {
        /// `JSON schema` or `grammar`.
        what: &'static str,
        /// Levels that are read.
        max: usize,
    },
    /// A schema or grammar is too large.
    #[error("the {what} needs {need} but at most {max} are read; make it smaller")]
    Size {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        need: u64,
        /// How many may be.
        max: u64,
    },
    /// A keyword of JSON Schema that cannot be enforced. It is never ignored.
    #[error("the JSON schema keyword '{keyword}' at {path} is not supported; remove it")]
    Keyword {
        /// The keyword.
        keyword: String,
        /// Where it stands, from the root.
        path: String,
    },
    /// A reference to another document, which is never fetched.
    #[error(
        "the JSON schema refers to '{reference}', but only references inside of it ('#/…') are \
         followed; copy the definition into it"
    )]
    Reference {
        /// The reference.
        reference: String,
    },
    /// The grammar is refused: it is not valid, contradicts itself, or uses what is not supported.
    #[error("the {what} cannot be used: {detail}; correct it")]
    Grammar {
        /// `JSON schema`, `regular expression` or `grammar`.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// The vocabulary cannot be used.
    #[error("the model's vocabulary cannot be used for structured output: {detail}")]
    Vocabulary {
        /// Why.
        detail: String,
    },
    /// This build has no grammar engine.
    #[error("this build of the program cannot shape answers by a grammar; ask without a format")]
    NotBuilt,
    /// The answer cannot go on.
    #[error("structured output cannot go on here: {detail}; simplify the grammar")]
    Stuck {
        /// Why.
        detail: String,
    },
}

/// Longest part of the grammar engine's own words that is passed on, in characters.
#[cfg(feature = "structure")]
const MAX_DETAIL: usize = 300;

/// The grammar engine's words as a part of a sentence: what its first line says, bounded.
#[cfg(feature = "structure")]
pub(super) fn detail(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("no reason given");
    // A regular expression's error draws the place; a later line says what is wrong there.
    let reason = lines.find_map(|line| line.strip_prefix("error: ")).unwrap_or_default();
    let words = [first, reason].join(" ");
    words.trim().trim_end_matches('.').chars().take(MAX_DETAIL).collect()
}
