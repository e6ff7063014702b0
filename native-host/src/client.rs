//! The command line's side of HTTP: requests to a running server at `OLLAMA_HOST`.
//!
//! Whatever answers there may be this program or Ollama; both speak the same protocol, so commands
//! on stored models go through it and never look into the store of another process. One runtime of
//! one thread per command; a stream is read line by line and looks for Ctrl-C while it waits.

mod error;
mod host;
mod lines;
mod local;
mod types;
mod upload;

pub use error::ClientError;
pub use lines::Lines;
pub use local::{Spawn, connect, connect_or_spawn};
pub use types::{
    Generated, ListModel, Listed, Message, Process, Processes, Progress, Retry, Shown,
};

use std::any::Any;
use std::future::Future;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use host::Host;

/// Bytes of one JSON answer that is read whole: `show --verbose` of a large model names every
/// tensor and every token, which is some ten megabytes.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Runs a command's requests to their end on this thread.
///
/// # Errors
/// What the command says, or that the system gives no runtime.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| Failure::Input { what: "the system's event queue", source })?;
    runtime.block_on(work)
}

/// What a server with `INGLE_TOKEN` wants to see, if the variable is set here too.
fn token() -> Result<Option<HeaderValue>, ClientError> {
    let token = std::env::var("INGLE_TOKEN").unwrap_or_default();
    let token = token.trim().trim_matches(['"', '\'']).trim();
    if token.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        ClientError::Setup("INGLE_TOKEN has characters that a header cannot carry".to_owned())
    })?;
    Ok(Some(value))
}

/// A server that can be asked.
pub struct Client {
    http: reqwest::Client,
    host: Host,
    /// The server that was started for this client; dropping it ends it.
    _server: Option<Box<dyn Any>>,
}

impl Client {
    /// The server that `OLLAMA_HOST` names, or the usual address of this machine. Nothing is sent.
    ///
    /// # Errors
    /// [`ClientError::Setup`] where the HTTP library cannot start.
    pub fn from_env() -> Result<Client, ClientError> {
        let named = std::env::var("OLLAMA_HOST").unwrap_or_default();
        let (host, warning) = Host::parse(&named);
        if let Some(warning) = warning {
            crate::term::warning(&warning);
        }
        Client::of(host)
    }

    fn of(host: Host) -> Result<Client, ClientError> {
        // An error says that one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = concat!("ingle/", env!("CARGO_PKG_VERSION"));
        let mut headers = HeaderMap::new();
        if let Some(token) = token()? {
            headers.insert(AUTHORIZATION, token);
        }
        let http = reqwest::Client::builder().user_agent(agent).default_headers(headers).build();
        let http = http.map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Client { http, host, _server: None })
    }

    /// Where the server is, for sentences.
    pub fn address(&self) -> String {
        self.host.address()
    }

    /// True where no other machine and no other port than the usual one is meant.
    pub fn is_default(&self) -> bool {
        self.host.is_default()
    }

    /// Whether anything answers.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] if nothing does.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.send(Method::HEAD, "/", None).await.map(drop)
    }

    /// A JSON answer to a request without a body.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(self.send(Method::GET, path, None).await?).await
    }

    /// A JSON answer to a JSON request.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        self.json(self.send(Method::POST, path, Some(body)).await?).await
    }

    /// A request whose answer is only its status.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), ClientError> {
        self.send(method, path, body).await.map(drop)
    }

    /// The objects of an answer as they come.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stream(&self, path: &str, body: &Value) -> Result<Lines, ClientError> {
        let response = self.send(Method::POST, path, Some(body)).await?;
        Ok(Lines::new(response, self.address()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, ClientError> {
        let mut request = self.http.request(method, self.host.url(path));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.checked(lines::until_interrupt(request.send()).await?).await
    }

    /// The response, or the error that it is.
    async fn checked(&self, sent: reqwest::Result<Response>) -> Result<Response, ClientError> {
        let response = sent.map_err(|error| ClientError::of_send(&self.address(), &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let code = response.headers().get(api::CODE_HEADER).and_then(|code| code.to_str().ok());
        let code = code.map(str::to_owned);
        let bytes = self.bytes(response).await.unwrap_or_default();
        Err(ClientError::of_status(&self.address(), status.as_u16(), code, &bytes))
    }

    async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::protocol(&self.address(), error.to_string()))
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = lines::until_interrupt(response.chunk())
            .await?
            .map_err(|error| ClientError::broken(&self.address(), &error))?
        {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                let said = format!("its answer has more than {MAX_ANSWER_BYTES} bytes");
                return Err(ClientError::protocol(&self.address(), said));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
