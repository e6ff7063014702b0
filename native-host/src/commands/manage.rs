//! `ingle cp`, `ingle rm`, `ingle stop`: small changes to what the server has.

use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{CpArgs, RmArgs, StopArgs};
use crate::client::{self, Client, ClientError};
use crate::failure::Failure;
use crate::term;

/// A second name for a model; its bytes are not copied.
pub fn cp(args: &CpArgs) -> Result<(), Failure> {
    let (source, destination) = (&args.source, &args.destination);
    client::block_on(async {
        let client = client::connect().await?;
        let body = json!({"source": source, "destination": destination});
        Ok(client.call(Method::POST, "/api/copy", Some(&body)).await?)
    })?;
    term::line(&format!("copied '{}' to '{}'", term::clean(source), term::clean(destination)))
}

/// Removes models one after the other; what is in memory leaves it first.
pub fn rm(args: &RmArgs) -> Result<(), Failure> {
    client::block_on(async {
        let client = client::connect().await?;
        for model in &args.models {
            // A model that cannot be unloaded (a damaged one) can still be removed.
            if let Err(error @ ClientError::Interrupted) = unload(&client, model).await {
                return Err(error.into());
            }
            let body = json!({"model": model});
            client.call(Method::DELETE, "/api/delete", Some(&body)).await?;
            term::line(&format!("deleted '{}'", term::clean(model)))?;
        }
        Ok(())
    })
}

/// Takes a model out of memory.
pub fn stop(args: &StopArgs) -> Result<(), Failure> {
    client::block_on(async {
        let client = client::connect().await?;
        match unload(&client, &args.model).await {
            Err(ClientError::Refused { status: status @ 404, .. }) => {
                let message = format!("couldn't find model \"{}\" to stop", args.model);
                Err(ClientError::Refused { status, message, code: None }.into())
            }
            other => Ok(other?),
        }
    })
}

/// A request for no text that keeps the model for no time.
async fn unload(client: &Client, model: &str) -> Result<(), ClientError> {
    let body = json!({"model": model, "keep_alive": 0, "stream": false});
    client.post::<Value>("/api/generate", &body).await.map(drop)
}
