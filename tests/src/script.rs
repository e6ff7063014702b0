//! A model that says what a script says: its next token follows from the last one alone.
//!
//! Seeded weights write noise, and noise never calls a tool, closes a thought or ends a sentence.
//! Tests of what clients see need a model that does all of it, on every machine, at any
//! temperature; a trained one may not be committed. Here attention and the feed-forward part add
//! nothing, so the head sees the last token's embedding, and its row for a token is the sum of the
//! embeddings it follows. Which script is said is chosen by the template: the last token of a
//! prompt is a cue. Grammars, players and samplers work on it as on any other model.

use gguf::{Array, Metadata, Value, WriteError, Writer};
use quant::TensorType;

use crate::models::{Shape, Spec, Tensor};
use crate::vocab::{self, BPE_SPECIAL, Vocabulary};
use crate::weights;

/// What a turn ends with.
const END: &str = BPE_SPECIAL[3];

/// Cue and tokens of each script. A token stands in one place, since what follows it is fixed; the
/// last one is followed by the end of the turn, or by a token before it, for ever.
const SCRIPTS: [(&str, &[&str]); 7] = [
    ("<|say|>", &["It", " is", " sunny", " in", " Bern", ".", END]),
    ("<|think|>", &["<think>", "The sky", " looks", " clear.", "</think>", "No", " rain.", END]),
    ("<|call|>", &["<tool_call>\n", CALL[0], CALL[1], CALL[2], "\n</tool_call>", END]),
    ("<|calls|>", &["<tool_call>", CALL[3], "\n</tool_call>\n", CALL[4], "</tool_call>", END]),
    ("<|told|>", &["The", " tool", " said", " so", "!", END]),
    ("<|json|>", &["{\"answer\":", " \"yes\"", "}", END]),
    ("<|forever|>", &[" tick", " tock", " tick"]),
];

const CALL: [&str; 5] = [
    "{\"name\": \"weather\", ",
    "\"arguments\": ",
    "{\"city\":\"Bern\"}}",
    "\n{\"name\": \"weather\", \"arguments\": {\"city\":\"Rome\"}}",
    "<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n",
];

/// Writes a conversation in ChatML, and the cue.
const TEMPLATE: &str = "{%- for m in messages %}\
    {{- '<|im_start|>' + m.role + '\\n' }}\
    {%- if m.thinking %}{{ '<think>' + m.thinking + '</think>' }}{% endif %}\
    {{- m.content }}\
    {%- for call in m.tool_calls or [] %}\
    {{- '<tool_call>\\n' + (call.function | tojson) + '\\n</tool_call>' }}{% endfor %}\
    {{- '<|im_end|>\\n' }}{% endfor %}\
    {%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}\
    {%- set last = messages[-1] %}\
    {%- if last.role == 'tool' %}<|told|>\
    {%- elif tools and tools | length > 1 %}<|calls|>\
    {%- elif tools %}<|call|>\
    {%- elif 'JSON' in last.content %}<|json|>\
    {%- elif 'forever' in last.content %}<|forever|>\
    {%- elif enable_thinking %}<|think|>\
    {%- else %}<|say|>{% endif %}{% endif %}";

/// Width of the model: cosines of random vectors stay far below 1.
const DIM: usize = 128;

/// Logit of the token that follows; all others stay below a third of it.
const LOGIT: f32 = 60.0;

/// Tokens that fit: descriptions of tools are long where no word is one token.
const N_CTX: usize = 8192;

/// The whole file.
///
/// # Panics
/// If a token of the scripts is followed by two.
#[must_use]
pub fn bytes() -> Vec<u8> {
    let shape = Shape {
        dim: DIM,
        ffn_dim: 32,
        n_layers: 1,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: 16,
        n_ctx: N_CTX,
    };
    let template = Some(TEMPLATE.to_owned());
    let spec = Spec { shape, tied: false, template, ..Spec::tiny("llama") };
    let mut words = Words::new();
    let follows = words.follows();
    match write(&spec, &words, &follows) {
        Ok(bytes) => bytes,
        Err(error) => panic!("the scripted model cannot be written: {error}"),
    }
}

fn write(spec: &Spec, words: &Words, follows: &[(usize, usize)]) -> Result<Vec<u8>, WriteError> {
    let mut metadata = spec.metadata();
    words.write(&mut metadata);
    let mut tensors = spec.tensors();
    for (name, _, dims) in &mut tensors {
        if matches!(name.as_str(), "token_embd.weight" | "output.weight") {
            *dims = vec![DIM as u64, words.texts.len() as u64];
        }
    }
    let mut writer = Writer::new(metadata);
    for (name, ty, dims) in &tensors {
        writer.tensor(name, *ty, dims)?;
    }
    let mut data = writer.start(Vec::new())?;
    for tensor in &tensors {
        data.write_tensor(&tensor.0, &numbers(spec, tensor, follows))?;
    }
    data.finish()
}

fn numbers(spec: &Spec, tensor: &Tensor, follows: &[(usize, usize)]) -> Vec<u8> {
    let (name, _, dims) = tensor;
    let n = dims.iter().product::<u64>() as usize;
    match name.as_str() {
        "output.weight" => {
            let embedding = ("token_embd.weight".to_owned(), TensorType::F32, dims.clone());
            head(&spec.data(&embedding), n, follows)
        }
        "blk.0.attn_output.weight" | "blk.0.ffn_down.weight" => weights::f32s(n, |_| 0.0),
        name if name.ends_with("norm.weight") => weights::f32s(n, |_| 1.0),
        _ => spec.data(tensor),
    }
}

/// For each pair, the second token's row gets the first one's direction.
fn head(embedding: &[u8], n: usize, follows: &[(usize, usize)]) -> Vec<u8> {
    let embedding: Vec<f32> =
        embedding.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect();
    let mut rows = vec![0.0; n];
    for &(first, next) in follows {
        let row = &embedding[first * DIM..][..DIM];
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        // Behind the norm the embedding has the length sqrt(DIM).
        let scale = LOGIT / (length * (DIM as f32).sqrt());
        for (out, x) in rows[next * DIM..].iter_mut().zip(row) {
            *out += x * scale;
        }
    }
    weights::f32s(n, |i| rows[i as usize])
}

/// The vocabulary: the seeded one, and what the scripts need besides.
struct Words {
    texts: Vec<String>,
    n_seeded: usize,
}

impl Words {
    fn new() -> Words {
        let mut metadata = Metadata::new();
        Vocabulary::Bpe("llama-bpe").write(&mut metadata);
        let texts = metadata.strings("tokenizer.ggml.tokens").ok().flatten();
        let texts = texts.map(<[String]>::to_vec).unwrap_or_default();
        Words { n_seeded: texts.len(), texts }
    }

    /// Which token follows which, as ids.
    fn follows(&mut self) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (cue, tokens) in SCRIPTS {
            let ids: Vec<usize> =
                std::iter::once(&cue).chain(tokens).map(|text| self.id(text)).collect();
            pairs.extend(ids.iter().zip(&ids[1..]).map(|(&first, &next)| (first, next)));
        }
        pairs.sort_unstable();
        for pair in pairs.windows(2) {
            assert_ne!(pair[0].0, pair[1].0, "two tokens follow {:?}", self.texts[pair[0].0]);
        }
        pairs
    }

    /// A token of this text, new if there was none.
    fn id(&mut self, text: &str) -> usize {
        let spelled = match is_control(text) {
            true => text.to_owned(),
            false => vocab::spell(text.as_bytes()),
        };
        self.texts.iter().position(|known| *known == spelled).unwrap_or_else(|| {
            self.texts.push(spelled);
            self.texts.len() - 1
        })
    }

    fn write(&self, metadata: &mut Metadata) {
        let types = metadata.i32s("tokenizer.ggml.token_type").ok().flatten();
        let mut types = types.map(|types| types.into_owned()).unwrap_or_default();
        types.extend(self.texts[self.n_seeded..].iter().map(|text| match is_control(text) {
            true => vocab::kind::CONTROL,
            false => vocab::kind::NORMAL,
        }));
        metadata.insert("tokenizer.ggml.tokens", Value::Array(Array::String(self.texts.clone())));
        metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
        metadata.insert("llama.vocab_size", self.texts.len() as u32);
        metadata.insert("general.name", "scripted test model");
    }
}

fn is_control(text: &str) -> bool {
    text.starts_with("<|")
}
