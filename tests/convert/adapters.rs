//! LoRA: from both forms, merged into float and quantized models.

use std::sync::Arc;

use convert::{Adapter, GgufView, Merged, Precision};
use gguf::{ByteSource, Gguf};
use quant::TensorType;
use quantize::GgufSource;
use serde_json::json;
use tests::models::Spec;

use crate::lora::{ALPHA, RANK, bytes, deltas, folder};
use crate::{files, nmse, numbers, parsed};

/// The model with the sums written out, in F32.
fn summed(spec: &Spec, scale: f32) -> Gguf {
    let model = parsed(spec.bytes());
    let mut writer = gguf::Writer::new(model.metadata.clone());
    let is_matrix = |info: &gguf::TensorInfo| info.dims.len() > 1;
    for info in &model.tensors {
        let ty = if is_matrix(info) { TensorType::F32 } else { info.ty };
        writer.tensor(info.name.as_str(), ty, &info.dims).unwrap();
    }
    let deltas = deltas(&model);
    let mut data = writer.start(Vec::new()).unwrap();
    for info in &model.tensors {
        let mut raw = vec![0; usize::try_from(info.n_bytes).unwrap()];
        model.read_tensor(info, 0, &mut raw).unwrap();
        let mut numbers = vec![0.0; usize::try_from(info.n_elements()).unwrap()];
        quant::decode(info.ty, &raw, &mut numbers).unwrap();
        if let Some(delta) = deltas.iter().find(|delta| delta.name == info.name) {
            for row in 0..delta.n_out {
                for col in 0..delta.n_in {
                    let sum: f32 = (0..RANK)
                        .map(|r| delta.b[row * RANK + r] * delta.a[r * delta.n_in + col])
                        .sum();
                    numbers[row * delta.n_in + col] += scale * ALPHA / RANK as f32 * sum;
                }
            }
        }
        data.write_tensor(&info.name, &bytes(&numbers)).unwrap();
    }
    parsed(data.finish().unwrap())
}

fn merged(spec: &Spec, adapter: &Arc<Adapter>, scale: f32) -> Gguf {
    let base = Box::new(GgufSource::new(parsed(spec.bytes())));
    let adapters = vec![(adapter.clone(), scale)];
    let merged = Merged::new(base, adapters, Precision::OfBase).unwrap();
    Gguf::open(Box::new(GgufView::new(Box::new(merged)).unwrap())).unwrap()
}

#[test]
fn an_adapter_is_the_sum_it_stands_for() {
    for (architecture, ty, allowed) in [
        ("llama", TensorType::F32, 1e-10),
        ("llama", TensorType::F16, 1e-6),
        ("llama", TensorType::Q8_0, 1e-6),
        ("qwen3", TensorType::BF16, 1e-4),
        ("gemma3", TensorType::F32, 1e-10),
    ] {
        let spec = Spec { ty, ..Spec::tiny(architecture) };
        let model = parsed(spec.bytes());
        let adapter = Adapter::of_folder(files(&folder(&model)), &model.metadata).unwrap();
        let adapter = Arc::new(adapter);
        for scale in [1.0, 0.5] {
            let (got, want) =
                (numbers(&merged(&spec, &adapter, scale)), numbers(&summed(&spec, scale)));
            let error = nmse(&got, &want);
            assert!(error <= allowed, "{architecture} {ty} at {scale}: NMSE {error:.1e}");
            let plain = nmse(&numbers(&model), &want);
            assert!(plain > 1e-3, "{architecture} {ty}: the adapter does nothing ({plain:.1e})");
        }
    }
}

#[test]
fn both_forms_of_an_adapter_are_one() {
    let model = parsed(Spec::tiny("llama").bytes());
    let adapter = Adapter::of_folder(files(&folder(&model)), &model.metadata).unwrap();
    let view = GgufView::new(adapter.clone().into_source()).unwrap();
    let mut whole = vec![0; usize::try_from(view.len()).unwrap()];
    view.read_at(0, &mut whole).unwrap();
    assert!(Adapter::of_gguf(&parsed(whole)).unwrap() == adapter, "one of them differs");
}

#[test]
fn what_fits_no_model_is_refused_in_a_sentence() {
    let model = parsed(Spec::tiny("llama").bytes());
    let good = folder(&model);
    let config = |json: serde_json::Value| {
        let mut folder = good.clone();
        folder[0].1 = json.to_string().into_bytes();
        folder
    };
    let lora = |key: &str, value: serde_json::Value| {
        let mut json = json!({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA});
        json[key] = value;
        config(json)
    };
    for (folder, want) in [
        (good[1..].to_vec(), "there is no adapter_config.json"),
        (good[..1].to_vec(), "there is no file with weights"),
        (lora("peft_type", json!("IA3")), "an adapter of the kind \"IA3\""),
        (lora("use_dora", json!(true)), "an adapter of the kind DoRA"),
        (lora("modules_to_save", json!(["lm_head"])), "modules_to_save"),
        (lora("bias", json!("all")), "trained biases"),
        (lora("lora_alpha", json!("x")), "\"lora_alpha\""),
        (lora("lora_alpha", json!(0)), "it changes nothing"),
    ] {
        let error = Adapter::of_folder(files(&folder), &model.metadata).map(drop).expect_err(want);
        assert!(error.to_string().contains(want), "{error}");
    }
    let adapter = Arc::new(Adapter::of_folder(files(&good), &model.metadata).unwrap());
    for (spec, want) in [
        (Spec::tiny("qwen3"), "it is for llama models, this is a qwen3 model"),
        (Spec::quantized("llama", TensorType::Q4_K), "has the sizes"),
    ] {
        let base = Box::new(GgufSource::new(parsed(spec.bytes())));
        let result = Merged::new(base, vec![(adapter.clone(), 1.0)], Precision::OfBase);
        let error = result.err().expect(want).to_string();
        assert!(error.contains(want), "{error}");
    }
}
