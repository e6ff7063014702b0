//! `ingle run NAME`: a stored model answers, or talks, through the server.
//!
//! The order is Ollama's: look whether a server answers (and start one in this process where none
//! does), ask it about the model, fetch the model if it is not there, then ask. All that was set
//! on the command line goes along with every request.

mod chat;
mod history;
mod slash;
mod speak;
mod state;
mod wrap;

use serde_json::{Value, json};

use super::embed;
use super::run::{Piped, whole_prompt};
use super::transfer;
use crate::args::RunArgs;
use crate::client::{self, Client, Shown, Spawn};
use crate::failure::Failure;
use crate::{interrupt, term};
use speak::Screen;
use state::State;

/// Runs a stored model. `spawn` starts a server where none answers at the usual address.
pub fn run(name: &str, args: &RunArgs, spawn: Option<Spawn>) -> Result<(), Failure> {
    let mut state = State::from_args(name, args)?;
    let piped = Piped::start();
    interrupt::listen();
    client::block_on(async {
        let client = client::connect_or_spawn(spawn).await?;
        let shown = show_or_pull(&client, name, args.stored.insecure).await?;
        let prompt = whole_prompt(args.prompt.join(" "), piped)?;
        if shown.capabilities.iter().any(|capability| capability == "embedding") {
            let text = embed::text(name, prompt)?;
            return embed::stored(&client, state.common(), &text, &args.embed).await;
        }
        embed::check_unused(&args.embed)?;
        match prompt {
            Some(prompt) => answer_once(&client, &state, &prompt).await,
            None => chat::chat(&client, &mut state).await,
        }
    })
}

/// What the server knows of a model, which is fetched if it is not there.
async fn show_or_pull(client: &Client, name: &str, insecure: bool) -> Result<Shown, Failure> {
    let body = json!({"model": name});
    match client.post("/api/show", &body).await {
        Err(error) if error.is_not_found() => {
            transfer::pull(client, name, insecure).await?;
            Ok(client.post("/api/show", &body).await?)
        }
        other => Ok(other?),
    }
}

/// Puts a model into memory, so that the first answer does not wait for it.
async fn load(client: &Client, state: &State) -> Result<(), Failure> {
    let mut bars = super::bars::Bars::new();
    bars.step("loading");
    client.post::<Value>("/api/generate", &state.load_body()).await?;
    Ok(())
}

async fn answer_once(client: &Client, state: &State, prompt: &str) -> Result<(), Failure> {
    let mut screen = Screen::new(state);
    let body = state.generate_body(prompt);
    let answer = speak::answer(client, "/api/generate", &body, &mut screen).await?;
    if term::out_is_terminal() {
        term::line("")?;
    }
    speak::remarks(&answer, state.verbose);
    match answer.was_stopped {
        true => Err(Failure::Interrupted),
        false => Ok(()),
    }
}
