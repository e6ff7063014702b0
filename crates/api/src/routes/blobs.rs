//! `/api/blobs/:digest`: bytes by their hash, for `create`.

use std::rc::Rc;

use crate::error::ApiError;
use crate::host::{BlobPut, Host, Library};
use crate::http::{Body, Headers, Response};
use crate::limits::MAX_BLOB_BYTES;
use crate::router::Api;
use crate::turn::library_error;

/// Whether it is stored.
pub(crate) async fn head<H: Host>(api: &Rc<Api<H>>, digest: &str) -> Result<Response, ApiError> {
    check_digest(digest)?;
    match api.library.has_blob(digest).await {
        Ok(true) => Ok(Response::empty(200)),
        Ok(false) => Err(ApiError::new(404, format!("blob {digest:?} not found"))),
        Err(error) => Err(library_error(error, digest)),
    }
}

/// Stores it while it comes.
pub(crate) async fn post<H: Host>(
    api: &Rc<Api<H>>,
    digest: &str,
    headers: &Headers,
    body: Body,
) -> Result<Response, ApiError> {
    check_digest(digest)?;
    // What a client promises is looked at before its bytes come, and counts for nothing else.
    let size = headers.get("content-length").and_then(|text| text.trim().parse().ok());
    let put = api.library.put_blob(digest, size, body.into_stream(MAX_BLOB_BYTES)).await;
    match put.map_err(|error| library_error(error, digest))? {
        BlobPut::Created => Ok(Response::empty(201)),
        BlobPut::Existed => Ok(Response::empty(200)),
    }
}

/// `sha256:` and 64 lower-case hexadecimal digits, and nothing else: the digest becomes a path.
pub(super) fn check_digest(digest: &str) -> Result<(), ApiError> {
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match digits.len() == 64 && digits.bytes().all(is_digit) {
        true => Ok(()),
        false => Err(ApiError::bad("invalid digest format")),
    }
}
