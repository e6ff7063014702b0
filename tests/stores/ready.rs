//! A store with a hundred models: the server lists all of them, and how soon it can.
//!
//! `INGLE_READY=file` writes the times of several starts there, milliseconds from the start of the
//! process; they mean something with a program that was built with optimization (`INGLE_BIN`):
//! `INGLE_BIN=$PWD/target/release/ingle INGLE_READY=ready.json \
//!  cargo test -p tests --test stores ready -- --nocapture`

use std::path::Path;
use std::time::{Duration, Instant};

use gguf::{Metadata, Writer};
use quant::TensorType;
use serde_json::{Value, json};
use store::{Layer, Name, media};
use tests::scratch::Scratch;

use crate::models::{import, open};
use crate::serve::Serve;

const MODELS: usize = 100;
/// Tokens and merges of each model's header: Llama 3's numbers.
const TOKENS: usize = 128_256;
const MERGES: usize = 280_147;
/// Starts whose times are written.
const STARTS: usize = 5;

/// A model file with a header as large as those of today's models, and next to no weights.
fn file(name: &str, tokens: usize, merges: usize) -> Vec<u8> {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.name", name);
    metadata.insert("llama.context_length", 8192u32);
    metadata.insert("llama.embedding_length", 64u32);
    let words = |n: usize| (0..n).map(|i| format!("token{i}")).collect::<Vec<_>>();
    metadata.insert("tokenizer.ggml.model", "gpt2");
    metadata.insert("tokenizer.ggml.tokens", words(tokens));
    metadata.insert("tokenizer.ggml.token_type", vec![1i32; tokens]);
    metadata.insert("tokenizer.ggml.merges", words(merges));
    let mut writer = Writer::new(metadata);
    writer.tensor("output_norm.weight", TensorType::F32, &[64]).unwrap();
    let mut data = writer.start(Vec::new()).unwrap();
    data.write_tensor("output_norm.weight", &[0; 256]).unwrap();
    data.finish().unwrap()
}

/// A store whose models have a file each.
fn fill(root: &Path, tokens: usize, merges: usize) {
    for i in 0..MODELS {
        let name = format!("me/model-{i}");
        import(root, &name, file(&name, tokens, merges));
    }
}

/// A store whose models have the same weights and each a system text of its own.
fn fill_alike(root: &Path, tokens: usize, merges: usize) {
    import(root, "base", file("base", tokens, merges));
    let store = open(root);
    let base: Name = "base".parse().unwrap();
    pollster::block_on(async {
        let base = store.get(&base).await.unwrap();
        let config = store.read_layer(base.manifest.config()).await.unwrap();
        for i in 1..MODELS {
            let text = format!("You are number {i}.");
            let digest = store.put_bytes(text.as_bytes()).await.unwrap();
            let mut layers = base.manifest.layers().to_vec();
            layers.push(Layer::new(media::SYSTEM, digest, text.len() as u64));
            let config = store::ModelConfig::parse(&config).unwrap();
            let manifest = store.manifest_of(config, layers).await.unwrap();
            let name = format!("me/model-{i}").parse().unwrap();
            store.commit(&name, &manifest).await.unwrap();
        }
    });
}

/// Starts a server; gives the time until it answered `/api/version`, and `/api/tags` after that.
fn start(root: &Path) -> [Duration; 2] {
    let start = Instant::now();
    let server = Serve::start(root);
    assert_eq!(server.ask("GET", "/api/version", &Value::Null).status, 200);
    let version = start.elapsed();
    let tags = server.ask("GET", "/api/tags", &Value::Null).text().unwrap();
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags["models"].as_array().map(Vec::len), Some(MODELS));
    [version, start.elapsed()]
}

/// Starts over one store, for the record.
fn row(what: &str, root: &Path) -> Value {
    let starts: Vec<[Duration; 2]> = (0..STARTS).map(|_| start(root)).collect();
    println!("{what}: version and tags after {starts:?}");
    let ms = |at: usize| -> Value {
        let spans = starts.iter().map(|spans| spans[at].as_secs_f64() * 1e3);
        spans.map(|ms| (ms * 10.0).round() / 10.0).collect()
    };
    json!({"what": what, "version_ms": ms(0), "tags_ms": ms(1)})
}

#[test]
fn a_hundred_models_are_listed_at_once() {
    let scratch = Scratch::new();
    let (own, alike) = (scratch.path("own"), scratch.path("alike"));
    let record = std::env::var_os("INGLE_READY");
    // Large headers take a debug build long, and prove nothing more.
    let (tokens, merges) = if record.is_some() { (TOKENS, MERGES) } else { (1000, 1000) };
    fill(&own, tokens, merges);
    fill_alike(&alike, tokens, merges);
    let Some(path) = record else {
        println!("version and tags after {:?}", [start(&own), start(&alike)]);
        return;
    };
    let rows = [
        row("100 models of 100 files with 128256 tokens each", &own),
        row("100 models of one file with 128256 tokens", &alike),
    ];
    let text: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(path, text.concat()).unwrap();
}
