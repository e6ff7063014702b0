//! The conversation with a file in the terminal.
//!
//! History of typed lines is kept in memory only: prompts are private. The whole conversation is
//! rendered for every turn, and the engine finds the part it has already read in its cache.

use chat::Message;
use engine::{FinishReason, Prompt, Session};

use super::slash::{self, Action, State};
use super::{answer, lines};
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::settings::Style;
use crate::{interrupt, load, term};

pub fn chat(session: &mut Session, style: Style, args: &RunArgs) -> Result<(), Failure> {
    let mut editor = lines::editor()?;
    term::line(&format!("{}   /help for help", load::describe(session)))?;
    if !args.raw {
        super::run::warn_of_fallback(session);
    }
    let (verbose, system) = (args.verbose, args.system.clone());
    let mut state = State { style, system, verbose, messages: Vec::new() };
    while let Some((text, quoted)) = lines::read_message(&mut editor, true)? {
        let action = match quoted && !text.is_empty() {
            true => Action::Ask, // whatever it begins with
            false => slash::interpret(&text, &mut state),
        };
        match action {
            Action::Nothing => {}
            Action::Print(said) => term::line(&term::clean_text(&said))?,
            Action::Info => term::line(&load::describe(session))?,
            Action::Template => term::line(&term::clean_text(session.template().source()))?,
            Action::Leave => return Ok(()),
            Action::Ask => turn(session, &mut state, &text, args.raw)?,
        }
    }
    Ok(())
}

/// One question and its answer. What goes wrong is said, and the conversation goes on.
fn turn(session: &mut Session, state: &mut State, text: &str, raw: bool) -> Result<(), Failure> {
    let prompt = if raw {
        Prompt::Text(text.to_owned())
    } else {
        let system = state.system.iter().map(|system| Message::new("system", system));
        let said = state.messages.iter().cloned();
        Prompt::Messages(system.chain(said).chain([Message::new("user", text)]).collect())
    };
    interrupt::reset();
    let request = state.style.request(prompt);
    let answer = match answer::generate(session, request, answer::show_on_stdout) {
        Ok(answer) => answer,
        Err(Failure::Engine(error)) => {
            term::error(&error.to_string(), error.code());
            if error.code() == "ctx.full" {
                term::note("/clear begins a new conversation");
            }
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    term::line("")?;
    match answer.summary.finish_reason {
        Some(FinishReason::Context) => term::warning(
            "the context is full, so the answer ends here; /clear begins a new conversation",
        ),
        Some(FinishReason::Length) => term::note("(stopped at the length limit)"),
        _ => {}
    }
    if state.verbose {
        term::note(&answer.figures(session));
    }
    state.messages.push(Message::new("user", text));
    state.messages.push(Message::new("assistant", &answer.text));
    Ok(())
}
