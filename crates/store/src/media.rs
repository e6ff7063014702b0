//! Media types: what a manifest says its layers are.

/// A manifest in Docker's form, the one Ollama writes.
pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A manifest in OCI's form; the same fields.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The config blob.
pub const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A GGUF file with weights; a split model has several such layers, in order.
pub const MODEL: &str = "application/vnd.ollama.image.model";
/// A GGUF file with a vision projector.
pub const PROJECTOR: &str = "application/vnd.ollama.image.projector";
/// A GGUF file with a LoRA adapter.
pub const ADAPTER: &str = "application/vnd.ollama.image.adapter";
/// A prompt template in Go's syntax.
pub const TEMPLATE: &str = "application/vnd.ollama.image.template";
/// The same, as early versions named it.
pub const PROMPT: &str = "application/vnd.ollama.image.prompt";
/// A system prompt.
pub const SYSTEM: &str = "application/vnd.ollama.image.system";
/// Options as a JSON object.
pub const PARAMS: &str = "application/vnd.ollama.image.params";
/// Messages that stand before every conversation, a JSON array.
pub const MESSAGES: &str = "application/vnd.ollama.image.messages";
/// A license; may occur several times.
pub const LICENSE: &str = "application/vnd.ollama.image.license";
/// Embeddings of early versions, refused since.
pub const EMBED: &str = "application/vnd.ollama.image.embed";
