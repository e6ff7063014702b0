//! gguf-py reads what is written here, and what gguf-py writes is read here.
//!
//! Skipped by name where Python has no `gguf` package.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use gguf::{Gguf, Metadata, Writer};
use quant::TensorType;

fn has_gguf_py(test: &str) -> bool {
    let found = Command::new("python3").args(["-c", "import gguf"]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIPPED {test}: no gguf-py");
    }
    found
}

fn python(script: &str, file: &Path) -> String {
    let output = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn gguf_py_reads_what_the_writer_writes() {
    if !has_gguf_py("gguf_py_reads_what_the_writer_writes") {
        return;
    }
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.alignment", 64u32);
    metadata.insert("n", 7u32);
    metadata.insert("eps", 0.5f32);
    metadata.insert("yes", true);
    metadata.insert("tokens", vec!["a".to_owned(), "\u{20ac}".to_owned()]);
    metadata.insert("types", vec![1i32, -1]);
    let mut writer = Writer::new(metadata);
    writer.tensor("x", TensorType::F32, &[3, 2]).unwrap();
    writer.tensor("q", TensorType::Q8_0, &[32]).unwrap();
    let mut data = writer.start(Vec::new()).unwrap();
    let values: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    data.write_tensor("x", &values).unwrap();
    data.write_tensor("q", &(0..34).collect::<Vec<u8>>()).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ours.gguf");
    std::fs::write(&path, data.finish().unwrap()).unwrap();
    let script = r#"
import sys, gguf
r = gguf.GGUFReader(sys.argv[1])
for key in ["general.architecture", "general.alignment", "n", "eps", "yes", "tokens", "types"]:
    print(key, r.fields[key].contents())
for t in r.tensors:
    print(t.name, t.tensor_type.name, [int(n) for n in t.shape], t.data.tobytes().hex())
"#;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let want = format!(
        "general.architecture llama\ngeneral.alignment 64\nn 7\neps 0.5\nyes True\n\
         tokens ['a', '\u{20ac}']\ntypes [1, -1]\nx F32 [3, 2] {}\nq Q8_0 [32] {}\n",
        hex(&values),
        hex(&(0..34).collect::<Vec<u8>>())
    );
    assert_eq!(python(script, &path), want);
}

#[test]
fn what_gguf_py_writes_is_read() {
    if !has_gguf_py("what_gguf_py_writes_is_read") {
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("theirs.gguf");
    let script = r#"
import sys, gguf, numpy as np
w = gguf.GGUFWriter(sys.argv[1], "qwen3")
w.add_custom_alignment(128)
w.add_block_count(28)
w.add_rope_freq_base(1e6)
w.add_add_bos_token(False)
w.add_token_list(["a", b"\xc3\x28", "c"])
w.add_token_scores([0.5, -1.0, 2.0])
w.add_token_types([1, 6, 3])
w.add_array("empty.words", ["x"])
w.add_key_value("wide", 2**63, gguf.GGUFValueType.UINT64)
w.add_tensor("a", np.arange(6, dtype=np.float16).reshape(2, 3))
w.add_tensor("b", np.ones((1,), dtype=np.float32))
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
"#;
    python(script, &path);
    let gguf = Gguf::open(Box::new(std::fs::read(&path).unwrap())).unwrap();
    let m = &gguf.metadata;
    assert_eq!(m.require_str("general.architecture").unwrap(), "qwen3");
    assert_eq!(m.require_u32("qwen3.block_count").unwrap(), 28);
    assert_eq!(m.require_f32("qwen3.rope.freq_base").unwrap(), 1e6);
    assert!(!m.require_bool("tokenizer.ggml.add_bos_token").unwrap());
    assert_eq!(m.require_u64("wide").unwrap(), 1 << 63);
    assert!(m.strings("tokenizer.ggml.tokens").is_err(), "one token is not UTF-8");
    let tokens = m.byte_strings("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!(tokens, [&b"a"[..], b"\xc3\x28", b"c"]);
    assert_eq!(m.require_f32s("tokenizer.ggml.scores").unwrap(), [0.5, -1.0, 2.0]);
    assert_eq!(m.require_i32s("tokenizer.ggml.token_type").unwrap().as_ref(), [1, 6, 3]);
    assert_eq!(gguf.alignment, 128);
    let a = gguf.tensor("a").unwrap();
    assert_eq!((a.ty, a.dims.as_slice(), a.n_bytes), (TensorType::F16, &[3, 2][..], 12));
    let mut bytes = [0; 12];
    gguf.read_tensor(a, 0, &mut bytes).unwrap();
    let mut values = [0.0; 6];
    quant::decode(a.ty, &bytes, &mut values).unwrap();
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}
