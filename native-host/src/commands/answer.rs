//! One answer: streamed to the terminal or collected for JSON.

use std::borrow::Cow;

use engine::{FinishReason, Request, Session, Step, Summary};
use serde::Serialize;

use crate::failure::Failure;
use crate::{interrupt, term};

/// A complete answer.
pub struct Answer {
    pub text: String,
    pub ids: Vec<u32>,
    pub summary: Summary,
}

/// The answer as `--format json` prints it; the names are a contract.
#[derive(Serialize)]
pub struct AnswerJson<'a> {
    text: &'a str,
    tokens: &'a [u32],
    prompt_tokens: usize,
    finish_reason: &'static str,
    seed: u32,
    timings: Timings,
}

#[derive(Serialize)]
struct Timings {
    load_ms: f64,
    prefill_tok_s: f64,
    decode_tok_s: f64,
}

impl Answer {
    pub fn json(&self, load_ms: f64) -> AnswerJson<'_> {
        let summary = &self.summary;
        AnswerJson {
            text: &self.text,
            tokens: &self.ids,
            prompt_tokens: summary.prompt_tokens,
            finish_reason: summary.finish_reason.map_or("", FinishReason::name),
            seed: summary.seed,
            timings: Timings {
                load_ms,
                prefill_tok_s: summary.prefill_tok_s(),
                decode_tok_s: summary.decode_tok_s(),
            },
        }
    }

    /// The one line of figures after an answer.
    pub fn figures(&self, session: &Session) -> String {
        let s = &self.summary;
        format!(
            "{:.1} tokens/s · first word {:.2} s · read {} ({} known, {:.1} tokens/s) · wrote {} · \
             context {}/{} · seed {} · load {:.2} s · {}",
            s.decode_tok_s(),
            s.prefill_ms / 1000.0,
            s.prompt_tokens,
            s.reused_tokens,
            s.prefill_tok_s(),
            s.generated_tokens,
            s.prompt_tokens + s.generated_tokens,
            session.n_ctx(),
            s.seed,
            session.load_ms() / 1000.0,
            s.finish_reason.map_or("", FinishReason::name),
        )
    }
}

/// Generates; each piece goes to `show` as it comes. Ctrl-C ends the answer, not the program.
pub fn generate(
    session: &mut Session,
    request: Request,
    show: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    pollster::block_on(answer(session, request, show))
}

async fn answer(
    session: &mut Session,
    request: Request,
    mut show: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let (mut text, mut ids) = (String::new(), Vec::new());
    let mut generation = session.generate(request)?;
    loop {
        if interrupt::pending() {
            generation.cancel();
        }
        match generation.step().await? {
            Step::Prefill { .. } => {}
            Step::Piece => {
                let piece = generation.piece();
                ids.extend_from_slice(&piece.ids);
                if !piece.text.is_empty() {
                    text.push_str(&piece.text);
                    show(&piece.text)?;
                }
            }
            Step::Done => {
                return Ok(Answer { text, ids, summary: *generation.summary() });
            }
        }
    }
}

/// Shows a piece on standard output: as it is in a pipe, harmless on a terminal.
pub fn show_on_stdout(piece: &str) -> Result<(), Failure> {
    let text = if term::out_is_terminal() { term::clean_text(piece) } else { Cow::Borrowed(piece) };
    term::write_out(text.as_bytes())
}
