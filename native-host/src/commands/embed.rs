//! `ingle run` with a model that makes vectors of texts: one vector, as a line of JSON.
//!
//! As `ollama run` does: length 1, and without a text there is nothing to talk about.

use engine::{Embeddings, Prompt, Session, Step};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::print_json;
use crate::args::EmbedArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::{interrupt, term};

/// The part of `/api/embed`'s answer that is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    embeddings: Vec<Vec<f32>>,
    truncated_tokens: u64,
}

/// Refuses flags that mean nothing for a model that writes text.
///
/// # Errors
/// [`Failure::Usage`].
pub fn check_unused(args: &EmbedArgs) -> Result<(), Failure> {
    if args.truncate.is_none() && args.dimensions.is_none() {
        return Ok(());
    }
    let said = "--truncate and --dimensions are for embedding models, and this one writes text";
    Err(Failure::Usage(said.to_owned()))
}

/// The text, or how to give one.
///
/// # Errors
/// [`Failure::Usage`].
pub fn text(model: &str, prompt: Option<String>) -> Result<String, Failure> {
    prompt.ok_or_else(|| {
        let model = term::clean(model);
        let said = "embedding models require input text. Usage: ingle run";
        Failure::Usage(format!("{said} {model} \"your text here\""))
    })
}

/// With a stored model, by the server; `body` is what every request has.
pub async fn stored(
    client: &Client,
    mut body: Map<String, Value>,
    text: &str,
    args: &EmbedArgs,
) -> Result<(), Failure> {
    body.retain(|name, _| ["model", "options", "keep_alive"].contains(&name.as_str()));
    body.insert("input".into(), text.into());
    if let Some(truncate) = args.truncate {
        body.insert("truncate".into(), truncate.into());
    }
    if let Some(dimensions) = args.dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    let answer: Answer = client.post("/api/embed", &json!(body)).await?;
    warn_of_cut(answer.truncated_tokens);
    print_first(answer.embeddings)
}

/// With a file, here.
pub fn file(session: &mut Session, text: String, args: &EmbedArgs) -> Result<(), Failure> {
    let inputs = [Prompt::Text(text)];
    let slot = session.admit_embed(&inputs, args.truncate.unwrap_or(true))?;
    let mut done = wait(session, slot)?;
    warn_of_cut(done.truncated_tokens as u64);
    for vector in &mut done.vectors {
        api::normalize(vector, args.dimensions);
    }
    print_first(done.vectors)
}

fn wait(session: &mut Session, slot: usize) -> Result<Embeddings, Failure> {
    loop {
        if interrupt::pending() {
            session.release(slot);
            return Err(Failure::Interrupted);
        }
        pollster::block_on(session.round())?;
        while let Some((_, outcome)) = session.next_outcome() {
            if matches!(outcome?, Step::Done) {
                return Ok(session.release(slot).unwrap_or_default());
            }
        }
    }
}

fn warn_of_cut(n_tokens: u64) {
    if n_tokens > 0 {
        term::warning(&format!(
            "the text is longer than the context, so its last {n_tokens} tokens were left out; \
             --truncate=false refuses such texts"
        ));
    }
}

fn print_first(vectors: Vec<Vec<f32>>) -> Result<(), Failure> {
    match vectors.into_iter().next() {
        Some(vector) => print_json(&vector),
        None => Err(Failure::Incomplete("the server gave no embeddings; try again".to_owned())),
    }
}
