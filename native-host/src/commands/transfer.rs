//! `ingle pull` and `ingle push`: models between the server and a registry.

use serde_json::{Value, json};

use super::bars::Bars;
use super::fit;
use super::run::SPAWN;
use crate::args::{PullArgs, PushArgs};
use crate::client::{self, Client, ClientError, Progress};
use crate::failure::Failure;
use crate::interrupt;
use crate::term;

/// `ingle pull`. Fetching needs no server that goes on afterwards, so where none runs, one does
/// this and ends: a container fills its store by it before it starts.
pub fn pull_command(args: &PullArgs) -> Result<(), Failure> {
    interrupt::listen();
    client::block_on(async {
        let client = client::connect_or_spawn(SPAWN).await?;
        // Of another machine nobody here knows what fits it.
        if client.is_default()
            && let Some(sentence) = fit::before_pull(&args.model).await
        {
            term::note(&sentence);
        }
        pull(&client, &args.model, args.insecure).await
    })
}

/// `ingle push`.
pub fn push_command(args: &PushArgs) -> Result<(), Failure> {
    interrupt::listen();
    client::block_on(async {
        let client = client::connect().await?;
        let body = json!({"model": args.model, "insecure": args.insecure});
        follow(&client, "/api/push", &body, &mut Bars::new()).await
    })
}

/// Fetches a model; what was there before goes on where it stopped.
///
/// # Errors
/// What the server says.
pub async fn pull(client: &Client, model: &str, insecure: bool) -> Result<(), Failure> {
    let body = json!({"model": model, "insecure": insecure});
    follow(client, "/api/pull", &body, &mut Bars::new()).await
}

/// Shows the progress of an operation until it succeeded.
///
/// # Errors
/// What the server says; a stream that ends without `success` is an error too.
pub async fn follow(
    client: &Client,
    path: &str,
    body: &Value,
    bars: &mut Bars,
) -> Result<(), Failure> {
    let mut lines = client.stream(path, body).await?;
    let mut last = String::new();
    while let Some(progress) = lines.next::<Progress>().await? {
        bars.update(&progress);
        last = progress.status;
    }
    match last.as_str() {
        "success" => Ok(()),
        _ => {
            let reason = "it ended before it was done".to_owned();
            Err(ClientError::Broken { address: client.address(), reason }.into())
        }
    }
}
