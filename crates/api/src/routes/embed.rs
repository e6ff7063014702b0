//! `/api/embed` and `/api/embeddings`.

use std::rc::Rc;

use crate::error::ApiError;
use crate::host::{self, Embeddings, Env, Host, Library, LibraryError, Runner};
use crate::http::Response;
use crate::json;
use crate::limits::MAX_INPUTS;
use crate::router::Api;
use crate::turn::{check_ids, check_name, library_error, load_spec, run_error};
use crate::types::ollama::{
    EmbedRequest, EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, Input,
};
use crate::types::{KeepAlive, Options, nanos};

/// `/api/embed`
pub(crate) async fn embed<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let EmbedRequest { model, input, keep_alive, truncate, dimensions, options } =
        json::read(body)?;
    let started = api.env.monotonic();
    let truncate = truncate.unwrap_or(true);
    let job = Job { model: &model, options, keep_alive, truncate };
    let (mut embeddings, load) = run(api, job, input).await?;
    for vector in &mut embeddings.vectors {
        normalize(vector, dimensions);
    }
    Ok(Response::json(
        200,
        &EmbedResponse {
            embeddings: embeddings.vectors,
            total_duration: nanos(api.env.monotonic().saturating_sub(started)),
            load_duration: nanos(load),
            prompt_eval_count: embeddings.prompt_tokens as u64,
            truncated_tokens: embeddings.truncated_tokens as u64,
            model,
        },
    ))
}

/// `/api/embeddings`: one text, and its vector as the model gives it.
pub(crate) async fn embeddings<H: Host>(
    api: &Rc<Api<H>>,
    body: &[u8],
) -> Result<Response, ApiError> {
    let EmbeddingsRequest { model, prompt, keep_alive, options } = json::read(body)?;
    let input = match prompt.is_empty() {
        true => Input::default(),
        false => Input::Text(prompt),
    };
    let job = Job { model: &model, options, keep_alive, truncate: true };
    let (mut embeddings, _) = run(api, job, input).await?;
    let embedding = embeddings.vectors.pop().unwrap_or_default();
    Ok(Response::json(200, &EmbeddingsResponse { embedding }))
}

/// How texts are embedded.
pub(crate) struct Job<'a> {
    pub model: &'a str,
    pub options: Options,
    pub keep_alive: Option<KeepAlive>,
    pub truncate: bool,
}

/// The vectors, and how long the model took to be there. No input loads the model.
pub(crate) async fn run<H: Host>(
    api: &Rc<Api<H>>,
    job: Job<'_>,
    input: Input,
) -> Result<(Embeddings, std::time::Duration), ApiError> {
    let started = api.env.monotonic();
    let n_inputs = match &input {
        Input::Text(_) | Input::Tokens(_) => 1,
        Input::Texts(texts) => texts.len(),
        Input::TokenLists(lists) => lists.len(),
    };
    if n_inputs > MAX_INPUTS {
        let message = format!("{n_inputs} inputs were sent; at most {MAX_INPUTS} are taken");
        return Err(ApiError::bad(message));
    }
    check_name(job.model)?;
    let model = api.library.get(job.model).await.map_err(|error| match error {
        LibraryError::NotFound(_) => {
            let name = job.model;
            ApiError::new(404, format!("model {name:?} not found, try pulling it first"))
        }
        error => library_error(error, job.model),
    })?;
    let options = Options::read(&model.params)?.then(job.options);
    let lease = api.scheduler.acquire(load_spec(api, &model, &options), job.keep_alive).await?;
    let load = api.env.monotonic().saturating_sub(started);
    let inputs = tokens(&*lease, input).await?;
    if inputs.is_empty() {
        return Ok((Embeddings::default(), load));
    }
    let request = host::EmbedRequest { inputs, truncate: job.truncate };
    let embeddings = lease.embed(request).await.map_err(run_error)?;
    Ok((embeddings, load))
}

async fn tokens<R: Runner>(runner: &R, input: Input) -> Result<Vec<Vec<u32>>, ApiError> {
    let (texts, lists) = match input {
        Input::Text(text) => (vec![text], Vec::new()),
        Input::Texts(texts) => (texts, Vec::new()),
        Input::Tokens(ids) => (Vec::new(), vec![ids]),
        Input::TokenLists(lists) => (Vec::new(), lists),
    };
    let n_vocab = runner.info().n_vocab;
    for ids in &lists {
        check_ids(ids, n_vocab)?;
    }
    if !lists.is_empty() {
        return Ok(lists);
    }
    let mut lists = Vec::with_capacity(texts.len());
    for text in texts {
        lists.push(runner.tokenize(&text, true).await.map_err(run_error)?);
    }
    Ok(lists)
}

/// The first `dimensions` numbers (all, if it is none or too many), scaled to length 1. A vector
/// of zeros stays one.
pub fn normalize(vector: &mut Vec<f32>, dimensions: Option<u32>) {
    if let Some(n) = dimensions.filter(|n| *n > 0) {
        vector.truncate(n as usize);
    }
    let sum: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let length = sum.sqrt();
    if length > 0.0 {
        for x in vector {
            *x = (f64::from(*x) / length) as f32;
        }
    }
}
