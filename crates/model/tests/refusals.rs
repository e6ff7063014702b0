//! Well-formed files that are no model: each is refused with a sentence that names the culprit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

use gguf::{Gguf, Metadata, Value, Writer};
use kernels::Op;
use model::Error;
use quant::TensorType;

/// A one-layer llama of 8 tokens: metadata and tensors, to be spoiled by a test.
struct File {
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, TensorType, Vec<u64>)>,
}

impl File {
    fn tiny() -> Self {
        let number = |key: &str, value: u32| (key.to_owned(), Value::U32(value));
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::String("llama".into())),
            number("llama.block_count", 1),
            number("llama.context_length", 64),
            number("llama.embedding_length", 8),
            number("llama.feed_forward_length", 16),
            number("llama.attention.head_count", 2),
            number("llama.attention.head_count_kv", 1),
        ];
        metadata.push(("llama.attention.layer_norm_rms_epsilon".into(), Value::F32(1e-5)));
        let tensors = [
            ("token_embd.weight", vec![8, 8]),
            ("output_norm.weight", vec![8]),
            ("blk.0.attn_norm.weight", vec![8]),
            ("blk.0.attn_q.weight", vec![8, 8]),
            ("blk.0.attn_k.weight", vec![8, 4]),
            ("blk.0.attn_v.weight", vec![8, 4]),
            ("blk.0.attn_output.weight", vec![8, 8]),
            ("blk.0.ffn_norm.weight", vec![8]),
            ("blk.0.ffn_gate.weight", vec![8, 16]),
            ("blk.0.ffn_up.weight", vec![8, 16]),
            ("blk.0.ffn_down.weight", vec![16, 8]),
        ];
        let f32 = |(name, dims): (&str, Vec<u64>)| (name.to_owned(), TensorType::F32, dims);
        File { metadata, tensors: tensors.into_iter().map(f32).collect() }
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.metadata.retain(|(k, _)| k != key);
        self.metadata.push((key.to_owned(), value));
        self
    }

    fn without_key(mut self, key: &str) -> Self {
        self.metadata.retain(|(k, _)| k != key);
        self
    }

    fn tensor(mut self, name: &str, ty: TensorType, dims: &[u64]) -> Self {
        self.tensors.retain(|(n, ..)| n != name);
        self.tensors.push((name.to_owned(), ty, dims.to_vec()));
        self
    }

    fn without_tensor(mut self, name: &str) -> Self {
        self.tensors.retain(|(n, ..)| n != name);
        self
    }

    fn build(self) -> Result<model::Model, Error> {
        let mut metadata = Metadata::new();
        for (key, value) in self.metadata {
            metadata.insert(key, value);
        }
        let mut writer = Writer::new(metadata);
        for (name, ty, dims) in &self.tensors {
            writer.tensor(name.as_str(), *ty, dims).unwrap();
        }
        let mut data = writer.start(Vec::new()).unwrap();
        for (name, ty, dims) in &self.tensors {
            let n_bytes = gguf::tensor_bytes(*ty, dims).unwrap();
            data.write_tensor(name, &vec![0; n_bytes as usize]).unwrap();
        }
        let gguf = Gguf::open(Box::new(data.finish().unwrap())).unwrap();
        model::build(&gguf)
    }
}

#[test]
fn the_unspoiled_file_is_a_model_with_a_tied_head() {
    let model = File::tiny().build().unwrap();
    assert_eq!(model.plan.dims.n_vocab, 8);
    assert_eq!(model.hyper.head_dim, 4);
    let Some(Op::Embed { table, .. }) = model.plan.ops.first() else { panic!("no embedding") };
    let Some(Op::Head { w, .. }) = model.plan.ops.last() else { panic!("no head") };
    assert_eq!(w.w, *table);
}

#[test]
fn an_own_head_is_used_where_the_file_has_one() {
    let file = File::tiny().tensor("output.weight", TensorType::F32, &[8, 8]);
    let model = file.build().unwrap();
    let Some(Op::Head { w, .. }) = model.plan.ops.last() else { panic!("no head") };
    assert_eq!(model.plan.weights[w.w.0].name, "output.weight");
}

#[test]
fn impossible_hyper_parameters_are_refused() {
    let u32 = |v: u32| Value::U32(v);
    let cases = [
        ("llama.block_count", u32(0)),
        ("llama.block_count", u32(u32::MAX)),
        ("llama.embedding_length", u32(0)),
        ("llama.embedding_length", u32(1 << 31)),
        ("llama.feed_forward_length", u32(0)),
        ("llama.context_length", u32(0)),
        ("llama.attention.head_count", u32(0)),
        ("llama.attention.head_count", u32(3)),
        ("llama.attention.head_count_kv", u32(0)),
        ("llama.attention.head_count_kv", u32(4)),
        ("llama.attention.key_length", u32(0)),
        ("llama.attention.key_length", u32(3)),
        ("llama.rope.dimension_count", u32(3)),
        ("llama.rope.dimension_count", u32(6)),
        ("llama.rope.freq_base", Value::F32(0.0)),
        ("llama.rope.freq_base", Value::F32(-1.0)),
        ("llama.rope.freq_base", Value::F32(f32::NAN)),
        ("llama.rope.freq_base", Value::F32(f32::INFINITY)),
        ("llama.rope.scaling.factor", Value::F32(-2.0)),
        ("llama.rope.scaling.factor", Value::F32(f32::NAN)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(-1.0)),
    ];
    for (key, value) in cases {
        let result = File::tiny().set(key, value.clone()).build();
        let Err(error) = result else { panic!("{key} = {value:?} was accepted") };
        assert!(matches!(error, Error::HyperParam { .. }), "{key} = {value:?}: {error}");
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn missing_and_mistyped_keys_are_refused_by_name() {
    let required = [
        "general.architecture",
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon",
    ];
    for key in required {
        let missing = File::tiny().without_key(key).build().unwrap_err();
        assert!(matches!(missing, Error::Metadata(_)), "{key}: {missing}");
        assert!(missing.to_string().contains(key), "{missing}");
        let bad = Value::Array(gguf::Array::U8(vec![1]));
        let mistyped = File::tiny().set(key, bad).build().unwrap_err();
        assert!(matches!(mistyped, Error::Metadata(_)), "{key}: {mistyped}");
        assert!(mistyped.to_string().contains(key), "{mistyped}");
    }
}

#[test]
fn unknown_architectures_are_named_and_harmless() {
    for name in ["mamba", "../../x", "\u{1b}[2J", "", &"long".repeat(1000)] {
        let file = File::tiny().set("general.architecture", Value::String(name.into()));
        let error = file.build().unwrap_err();
        assert!(matches!(error, Error::Architecture { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("llama, qwen2, qwen3, gemma3, phi3, bert, nomic-bert"), "{text}");
        assert!(!text.contains('\u{1b}') && text.len() < 200, "{text}");
    }
}

#[test]
fn unsupported_features_are_refused() {
    let experts = File::tiny().set("llama.expert_count", Value::U32(8));
    let scaling = File::tiny().set("llama.rope.scaling.type", Value::String("spiral".into()));
    let values = File::tiny().set("llama.attention.value_length", Value::U32(8));
    for file in [experts, scaling, values] {
        let error = file.build().unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}

#[test]
fn missing_misshapen_and_mistyped_tensors_are_refused_by_name() {
    let names: Vec<String> = File::tiny().tensors.iter().map(|(name, ..)| name.clone()).collect();
    for name in names {
        let error = File::tiny().without_tensor(&name).build().unwrap_err();
        assert!(matches!(&error, Error::MissingTensor { name: n } if *n == name), "{error}");
        let error = File::tiny().tensor(&name, TensorType::F32, &[7, 3]).build().unwrap_err();
        assert!(matches!(error, Error::Shape { .. } | Error::MissingTensor { .. }), "{error}");
        let error = File::tiny().tensor(&name, TensorType::F32, &[0, 8]).build().unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
    let file = File::tiny().tensor("blk.0.attn_q.weight", TensorType::I32, &[8, 8]);
    assert!(matches!(file.build().unwrap_err(), Error::TensorType { .. }));
    let file = File::tiny().tensor("blk.0.attn_norm.weight", TensorType::F16, &[8]);
    assert!(matches!(file.build().unwrap_err(), Error::TensorType { .. }));
}

#[test]
fn a_vocabulary_of_another_length_than_the_embedding_is_refused() {
    let tokens = gguf::Array::String(vec!["a".into(), "b".into()]);
    let file = File::tiny().set("tokenizer.ggml.tokens", Value::Array(tokens));
    assert!(matches!(file.build().unwrap_err(), Error::Vocab { tokens: 2, rows: 8 }));
}

#[test]
fn rope_frequency_factors_must_be_positive() {
    // The file's tensors are zeros: a factor of zero would divide by zero.
    let file = File::tiny().tensor("rope_freqs.weight", TensorType::F32, &[2]);
    assert!(matches!(file.build().unwrap_err(), Error::Unsupported { .. }));
}
