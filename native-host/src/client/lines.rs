//! Streams of JSON objects, one per line, and waiting that Ctrl-C ends.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ClientError;
use crate::interrupt;

/// Bytes of one line. The longest that servers send is the last object of an answer with the ids
/// of its whole context, which is some megabytes.
const MAX_LINE_BYTES: usize = 32 << 20;

/// How often a wait looks whether Ctrl-C came.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for `work`, or until Ctrl-C came since [`interrupt::reset`].
///
/// # Errors
/// [`ClientError::Interrupted`].
pub async fn until_interrupt<T>(work: impl Future<Output = T>) -> Result<T, ClientError> {
    let mut work = pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
            return Ok(done);
        }
        if interrupt::pending() {
            return Err(ClientError::Interrupted);
        }
    }
}

/// Objects of an answer in the order they come. Dropping it cancels the work at the server.
pub struct Lines {
    response: Response,
    address: String,
    buffer: Vec<u8>,
    is_over: bool,
}

impl Lines {
    pub(super) fn new(response: Response, address: String) -> Lines {
        Lines { response, address, buffer: Vec::new(), is_over: false }
    }

    /// The next object; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError`]; an object that is an error is one.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        while let Some(line) = self.line().await? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let protocol = |error: serde_json::Error| {
                ClientError::protocol(&self.address, format!("a line is no JSON: {error}"))
            };
            let value: Value = serde_json::from_slice(&line).map_err(protocol)?;
            if let Some(error) = ClientError::said(200, &value) {
                return Err(error);
            }
            return serde_json::from_value(value).map(Some).map_err(protocol);
        }
        Ok(None)
    }

    async fn line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let mut searched = 0;
        loop {
            let new = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            searched = self.buffer.len();
            if searched > MAX_LINE_BYTES {
                let said = format!("a line has more than {MAX_LINE_BYTES} bytes");
                return Err(ClientError::protocol(&self.address, said));
            }
            if self.is_over {
                let rest = std::mem::take(&mut self.buffer);
                return Ok((!rest.is_empty()).then_some(rest));
            }
            let chunk = until_interrupt(self.response.chunk()).await?;
            match chunk.map_err(|error| ClientError::broken(&self.address, &error))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.is_over = true,
            }
        }
    }
}
