//! `create`: a model of another model or of uploaded files, with texts of its own.
//!
//! Everything that cannot be done is refused before anything is written. Only blobs of the store
//! are used: a request names digests and models, never paths.

use api::host::LibraryError;
use api::types::ollama::{CreateRequest, TransferRequest};
use chat::{SpecialTokens, Template};
use serde_json::{Map, Value};
use store::{BlobIo, Clock, Digest, Fetch, Layer, Manifest, ModelConfig, Name, media};

use super::errors::{invalid, library_error, parse_name};
use super::report::Reporter;
use super::workshop::{Form, Order};
use super::{StoreLibrary, parse_digest};

#[cfg(feature = "convert")]
mod adapters;
mod files;
#[cfg(feature = "convert")]
mod forms;
#[cfg(not(feature = "convert"))]
mod no_forms;

/// What a new model begins with.
struct Base {
    config: ModelConfig,
    layers: Vec<Layer>,
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// Makes a model, reporting in Ollama's words.
    pub(super) async fn create_model(
        &self,
        request: &CreateRequest,
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        check(request)?;
        let asked = [&request.quantize, &request.quantization].into_iter().find(|q| !q.is_empty());
        let mut file_type = asked.map(|asked| self.workshop.file_type(asked)).transpose()?;
        let name = parse_name(request.model.name())?;
        let mut base = match request.from.is_empty() {
            // Made in the type that is wanted: the whole file is never written in another.
            true if files::are_of_folder(&request.files) => {
                self.base_of_folder(&request.files, file_type.take(), say).await?
            }
            true => self.base_of_files(&request.files, say).await?,
            false => self.base_of_model(&request.from, say).await?,
        };
        self.add_adapters(&request.adapters, &mut base.layers, say).await?;
        let old: Vec<Digest> = base.layers.iter().map(|layer| layer.digest).collect();
        if let Some(file_type) = file_type {
            base = self.quantized(base, file_type, say).await?;
        }
        for layer in base.layers.iter().filter(|layer| old.contains(&layer.digest)) {
            say.step(format!("using existing layer {}", layer.digest));
        }
        self.add_texts(request, &mut base.layers, say).await?;
        if !request.requires.is_empty() {
            let version: String = request.requires.chars().take(20).collect();
            say.step(format!("note: {version:?} is a version of Ollama and was not compared"));
        }
        let kept = [
            ("renderer", &request.renderer),
            ("parser", &request.parser),
            ("requires", &request.requires),
        ];
        for (key, value) in kept {
            // Kept for Ollama, which reads them from here; this program uses the template.
            if !value.is_empty() {
                base.config.extra.insert(key.to_owned(), value.as_str().into());
            }
        }
        let manifest = self.store().manifest_of(base.config, base.layers).await;
        let manifest = manifest.map_err(library_error)?;
        say.step("writing manifest");
        self.name_model(&name, &manifest).await?;
        say.step("success");
        Ok(())
    }

    /// The base with its weights in another type, in one file.
    async fn quantized(
        &self,
        mut base: Base,
        file_type: String,
        say: &Reporter,
    ) -> Result<Base, LibraryError> {
        let is_weights = |layer: &Layer| layer.media_type == media::MODEL;
        let files = base.layers.iter().filter(|layer| is_weights(layer));
        let files = files.map(|layer| (layer.digest.to_string(), layer.digest)).collect();
        let order = Order { files, form: Form::Gguf, file_type: Some(file_type.clone()) };
        let Some(new) = self.make(order, say).await? else { return Ok(base) };
        let place = base.layers.iter().position(is_weights).unwrap_or(0);
        base.layers.retain(|layer| !is_weights(layer));
        base.layers.insert(place, new);
        base.config.file_type = file_type;
        Ok(base)
    }

    /// Names a model, and removes what only the one of that name before needed.
    async fn name_model(&self, name: &Name, manifest: &Manifest) -> Result<(), LibraryError> {
        let committed = self.store().commit(name, manifest).await.map_err(library_error)?;
        if let Some(old) = committed.replaced.filter(|old| old.digest() != manifest.digest()) {
            self.store().remove_replaced(&old).await.map_err(library_error)?;
        }
        Ok(())
    }

    /// All of another model, which is pulled if it is not here.
    async fn base_of_model(&self, from: &str, say: &Reporter) -> Result<Base, LibraryError> {
        let source = parse_name(from)?;
        let stored = match self.store().get(&source).await {
            Err(store::Error::NotFound { .. }) => {
                let report = |line: store::Progress| {
                    // The end of the pull is not the end of the work.
                    if line.status != "success" {
                        say.store(line);
                    }
                };
                let mut request = TransferRequest::default();
                request.model.model = from.to_owned();
                let pulled = self.client.pull(&source, (self.access)(&request), report).await;
                let pulled = pulled.map_err(library_error)?;
                self.store().get(&pulled).await
            }
            found => found,
        };
        let stored = stored.map_err(library_error)?;
        let parent = stored.name.short();
        let mut layers = stored.manifest.layers().to_vec();
        for layer in layers.iter_mut().filter(|layer| layer.media_type == media::MODEL) {
            layer.from.get_or_insert_with(|| parent.clone());
        }
        let config = self.config(&parent, &stored.manifest).await?;
        Ok(Base { config, layers })
    }

    /// Puts the request's texts in place of those of the base.
    async fn add_texts(
        &self,
        request: &CreateRequest,
        layers: &mut Vec<Layer>,
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        if !request.template.is_empty() {
            layers.retain(|layer| layer.media_type != media::PROMPT);
            self.replace(layers, media::TEMPLATE, request.template.as_bytes(), say).await?;
        }
        if !request.system.is_empty() {
            self.replace(layers, media::SYSTEM, request.system.as_bytes(), say).await?;
        }
        let licenses = request.license.clone().map(api::types::OneOrMany::into_vec);
        for license in licenses.unwrap_or_default().iter().filter(|text| !text.is_empty()) {
            let layer = self.text_layer(media::LICENSE, license.as_bytes(), say).await?;
            // A license the base brings already stands there once.
            if layers.iter().all(|known| known.digest != layer.digest) {
                layers.push(layer);
            }
        }
        let params = self.merged_params(&request.parameters, layers).await?;
        if !params.is_empty() {
            let raw = json_bytes(&params)?;
            self.replace(layers, media::PARAMS, &raw, say).await?;
        }
        if !request.messages.is_empty() {
            let raw = json_bytes(&request.messages)?;
            self.replace(layers, media::MESSAGES, &raw, say).await?;
        }
        Ok(())
    }

    /// The base's parameters, with the request's in their place where it names them.
    async fn merged_params(
        &self,
        wanted: &Map<String, Value>,
        layers: &[Layer],
    ) -> Result<Map<String, Value>, LibraryError> {
        let mut params = Map::new();
        for layer in layers.iter().filter(|layer| layer.media_type == media::PARAMS) {
            let raw = self.store().read_layer(layer).await.map_err(library_error)?;
            let damaged = |error: serde_json::Error| {
                let reason = "the parameters of the model in 'from' cannot be read";
                LibraryError::Failed(format!("{reason} ({error}); pull or create it again"))
            };
            params.extend(serde_json::from_slice::<Map<_, _>>(&raw).map_err(damaged)?);
        }
        let said = wanted.iter().filter(|(_, value)| !value.is_null());
        params.extend(said.map(|(name, value)| (name.clone(), value.clone())));
        Ok(params)
    }

    async fn replace(
        &self,
        layers: &mut Vec<Layer>,
        kind: &str,
        bytes: &[u8],
        say: &Reporter,
    ) -> Result<(), LibraryError> {
        layers.retain(|layer| layer.media_type != kind);
        layers.push(self.text_layer(kind, bytes, say).await?);
        Ok(())
    }

    async fn text_layer(
        &self,
        kind: &str,
        bytes: &[u8],
        say: &Reporter,
    ) -> Result<Layer, LibraryError> {
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        let is_here = self.store().has_blob(&digest, size).await.map_err(library_error)?;
        let verb = if is_here { "using existing" } else { "creating new" };
        say.step(format!("{verb} layer {digest}"));
        self.store().put_bytes(bytes).await.map_err(library_error)?;
        Ok(Layer::new(kind, digest, size))
    }
}

fn json_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, LibraryError> {
    serde_json::to_vec(value).map_err(|error| LibraryError::Failed(error.to_string()))
}

/// Refuses what cannot be done, whatever the store holds.
fn check(request: &CreateRequest) -> Result<(), LibraryError> {
    match (request.from.is_empty(), request.files.is_empty()) {
        (true, true) => return Err(invalid("neither 'from' or 'files' was specified")),
        (false, false) => {
            return Err(invalid("both 'from' and 'files' were specified; send one of them"));
        }
        _ => {}
    }
    if !request.draft_files.is_empty() {
        return Err(invalid(
            "draft models are not supported: leave DRAFT out, the answers are the same without",
        ));
    }
    if !request.template.is_empty() {
        Template::parse(request.template.as_str(), &SpecialTokens::default())
            .map_err(|error| invalid(format!("template error: {error}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused_in_a_sentence() -> Result<(), serde_json::Error> {
        for (request, want) in [
            (json!({"model": "x"}), "neither 'from' or 'files'"),
            (json!({"from": "a", "files": {"b": "c"}}), "both 'from' and 'files'"),
            (json!({"from": "a", "draft_files": {"b": "c"}}), "draft models are not supported"),
            (json!({"from": "a", "template": "{{ .Prompt"}), "template error: "),
        ] {
            let request: CreateRequest = serde_json::from_value(request)?;
            let error = check(&request).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(want), "{error:?}");
        }
        Ok(())
    }
}
