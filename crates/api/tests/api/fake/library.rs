//! Models that exist because a table says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use api::host::{BlobPut, Capability, Library, LibraryError, Model, ModelDetails, ProgressStream};
use api::http::ChunkStream;
use api::types::Timestamp;
use api::types::ollama::{CreateRequest, Details, Progress, TransferRequest};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::env::START;

pub struct FakeLibrary {
    pub models: RefCell<BTreeMap<String, Model>>,
    pub blobs: RefCell<Vec<String>>,
    /// What pull, push and create report.
    pub progress: RefCell<Vec<Result<Progress, LibraryError>>>,
}

/// The digest that every uploaded blob turns out to have.
pub const GOOD_DIGEST: &str =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn model(name: &str, age: u64, capabilities: &[Capability]) -> Model {
    Model {
        name: format!("{name}:latest"),
        namespace: "library".into(),
        digest: "ab".repeat(32),
        size: 1000,
        modified_at: Timestamp(START - Duration::from_secs(age)),
        details: Details {
            format: "gguf".into(),
            family: "llama".into(),
            families: vec!["llama".into()],
            parameter_size: "1.2B".into(),
            quantization_level: "Q4_K_M".into(),
            ..Details::default()
        },
        capabilities: capabilities.to_vec(),
        context_length: Some(8192),
        embedding_length: Some(2048),
        files: vec![name.into()],
        ..Model::default()
    }
}

impl Default for FakeLibrary {
    fn default() -> FakeLibrary {
        use Capability::{Completion, Embedding, Insert, Thinking, Tools};
        let mut helper = model("helper", 1, &[Completion]);
        helper.system = Some("Be kind.".into());
        let params = json!({ "stop": ["<end>"], "temperature": 0.5, "num_ctx": 2048 });
        helper.params = params.as_object().cloned().unwrap_or_default();
        helper.messages =
            vec![chat::Message::new("user", "hi"), chat::Message::new("assistant", "hello")];
        let models = [
            model("llama", 60, &[Completion, Tools, Insert, Thinking]),
            model("base", 7200, &[Completion]),
            model("vectors", 60, &[Embedding]),
            helper,
        ];
        let models = models.into_iter().map(|m| (m.name.clone(), m)).collect();
        FakeLibrary {
            models: RefCell::new(models),
            blobs: RefCell::new(vec![GOOD_DIGEST.into()]),
            progress: RefCell::default(),
        }
    }
}

/// The rules for names, as far as the tables need them.
fn full_name(name: &str) -> Result<String, LibraryError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "._-:/".contains(c);
    let is_bad_part = |part: &str| part.is_empty() || part.starts_with('.');
    if !name.chars().all(is_good) || name.split(['/', ':']).any(is_bad_part) || name.len() > 400 {
        return Err(LibraryError::InvalidName(name.into()));
    }
    Ok(if name.contains(':') { name.into() } else { format!("{name}:latest") })
}

impl FakeLibrary {
    fn reports(&self) -> ProgressStream {
        stream::iter(self.progress.borrow().clone()).boxed_local()
    }
}

impl Library for FakeLibrary {
    async fn list(&self) -> Result<Vec<Model>, LibraryError> {
        Ok(self.models.borrow().values().cloned().collect())
    }

    async fn get(&self, name: &str) -> Result<Model, LibraryError> {
        let full = full_name(name)?;
        let found = self.models.borrow().get(&full).cloned();
        found.ok_or_else(|| LibraryError::NotFound(name.into()))
    }

    async fn details(&self, _: &str, verbose: bool) -> Result<ModelDetails, LibraryError> {
        let tokens = if verbose { json!(["a", "b"]) } else { json!(null) };
        let info = json!({
            "general.architecture": "llama",
            "general.parameter_count": 1_235_814_432u64,
            "tokenizer.ggml.tokens": tokens,
        });
        Ok(ModelDetails {
            license: vec!["Free.".into(), "As in air.".into()],
            modelfile: "FROM llama\n".into(),
            template: "{{ .Prompt }}".into(),
            model_info: info.as_object().cloned().unwrap_or_default(),
            ..ModelDetails::default()
        })
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), LibraryError> {
        let model = self.get(source).await?;
        let name = full_name(destination)?;
        self.models.borrow_mut().insert(name.clone(), Model { name, ..model });
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), LibraryError> {
        let removed = self.models.borrow_mut().remove(&full_name(name)?);
        removed.map(drop).ok_or_else(|| LibraryError::NotFound(name.into()))
    }

    async fn has_blob(&self, digest: &str) -> Result<bool, LibraryError> {
        Ok(self.blobs.borrow().iter().any(|blob| blob == digest))
    }

    async fn put_blob(
        &self,
        digest: &str,
        _size: Option<u64>,
        mut bytes: ChunkStream,
    ) -> Result<BlobPut, LibraryError> {
        if self.has_blob(digest).await? {
            return Ok(BlobPut::Existed);
        }
        let mut n_bytes = 0;
        while let Some(chunk) = bytes.next().await {
            n_bytes += chunk?.len();
        }
        // The digest of n bytes is n.
        let got = format!("sha256:{n_bytes:064x}");
        if got != digest {
            return Err(LibraryError::DigestMismatch { expected: digest.into(), got });
        }
        self.blobs.borrow_mut().push(got);
        Ok(BlobPut::Created)
    }

    fn create(&self, _: CreateRequest) -> ProgressStream {
        self.reports()
    }

    fn pull(&self, request: TransferRequest) -> ProgressStream {
        match full_name(request.model.name()) {
            Ok(_) => self.reports(),
            Err(error) => stream::iter([Err(error)]).boxed_local(),
        }
    }

    fn push(&self, _: TransferRequest) -> ProgressStream {
        self.reports()
    }
}
