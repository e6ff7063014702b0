//! The same verdict on wasm32 as here, sentence by sentence, for every row of the table and a few
//! thousand random mutations.
//!
//! `u64 as usize` is harmless on a 64-bit machine and drops 32 bits in a browser, so the reader is
//! built for wasm32 (with overflow checks) and run under Node. Skipped by name without Node or the
//! target.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use gguf::{Limits, verdict};

const TARGET: &str = "wasm32-unknown-unknown";

/// What is missing on this machine, if anything.
fn missing() -> Option<&'static str> {
    let node = Command::new("node").arg("--version").output();
    if !node.is_ok_and(|output| output.status.success()) {
        return Some("Node");
    }
    let libs =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let found =
        libs.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    (!found).then_some(TARGET)
}

fn build() -> PathBuf {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "gguf", "--example", "verdict", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "the reader does not build for {TARGET}");
    target_dir.join(TARGET).join("debug/examples/verdict.wasm")
}

/// Files with a few bytes replaced, mostly by the extremes that break arithmetic.
fn mutations() -> Vec<Vec<u8>> {
    let mut state = 7u64;
    let mut random = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % n
    };
    let base = common::rich().bytes();
    (0..3000)
        .map(|_| {
            let mut bytes = base.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                let wide = [1, 2, 4, 8][random(4)].min(bytes.len() - at);
                let with = [0, 1, 0x7f, 0x80, 0xff][random(5)];
                bytes[at..at + wide].fill(with);
            }
            bytes
        })
        .collect()
}

#[test]
fn the_same_verdicts_on_wasm32() {
    if let Some(missing) = missing() {
        println!("SKIPPED the_same_verdicts_on_wasm32: no {missing}");
        return;
    }
    let mut files: Vec<Vec<u8>> = common::rows::all().into_iter().map(|row| row.bytes).collect();
    files.extend(mutations());
    let mut list = Vec::new();
    for file in &files {
        list.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
        list.extend(file);
    }
    let list_path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verdict-files.bin");
    std::fs::write(&list_path, list).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasm32.mjs");
    let output = Command::new("node").arg(script).arg(build()).arg(list_path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let mut n_accepted = 0;
    for file in &files {
        for limits in [&Limits::NATIVE, &Limits::WASM32] {
            let native = verdict(file, limits);
            n_accepted += usize::from(native.starts_with("accept"));
            assert_eq!(lines.next(), Some(native.as_str()));
        }
    }
    assert_eq!(lines.next(), None);
    assert!(n_accepted > 100 && n_accepted < files.len());
    println!("{} files, {n_accepted} of {} verdicts accept", files.len(), 2 * files.len());
}
