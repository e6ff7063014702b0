//! What changes the store and takes its time: `/api/create`, `/api/pull`, `/api/push`.

use std::rc::Rc;

use futures_util::{StreamExt, stream};

use super::blobs::check_digest;
use crate::error::ApiError;
use crate::host::{Host, Library, LibraryError, ProgressStream};
use crate::http::{NDJSON, Response, json_line};
use crate::json;
use crate::limits::MAX_NAME_BYTES;
use crate::router::{Api, stream_items};
use crate::turn::{check_name, library_error};
use crate::types::Options;
use crate::types::ollama::{CreateRequest, Message, ModelRequest, Progress, TransferRequest};

/// `/api/create`
pub(crate) async fn create<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: CreateRequest = json::read(body)?;
    let name = check(&request.model)?;
    if request.from.is_empty() && request.files.is_empty() {
        return Err(ApiError::bad("neither 'from' or 'files' was specified"));
    }
    if request.from.starts_with(['/', '\\', '.', '~']) {
        return Err(ApiError::bad("'from' must name a model: files of this machine are not read"));
    }
    for (file, digest) in request.files.iter().chain(&request.adapters) {
        check_file(file)?;
        check_digest(digest)?;
    }
    // What the model could not be used with later is said now.
    Options::read(&request.parameters)?;
    for message in &request.messages {
        Message::into_chat(message.clone())?;
    }
    let is_stream = request.stream.unwrap_or(true);
    respond(api.library.create(request), &name, is_stream).await
}

/// `/api/pull`
pub(crate) async fn pull<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: TransferRequest = json::read(body)?;
    let name = check(&request.model)?;
    let is_stream = request.stream.unwrap_or(true);
    respond(api.library.pull(request), &name, is_stream).await
}

/// `/api/push`
pub(crate) async fn push<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: TransferRequest = json::read(body)?;
    let name = check(&request.model)?;
    let is_stream = request.stream.unwrap_or(true);
    respond(api.library.push(request), &name, is_stream).await
}

fn check(model: &ModelRequest) -> Result<String, ApiError> {
    check_name(model.name())?;
    Ok(model.name().to_owned())
}

/// A name for people and for telling files apart; it never becomes a path.
fn check_file(name: &str) -> Result<(), ApiError> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_good = name.len() <= MAX_NAME_BYTES
        && name.split(['/', '\\']).all(is_part)
        && !name.chars().any(char::is_control);
    match is_good {
        true => Ok(()),
        false => Err(ApiError::bad("a file's name must be a relative path without '..'")),
    }
}

/// All progress as lines, or its end as one object. An error in the first place is a status.
async fn respond(
    mut progress: ProgressStream,
    name: &str,
    is_stream: bool,
) -> Result<Response, ApiError> {
    if !is_stream {
        let mut last = Progress::status("success");
        while let Some(item) = progress.next().await {
            last = item.map_err(|error| library_error(error, name))?;
        }
        return Ok(Response::json(200, &last));
    }
    let first = match progress.next().await {
        Some(Err(error)) => return Err(library_error(error, name)),
        first => first,
    };
    let all = stream::iter(first).chain(progress);
    let lines = stream_items(Some(all), |all| async {
        let mut all = all?;
        match all.next().await? {
            Ok(progress) => Some((json_line(&progress), Some(all))),
            Err(error) => Some((error_line(error), None)),
        }
    });
    Ok(Response::stream(NDJSON, lines))
}

fn error_line(error: LibraryError) -> Vec<u8> {
    let code = match &error {
        LibraryError::Named { code, .. } => Some(*code),
        _ => None,
    };
    json_line(&ApiError { code, ..ApiError::new(500, error.to_string()) }.to_line())
}
