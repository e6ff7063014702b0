//! An error as a client sees it: a status, one sentence, and a kind.
//!
//! The three families of protocols write the same error differently; which one is used is decided
//! by the route that was asked, so an error carries no form of its own.

use serde_json::{Value, json};

use crate::http::Response;

/// Where [`ApiError::code`] is in a response.
pub const CODE_HEADER: &str = "x-ingle-code";

/// Whose way of writing JSON a route follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `{"error":"…"}`
    Ollama,
    /// `{"error":{"message":"…","type":"…","param":null,"code":null}}`
    OpenAi,
    /// `{"type":"error","error":{"type":"…","message":"…"}}`
    Anthropic,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// One sentence for a person.
    pub message: String,
    /// Seconds after which another try makes sense, for a busy server.
    pub retry_after: Option<u32>,
    /// What it is called in the page and on the command line, where that says more than the
    /// status. A header of the response, since the objects are the protocols' own.
    pub code: Option<&'static str>,
}

impl ApiError {
    /// An error with a status.
    pub fn new(status: u16, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into(), retry_after: None, code: None }
    }

    /// 400: the request itself is wrong.
    pub fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(400, message)
    }

    /// 404 in the words of most of Ollama's routes.
    pub fn no_model(name: &str) -> ApiError {
        ApiError::new(404, format!("model '{name}' not found"))
    }

    /// 503: more requests wait than may. The two spaces are Ollama's, and clients compare the text.
    pub fn busy() -> ApiError {
        let message = "server busy, please try again.  maximum pending requests exceeded";
        ApiError { retry_after: Some(1), ..ApiError::new(503, message) }
    }

    /// 503: the server waits no longer.
    pub fn stopping() -> ApiError {
        let message = "the answer was cut off because the server is stopping; try again later";
        ApiError::new(503, message)
    }

    /// The object of the error in a family's form.
    pub fn to_json(&self, family: Family) -> Value {
        match family {
            Family::Ollama => json!({ "error": self.message }),
            Family::OpenAi => json!({ "error": {
                "message": self.message,
                "type": self.openai_type(),
                "param": null,
                "code": null,
            }}),
            Family::Anthropic => json!({
                "type": "error",
                "error": { "type": self.anthropic_type(), "message": self.message },
            }),
        }
    }

    /// A line of a stream in Ollama's form, which has no headers left: the code is in it.
    pub fn to_line(&self) -> Value {
        match self.code {
            None => self.to_json(Family::Ollama),
            Some(code) => json!({ "error": self.message, "code": code }),
        }
    }

    /// The whole response.
    pub fn to_response(&self, family: Family) -> Response {
        let mut response = Response::json(self.status, &self.to_json(family));
        if let Some(seconds) = self.retry_after {
            response.headers.set("retry-after", seconds.to_string());
        }
        if let Some(code) = self.code {
            response.headers.set(CODE_HEADER, code);
        }
        response
    }

    fn openai_type(&self) -> &'static str {
        match self.status {
            404 => "not_found_error",
            401 => "authentication_error",
            400..500 => "invalid_request_error",
            _ => "api_error",
        }
    }

    fn anthropic_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            503 => "overloaded_error",
            400..500 => "invalid_request_error",
            _ => "api_error",
        }
    }
}
