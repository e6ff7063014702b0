//! `create` with `quantize`: smaller weights under a name, or nothing at all.

use std::path::Path;

use api::host::{Library, LibraryError};
use futures_util::StreamExt;
use gguf::{ByteSource, Gguf, Writer};
use quant::{TensorType, encode_row};
use serde_json::{Value, json};

use super::files::Tested;
use super::lab::{collect, library, metadata, request, run, succeed, upload};

/// Numbers like weights, so many, in rows of 256; `spoil` may change one.
fn file(n_rows: u64, spoil: Option<(usize, f32)>) -> Vec<u8> {
    let mut writer = Writer::new(metadata());
    let dims = [256, n_rows];
    writer.tensor("blk.0.attn_q.weight", TensorType::F16, &dims).unwrap();
    writer.tensor("output_norm.weight", TensorType::F32, &[256]).unwrap();
    let mut data = writer.start(Vec::new()).unwrap();
    let n = usize::try_from(256 * n_rows).unwrap();
    let mut values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin() * 0.1).collect();
    let mut bytes = vec![0; n * 2];
    encode_row(TensorType::F16, &values, None, &mut bytes).unwrap();
    if let Some((at, value)) = spoil {
        values[at] = value;
        bytes[at * 2..at * 2 + 2].copy_from_slice(&[0, 0x7e]);
    }
    data.write_tensor("blk.0.attn_q.weight", &bytes).unwrap();
    data.write_tensor("output_norm.weight", &[0; 1024]).unwrap();
    data.finish().unwrap()
}

async fn create_from(
    library: &Tested,
    bytes: &[u8],
    name: &str,
    ty: &str,
) -> (Vec<String>, Option<LibraryError>) {
    let files = json!({"tiny.gguf": upload(library, bytes).await});
    let body = json!({"model": name, "files": files, "quantize": ty});
    let (lines, error) = collect(library.create(request(body))).await;
    let mut steps: Vec<String> = lines.into_iter().map(|line| line.status).collect();
    // However many lines a bar took.
    steps.dedup();
    (steps, error)
}

/// Files of the store that are no blob and no manifest.
fn leftovers(folder: &Path) -> Vec<String> {
    let blobs = std::fs::read_dir(folder.join("blobs")).unwrap();
    let names = blobs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("sha256-") || name.len() != 71).collect()
}

#[test]
fn weights_are_made_smaller_in_ollamas_words() {
    let (folder, library) = library();
    run(async {
        let bytes = file(8, None);
        let (steps, error) = create_from(&library, &bytes, "small", "q4_K_M").await;
        assert_eq!(error, None, "{steps:?}");
        let known = ["parsing GGUF", "quantizing F16 model to Q4_K_M", "verifying conversion"];
        assert_eq!(steps[..3], known);
        assert!(steps[3].starts_with("creating new layer sha256:"), "{steps:?}");
        assert_eq!(steps[4..], ["writing manifest", "success"]);
        let model = library.get("small").await.unwrap();
        assert_eq!(model.details.quantization_level, "Q4_K_M");
        let path = library.blob_path(&model.files[0]).unwrap();
        let written = Gguf::open(Box::new(std::fs::read(path).unwrap())).unwrap();
        assert_eq!(written.tensor("blk.0.attn_q.weight").unwrap().ty, TensorType::Q4_K);
        assert_eq!(written.metadata.u32("general.file_type"), Ok(Some(15)));

        // Of a stored model, with the older name of the field; its texts come along.
        let body = json!({"model": "base", "files": {"t.gguf": upload(&library, &bytes).await},
            "system": "Be kind."});
        succeed(library.create(request(body))).await;
        let body = json!({"model": "eight", "from": "base", "quantization": "Q8_0"});
        let lines = succeed(library.create(request(body))).await;
        let bar = lines.iter().find(|line| line.total.is_some()).unwrap();
        assert_eq!((bar.total, bar.digest.is_some()), (Some(8 * 512 + 1024), true));
        let model = library.get("eight").await.unwrap();
        assert_eq!(model.details.quantization_level, "Q8_0");
        assert_eq!(model.system.as_deref(), Some("Be kind."));

        // The type it has: the layer it has.
        let body = json!({"model": "same", "from": "base", "quantize": "F16"});
        let lines = succeed(library.create(request(body))).await;
        assert!(lines.iter().all(|line| line.total.is_none()), "{lines:?}");
        let files = library.get("same").await.unwrap().files;
        assert_eq!(files, library.get("base").await.unwrap().files);
        assert_eq!(leftovers(folder.path()), [""; 0]);
    });
}

#[test]
fn what_cannot_be_quantized_leaves_nothing() {
    let (folder, library) = library();
    run(async {
        let (_, error) = create_from(&library, &file(8, None), "small", "Q4_K_M").await;
        assert_eq!(error, None);
        let (steps, error) =
            create_from(&library, &file(900, Some((777, 0.0))), "nan", "Q8_0").await;
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("row 3 of tensor \"blk.0.attn_q.weight\""), "{said} {steps:?}");
        for (body, want) in [
            (json!({"model": "twice", "from": "small", "quantize": "Q8_0"}), "only supported for"),
            (json!({"model": "x", "from": "small", "quantize": "Q2"}), "unsupported quantization"),
            (json!({"model": "x", "from": "small", "quantize": "TQ1_0"}), "unsupported quantiz"),
        ] {
            let (_, error) = collect(library.create(request::<_>(body))).await;
            let said = error.map(|error: LibraryError| error.to_string()).unwrap_or_default();
            assert!(said.contains(want), "{want}: {said}");
        }
        let models = library.list().await.unwrap();
        assert_eq!(
            models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(),
            ["small:latest"]
        );
        assert_eq!(leftovers(folder.path()), [""; 0]);
    });
}

#[test]
fn a_dropped_request_stops_the_work() {
    let (folder, library) = library();
    run(async {
        // Some megabytes: more than waits in the channel.
        let files: Value = json!({"big.gguf": upload(&library, &file(40_000, None)).await});
        let body = json!({"model": "big", "files": files, "quantize": "F32"});
        let mut stream = library.create(request(body));
        while let Some(line) = stream.next().await {
            if line.unwrap().completed.is_some_and(|done| done > 0) {
                break;
            }
        }
        drop(stream);
        assert_eq!(library.list().await.unwrap().len(), 0);
        assert_eq!(leftovers(folder.path()), [""; 0]);
        // The same request, this time to its end.
        let body = json!({"model": "big", "files": files, "quantize": "F32"});
        succeed(library.create(request(body))).await;
        let path = library.get("big").await.unwrap().files.remove(0);
        let bytes = std::fs::read(library.blob_path(&path).unwrap()).unwrap();
        assert!(ByteSource::len(&bytes) > 40_000 * 1024);
    });
}
