//! Create, list, show, copy, delete, and what is refused.

use api::host::{BlobPut, Capability, Library, LibraryError};
use api::http::BodyError;
use futures_util::{StreamExt, stream};
use serde_json::json;
use store::{Digest, Placing};

use super::lab::{
    JINJA, collect, create_tiny, gguf, library, metadata, request, run, succeed, upload,
};

#[test]
fn a_model_from_its_file_to_its_end() {
    let (_folder, library) = library();
    run(async {
        let lines = create_tiny(&library, "Tiny:1b").await;
        let steps: Vec<&str> = lines.iter().map(|line| line.status.as_str()).collect();
        assert_eq!((steps[0], steps[2]), ("parsing GGUF", "writing manifest"));
        assert!(steps[1].starts_with("using existing layer sha256:"), "{steps:?}");

        let models = library.list().await.unwrap();
        assert_eq!(models.len(), 1);
        let model = &models[0];
        assert_eq!((model.name.as_str(), model.namespace.as_str()), ("Tiny:1b", "library"));
        assert_eq!((model.context_length, model.embedding_length), (Some(2048), Some(64)));
        assert_eq!(model.capabilities, [Capability::Completion, Capability::Tools]);
        let details = &model.details;
        let words = [&details.format, &details.family, &details.parameter_size];
        assert_eq!(words, ["gguf", "llama", "128"]);
        assert_eq!(details.quantization_level, "F32");
        assert!(library.blob_path(&model.files[0]).unwrap().is_file());

        let shown = library.details("tiny:1B", false).await.unwrap();
        assert_eq!(shown.template, JINJA);
        assert_eq!(shown.model_info["general.parameter_count"], 128);
        assert_eq!(shown.model_info["tokenizer.ggml.tokens"], json!(null));
        assert!(!shown.model_info.contains_key("general.name") && shown.tensors.is_empty());
        let verbose = library.details("tiny:1b", true).await.unwrap();
        assert_eq!(verbose.model_info["tokenizer.ggml.tokens"], json!(["a", "b"]));
        assert_eq!(
            (verbose.tensors[0].kind.as_str(), &verbose.tensors[0].shape[..]),
            ("F32", &[64, 2][..])
        );

        library.copy("tiny:1b", "me/other").await.unwrap();
        assert_eq!(library.get("me/other").await.unwrap().digest, model.digest);
        library.delete("tiny:1b").await.unwrap();
        assert!(library.has_blob(&model.files[0]).await.unwrap());
        library.delete("me/other").await.unwrap();
        assert!(!library.has_blob(&model.files[0]).await.unwrap());
        assert_eq!(
            library.get("me/other").await.err(),
            Some(LibraryError::NotFound("me/other:latest".into()))
        );
    });
}

#[test]
fn a_model_of_a_model_has_texts_of_its_own() {
    let (_folder, library) = library();
    run(async {
        create_tiny(&library, "base").await;
        let texts = json!({
            "model": "mario", "from": "base", "template": "{{ .Prompt }}{{ .Suffix }}",
            "system": "You are Mario.", "license": ["Free."],
            "parameters": {"temperature": 0.5, "stop": ["<end>"]},
            "messages": [{"role": "user", "content": "hi"}],
        });
        succeed(library.create(request(texts))).await;
        let model = library.get("mario").await.unwrap();
        assert_eq!(model.system.as_deref(), Some("You are Mario."));
        assert_eq!(model.capabilities, [Capability::Completion, Capability::Insert]);
        assert_eq!(model.details.parent_model, "base:latest");
        assert_eq!(model.messages, [chat::Message::new("user", "hi")]);

        // What is not said stays; what is said replaces; the same license stands there once.
        let texts = json!({
            "model": "luigi", "from": "mario", "system": "You are Luigi.", "license": "Free.",
            "parameters": {"temperature": 1.0},
        });
        succeed(library.create(request(texts))).await;
        let model = library.get("luigi").await.unwrap();
        assert_eq!(model.system.as_deref(), Some("You are Luigi."));
        assert_eq!(json!(model.params), json!({"temperature": 1.0, "stop": ["<end>"]}));
        let shown = library.details("luigi", false).await.unwrap();
        assert_eq!((shown.license.len(), shown.messages.len()), (1, 1));
        assert_eq!(shown.template, "{{ .Prompt }}{{ .Suffix }}");

        // The Modelfile makes the same model again.
        let file = chat::modelfile::Modelfile::parse(&shown.modelfile).unwrap();
        assert_eq!(file.last("FROM"), Some("luigi:latest"));
        assert_eq!(json!(file.parameters().unwrap()), json!(model.params));
    });
}

#[test]
fn a_split_model_is_one_model() {
    let (_folder, library) = library();
    run(async {
        let part = |no: u16, tensor: &str| {
            let mut metadata = if no == 0 { metadata() } else { gguf::Metadata::new() };
            metadata.insert("split.no", no);
            metadata.insert("split.count", 2u16);
            metadata.insert("split.tensors.count", 2i32);
            gguf(metadata, tensor, 64)
        };
        let first = upload(&library, &part(0, "a")).await;
        let second = upload(&library, &part(1, "b")).await;
        // Named so that sorting the names alone would put the second part first.
        let files = json!({"b-00001-of-00002.gguf": first, "a-00002-of-00002.gguf": second});
        succeed(library.create(request(json!({"model": "split", "files": files})))).await;
        let model = library.get("split").await.unwrap();
        assert_eq!(model.files, [first.clone(), second]);
        assert_eq!(model.details.parameter_size, "128");
        let half = json!({"model": "half", "files": {"a-00001-of-00002.gguf": first}});
        let (_, error) = collect(library.create(request(half))).await;
        assert!(matches!(error, Some(LibraryError::Invalid(_))), "{error:?}");
    });
}

#[test]
fn what_no_model_can_be_made_of() {
    let (_folder, library) = library();
    run(async {
        let text = upload(&library, b"no model at all").await;
        let missing = Digest::of(b"missing").to_string();
        let mut adapter = metadata();
        adapter.insert("general.type", "adapter");
        let adapter = upload(&library, &gguf(adapter, "a", 64)).await;
        for (request_json, want) in [
            (json!({"model": "../x", "from": "a"}), "invalid model name"),
            (json!({"model": "x", "files": {"m.gguf": text}}), "\"m.gguf\" is no GGUF file"),
            (
                json!({"model": "x", "files": {"m.safetensors": text}}),
                "the model cannot be converted: there is no config.json",
            ),
            (json!({"model": "x", "files": {"m.gguf": missing}}), "the blob sha256:"),
            (json!({"model": "x", "files": {"m.gguf": adapter}}), "\"m.gguf\" is an adapter"),
        ] {
            let (_, error) = collect(library.create(request(request_json.clone()))).await;
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(want), "{request_json}: {error}");
        }
        assert_eq!(library.list().await.unwrap().len(), 0);
    });
}

#[test]
fn a_model_without_its_weights_can_be_seen_and_deleted() {
    let (_folder, library) = library();
    run(async {
        create_tiny(&library, "a").await;
        let files = library.get("a").await.unwrap().files;
        std::fs::remove_file(library.blob_path(&files[0]).unwrap()).unwrap();
        let fresh = super::files::in_folder(library.store().io().root());
        let model = fresh.get("a").await.unwrap();
        assert_eq!((model.context_length, model.details.family.as_str()), (None, "llama"));
        assert_eq!(fresh.list().await.unwrap().len(), 1);
        assert!(fresh.details("a", true).await.unwrap().model_info.is_empty());
        fresh.delete("a").await.unwrap();
        assert_eq!(fresh.list().await.unwrap().len(), 0);
    });
}

#[test]
fn blobs_that_are_not_what_they_say() {
    let (_folder, library) = library();
    run(async {
        let digest = Digest::of(b"right").to_string();
        let body = |chunks: Vec<Result<Vec<u8>, BodyError>>| stream::iter(chunks).boxed_local();
        let got = Digest::of(b"wrong").to_string();
        let put = library.put_blob(&digest, None, body(vec![Ok(b"wrong".to_vec())])).await;
        assert_eq!(put, Err(LibraryError::DigestMismatch { expected: digest.clone(), got }));
        let broken = vec![Ok(b"ri".to_vec()), Err(BodyError::TimedOut)];
        let put = library.put_blob(&digest, None, body(broken)).await;
        assert_eq!(put, Err(LibraryError::Body(BodyError::TimedOut)));
        assert!(!library.has_blob(&digest).await.unwrap());
        for want in [BlobPut::Created, BlobPut::Existed] {
            let put = library.put_blob(&digest, None, body(vec![Ok(b"right".to_vec())])).await;
            assert_eq!(put, Ok(want));
        }
    });
}

#[test]
fn files_in_and_out_without_a_server() {
    let (folder, library) = library();
    run(async {
        let bytes = gguf(metadata(), "a", 128);
        let file = folder.path().join("given.gguf");
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(library.import("tiny", &file, Placing::Copy).await.unwrap(), "tiny:latest");
        let archive = folder.path().join("tiny.tar");
        library.save("tiny", &archive, |_| ()).await.unwrap();
        let places = library.export("tiny", folder.path(), |_| ()).await.unwrap();
        assert_eq!(std::fs::read(&places[0]).unwrap(), bytes);

        let (_other_folder, other) = super::lab::library();
        assert_eq!(other.load(&archive, Some("me/t"), |_| ()).await.unwrap(), "me/t:latest");
        assert!(other.verify(None, |_| ()).await.unwrap().is_good());
        assert_eq!(other.prune().await.unwrap().blobs, []);
        let digest = &other.get("me/t").await.unwrap().files[0];
        std::fs::write(other.blob_path(digest).unwrap(), vec![0; bytes.len()]).unwrap();
        assert!(!other.verify(Some("me/t"), |_| ()).await.unwrap().is_good());
        assert!(other.load(&folder.path().join("none"), None, |_| ()).await.is_err());
    });
}

#[test]
fn a_hundred_models_are_listed_at_once() {
    let (_folder, library) = library();
    run(async {
        for i in 0..100 {
            let mut own = metadata();
            own.insert("general.description", format!("number {i}"));
            let digest = upload(&library, &gguf(own, "a", 64)).await;
            let files = json!({"m.gguf": digest});
            succeed(library.create(request(json!({"model": format!("m{i}"), "files": files}))))
                .await;
        }
        // The least of several is the one that a busy machine disturbed least.
        let mut least = std::time::Duration::MAX;
        for _ in 0..5 {
            let fresh = super::files::in_folder(library.store().io().root());
            let start = std::time::Instant::now();
            assert_eq!(fresh.list().await.unwrap().len(), 100);
            least = least.min(start.elapsed());
        }
        assert!(least.as_millis() < 1000, "{least:?}");
    });
}

#[test]
fn the_demo_comes_from_the_program_and_is_a_model_like_any_other() {
    let (_folder, library) = library();
    run(async {
        for name in ["demo", "demo:latest", "library/demo"] {
            let lines = succeed(library.pull(request(json!({"model": name})))).await;
            assert_eq!(lines.last().unwrap().status, "success", "{name}");
        }
        let models = library.list().await.unwrap();
        let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["demo:latest"]);
        assert_eq!(models[0].details.quantization_level, "Q4_K_M");
        assert_eq!(models[0].files, [Digest::of(super::super::DEMO.bytes).to_string()]);
        library.copy("demo", "mine").await.unwrap();
        library.delete("demo").await.unwrap();
        assert!(library.get("mine").await.is_ok());
    });
}
