//! `/v1/embeddings`.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::embed::{Job, normalize, run};
use crate::error::ApiError;
use crate::host::Host;
use crate::http::Response;
use crate::json;
use crate::router::Api;
use crate::types::Options;
use crate::types::ollama::Input;
use crate::types::openai::{
    Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage, Vector,
};

/// Vectors of texts.
pub(crate) async fn embeddings<H: Host>(
    api: &Rc<Api<H>>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let request: EmbeddingRequest = json::read(body)?;
    let is_base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let expected = "expected \"float\" or \"base64\"";
            return Err(ApiError::bad(format!("invalid encoding_format {other:?}: {expected}")));
        }
    };
    if request.input == Input::default() {
        return Err(ApiError::bad("input must hold at least one text"));
    }
    let options = Options::read(&request.options)?;
    let keep_alive = request.keep_alive;
    let job = Job { model: &request.model, options, keep_alive, truncate: true };
    let (embeddings, _) = run(api, job, request.input).await?;
    let data = embeddings.vectors.into_iter().enumerate().map(|(index, mut vector)| {
        normalize(&mut vector, request.dimensions);
        let embedding = if is_base64 { to_base64(&vector) } else { Vector::Floats(vector) };
        Embedding { object: "embedding", embedding, index }
    });
    let n = embeddings.prompt_tokens;
    Ok(Response::json(
        200,
        &EmbeddingResponse {
            object: "list",
            data: data.collect(),
            model: request.model,
            usage: EmbeddingUsage { prompt_tokens: n, total_tokens: n },
        },
    ))
}

/// Little-endian numbers of 32 bits.
fn to_base64(vector: &[f32]) -> Vector {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    Vector::Base64(STANDARD.encode(bytes))
}
