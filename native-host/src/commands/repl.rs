//! The conversation in the terminal.
//!
//! History of typed lines is kept in memory only: prompts are private. The whole conversation is
//! rendered for every turn, and the engine finds the part it has already read in its cache.

use chat::Message;
use engine::{FinishReason, Prompt, Session};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::answer;
use super::slash::{self, Action, State};
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::settings::Style;
use crate::{interrupt, load, term};

/// Opens and closes text of several lines.
const QUOTES: &str = "\"\"\"";

pub fn chat(session: &mut Session, style: Style, args: &RunArgs) -> Result<(), Failure> {
    let mut editor = DefaultEditor::new().map_err(terminal)?;
    term::line(&format!("{}   /help for help", load::describe(session)))?;
    if !args.raw {
        super::run::warn_of_fallback(session);
    }
    let (verbose, system) = (args.verbose, args.system.clone());
    let mut state = State { style, system, verbose, messages: Vec::new() };
    while let Some((text, quoted)) = read_message(&mut editor)? {
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
            term::error(&error.to_string());
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

/// The next message, and whether it stood between `"""` (then its lines belong together, and Ctrl-C
/// drops them all). `None` at the end of input.
fn read_message(editor: &mut DefaultEditor) -> Result<Option<(String, bool)>, Failure> {
    let first = match read_line(editor, ">>> ")? {
        Line::Text(line) => line,
        Line::Dropped => return Ok(Some((String::new(), false))),
        Line::End => return Ok(None),
    };
    let Some(opened) = first.trim_start().strip_prefix(QUOTES) else {
        add_history(editor, &first);
        return Ok(Some((first.trim().to_owned(), false)));
    };
    let mut text = opened.to_owned();
    while !text.trim_end().ends_with(QUOTES) {
        match read_line(editor, "... ")? {
            Line::Text(line) => {
                text.push('\n');
                text.push_str(&line);
            }
            Line::Dropped => return Ok(Some((String::new(), false))),
            Line::End => return Ok(None),
        }
    }
    let text = text.trim_end();
    let text = text.strip_suffix(QUOTES).unwrap_or(text).trim_matches('\n').to_owned();
    add_history(editor, &text);
    Ok(Some((text, true)))
}

/// What came from the keyboard.
enum Line {
    Text(String),
    /// Ctrl-C.
    Dropped,
    /// Ctrl-D.
    End,
}

fn read_line(editor: &mut DefaultEditor, prompt: &str) -> Result<Line, Failure> {
    match editor.readline(prompt) {
        Ok(line) => Ok(Line::Text(line)),
        Err(ReadlineError::Eof) => Ok(Line::End),
        Err(ReadlineError::Interrupted) => {
            term::note("Ctrl-D or /bye leaves");
            Ok(Line::Dropped)
        }
        Err(error) => Err(terminal(error)),
    }
}

fn add_history(editor: &mut DefaultEditor, text: &str) {
    if !text.trim().is_empty() {
        // A line that cannot be remembered is still answered.
        let _ = editor.add_history_entry(text);
    }
}

fn terminal(error: ReadlineError) -> Failure {
    let source = match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    };
    Failure::Input { what: "the terminal", source }
}
