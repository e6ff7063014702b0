//! A GGUF model as the folder it would have been converted from, in memory.
//!
//! This is the inverse of what is tested, written on its own: names, rows and files come from the
//! `transformers` library's layout, not from the code under test.

use gguf::{Gguf, Metadata};
use quant::TensorType;
use serde_json::{Map, Value, json};

/// Files by name.
pub type Folder = Vec<(String, Vec<u8>)>;

/// A tensor in a checkpoint: name, type, shape, bytes.
pub type Stored = (String, &'static str, Vec<u64>, Vec<u8>);

/// Ends of names, here and there.
const LAYER: &[(&str, &str)] = &[
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("attn_norm", "input_layernorm"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
];
const BERT: &[(&str, &str)] = &[
    ("attn_q", "attention.self.query"),
    ("attn_k", "attention.self.key"),
    ("attn_v", "attention.self.value"),
    ("attn_output", "attention.output.dense"),
    ("attn_output_norm", "attention.output.LayerNorm"),
    ("ffn_up", "intermediate.dense"),
    ("ffn_down", "output.dense"),
    ("layer_output_norm", "output.LayerNorm"),
];

/// The whole folder.
pub fn folder(gguf: &Gguf) -> Folder {
    let mut files = vec![
        ("config.json".to_owned(), config(gguf).to_string().into_bytes()),
        ("model.safetensors".to_owned(), safetensors(&tensors(gguf))),
    ];
    files.extend(tokenizer(&gguf.metadata));
    files
}

fn text<'a>(metadata: &'a Metadata, key: &str) -> &'a str {
    metadata.str(key).unwrap().unwrap_or("")
}

/// `config.json`.
pub fn config(gguf: &Gguf) -> Value {
    let metadata = &gguf.metadata;
    let arch = text(metadata, "general.architecture");
    let number = |key: &str| metadata.u32(&format!("{arch}.{key}")).unwrap();
    let float = |key: &str| metadata.f32(&format!("{arch}.{key}")).unwrap();
    let class = match arch {
        "llama" => "LlamaForCausalLM",
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        "gemma3" => "Gemma3ForCausalLM",
        "bert" => "BertModel",
        other => panic!("{other} is not in the table"),
    };
    let mut config = json!({
        "architectures": [class],
        "_name_or_path": format!("someone/{}", text(metadata, "general.name")),
        "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"),
        "num_hidden_layers": number("block_count"),
        "num_attention_heads": number("attention.head_count"),
        "num_key_value_heads": number("attention.head_count_kv"),
        "max_position_embeddings": number("context_length"),
        "head_dim": number("attention.key_length"),
        "rms_norm_eps": float("attention.layer_norm_rms_epsilon"),
        "layer_norm_eps": float("attention.layer_norm_epsilon"),
        "rope_theta": float("rope.freq_base"),
        "tie_word_embeddings": gguf.tensor("output.weight").is_none(),
        "query_pre_attn_scalar": number("attention.key_length"),
        "sliding_window": number("attention.sliding_window"),
        "type_vocab_size": metadata.u32("tokenizer.ggml.token_type_count").unwrap(),
        "bos_token_id": metadata.u32("tokenizer.ggml.bos_token_id").unwrap(),
        "eos_token_id": metadata.u32("tokenizer.ggml.eos_token_id").unwrap(),
    });
    let kind = text(metadata, &format!("{arch}.rope.scaling.type"));
    if !kind.is_empty() {
        config["rope_scaling"] = json!({
            "rope_type": kind,
            "factor": float("rope.scaling.factor"),
            "original_max_position_embeddings": number("rope.scaling.original_context_length"),
        });
    }
    config
}

/// The weights, by the library's names.
pub fn tensors(gguf: &Gguf) -> Vec<Stored> {
    let metadata = &gguf.metadata;
    let arch = text(metadata, "general.architecture").to_owned();
    let head_dim = metadata.u32(&format!("{arch}.attention.key_length")).unwrap().unwrap();
    let mut out = Vec::new();
    for info in &gguf.tensors {
        let mut bytes = vec![0; usize::try_from(info.n_bytes).unwrap()];
        gguf.read_tensor(info, 0, &mut bytes).unwrap();
        let (module, end) = info.name.rsplit_once('.').unwrap();
        let name = format!("{}.{end}", there(&arch, module));
        let is_turned = module.ends_with("attn_q") || module.ends_with("attn_k");
        if arch == "llama" && is_turned {
            bytes = halves(&bytes, head_dim as usize, info.dims[1] as usize);
        }
        if arch == "gemma3" && module.ends_with("norm") {
            bytes = minus_one(&bytes);
        }
        let dtype = match info.ty {
            TensorType::F32 => "F32",
            TensorType::F16 => "F16",
            TensorType::BF16 => "BF16",
            other => panic!("{other} is no type of a checkpoint"),
        };
        let shape = info.dims.iter().rev().copied().collect();
        out.push((name, dtype, shape, bytes));
    }
    out
}

/// The library's name of a module.
pub fn there(arch: &str, module: &str) -> String {
    let bert = arch == "bert";
    let Some(rest) = module.strip_prefix("blk.") else {
        return match module {
            "token_embd" if bert => "embeddings.word_embeddings",
            "position_embd" => "embeddings.position_embeddings",
            "token_types" => "embeddings.token_type_embeddings",
            "token_embd_norm" => "embeddings.LayerNorm",
            "token_embd" => "model.embed_tokens",
            "output_norm" => "model.norm",
            "output" => "lm_head",
            other => panic!("{other} is not in the table"),
        }
        .to_owned();
    };
    let (layer, module) = rest.split_once('.').unwrap();
    let in_layer = match (arch, module) {
        ("gemma3", "ffn_norm") => "pre_feedforward_layernorm",
        ("gemma3", "post_attention_norm") => "post_attention_layernorm",
        ("gemma3", "post_ffw_norm") => "post_feedforward_layernorm",
        (_, "ffn_norm") => "post_attention_layernorm",
        _ => {
            let table = if bert { BERT } else { LAYER };
            table.iter().find(|row| row.0 == module).unwrap().1
        }
    };
    match bert {
        true => format!("encoder.layer.{layer}.{in_layer}"),
        false => format!("model.layers.{layer}.{in_layer}"),
    }
}

/// Neighbors become halves: row `2i + j` of a head is row `j · head_dim / 2 + i` there.
pub fn halves(bytes: &[u8], head_dim: usize, n_rows: usize) -> Vec<u8> {
    let row = bytes.len() / n_rows;
    let mut out = vec![0; bytes.len()];
    for head in 0..n_rows / head_dim {
        for i in 0..head_dim / 2 {
            for j in 0..2 {
                let from = (head * head_dim + 2 * i + j) * row;
                let to = (head * head_dim + j * head_dim / 2 + i) * row;
                out[to..to + row].copy_from_slice(&bytes[from..from + row]);
            }
        }
    }
    out
}

fn minus_one(bytes: &[u8]) -> Vec<u8> {
    let one = |x: &[u8]| (f32::from_le_bytes(x.try_into().unwrap()) - 1.0).to_le_bytes();
    bytes.chunks(4).flat_map(one).collect()
}

/// A safetensors file.
pub fn safetensors(tensors: &[Stored]) -> Vec<u8> {
    let mut header = Map::new();
    let mut at = 0;
    for (name, dtype, shape, bytes) in tensors {
        let end = at + bytes.len();
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [at, end]});
        header.insert(name.clone(), entry);
        at = end;
    }
    let data: Vec<&[u8]> = tensors.iter().map(|tensor| tensor.3.as_slice()).collect();
    framed(&Value::Object(header).to_string(), &data.concat())
}

/// Length, header, data.
pub fn framed(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The tokenizer's files.
fn tokenizer(metadata: &Metadata) -> Folder {
    let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap().to_vec();
    let kinds = metadata.i32s("tokenizer.ggml.token_type").unwrap().unwrap().to_vec();
    let id = |role: &str| {
        let id = metadata.u32(&format!("tokenizer.ggml.{role}_token_id")).unwrap();
        id.map(|id| tokens[id as usize].clone())
    };
    let template = metadata.str("tokenizer.chat_template").unwrap();
    let own = json!({
        "bos_token": id("bos"),
        "eos_token": {"content": id("eos")},
        "pad_token": id("padding"),
        "unk_token": id("unknown"),
        "sep_token": id("seperator"),
        "cls_token": id("bos").filter(|_| text(metadata, "tokenizer.ggml.model") == "bert"),
        "add_bos_token": metadata.bool("tokenizer.ggml.add_bos_token").unwrap(),
        "chat_template": template,
    });
    let mut files = vec![("tokenizer_config.json".to_owned(), own.to_string().into_bytes())];
    let added: Vec<Value> = (0..)
        .zip(tokens.iter().zip(&kinds))
        .filter(|(_, (_, kind))| **kind == 3)
        .map(|(id, (text, _)): (u64, _)| json!({"id": id, "content": text, "special": true}))
        .collect();
    match text(metadata, "tokenizer.ggml.model") {
        "gpt2" => {
            let merges = metadata.strings("tokenizer.ggml.merges").unwrap().unwrap();
            files.push(byte_level(&tokens, &kinds, merges, &added));
        }
        "bert" => {
            let word = |text: &String| match text.strip_prefix('\u{2581}') {
                Some(word) => word.to_owned(),
                None if text.starts_with('[') && text.ends_with(']') && text.len() > 2 => {
                    text.clone()
                }
                None => format!("##{text}"),
            };
            let lines: Vec<String> = tokens.iter().map(word).collect();
            files.push(("vocab.txt".to_owned(), lines.join("\n").into_bytes()));
        }
        _ => {
            let scores = metadata.f32s("tokenizer.ggml.scores").unwrap().unwrap();
            let pieces = tokens.iter().zip(scores).zip(&kinds);
            files.push(("tokenizer.model".to_owned(), sentencepiece(pieces)));
        }
    }
    files
}

fn byte_level(
    tokens: &[String],
    kinds: &[i32],
    merges: &[String],
    added: &[Value],
) -> (String, Vec<u8>) {
    let words = (0..).zip(tokens.iter().zip(kinds)).filter(|(_, (_, kind))| **kind == 1);
    let vocab: Map<String, Value> =
        words.map(|(id, (text, _)): (u64, _)| (text.clone(), id.into())).collect();
    let pattern = json!({"Regex": LLAMA3});
    let json = json!({
        "added_tokens": added,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false},
        ]},
        "model": {"type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": merges},
    });
    ("tokenizer.json".to_owned(), json.to_string().into_bytes())
}

/// SentencePiece's protocol buffer, by its wire format.
fn sentencepiece<'a>(pieces: impl Iterator<Item = ((&'a String, &'a f32), &'a i32)>) -> Vec<u8> {
    let varint = |mut n: u64| {
        let mut out = Vec::new();
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
        out
    };
    let field = |tag: u8, bytes: &[u8]| [&[tag], &varint(bytes.len() as u64)[..], bytes].concat();
    let mut out = Vec::new();
    for ((text, score), kind) in pieces {
        let mut piece = field(0x0a, text.as_bytes());
        piece.push(0x15);
        piece.extend(score.to_le_bytes());
        piece.extend([0x18, *kind as u8]);
        out.extend(field(0x0a, &piece));
    }
    // Of the kind BPE, and an unknown field that readers pass over.
    out.extend(field(0x12, &[0x18, 2, 0x20, 1]));
    out
}
