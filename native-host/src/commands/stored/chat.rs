//! The conversation with a stored model in the terminal.

use rustyline::DefaultEditor;
use serde_json::json;

use super::history::History;
use super::slash::{self, Action};
use super::speak::{self, Screen};
use super::state::State;
use crate::args::{Format, ListArgs};
use crate::client::{Client, ClientError, Listed, Message, Process, Processes, Shown};
use crate::commands::{lines, listing, show_stored, transfer};
use crate::failure::Failure;
use crate::{interrupt, term};

/// Talks until the input ends or `/bye`.
pub async fn chat(client: &Client, state: &mut State) -> Result<(), Failure> {
    let mut editor = lines::editor()?;
    let history = History::open(&mut editor);
    super::load(client, state).await?;
    greet(client, &state.model).await?;
    while let Some((text, quoted)) = lines::read_message(&mut editor, state.remembers)? {
        remember(&history, &mut editor, state);
        let action = match quoted && !text.is_empty() {
            true => Action::Ask, // whatever it begins with
            false => slash::interpret(&text, state),
        };
        if action == Action::Leave {
            return Ok(());
        }
        interrupt::reset();
        match act(client, state, action, &text).await {
            // The conversation goes on after what the server could not do.
            Err(Failure::Client(ClientError::Interrupted)) => {}
            Err(failure @ Failure::Client(_)) => {
                term::error(&failure.to_string(), failure.code());
            }
            other => other?,
        }
    }
    Ok(())
}

/// The model, what is known of it now that it is loaded, and the way to help.
async fn greet(client: &Client, model: &str) -> Result<(), Failure> {
    let processes: Processes = client.get("/api/ps").await?;
    let is_it = |process: &Process| {
        process.name == model || process.name.strip_suffix(":latest") == Some(model)
    };
    let mut all = processes.models.into_iter().flat_map(serde_json::from_value::<Process>);
    let loaded = all.find(is_it).map(|process| {
        let (n_ctx, processor) = (process.context_length, listing::processor(&process));
        format!("  {n_ctx} tokens of context, {processor}")
    });
    let loaded = loaded.unwrap_or_default();
    term::line(&format!("{}{loaded}   /? for help", term::clean(model)))
}

fn remember(history: &History, editor: &mut DefaultEditor, state: &State) {
    if state.remembers {
        history.keep(editor);
    }
}

async fn act(
    client: &Client,
    state: &mut State,
    action: Action,
    text: &str,
) -> Result<(), Failure> {
    match action {
        Action::Nothing | Action::Leave => Ok(()),
        Action::Ask => turn(client, state, text).await,
        Action::Print(said) => term::line(&term::clean_text(&said)),
        Action::Show(what) => show(client, state, &what).await,
        Action::List => {
            let listed: Listed = client.get("/api/tags").await?;
            listing::print_list(listed, &ListArgs { prefix: None, format: Format::Text })
        }
        Action::Save(name) => {
            let body = state.create_body(&name);
            let mut bars = crate::commands::bars::Bars::new();
            transfer::follow(client, "/api/create", &body, &mut bars).await?;
            drop(bars);
            term::line(&format!("created new model '{}'", term::clean(&name)))
        }
        Action::Load(name) => {
            let mut new = State { model: name, messages: Vec::new(), ..state.clone() };
            super::load(client, &new).await?;
            std::mem::swap(state, &mut new);
            greet(client, &state.model).await
        }
    }
}

/// One question and its answer; an answer that was stopped stays in the conversation.
async fn turn(client: &Client, state: &mut State, text: &str) -> Result<(), Failure> {
    let mut screen = Screen::new(state);
    let (path, body) = match state.raw {
        true => ("/api/generate", state.generate_body(text)),
        false => ("/api/chat", state.chat_body(text)),
    };
    let answer = speak::answer(client, path, &body, &mut screen).await?;
    term::line("\n")?;
    speak::remarks(&answer, state.verbose);
    let is_nothing = answer.was_stopped && answer.text.is_empty();
    if !state.raw && !is_nothing {
        state.messages.push(Message::new("user", text));
        let thinking = answer.thinking;
        state.messages.push(Message { thinking, ..Message::new("assistant", answer.text) });
    }
    Ok(())
}

async fn show(client: &Client, state: &State, what: &str) -> Result<(), Failure> {
    let shown: Shown = client.post("/api/show", &json!({"model": state.model})).await?;
    let own = |text: String, what: &str| match text.trim().is_empty() {
        true => format!("the model has no {what}"),
        false => text.trim_end().to_owned(),
    };
    let text = match what {
        "license" => own(shown.license, what),
        "modelfile" => own(shown.modelfile, what),
        "template" => own(shown.template, what),
        "system" => state.system.clone().unwrap_or_else(|| own(shown.system, "system text")),
        "parameters" => {
            let yours = state.options.iter().map(|(name, value)| format!("  {name} {value}\n"));
            let yours: String = yours.collect();
            let model = own(shown.parameters, what);
            match yours.is_empty() {
                true => model,
                false => format!("{model}\n\nset here:\n{}", yours.trim_end()),
            }
        }
        _ => show_stored::sections(&shown, false).trim_end().to_owned(),
    };
    term::line(&term::clean_text(&text))
}
