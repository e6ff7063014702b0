//! `/v1/responses`, as far as it needs no memory between requests.

mod input;
mod writer;

use std::rc::Rc;

use crate::error::ApiError;
use crate::host::Host;
use crate::http::{Response, SSE};
use crate::json;
use crate::router::Api;
use crate::types::openai::ResponsesRequest;

use super::answers::Answers;
use writer::Writer;

/// Continues a conversation.
pub(crate) async fn responses<H: Host>(
    api: &Rc<Api<H>>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let request: ResponsesRequest = json::read(body)?;
    let needs_memory = request.previous_response_id.is_some() || request.conversation.is_some();
    if needs_memory || request.background {
        return Err(ApiError::bad(
            "nothing is stored between two requests here: send the whole conversation as input, \
             without previous_response_id, conversation or background",
        ));
    }
    let is_stream = request.stream;
    let writer = Writer::new(api.short_id(), api.env_now().seconds(), &request);
    let task = input::task_of(request)?;
    let answers = Answers::start(api, [task]).await?;
    if is_stream {
        return Ok(answers.into_response(SSE, writer));
    }
    let whole = answers.collect_one().await?;
    Ok(Response::json(200, &writer.whole(whole.answer, &whole.stats)))
}
