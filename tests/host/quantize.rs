//! `ingle quantize`: smaller files, all or nothing, and exit codes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gguf::Gguf;
use quant::TensorType;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::program::{Run, ingle, ingle_env, program};

/// Kills; `INGLE_KILLS` says another number.
const KILLS: u32 = 8;

/// A small Llama whose rows are whole K blocks.
fn model(nan: bool) -> Vec<u8> {
    let spec = Spec::quantized("llama", TensorType::Q4_K);
    Spec { ty: TensorType::F32, nan, ..spec }.bytes()
}

fn quantize(args: &[&str]) -> Run {
    let all: Vec<&str> = ["quantize"].iter().chain(args).copied().collect();
    ingle(&all)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn open(path: &Path) -> Gguf {
    Gguf::open(Box::new(std::fs::read(path).unwrap())).unwrap()
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_written_beside_its_model_and_runs() {
    let scratch = Scratch::new();
    let input = scratch.write("tiny-F32.gguf", &model(false));
    let run = quantize(&[text(&input), "q4_k_m", "--threads", "2"]);
    let said = run.text();
    assert!(said.contains("tiny-Q4_K_M.gguf  ") && said.contains("bits per weight"), "{said}");
    let output = scratch.path("tiny-Q4_K_M.gguf");
    let file = open(&output);
    assert_eq!(file.metadata.u32("general.file_type"), Ok(Some(15)));
    assert_eq!(file.tensor("blk.0.attn_q.weight").unwrap().ty, TensorType::Q4_K);
    let answer = ingle(&["run", text(&output), "hi", "-n", "3", "--device", "cpu"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    // It is not replaced unasked, and never the model itself.
    let again = quantize(&[text(&input), "Q4_K_M"]);
    assert_eq!(again.not_a_refusal("--force"), None);
    assert_eq!(quantize(&[text(&input), "Q4_K_M", "--force"]).code, Some(0));
    let itself = quantize(&[text(&input), text(&input), "Q4_K_M", "--force"]);
    assert_eq!(itself.not_a_refusal("the model itself"), None);
}

#[test]
fn json_and_a_dry_run_say_the_same() {
    let scratch = Scratch::new();
    let input = scratch.write("m.gguf", &model(false));
    let output = scratch.path("out.gguf");
    let args = [text(&input), text(&output), "Q3_K_M", "--format", "json", "--pure"];
    let planned = quantize(&[&args[..], &["--dry-run"]].concat()).json();
    assert!(!output.exists());
    assert_eq!(planned["tensors"].as_array().unwrap().len(), open(&input).tensors.len());
    let done = quantize(&args).json();
    for key in ["new_bytes", "old_bytes", "bits_per_weight", "tensor_types", "type"] {
        assert_eq!(planned[key], done[key], "{key}");
    }
    assert_eq!(done["file_bytes"], std::fs::metadata(&output).unwrap().len());
    let table = quantize(&[text(&input), "Q3_K_M", "--dry-run"]);
    assert!(table.text().starts_with("TENSOR "), "{}", table.text());
}

#[test]
fn a_stored_model_is_read_without_a_server() {
    let scratch = Scratch::new();
    let store = scratch.path("store");
    let variables = [("OLLAMA_MODELS", text(&store))];
    let file: std::rc::Rc<dyn gguf::ByteSource> = std::rc::Rc::new(model(false));
    let place = store::Store::new(store::FsIo::new(&store), store::ManualClock::default());
    pollster::block_on(place.import(&"tiny:f32".parse().unwrap(), vec![file])).unwrap();
    let output = scratch.path("o.gguf");
    let args = ["quantize", "tiny:f32", text(&output), "Q8_0"];
    let run = ingle_env(&args, &variables, b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(open(&output).tensor("token_embd.weight").unwrap().ty, TensorType::Q8_0);
    let missing = ingle_env(&["quantize", "none:f32", "Q8_0"], &variables, b"");
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
}

#[test]
fn what_cannot_be_done_has_a_code_and_leaves_nothing() {
    let scratch = Scratch::new();
    let good = scratch.write("good.gguf", &model(false));
    let bad = scratch.write("nan.gguf", &model(true));
    let text_file = scratch.write("text.gguf", b"not a model at all");
    let small = scratch.path("small.gguf");
    assert_eq!(quantize(&[text(&good), text(&small), "Q4_K_M"]).code, Some(0));
    let before = names(good.parent().unwrap());
    let out = scratch.path("out.gguf");
    for (code, about, args) in [
        (2, "choose one of", vec![text(&good), text(&out), "Q9"]),
        (2, "layer 99", vec![text(&good), text(&out), "Q8_0", "--prune-layers", "99"]),
        (4, "--max-memory", vec![text(&good), text(&out), "Q8_0", "--max-memory", "1K"]),
        (7, "row 0 of tensor", vec![text(&bad), text(&out), "Q4_K_M"]),
        (7, "not a GGUF", vec![text(&text_file), text(&out), "Q4_K_M"]),
        (2, "--allow-requantize", vec![text(&small), text(&out), "Q8_0"]),
        (2, "--imatrix", vec![text(&good), text(&out), "Q2_K_S"]),
        (
            7,
            "no importance matrix",
            vec![text(&good), text(&out), "Q4_0", "--imatrix", text(&good)],
        ),
    ] {
        let run = quantize(&args);
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(about), "{about}: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?}");
        assert_eq!(names(good.parent().unwrap()), before, "{args:?}");
    }
}

#[test]
fn a_kill_leaves_no_file_of_that_name() {
    let scratch = Scratch::new();
    let spec = Spec::quantized("llama", TensorType::Q4_K);
    let mut spec = Spec { ty: TensorType::F32, ..spec };
    spec.shape.n_layers = 12;
    let input = scratch.write("m.gguf", &spec.bytes());
    let output = scratch.path("out.gguf");
    let args = ["quantize", text(&input), text(&output), "Q4_K_M", "--threads", "1"];
    let start = Instant::now();
    assert_eq!(ingle(&args).code, Some(0));
    let whole = start.elapsed();
    let want = std::fs::read(&output).unwrap();
    let n = std::env::var("INGLE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let mut n_killed = 0;
    for i in 0..n {
        std::fs::remove_file(&output).ok();
        let quiet = || Stdio::null();
        let mut child =
            Command::new(program()).args(args).stdout(quiet()).stderr(quiet()).spawn().unwrap();
        std::thread::sleep(whole * i / n);
        child.kill().unwrap();
        let is_killed = !child.wait().unwrap().success();
        n_killed += u32::from(is_killed);
        // Whole or not there at all; and what was left does not stand in the way.
        assert!(!output.exists() || std::fs::read(&output).unwrap() == want, "kill {i}");
        let again = quantize(&[text(&input), text(&output), "Q4_K_M", "--force"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(std::fs::read(&output).unwrap() == want, "after kill {i}");
    }
    println!("{n_killed} of {n} were killed within {:?}", whole.max(Duration::ZERO));
    assert!(n_killed > 0);
    assert_eq!(names(input.parent().unwrap()), ["m.gguf", "out.gguf"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_with_numbers() {
    let scratch = Scratch::new();
    let input = scratch.write("m.gguf", &model(false));
    let disk = scratch.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |size: &str| {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&disk).output()
    };
    // The program looks before it begins: an emulated quota of files says nothing of itself, so the
    // second disk has room by its numbers and none for the last page.
    for size in ["size=16k", "size=64k"] {
        if !mount(size).is_ok_and(|output| output.status.success()) {
            println!("SKIPPED a_full_disk_is_said_with_numbers: no small disk can be mounted here");
            return;
        }
        let output = disk.join("out.gguf");
        let run = quantize(&[text(&input), text(&output), "Q4_K_M"]);
        let left = names(&disk);
        Command::new("umount").arg("-l").arg(&disk).status().unwrap();
        assert_eq!(run.code, Some(8), "{}", run.stderr);
        assert!(run.stderr.contains("has no room: "), "{}", run.stderr);
        assert_eq!(left, [""; 0]);
    }
}
