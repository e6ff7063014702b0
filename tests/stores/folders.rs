//! Models and adapters in folders: made by `ingle create`, run by the server, and the same as what
//! they were made of.

use std::path::Path;

use gguf::Gguf;
use serde_json::json;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::serve::Serve;
use crate::{hf, lora, models};

fn write(scratch: &Scratch, name: &str, files: &hf::Folder) {
    std::fs::create_dir_all(scratch.path(name)).unwrap();
    for (file, bytes) in files {
        let _ = scratch.write(&format!("{name}/{file}"), bytes);
    }
}

fn create(
    server: &Serve,
    scratch: &Scratch,
    model: &str,
    modelfile: &str,
) -> (Option<i32>, String) {
    create_in(server, scratch, model, modelfile, &[])
}

fn create_in(
    server: &Serve,
    scratch: &Scratch,
    model: &str,
    modelfile: &str,
    more: &[&str],
) -> (Option<i32>, String) {
    let file = scratch.write("Modelfile", modelfile.as_bytes());
    let run = server.ingle(&[&["create", model, "-f", file.to_str().unwrap()], more].concat());
    (run.code, run.stderr)
}

fn said(server: &Serve, model: &str) -> String {
    let options = json!({"temperature": 0, "num_predict": 24});
    let body = json!({"model": model, "prompt": "The trees", "raw": true, "options": options,
        "stream": false});
    let answer = server.ask("POST", "/api/generate", &body).last();
    answer["response"].as_str().unwrap_or_else(|| panic!("{model}: {answer}")).to_owned()
}

fn layers(root: &Path, model: &str) -> Vec<String> {
    let (store, name) = (models::open(root), model.parse().unwrap());
    let stored = pollster::block_on(store.get(&name)).unwrap();
    stored.manifest.layers().iter().map(|layer| layer.media_type.clone()).collect()
}

/// Blobs of the store that are GGUF files.
fn ggufs(root: &Path) -> usize {
    let blobs = std::fs::read_dir(root.join("blobs")).unwrap().flatten();
    let is_gguf = |path: &Path| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"GGUF"));
    blobs.filter(|entry| is_gguf(&entry.path())).count()
}

#[test]
fn folders_become_models_and_adapters_change_them() {
    let scratch = Scratch::new();
    let spec = Spec::tiny("llama");
    let model = Gguf::open(Box::new(spec.bytes())).unwrap();
    let _ = scratch.write("tiny.gguf", &spec.bytes());
    let _ = scratch.write("q8.gguf", &Spec { ty: quant::TensorType::Q8_0, ..spec }.bytes());
    write(&scratch, "weights", &hf::folder(&model));
    write(&scratch, "lora", &lora::folder(&model));
    let other = Gguf::open(Box::new(Spec::tiny("gemma3").bytes())).unwrap();
    write(&scratch, "other", &lora::folder(&other));
    let root = scratch.path("store");
    let server = Serve::start(&root);
    for (name, text) in [
        ("file", "FROM ./tiny.gguf"),
        ("folder", "FROM ./weights"),
        ("weights", "FROM ./weights/model.safetensors"),
        ("changed", "FROM ./tiny.gguf\nADAPTER ./lora"),
        ("both", "FROM ./weights\nADAPTER ./lora"),
        ("quantized", "FROM ./q8.gguf\nADAPTER ./lora"),
    ] {
        let (code, stderr) = create(&server, &scratch, name, text);
        assert_eq!(code, Some(0), "{name}: {stderr}");
    }
    let plain = said(&server, "file");
    assert_eq!(said(&server, "folder"), plain);
    assert_eq!(said(&server, "weights"), plain);
    let changed = said(&server, "changed");
    assert_ne!(changed, plain);
    assert_eq!(said(&server, "both"), changed);
    assert!(!said(&server, "quantized").is_empty());
    let adapter = "application/vnd.ollama.image.adapter";
    assert!(layers(&root, "changed").iter().any(|kind| kind == adapter));
    // Converted and rounded in one go: no file of floats is left beside it.
    for (name, text) in [("small", "FROM ./weights"), ("small-file", "FROM ./tiny.gguf")] {
        let done = create_in(&server, &scratch, name, text, &["-q", "Q8_0"]);
        assert_eq!(done.0, Some(0), "{name}: {}", done.1);
    }
    assert_eq!(said(&server, "small"), said(&server, "small-file"));
    for name in ["folder", "weights", "both", "small-file", "file", "changed", "quantized"] {
        assert_eq!(server.ingle(&["rm", name]).code, Some(0), "{name}");
    }
    assert_eq!(ggufs(&root), 1);
    for (text, want) in [
        ("FROM ./tiny.gguf\nADAPTER ./tiny.gguf", "\"adapter\" and \"lora\" are"),
        ("FROM ./tiny.gguf\nADAPTER ./other", "the adapter does not fit the model"),
        ("FROM ./lora", "there is no config.json"),
    ] {
        let (code, stderr) = create(&server, &scratch, "bad", text);
        assert_ne!(code, Some(0), "{text}");
        assert!(stderr.contains(want), "{text}: {stderr}");
    }
}
