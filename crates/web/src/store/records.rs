//! What goes out about stored models: plain objects, shaped like the types of the package.

use gguf::{ByteSource, Gguf};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Model, ModelConfig, Report, Source, Verdict, media};

use super::PageStore;
use crate::error::EdgeError;

/// `StoredModel`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    name: String,
    digest: String,
    size: u64,
    modified_at: u64,
    used_at: Option<u64>,
    details: Details,
    sources: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    family: String,
    parameter_size: String,
    quantization_level: String,
}

/// `ModelDetails`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    #[serde(flatten)]
    stored: Stored,
    template: Option<String>,
    system: Option<String>,
    license: Option<String>,
    /// In Ollama's names.
    parameters: Map<String, Value>,
    /// Single values of the file's metadata; its lists (a vocabulary) are left out.
    metadata: Map<String, Value>,
    files: Vec<FileOut>,
}

#[derive(Serialize)]
struct FileOut {
    name: String,
    digest: String,
    size: u64,
}

/// `VerifyReport`.
#[derive(Serialize)]
pub struct Verified {
    good: bool,
    files: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    digest: String,
    size: u64,
    good: bool,
    /// What is wrong, as a sentence; empty where nothing is.
    problem: String,
}

impl Stored {
    /// What is known of a stored model without reading its files.
    pub async fn of(store: &PageStore, model: &Model, used_at: Option<u64>) -> Stored {
        let config = store.read_layer(model.manifest.config()).await;
        // A model whose description is lost is still a model.
        let config = config.ok().and_then(|raw| ModelConfig::parse(&raw).ok()).unwrap_or_default();
        Stored {
            name: model.name.to_string(),
            digest: model.manifest.digest().to_string(),
            size: model.manifest.size(),
            modified_at: model.modified_ms,
            used_at,
            sources: model
                .manifest
                .layers()
                .iter()
                .filter_map(Source::of)
                .map(|source| source.address)
                .collect(),
            details: Details {
                family: config.model_family,
                parameter_size: config.model_type,
                quantization_level: config.file_type,
            },
        }
    }
}

impl Shown {
    /// Everything about a stored model.
    pub async fn of(
        store: &PageStore,
        model: &Model,
        used_at: Option<u64>,
    ) -> Result<Shown, EdgeError> {
        let stored = Stored::of(store, model, used_at).await;
        let files = PageStore::model_files(model);
        let mut sources: Vec<Box<dyn ByteSource>> = Vec::new();
        for file in &files {
            sources.push(Box::new(store.open_blob(&file.digest).await?));
        }
        let gguf = Gguf::open_split(sources)?;
        let text = async |media_type| -> Result<Option<String>, EdgeError> {
            match model.manifest.layers_of(media_type).next() {
                Some(layer) => {
                    let raw = store.read_layer(layer).await?;
                    Ok(Some(String::from_utf8_lossy(&raw).into_owned()))
                }
                None => Ok(None),
            }
        };
        // Texts in which nothing can be read are an answer's to complain about.
        let parameters = text(media::PARAMS).await?.and_then(|raw| serde_json::from_str(&raw).ok());
        let own = |key| gguf.metadata.str(key).ok().flatten().map(str::to_owned);
        Ok(Shown {
            stored,
            template: text(media::TEMPLATE).await?.or_else(|| own("tokenizer.chat_template")),
            system: text(media::SYSTEM).await?,
            parameters: parameters.unwrap_or_default(),
            license: text(media::LICENSE).await?.or_else(|| own("general.license")),
            metadata: metadata(&gguf),
            files: files
                .into_iter()
                .map(|file| FileOut {
                    name: file.file_name,
                    digest: file.digest.to_string(),
                    size: file.size,
                })
                .collect(),
        })
    }
}

fn metadata(gguf: &Gguf) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in gguf.metadata.iter() {
        let value = match value {
            gguf::Value::String(text) => Value::from(text.clone()),
            gguf::Value::Bool(flag) => Value::from(*flag),
            gguf::Value::Array(_) => continue,
            number => match number.as_integer() {
                // Every integer of ours is exact in a double; a stranger's may be none of ours.
                Some(n) => Value::from(n as f64),
                None => match number {
                    gguf::Value::F32(value) => Value::from(*value),
                    gguf::Value::F64(value) => Value::from(*value),
                    _ => continue,
                },
            },
        };
        out.insert(key.to_owned(), value);
    }
    out
}

impl Verified {
    pub fn of(report: &Report) -> Verified {
        let problem = |verdict: &Verdict, size| match verdict {
            Verdict::Good => String::new(),
            Verdict::Missing => "The file is gone. Get the model again.".to_owned(),
            Verdict::Length { have } => {
                format!("The file has {have} bytes instead of {size}. Get the model again.")
            }
            Verdict::Changed { got } => {
                format!("The file was changed: its digest is {got} now. Get the model again.")
            }
            Verdict::Unreadable(reason) => format!("The file cannot be read: {reason}."),
        };
        let checked = report.blobs.iter().map(|blob| Checked {
            digest: blob.digest.to_string(),
            size: blob.size,
            good: blob.verdict == Verdict::Good,
            problem: problem(&blob.verdict, blob.size),
        });
        Verified { good: report.is_good(), files: checked.collect() }
    }
}
