//! Making sure that a server answers before the first request that needs one.

use std::any::Any;

use super::{Client, ClientError};
use crate::failure::Failure;

/// Starts a server in this process at the usual address and returns when it answers. It ends when
/// what it returns is dropped.
pub type Spawn = fn() -> Result<Box<dyn Any>, Failure>;

/// A client of a server that answers.
///
/// # Errors
/// [`ClientError::Unreachable`] with the way to start one.
pub async fn connect() -> Result<Client, Failure> {
    let client = Client::from_env()?;
    client.ping().await?;
    Ok(client)
}

/// The same, for commands that may start a server: only where the usual address is meant, because
/// nobody wants a server here who named another machine or port.
///
/// # Errors
/// [`ClientError::Unreachable`], or why no server could be started.
pub async fn connect_or_spawn(spawn: Option<Spawn>) -> Result<Client, Failure> {
    let mut client = Client::from_env()?;
    match (client.ping().await, spawn) {
        (Ok(()), _) => Ok(client),
        (Err(ClientError::Unreachable { .. }), Some(spawn)) if client.is_default() => {
            client._server = Some(spawn()?);
            client.ping().await?;
            Ok(client)
        }
        (Err(error), _) => Err(error.into()),
    }
}
