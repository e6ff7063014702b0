//! LoRA: from both forms, merged into float and quantized models.

use std::sync::Arc;

use convert::{Adapter, GgufView, Merged, Precision};
use gguf::{ByteSource, Gguf};
use quant::TensorType;
use quantize::GgufSource;
use serde_json::json;
use tests::models::Spec;

use crate::hf::{self, Folder};
use crate::{files, nmse, numbers, parsed};

const RANK: usize = 4;
const ALPHA: f32 = 6.0;

/// Numbers that look like an adapter's.
fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0) * 0.1).collect()
}

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// What an adapter adds to a matrix, as `peft` defines it, in the rows of the GGUF file.
struct Delta {
    name: String,
    n_in: usize,
    n_out: usize,
    a: Vec<f32>,
    b: Vec<f32>,
}

fn deltas(model: &Gguf) -> Vec<Delta> {
    let wanted = ["attn_q.weight", "attn_k.weight", "ffn_down.weight"];
    let chosen = model.tensors.iter().filter(|t| wanted.iter().any(|end| t.name.ends_with(end)));
    let delta = |(i, info): (usize, &gguf::TensorInfo)| {
        let (n_in, n_out) = (info.dims[0] as usize, info.dims[1] as usize);
        let (a, b) = (noise(RANK * n_in, i), noise(n_out * RANK, i + 100));
        Delta { name: info.name.clone(), n_in, n_out, a, b }
    };
    chosen.enumerate().map(delta).collect()
}

/// The folder of the adapter.
fn folder(model: &Gguf) -> Folder {
    let arch = model.metadata.str("general.architecture").unwrap().unwrap().to_owned();
    let head_dim = model.metadata.u32(&format!("{arch}.attention.key_length")).unwrap().unwrap();
    let mut tensors = Vec::new();
    for delta in deltas(model) {
        let module = delta.name.strip_suffix(".weight").unwrap();
        let there = format!("base_model.model.{}", hf::there(&arch, module));
        let mut b = bytes(&delta.b);
        if arch == "llama" && module.contains("attn_") {
            b = hf::halves(&b, head_dim as usize, delta.n_out);
        }
        let rank = RANK as u64;
        let (a, n_in, n_out) = (bytes(&delta.a), delta.n_in as u64, delta.n_out as u64);
        tensors.push((format!("{there}.lora_A.weight"), "F32", vec![rank, n_in], a));
        tensors.push((format!("{there}.lora_B.weight"), "F32", vec![n_out, rank], b));
    }
    let config = json!({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none"});
    vec![
        ("adapter_config.json".to_owned(), config.to_string().into_bytes()),
        ("adapter_model.safetensors".to_owned(), hf::safetensors(&tensors)),
    ]
}

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
    assert_eq!(Adapter::of_gguf(&parsed(whole)).unwrap(), adapter);
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
        let error = Adapter::of_folder(files(&folder), &model.metadata).err().expect(want);
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
