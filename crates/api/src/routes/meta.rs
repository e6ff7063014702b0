//! What is said about the server itself.

use crate::error::ApiError;
use crate::host::Host;
use crate::http::Response;
use crate::router::{Api, not_found};
use crate::types::ollama::VersionResponse;

/// `/api/version`
pub(crate) fn version<H: Host>(api: &Api<H>) -> Response {
    Response::json(200, &VersionResponse { version: api.settings.version.clone() })
}

/// `/livez`: whether the router's thread still answers. An operator who asks starts a server anew
/// that does not; one on its way out is not to be hurried by that.
pub(crate) fn live() -> Response {
    Response::text(200, "ok")
}

/// `/readyz`, and `/healthz` for those who know one route only: whether requests are taken. A load
/// balancer that asks sends no more to a server on its way out. A full queue is no reason: where
/// all servers are full, a balancer without any would have no answer left but its own.
pub(crate) fn ready<H: Host>(api: &Api<H>) -> Response {
    match api.scheduler.is_closed() {
        true => Response::text(503, "shutting down"),
        false => Response::text(200, "ok"),
    }
}

/// `/metrics`, if it is switched on.
pub(crate) fn metrics<H: Host>(api: &Api<H>) -> Result<Response, ApiError> {
    if !api.settings.metrics {
        return Err(not_found());
    }
    let text = api.metrics.text(api.scheduler.waiting(), api.scheduler.loaded().len());
    Ok(Response::with_type(200, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes()))
}
