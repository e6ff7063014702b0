//! The prompt, written before its answer: what evaluation harnesses score texts with.

use super::run::{Echo, logprob_of, run_error};
use super::task::EchoTask;
use crate::error::ApiError;
use crate::host::{Rendered, Runner};

/// The prompt's text and, if asked for, how probable each of its tokens is.
///
/// A beginning-of-sequence token that the file wants before a text is not part of it: callers count
/// the tokens of their text.
pub(super) async fn echo<R: Runner>(
    runner: &R,
    wanted: &EchoTask,
    prompt: &Rendered,
) -> Result<Echo, ApiError> {
    let ids = &prompt.tokens;
    let mut n_added = 0;
    let mut text = prompt.text.clone();
    if text.is_empty() {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| runner.token_bytes(*id)).collect();
        text = String::from_utf8_lossy(&bytes).into_owned();
    } else {
        let plain = runner.tokenize(&text, false).await.map_err(run_error)?;
        if ids.ends_with(&plain) {
            n_added = ids.len() - plain.len();
        }
    }
    let Some(top) = wanted.logprobs else { return Ok(Echo { text, tokens: Vec::new() }) };
    let scores = runner.score(ids, top).await.map_err(run_error)?;
    let known = scores.iter().map(|entry| Some(logprob_of(runner, entry)));
    // Of the first token nothing is known.
    let known = std::iter::once(None).chain(known);
    let tokens = ids.iter().zip(known).skip(n_added);
    let tokens = tokens.map(|(id, known)| (runner.token_bytes(*id), known)).collect();
    Ok(Echo { text, tokens })
}
