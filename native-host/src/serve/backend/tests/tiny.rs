//! A tiny model file made on the spot, in a store's folder.

use gguf::{Array, Metadata, Value, Writer};
use quant::TensorType;
use store::{Digest, FsIo, StorePath};

/// Ids of the vocabulary: `<unk> <s> </s> <|end|>`, 256 bytes, then these words.
pub const ENDS: [u32; 2] = [2, 3];
const FIRST_BYTE: u32 = 4;
const WORDS: [&str; 6] = ["\u{2581}", "ab", "c", "hello", "\u{2581}you", "x"];
pub const N_VOCAB: usize = FIRST_BYTE as usize + 256 + WORDS.len();
pub const DIM: usize = 64;
const N_LAYERS: usize = 2;

/// Id of a byte token.
pub fn byte(b: u8) -> u32 {
    FIRST_BYTE + u32::from(b)
}

const TEMPLATE: &str = "{% if tools %}T:{{ tools | length }}{{ '<tool_call>' }}{% endif %}\
    {% for m in messages %}[{{ m.role }}]{{ m.content }}\
    {% for call in m.tool_calls %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>\
    {% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}\
    {# <think> </think> #}";

fn metadata(n_ctx: u32) -> Metadata {
    let mut m = Metadata::new();
    let mut text = |key: &str, value: &str| m.insert(key, Value::String(value.to_owned()));
    text("general.architecture", "llama");
    text("tokenizer.ggml.model", "llama");
    text("tokenizer.chat_template", TEMPLATE);
    for (key, value) in [
        ("block_count", N_LAYERS as u32),
        ("embedding_length", DIM as u32),
        ("feed_forward_length", DIM as u32),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("context_length", n_ctx),
    ] {
        m.insert(format!("llama.{key}"), Value::U32(value));
    }
    m.insert("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>", "<|end|>"].map(str::to_owned).to_vec();
    tokens.extend((0..256).map(|b| format!("<0x{b:02X}>")));
    tokens.extend(WORDS.iter().map(|word| (*word).to_owned()));
    let mut types = vec![2, 3, 3, 3];
    types.extend([6; 256]);
    types.extend([1; WORDS.len()]);
    let scores: Vec<f32> = (0..tokens.len()).map(|i| -(i as f32)).collect();
    m.insert("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    m.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    m.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    m.insert("tokenizer.ggml.bos_token_id", Value::U32(1));
    m.insert("tokenizer.ggml.eos_token_id", Value::U32(ENDS[0]));
    m.insert("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    m
}

fn tensors() -> Vec<(String, Vec<u64>)> {
    let dim = DIM as u64;
    let mut all = vec![("token_embd.weight".to_owned(), vec![dim, N_VOCAB as u64])];
    for layer in 0..N_LAYERS {
        for (name, shape) in [
            ("attn_norm", vec![dim]),
            ("attn_q", vec![dim, dim]),
            ("attn_k", vec![dim, dim / 2]),
            ("attn_v", vec![dim, dim / 2]),
            ("attn_output", vec![dim, dim]),
            ("ffn_norm", vec![dim]),
            ("ffn_gate", vec![dim, dim]),
            ("ffn_up", vec![dim, dim]),
            ("ffn_down", vec![dim, dim]),
        ] {
            all.push((format!("blk.{layer}.{name}.weight"), shape));
        }
    }
    all.push(("output_norm.weight".to_owned(), vec![dim]));
    all
}

/// A llama file of two layers with seeded weights, trained for so many tokens of context.
pub fn file(n_ctx: u32) -> Vec<u8> {
    let mut writer = Writer::new(metadata(n_ctx));
    for (name, shape) in tensors() {
        writer.tensor(name, TensorType::F32, &shape).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    let mut state = 7u32;
    for (name, shape) in tensors() {
        let n: u64 = shape.iter().product();
        let mut values = Vec::new();
        for _ in 0..n {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            values.extend((if name.contains("norm") { value + 1.0 } else { value }).to_le_bytes());
        }
        data.write_tensor(&name, &values).unwrap();
    }
    data.finish().unwrap()
}

/// Puts bytes into a store; gives their digest.
pub fn put(blobs: &FsIo, bytes: &[u8]) -> String {
    let digest = Digest::of(bytes);
    let path = blobs.place(&StorePath::blob(&digest));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    format!("sha256:{}", digest.hex())
}
