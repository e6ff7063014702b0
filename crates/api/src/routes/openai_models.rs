//! `/v1/models` and `/v1/models/:model`.

use std::rc::Rc;

use super::models::newest_first;
use crate::error::ApiError;
use crate::host::{Host, Model};
use crate::http::Response;
use crate::router::Api;
use crate::types::openai;

/// All models.
pub(crate) async fn list<H: Host>(api: &Rc<Api<H>>) -> Result<Response, ApiError> {
    let data = newest_first(api).await?.into_iter().map(object).collect();
    Ok(Response::json(200, &openai::ModelList { object: "list", data }))
}

/// One model.
pub(crate) async fn get<H: Host>(api: &Rc<Api<H>>, name: &str) -> Result<Response, ApiError> {
    let mut object = object(api.model(name).await?);
    object.id = name.to_owned();
    Ok(Response::json(200, &object))
}

fn object(model: Model) -> openai::Model {
    openai::Model {
        id: model.name,
        object: "model",
        created: model.modified_at.seconds(),
        owned_by: model.namespace,
    }
}
