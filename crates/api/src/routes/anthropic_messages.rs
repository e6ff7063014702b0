//! `/v1/messages`.

mod input;
mod writer;

use std::rc::Rc;

use super::answers::Answers;
use crate::error::ApiError;
use crate::host::Host;
use crate::http::{Response, SSE};
use crate::json;
use crate::router::Api;
use crate::types::anthropic::MessagesRequest;
use writer::Writer;

/// Continues a conversation.
pub(crate) async fn messages<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: MessagesRequest = json::read(body)?;
    let is_stream = request.stream;
    let stops = request.stop_sequences.clone().unwrap_or_default();
    let task = input::task_of(request)?;
    let id = format!("msg_{}{}", api.short_id(), api.short_id());
    let writer = Writer::new(id, task.model.clone(), stops);
    let answers = Answers::start(api, [task]).await?;
    if is_stream {
        return Ok(answers.into_response(SSE, writer));
    }
    Ok(Response::json(200, &writer.whole(answers.collect_one().await?)))
}
