//! From a manifest to the model that the router knows.

use std::task::Poll;
use std::time::Duration;

use api::host::{Capability, LibraryError, Model};
use api::types::Timestamp;
use api::types::ollama::{Details, Message};
use chat::{SpecialTokens, Template};
use serde_json::{Map, Value};
use store::{BlobIo, Clock, Digest, Error, Fetch, Manifest, ModelConfig, media};

use super::StoreLibrary;
use super::errors::library_error;
use super::header::{self, Facts};

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// A stored model as the router knows it. One whose weights cannot be read is described as far
    /// as its manifest goes, so that it can be seen and deleted; loading it says what is wrong.
    pub(super) async fn describe(&self, stored: &store::Model) -> Result<Model, LibraryError> {
        let manifest = &stored.manifest;
        let digest = manifest.digest();
        let known = self.described.borrow().get(&digest);
        let model = match known {
            Some(model) => model,
            None => {
                let name = stored.name.short();
                let facts = self.facts(&name, manifest).await;
                let model = self.describe_manifest(&name, manifest, facts.as_ref().ok()).await?;
                // What is missing today may be back tomorrow.
                if facts.is_ok() {
                    self.described.borrow_mut().put(digest, model.clone());
                }
                model
            }
        };
        Ok(Model {
            name: stored.name.short(),
            namespace: stored.name.namespace().to_owned(),
            modified_at: Timestamp(Duration::from_millis(stored.modified_ms)),
            ..model
        })
    }

    /// What the header of the weights says; models of the same weights share it.
    async fn facts(&self, name: &str, manifest: &Manifest) -> Result<Facts, Error> {
        let weights: Vec<Digest> =
            manifest.layers_of(media::MODEL).map(|layer| layer.digest).collect();
        if let Some(facts) = self.facts.borrow().get(&weights) {
            return Ok(facts);
        }
        let layers = manifest.layers_of(media::MODEL);
        let facts = Facts::of(&header::outline(self.store(), name, layers).await?);
        // A header takes milliseconds; between two of a list others get their turn.
        yield_now().await;
        self.facts.borrow_mut().put(weights, facts.clone());
        Ok(facts)
    }

    async fn describe_manifest(
        &self,
        name: &str,
        manifest: &Manifest,
        facts: Option<&Facts>,
    ) -> Result<Model, LibraryError> {
        let template = match self.text(manifest, media::TEMPLATE).await? {
            None => self.text(manifest, media::PROMPT).await?,
            found => found,
        };
        let digests =
            |kind| manifest.layers_of(kind).map(|layer| layer.digest.to_string()).collect();
        let messages = self.messages(name, manifest).await?.into_iter().map(Message::into_chat);
        let damaged = |error: api::ApiError| damage(name, "messages", &error.message);
        Ok(Model {
            digest: manifest.digest().hex(),
            size: manifest.size(),
            details: details(manifest, self.config(name, manifest).await?, facts),
            capabilities: capabilities(template.as_deref(), facts),
            context_length: facts.and_then(|facts| facts.context_length),
            embedding_length: facts.and_then(|facts| facts.embedding_length),
            files: digests(media::MODEL),
            adapters: digests(media::ADAPTER),
            template,
            system: self.text(manifest, media::SYSTEM).await?,
            params: self.params(name, manifest).await?,
            messages: messages.collect::<Result<_, _>>().map_err(damaged)?,
            ..Model::default()
        })
    }

    /// The config blob.
    pub(super) async fn config(
        &self,
        name: &str,
        manifest: &Manifest,
    ) -> Result<ModelConfig, LibraryError> {
        let raw = self.store().read_layer(manifest.config()).await.map_err(library_error)?;
        ModelConfig::parse(&raw).map_err(|reason| damage(name, "config", &reason))
    }

    /// All texts of a kind, in order. Bytes that are no text are replaced.
    pub(super) async fn texts(
        &self,
        manifest: &Manifest,
        kind: &str,
    ) -> Result<Vec<String>, LibraryError> {
        let mut texts = Vec::new();
        for layer in manifest.layers_of(kind) {
            let raw = self.store().read_layer(layer).await.map_err(library_error)?;
            texts.push(String::from_utf8_lossy(&raw).into_owned());
        }
        Ok(texts)
    }

    /// The text of a kind; of several the last one counts.
    pub(super) async fn text(
        &self,
        manifest: &Manifest,
        kind: &str,
    ) -> Result<Option<String>, LibraryError> {
        Ok(self.texts(manifest, kind).await?.pop())
    }

    /// Options that the manifest brings.
    pub(super) async fn params(
        &self,
        name: &str,
        manifest: &Manifest,
    ) -> Result<Map<String, Value>, LibraryError> {
        let Some(text) = self.text(manifest, media::PARAMS).await? else {
            return Ok(Map::new());
        };
        serde_json::from_str(&text).map_err(|error| damage(name, "parameters", &error.to_string()))
    }

    /// Messages that the manifest brings.
    pub(super) async fn messages(
        &self,
        name: &str,
        manifest: &Manifest,
    ) -> Result<Vec<Message>, LibraryError> {
        let Some(text) = self.text(manifest, media::MESSAGES).await? else {
            return Ok(Vec::new());
        };
        serde_json::from_str(&text).map_err(|error| damage(name, "messages", &error.to_string()))
    }
}

/// Lets others go on, once.
async fn yield_now() {
    let mut is_second = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn damage(name: &str, what: &str, reason: &str) -> LibraryError {
    let reason = format!("its {what} cannot be read ({reason}); pull or create it again");
    library_error(Error::Manifest { name: name.to_owned(), reason })
}

/// What the config says; what it leaves out, from the file.
fn details(manifest: &Manifest, config: ModelConfig, facts: Option<&Facts>) -> Details {
    let own = facts.map(|facts| facts.config.clone()).unwrap_or_default();
    let or = |said: String, own: String| if said.is_empty() { own } else { said };
    let parent = manifest.layers_of(media::MODEL).find_map(|layer| layer.from.clone());
    Details {
        parent_model: parent.unwrap_or_default(),
        format: or(config.model_format, own.model_format),
        families: match config.model_families.is_empty() {
            true => own.model_families,
            false => config.model_families,
        },
        family: or(config.model_family, own.model_family),
        parameter_size: or(config.model_type, own.model_type),
        quantization_level: or(config.file_type, own.file_type),
    }
}

/// What a file without a manifest says.
pub(super) fn own_details(facts: &Facts) -> Details {
    let own = facts.config.clone();
    Details {
        format: own.model_format,
        families: own.model_families,
        family: own.model_family,
        parameter_size: own.model_type,
        quantization_level: own.file_type,
        ..Details::default()
    }
}

/// What the model can be used for, by its header and the template that is used. Images are not
/// seen by this program, whatever the file could do, so `vision` is never said.
pub(super) fn capabilities(template: Option<&str>, facts: Option<&Facts>) -> Vec<Capability> {
    if facts.is_some_and(|facts| facts.is_embedder) {
        return vec![Capability::Embedding];
    }
    let mut capabilities = vec![Capability::Completion];
    let source = template.or_else(|| facts.and_then(|facts| facts.template.as_deref()));
    let template = source.map(|source| Template::parse(source, &SpecialTokens::default()));
    // A template that is broken is replaced by a plain one, which knows nothing of these.
    if let Some(Ok(template)) = template {
        let has = template.capabilities();
        let rows = [
            (has.tools, Capability::Tools),
            (has.insert, Capability::Insert),
            (has.thinking, Capability::Thinking),
        ];
        capabilities.extend(rows.into_iter().filter(|(has, _)| *has).map(|(_, what)| what));
    }
    capabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_come_from_header_and_template() {
        use Capability::{Completion, Embedding, Insert, Thinking, Tools};
        let facts = |is_embedder, template: Option<&str>| Facts {
            is_embedder,
            template: template.map(str::to_owned),
            ..Facts::default()
        };
        let jinja =
            "{% if tools %}{{ tools }}{% endif %}{% if enable_thinking %}<think>{% endif %}";
        for (template, facts, want) in [
            (None, None, vec![Completion]),
            (None, Some(facts(false, None)), vec![Completion]),
            (None, Some(facts(true, Some(jinja))), vec![Embedding]),
            (None, Some(facts(false, Some(jinja))), vec![Completion, Tools, Thinking]),
            (Some("{{ .Prompt }}"), Some(facts(false, Some(jinja))), vec![Completion]),
            (Some("{{ .Prompt }}{{ .Suffix }}"), None, vec![Completion, Insert]),
            (None, Some(facts(false, Some("{% if %}"))), vec![Completion]),
        ] {
            assert_eq!(capabilities(template, facts.as_ref()), want, "{template:?}");
        }
    }
}
