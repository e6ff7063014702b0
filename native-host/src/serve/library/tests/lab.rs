//! Tiny model files, and a runtime to run a library's futures on.

use std::future::Future;

use api::host::{Library, LibraryError, ProgressStream};
use api::types::ollama::Progress;
use futures_util::{StreamExt, stream};
use gguf::{Metadata, Writer};
use quant::TensorType;
use store::Digest;

use super::super::NativeLibrary;
use super::files::{Tested, in_folder};

/// A template with a place for tools.
pub const JINJA: &str = "{% if tools %}{{ tools }}{% endif %}{{ messages }}";

/// Runs a future as the server does: on one thread, with tokio's timers and sockets.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

/// A library in a folder that goes with the first value.
pub fn library() -> (tempfile::TempDir, Tested) {
    let folder = tempfile::tempdir().unwrap();
    let library = in_folder(folder.path());
    (folder, library)
}

/// Metadata of a small Llama.
pub fn metadata() -> Metadata {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.name", "Tiny");
    metadata.insert("general.file_type", 0u32);
    metadata.insert("llama.context_length", 2048u32);
    metadata.insert("llama.embedding_length", 64u32);
    metadata.insert("tokenizer.chat_template", JINJA);
    metadata.insert("tokenizer.ggml.tokens", vec!["a".to_owned(), "b".to_owned()]);
    metadata
}

/// A file with these metadata and one tensor of `n` floats (a multiple of 64), all different.
pub fn gguf(metadata: Metadata, tensor: &str, n: u32) -> Vec<u8> {
    let mut writer = Writer::new(metadata);
    writer.tensor(tensor, TensorType::F32, &[64, u64::from(n / 64)]).unwrap();
    let mut data = writer.start(Vec::new()).unwrap();
    let bytes: Vec<u8> = (0..n).flat_map(|i| (i as f32).to_le_bytes()).collect();
    data.write_tensor(tensor, &bytes).unwrap();
    data.finish().unwrap()
}

/// Uploads bytes in small chunks. Returns their digest.
pub async fn upload(library: &NativeLibrary, bytes: &[u8]) -> String {
    let digest = Digest::of(bytes).to_string();
    let chunks: Vec<_> = bytes.chunks(1000).map(|chunk| Ok(chunk.to_vec())).collect();
    let size = Some(bytes.len() as u64);
    library.put_blob(&digest, size, stream::iter(chunks).boxed_local()).await.unwrap();
    digest
}

/// All lines, and the error if one ended them.
pub async fn collect(stream: ProgressStream) -> (Vec<Progress>, Option<LibraryError>) {
    let (mut lines, mut end) = (Vec::new(), None);
    for item in stream.collect::<Vec<_>>().await {
        match item {
            Ok(line) => lines.push(line),
            Err(error) => end = Some(error),
        }
    }
    (lines, end)
}

/// Lines of a request that must succeed.
pub async fn succeed(stream: ProgressStream) -> Vec<Progress> {
    let (lines, error) = collect(stream).await;
    assert_eq!(error, None, "after {lines:?}");
    assert_eq!(lines.last().map(|line| line.status.as_str()), Some("success"));
    lines
}

/// A request from JSON, as a client sends it.
pub fn request<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// Uploads a small model and names it.
pub async fn create_tiny(library: &NativeLibrary, name: &str) -> Vec<Progress> {
    let digest = upload(library, &gguf(metadata(), "token_embd.weight", 128)).await;
    let files = serde_json::json!({"tiny.gguf": digest});
    succeed(library.create(request(serde_json::json!({"model": name, "files": files})))).await
}
