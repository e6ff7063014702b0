//! Encoders: what their Plan is like, and well-formed files that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

use gguf::{Gguf, Metadata, Value, Writer};
use kernels::{Mask, Norm, NormKind, Op};
use model::Error;
use quant::TensorType;

type Tensor = (String, Vec<u64>);

/// A one-layer encoder of 8 tokens and 6 positions.
fn tiny(architecture: &str) -> (Metadata, Vec<Tensor>) {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", architecture);
    for (key, value) in [
        ("block_count", 1u32),
        ("context_length", 6),
        ("embedding_length", 8),
        ("feed_forward_length", 16),
        ("attention.head_count", 2),
    ] {
        metadata.insert(format!("{architecture}.{key}"), value);
    }
    metadata.insert(format!("{architecture}.attention.layer_norm_epsilon"), 1e-12f32);
    metadata.insert(format!("{architecture}.attention.causal"), false);
    metadata.insert("tokenizer.ggml.token_type_count", 2u32);
    let mut tensors = vec![
        ("token_embd.weight", vec![8, 8]),
        ("token_types.weight", vec![8, 2]),
        ("token_embd_norm.weight", vec![8]),
        ("token_embd_norm.bias", vec![8]),
        ("blk.0.attn_output.weight", vec![8, 8]),
        ("blk.0.attn_output_norm.weight", vec![8]),
        ("blk.0.attn_output_norm.bias", vec![8]),
        ("blk.0.ffn_up.weight", vec![8, 16]),
        ("blk.0.ffn_down.weight", vec![16, 8]),
        ("blk.0.layer_output_norm.weight", vec![8]),
        ("blk.0.layer_output_norm.bias", vec![8]),
    ];
    tensors.extend(match architecture {
        "bert" => vec![
            ("position_embd.weight", vec![8, 6]),
            ("blk.0.attn_q.weight", vec![8, 8]),
            ("blk.0.attn_k.weight", vec![8, 8]),
            ("blk.0.attn_v.weight", vec![8, 8]),
        ],
        _ => vec![("blk.0.attn_qkv.weight", vec![8, 24]), ("blk.0.ffn_gate.weight", vec![8, 16])],
    });
    (metadata, tensors.into_iter().map(|(name, dims)| (name.to_owned(), dims)).collect())
}

fn build((metadata, tensors): (Metadata, Vec<Tensor>)) -> Result<model::Model, Error> {
    let mut writer = Writer::new(metadata);
    for (name, dims) in &tensors {
        writer.tensor(name.as_str(), TensorType::F32, dims).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for (name, dims) in &tensors {
        let n_bytes = gguf::tensor_bytes(TensorType::F32, dims).unwrap();
        data.write_tensor(name, &vec![0; n_bytes as usize]).unwrap();
    }
    model::build(&Gguf::open(Box::new(data.finish().unwrap())).unwrap())
}

fn is_layer_norm(norm: Option<Norm>) -> bool {
    norm.is_some_and(|norm| matches!(norm.kind, NormKind::Layer { bias: Some(_) }))
}

#[test]
fn an_encoder_looks_both_ways_norms_behind_its_blocks_and_has_no_head() {
    for architecture in ["bert", "nomic-bert"] {
        let plan = build(tiny(architecture)).unwrap().plan;
        assert!(!plan.is_causal() && !plan.gives_logits() && plan.takes_tokens());
        assert_eq!(plan.n_kv_layers, 1);
        let is_bert = architecture == "bert";
        assert_eq!(plan.n_positions(), is_bert.then_some(6));
        for op in &plan.ops {
            match *op {
                Op::Embed { encoder, .. } => {
                    let encoder = encoder.unwrap();
                    assert!(encoder.types.is_some() && is_layer_norm(Some(encoder.norm)));
                }
                Op::Qkv { norm, q, k, v } => {
                    assert_eq!(norm, None);
                    let at = [q, k, v].map(|linear| plan.weights[linear.w.0].first_row);
                    assert_eq!(at, if is_bert { [0, 0, 0] } else { [0, 8, 16] });
                }
                Op::RopeKv { rope, .. } => assert_eq!(rope.is_none(), is_bert),
                Op::Attention { mask, .. } => assert_eq!(mask, Mask::Full),
                Op::Output { post, after, .. } | Op::Down { post, after, .. } => {
                    assert!(post.is_none() && is_layer_norm(after));
                }
                Op::GateUp { norm, gate, .. } => {
                    assert_eq!((norm, gate.is_none()), (None, is_bert));
                }
                Op::Head { .. } => panic!("a head"),
            }
        }
    }
}

#[test]
fn every_tensor_but_the_types_is_needed_in_its_shape() {
    for architecture in ["bert", "nomic-bert"] {
        for (i, (name, _)) in tiny(architecture).1.into_iter().enumerate() {
            let (metadata, mut tensors) = tiny(architecture);
            tensors[i].1 = vec![7, 3];
            let error = build((metadata.clone(), tensors.clone())).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }), "{name}: {error}");
            tensors.remove(i);
            match build((metadata, tensors)) {
                Ok(_) => assert!(name.ends_with("bias") || name == "token_types.weight", "{name}"),
                // Without the fused tensor three others are looked for.
                Err(Error::MissingTensor { name: missing }) => {
                    assert!(missing == name || name.contains("attn_qkv"), "{name}: {missing}");
                }
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}

#[test]
fn impossible_keys_are_refused_by_name() {
    let rows: [(&str, &str, Value); 8] = [
        ("bert", "tokenizer.ggml.token_type_count", Value::U32(0)),
        ("nomic-bert", "tokenizer.ggml.token_type_count", Value::U32(0)),
        ("bert", "bert.context_length", Value::U32(0)),
        ("nomic-bert", "nomic-bert.context_length", Value::U32(0)),
        ("bert", "bert.attention.layer_norm_epsilon", Value::F32(-1.0)),
        ("bert", "bert.attention.head_count", Value::U32(3)),
        ("nomic-bert", "nomic-bert.rope.freq_base", Value::F32(0.0)),
        ("bert", "bert.block_count", Value::U32(0)),
    ];
    for (architecture, key, value) in rows {
        let (mut metadata, tensors) = tiny(architecture);
        metadata.insert(key, value.clone());
        let error = build((metadata, tensors)).unwrap_err();
        assert!(matches!(error, Error::HyperParam { .. }), "{key} = {value:?}: {error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    // Another number of types or positions than the file has rows for.
    for (key, value) in [("tokenizer.ggml.token_type_count", 3u32), ("bert.context_length", 7)] {
        let (mut metadata, tensors) = tiny("bert");
        metadata.insert(key, value);
        assert!(matches!(build((metadata, tensors)), Err(Error::Shape { .. })), "{key}");
    }
}

#[test]
fn what_is_not_computed_is_refused() {
    let (mut metadata, tensors) = tiny("bert");
    metadata.insert("bert.attention.causal", true);
    assert!(matches!(build((metadata, tensors)), Err(Error::Unsupported { .. })));
    let (metadata, mut tensors) = tiny("nomic-bert");
    tensors.push(("blk.0.attn_qkv.bias".to_owned(), vec![24]));
    assert!(matches!(build((metadata, tensors)), Err(Error::Unsupported { .. })));
}
