//! One answer of a server: streamed to the terminal, with its figures.

use std::borrow::Cow;

use serde_json::Value;

use super::state::State;
use super::wrap::{self, Wrap};
use crate::client::{Client, ClientError, Generated};
use crate::commands::human;
use crate::failure::Failure;
use crate::{interrupt, term};

/// An answer, as much of it as came.
#[derive(Default)]
pub struct Answer {
    pub text: String,
    pub thinking: String,
    /// The last object, with the figures.
    pub last: Generated,
    /// Ctrl-C ended it.
    pub was_stopped: bool,
}

/// Where an answer goes: text to standard output, thinking to standard error and dimmed, so that
/// the output of a command is its answer and nothing else.
pub struct Screen {
    wrap: Option<Wrap>,
    hides_thinking: bool,
    is_thinking: bool,
}

impl Screen {
    /// For one answer in this conversation.
    pub fn new(state: &State) -> Screen {
        let wrap = if state.wraps { wrap::for_stdout() } else { None };
        Screen { wrap, hides_thinking: state.hides_thinking, is_thinking: false }
    }

    fn think(&mut self, text: &str) {
        if self.hides_thinking || text.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.is_thinking, true) {
            term::dim("Thinking...\n");
        }
        term::dim(text);
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.end_thinking();
        let shown = match &mut self.wrap {
            // Words are measured as they are shown.
            Some(wrap) => Cow::Owned(wrap.push(&term::clean_text(text))),
            None => Cow::Borrowed(text),
        };
        self.show(&shown)
    }

    fn end_thinking(&mut self) {
        if std::mem::take(&mut self.is_thinking) {
            term::dim("\n...done thinking.\n\n");
        }
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.end_thinking();
        let rest = self.wrap.as_mut().map(Wrap::finish).unwrap_or_default();
        self.show(&rest)
    }

    fn show(&self, text: &str) -> Result<(), Failure> {
        match term::out_is_terminal() {
            true => term::write_out(term::clean_text(text).as_bytes()),
            false => term::write_out(text.as_bytes()),
        }
    }
}

/// Asks and shows the answer as it comes. Ctrl-C ends the answer and is no error.
///
/// # Errors
/// What the server says.
pub async fn answer(
    client: &Client,
    path: &str,
    body: &Value,
    screen: &mut Screen,
) -> Result<Answer, Failure> {
    interrupt::reset();
    let mut answer = Answer::default();
    let done = receive(client, path, body, screen, &mut answer).await;
    screen.finish()?;
    match done {
        Err(Failure::Client(ClientError::Interrupted)) => answer.was_stopped = true,
        other => other?,
    }
    Ok(answer)
}

async fn receive(
    client: &Client,
    path: &str,
    body: &Value,
    screen: &mut Screen,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let mut lines = client.stream(path, body).await?;
    while let Some(object) = lines.next::<Generated>().await? {
        for thinking in [&object.thinking, &object.message.thinking] {
            screen.think(thinking);
            answer.thinking.push_str(thinking);
        }
        for text in [&object.response, &object.message.content] {
            screen.say(text)?;
            answer.text.push_str(text);
        }
        answer.last = object;
    }
    Ok(())
}

/// What there is to say after an answer, on standard error.
pub fn remarks(answer: &Answer, verbose: bool) {
    let last = &answer.last;
    if last.truncated_tokens > 0 {
        term::warning(&format!(
            "the conversation is longer than the context, so {} tokens of it were left out; a \
             larger num_ctx keeps them",
            last.truncated_tokens
        ));
    }
    if last.shifted_tokens > 0 {
        term::warning(&format!(
            "the context was full, so the answer went on without the oldest {} tokens; a larger \
             num_ctx keeps them",
            last.shifted_tokens
        ));
    }
    if last.done_reason == "length" {
        term::note("(stopped at the length limit)");
    }
    if verbose && !answer.was_stopped {
        term::note_lines(&figures(last));
    }
}

/// The figures, in Ollama's words.
fn figures(last: &Generated) -> String {
    let rate = |count: u64, nanos: u64| match nanos {
        0 => "0.00".to_owned(),
        _ => format!("{:.2}", count as f64 / (nanos as f64 / 1e9)),
    };
    let rows = [
        ("total duration:", human::duration(last.total_duration)),
        ("load duration:", human::duration(last.load_duration)),
        ("prompt eval count:", format!("{} token(s)", last.prompt_eval_count)),
        ("prompt eval duration:", human::duration(last.prompt_eval_duration)),
        (
            "prompt eval rate:",
            format!("{} tokens/s", rate(last.prompt_eval_count, last.prompt_eval_duration)),
        ),
        ("eval count:", format!("{} token(s)", last.eval_count)),
        ("eval duration:", human::duration(last.eval_duration)),
        ("eval rate:", format!("{} tokens/s", rate(last.eval_count, last.eval_duration))),
    ];
    rows.iter().map(|(label, value)| format!("{label:<21} {value}\n")).collect()
}
