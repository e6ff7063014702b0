//! What is stored and what is loaded: `/api/tags`, `ps`, `show`, `copy`, `delete`.

use std::rc::Rc;

use crate::error::ApiError;
use crate::host::{Capability, Host, Library, LibraryError, Model};
use crate::http::Response;
use crate::json;
use crate::router::Api;
use crate::turn::{check_name, library_error, load_spec};
use crate::types::Options;
use crate::types::ollama::{
    CopyRequest, ListModel, ListResponse, ModelRequest, ProcessModel, ProcessResponse, ShowRequest,
    ShowResponse,
};

/// `/api/tags`
pub(crate) async fn tags<H: Host>(api: &Rc<Api<H>>) -> Result<Response, ApiError> {
    let models = newest_first(api).await?.into_iter().map(|model| ListModel {
        name: model.name.clone(),
        model: model.name,
        modified_at: model.modified_at,
        size: model.size,
        digest: model.digest,
        details: model.details,
        context_length: model.context_length,
        embedding_length: model.embedding_length,
        capabilities: names(&model.capabilities),
    });
    Ok(Response::json(200, &ListResponse { models: models.collect() }))
}

/// All models, newest first; those of one moment by name, so that the order is always the same.
pub(crate) async fn newest_first<H: Host>(api: &Rc<Api<H>>) -> Result<Vec<Model>, ApiError> {
    let listed = api.library.list().await;
    let mut models = listed.map_err(|error| ApiError::new(500, error.to_string()))?;
    models.sort_by(|a, b| b.modified_at.cmp(&a.modified_at).then_with(|| a.name.cmp(&b.name)));
    Ok(models)
}

fn names(capabilities: &[Capability]) -> Vec<&'static str> {
    capabilities.iter().map(|capability| capability.name()).collect()
}

/// `/api/ps`
pub(crate) async fn ps<H: Host>(api: &Rc<Api<H>>) -> Result<Response, ApiError> {
    let mut models = Vec::new();
    for loaded in api.scheduler.loaded() {
        // A model whose name was deleted while it is in memory is still shown.
        let stored = api.library.get(&loaded.spec.name).await.unwrap_or_default();
        models.push(ProcessModel {
            name: loaded.spec.name.clone(),
            model: loaded.spec.name,
            size: loaded.size,
            digest: stored.digest,
            details: stored.details,
            expires_at: loaded.expires_at,
            size_vram: loaded.size_vram,
            context_length: loaded.num_ctx as u64,
        });
    }
    Ok(Response::json(200, &ProcessResponse { models }))
}

/// `/api/show`
pub(crate) async fn show<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: ShowRequest = json::read(body)?;
    let name = request.model.name();
    let model = api.model(name).await?;
    let details = api.library.details(name, request.verbose).await;
    let details = details.map_err(|error| library_error(error, name))?;
    let or = |given: String, own: String| if given.is_empty() { own } else { given };
    let response = ShowResponse {
        license: details.license.join("\n"),
        modelfile: details.modelfile,
        parameters: parameters(&model),
        template: or(request.template, details.template),
        system: or(request.system, model.system.unwrap_or_default()),
        details: model.details,
        messages: details.messages,
        model_info: details.model_info,
        projector_info: details.projector_info,
        tensors: details.tensors,
        capabilities: names(&model.capabilities),
        modified_at: model.modified_at,
    };
    Ok(Response::json(200, &response))
}

/// Parameters as lines of a name, spaces up to a column, and a value; texts in quotes.
fn parameters(model: &Model) -> String {
    let mut lines = Vec::new();
    for (name, value) in &model.params {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        lines.extend(values.iter().map(|value| format!("{name:<30} {value}")));
    }
    lines.join("\n")
}

/// `/api/copy`
pub(crate) async fn copy<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let CopyRequest { source, destination } = json::read(body)?;
    for (what, name) in [("source", &source), ("destination", &destination)] {
        check_name(name).map_err(|_| ApiError::bad(format!("{what} {name:?} is invalid")))?;
    }
    match api.library.copy(&source, &destination).await {
        Ok(()) => Ok(Response::empty(200)),
        Err(LibraryError::NotFound(_)) => {
            Err(ApiError::new(404, format!("model {source:?} not found")))
        }
        Err(error) => Err(library_error(error, &source)),
    }
}

/// `/api/delete`: requests that run on the model end first, then its memory is freed.
pub(crate) async fn delete<H: Host>(api: &Rc<Api<H>>, body: &[u8]) -> Result<Response, ApiError> {
    let request: ModelRequest = json::read(body)?;
    let name = request.name();
    let model = api.model(name).await?;
    api.library.delete(name).await.map_err(|error| library_error(error, name))?;
    api.scheduler.unload(&load_spec(api, &model, &Options::default()).key());
    Ok(Response::empty(200))
}
