//! Files that are wrong, each in one way: a typed error with a sentence, and nothing else.

use convert::Error;
use serde_json::{Value, json};
use tests::models::Spec;

use crate::hf::{self, Folder};
use crate::{files, parsed};

/// A way to break a folder, and how the message must begin or what it must have.
type Case = (&'static str, Box<dyn Fn(&mut Folder)>, &'static str);

fn edit(folder: &mut Folder, name: &str, change: impl Fn(&mut Value)) {
    let file = folder.iter_mut().find(|file| file.0 == name).unwrap();
    let mut value: Value = serde_json::from_slice(&file.1).unwrap();
    change(&mut value);
    file.1 = value.to_string().into_bytes();
}

fn set(folder: &mut Folder, name: &str, bytes: Vec<u8>) {
    folder.retain(|file| file.0 != name);
    folder.push((name.to_owned(), bytes));
}

/// A change of `config.json`.
fn config(key: &'static str, value: Value, want: &'static str) -> Case {
    let change = move |folder: &mut Folder| {
        edit(folder, "config.json", |config| config[key] = value.clone());
    };
    (key, Box::new(change), want)
}

/// Weights of exactly this header and data.
fn weights(what: &'static str, header: &'static str, n: usize, want: &'static str) -> Case {
    let change = move |folder: &mut Folder| {
        set(folder, "model.safetensors", hf::framed(header, &vec![0; n]));
    };
    (what, Box::new(change), want)
}

fn without(name: &'static str, want: &'static str) -> Case {
    (name, Box::new(move |folder| folder.retain(|file| file.0 != name)), want)
}

/// The model's tensors, one of them changed.
fn tensor(
    what: &'static str,
    change: impl Fn(&mut Vec<hf::Stored>) + 'static,
    want: &'static str,
) -> Case {
    let change = move |folder: &mut Folder| {
        let mut tensors = hf::tensors(&parsed(Spec::tiny("llama").bytes()));
        change(&mut tensors);
        set(folder, "model.safetensors", hf::safetensors(&tensors));
    };
    (what, Box::new(change), want)
}

fn headers() -> Vec<Case> {
    vec![
        weights("no tensor", "{}", 0, "the tensor"),
        weights("no JSON", "{\"a\":", 0, "its header is wrong"),
        weights("deep JSON", DEEP, 0, "its header is wrong"),
        weights("a list", "[]", 0, "its header is wrong"),
        weights("a hole", r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "header"),
        weights(
            "an overlap",
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                "b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
            6,
            "its header is wrong",
        ),
        weights(
            "sizes that overflow",
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,4]}}"#,
            4,
            "its header is wrong",
        ),
        weights(
            "another size",
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
            4,
            "its header is wrong",
        ),
        weights(
            "an unknown type",
            r#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#,
            4,
            "its header is wrong",
        ),
        weights(
            "a negative place",
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#,
            4,
            "its header is wrong",
        ),
        weights(
            "data that are not there",
            r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
            8,
            "ends too early",
        ),
        weights(
            "data of nothing",
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            8,
            "4 bytes follow",
        ),
    ]
}

const DEEP: &str = include_str!("deep.json");

fn frames() -> Vec<Case> {
    let frame = |what, bytes: Vec<u8>, want| -> Case {
        let change = move |folder: &mut Folder| set(folder, "model.safetensors", bytes.clone());
        (what, Box::new(change), want)
    };
    vec![
        frame("empty", Vec::new(), "ends too early"),
        frame("seven bytes", vec![0; 7], "ends too early"),
        frame("a header of 2^63", (1u64 << 63).to_le_bytes().to_vec(), "a header of 92233720"),
        frame("a header beyond the end", 100u64.to_le_bytes().to_vec(), "ends too early"),
        frame("no header", 0u64.to_le_bytes().to_vec(), "its header is wrong"),
        frame("a zip archive", b"PK\x03\x04 and so on and on".to_vec(), "a header of"),
    ]
}

fn tensors() -> Vec<Case> {
    vec![
        tensor("one is missing", |all| drop(all.remove(3)), "is missing: the model is not"),
        tensor(
            "one is unknown",
            |all| all.push(("model.layers.0.mlp.router.weight".into(), "F32", vec![1], vec![0; 4])),
            "has no place in a llama model",
        ),
        tensor(
            "a layer too many",
            |all| {
                all.push(("model.layers.9.mlp.up_proj.weight".into(), "F32", vec![1], vec![0; 4]));
            },
            "has no place",
        ),
        tensor("turned", |all| all[2].2.reverse(), "by config.json it must have"),
        tensor("in bytes", |all| all[2].1 = "U8", "its header is wrong"),
        tensor(
            "in 8-bit floats",
            |all| {
                let n = all[2].2.iter().product::<u64>() as usize;
                all[2].1 = "F8_E4M3";
                all[2].3.truncate(n);
            },
            "8-bit floats need scales",
        ),
    ]
}

fn configs() -> Vec<Case> {
    vec![
        without("config.json", "there is no config.json"),
        without("model.safetensors", "there is no file with weights"),
        without("tokenizer.json", "there is no tokenizer"),
        config(
            "architectures",
            json!(["MambaForCausalLM"]),
            "the architecture \"MambaForCausalLM\"",
        ),
        config("architectures", json!([]), "\"architectures\" in config.json is missing"),
        config("hidden_size", json!(0), "\"hidden_size\" in config.json is 0"),
        config("hidden_size", json!("64"), "\"hidden_size\" in config.json"),
        config("num_hidden_layers", json!(100_000), "\"num_hidden_layers\""),
        config("num_attention_heads", json!(1e300), "\"num_attention_heads\""),
        config("head_dim", json!(15), "by config.json it must have"),
        config("rope_theta", json!(-1), "\"rope_theta\""),
        config("rope_scaling", json!({"type": "magic"}), "rope scaling of the type \"magic\""),
        config("rope_scaling", json!({"type": "linear", "factor": 0}), "\"factor\""),
        config("quantization_config", json!({"quant_method": "gptq"}), "quantized by gptq"),
    ]
}

fn tokenizers() -> Vec<Case> {
    let tokenizer = |what, change: fn(&mut Value), want| -> Case {
        (what, Box::new(move |folder: &mut Folder| edit(folder, "tokenizer.json", change)), want)
    };
    vec![
        tokenizer(
            "another rule",
            |json| json["pre_tokenizer"]["pretokenizers"][0]["pattern"] = json!({"Regex": "x"}),
            "cuts words by",
        ),
        tokenizer("merges of three", |json| json["model"]["merges"] = json!(["abc"]), "is no pair"),
        tokenizer(
            "an id beyond the embedding",
            |json| json["model"]["vocab"]["zz"] = json!(4_000_000_000u32),
            "the embedding has",
        ),
        tokenizer("another kind", |json| json["model"]["type"] = json!("Unigram"), "the kind"),
        tokenizer("a list", |json| *json = json!([]), "tokenizer.json cannot be understood"),
    ]
}

#[test]
fn what_is_damaged_is_refused_in_a_sentence() {
    let good = hf::folder(&parsed(Spec::tiny("llama").bytes()));
    let cases = [headers(), frames(), tensors(), configs(), tokenizers()];
    for (what, change, want) in cases.into_iter().flatten() {
        let mut folder = good.clone();
        change(&mut folder);
        let error: Error = convert::open("model", files(&folder)).err().expect(what);
        let said = error.to_string();
        assert!(said.contains(want), "{what}: {said}");
        assert!(said.len() < 600 && !said.contains('\n'), "{what}: {said}");
    }
}

#[test]
fn no_flipped_bit_makes_more_than_an_error() {
    let good = hf::folder(&parsed(Spec::tiny("llama").bytes()));
    for (file, (name, bytes)) in good.iter().enumerate() {
        // Data beyond the header may be anything.
        for at in (0..bytes.len().min(6000)).step_by(61) {
            let mut folder = good.clone();
            folder[file].1[at] ^= 1 << (at % 8);
            if let Err(error) = convert::open("model", files(&folder)) {
                assert!(!error.to_string().is_empty(), "{name} {at}");
            }
        }
    }
}
