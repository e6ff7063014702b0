//! The smallest host: no models, and no backend that could load one.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use api::host::{
    Backend, BlobPut, EmbedRequest, Embeddings, Env, EventStream, Format, GenerateRequest, Host,
    Library, LibraryError, LoadError, LoadSpec, Memory, Model, ModelDetails, OutputParser,
    ParserRequest, ProgressStream, RenderRequest, Rendered, RunError, Runner, RunnerInfo,
};
use api::http::ChunkStream;
use api::types::Timestamp;
use api::types::ollama::{CreateRequest, TransferRequest};
use futures_util::StreamExt;

pub struct Nothing;

impl Host for Nothing {
    type Library = Nothing;
    type Backend = Nothing;
    type Env = Nothing;
}

fn none<T>(name: &str) -> Result<T, LibraryError> {
    Err(LibraryError::NotFound(name.to_owned()))
}

fn no_progress() -> ProgressStream {
    futures_util::stream::empty().boxed_local()
}

impl Library for Nothing {
    async fn list(&self) -> Result<Vec<Model>, LibraryError> {
        Ok(Vec::new())
    }
    async fn get(&self, name: &str) -> Result<Model, LibraryError> {
        none(name)
    }
    async fn details(&self, name: &str, _: bool) -> Result<ModelDetails, LibraryError> {
        none(name)
    }
    async fn copy(&self, source: &str, _: &str) -> Result<(), LibraryError> {
        none(source)
    }
    async fn delete(&self, name: &str) -> Result<(), LibraryError> {
        none(name)
    }
    async fn has_blob(&self, _: &str) -> Result<bool, LibraryError> {
        Ok(false)
    }
    async fn put_blob(
        &self,
        digest: &str,
        _: Option<u64>,
        _: ChunkStream,
    ) -> Result<BlobPut, LibraryError> {
        none(digest)
    }
    fn create(&self, _: CreateRequest) -> ProgressStream {
        no_progress()
    }
    fn pull(&self, _: TransferRequest) -> ProgressStream {
        no_progress()
    }
    fn push(&self, _: TransferRequest) -> ProgressStream {
        no_progress()
    }
}

impl Backend for Nothing {
    type Runner = NoRunner;

    fn budget(&self) -> Memory {
        Memory::default()
    }
    async fn estimate(&self, _: &LoadSpec) -> Result<Memory, LoadError> {
        Ok(Memory::default())
    }
    async fn load(&self, spec: &LoadSpec) -> Result<NoRunner, LoadError> {
        Err(LoadError::Failed(format!("{} is not here", spec.name)))
    }
    async fn unload(&self, runner: Rc<NoRunner>) {
        match runner.0 {}
    }
    fn check_format(&self, _: &Format) -> Result<(), RunError> {
        Ok(())
    }
}

/// Nobody can have one.
pub struct NoRunner(Infallible);

impl Runner for NoRunner {
    fn info(&self) -> RunnerInfo {
        match self.0 {}
    }
    async fn render(&self, _: &RenderRequest) -> Result<Rendered, RunError> {
        match self.0 {}
    }
    async fn tokenize(&self, _: &str, _: bool) -> Result<Vec<u32>, RunError> {
        match self.0 {}
    }
    fn token_bytes(&self, _: u32) -> Vec<u8> {
        match self.0 {}
    }
    fn generate(&self, _: GenerateRequest) -> EventStream {
        match self.0 {}
    }
    async fn score(&self, _: &[u32], _: usize) -> Result<Vec<engine::TokenLogprobs>, RunError> {
        match self.0 {}
    }
    async fn embed(&self, _: EmbedRequest) -> Result<Embeddings, RunError> {
        match self.0 {}
    }
    fn parser(&self, _: &ParserRequest) -> Box<dyn OutputParser> {
        match self.0 {}
    }
}

impl Env for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
    fn entropy(&self) -> u64 {
        7
    }
}
