//! Ids equal to llama.cpp's, for every vocabulary in the fixtures and every case of each.
//!
//! All mismatches are collected before the test fails: one wrong rule shows as a pattern, not as
//! the first of a thousand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]

mod support;

use std::path::Path;

use support::{files, fixtures, tokenizer};
use tokenizer::{Encode, Tokenizer};

const SEPARATOR: &str = "\n__ggml_vocab_test__\n";
const SHOWN: usize = 20;

const PLAIN: Encode = Encode { add_special: false, parse_special: false };
const SPECIAL: Encode = Encode { add_special: true, parse_special: true };

struct Mismatches(Vec<String>);

impl Mismatches {
    fn check(&mut self, name: &str, text: &str, got: &[u32], want: &[u32]) {
        if got != want {
            self.0.push(format!("{name}: {text:?}\n   got {got:?}\n  want {want:?}"));
        }
    }

    fn report(self, n_cases: usize) {
        let shown: Vec<_> = self.0.iter().take(SHOWN).cloned().collect();
        assert!(n_cases > 0, "no cases found");
        assert!(self.0.is_empty(), "{} of {n_cases} differ:\n{}", self.0.len(), shown.join("\n"));
        println!("{n_cases} cases equal");
    }
}

fn vocabularies(folder: &Path) -> Vec<(String, Tokenizer)> {
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files(folder, ".gguf").iter().map(|path| (name(path), tokenizer(path))).collect()
}

#[test]
fn ids_of_the_vocabulary_tests_are_equal() {
    let Some(folder) = fixtures("tokenizers", "ids_of_the_vocabulary_tests_are_equal") else {
        return;
    };
    let (mut n_cases, mut mismatches) = (0, Mismatches(Vec::new()));
    for (name, tokenizer) in vocabularies(&folder) {
        let read = |ending| std::fs::read_to_string(folder.join(format!("{name}.{ending}")));
        let (Ok(inputs), Ok(outputs)) = (read("inp"), read("out")) else {
            continue;
        };
        let outputs: Vec<_> = outputs.lines().collect();
        let inputs: Vec<_> = inputs.split(SEPARATOR).collect();
        // The inputs end in a separator's line feed.
        assert!(inputs.len() == outputs.len() || inputs.len() == outputs.len() + 1, "{name}");
        for (text, want) in inputs.iter().zip(outputs) {
            let want: Vec<u32> = want.split_whitespace().map(|id| id.parse().unwrap()).collect();
            mismatches.check(&name, text, &tokenizer.encode(text, PLAIN), &want);
            n_cases += 1;
        }
    }
    mismatches.report(n_cases);
}

#[test]
fn ids_of_seeded_strings_are_equal_with_and_without_special_tokens() {
    let test = "ids_of_seeded_strings_are_equal_with_and_without_special_tokens";
    let Some(folder) = fixtures("tokenizers", test) else {
        return;
    };
    let (mut n_cases, mut mismatches) = (0, Mismatches(Vec::new()));
    for (name, tokenizer) in vocabularies(&folder) {
        let Ok(json) = std::fs::read(folder.join(format!("{name}.strings.json"))) else {
            continue;
        };
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        for case in json["cases"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            for (key, options) in [("ids", PLAIN), ("ids_special", SPECIAL)] {
                let want = serde_json::from_value::<Vec<u32>>(case[key].clone()).unwrap();
                mismatches.check(&name, text, &tokenizer.encode(text, options), &want);
                n_cases += 1;
            }
        }
    }
    mismatches.report(n_cases);
}

#[test]
fn prompts_of_the_fixture_models_have_their_ids() {
    let test = "prompts_of_the_fixture_models_have_their_ids";
    let Some(folder) = fixtures("models", test) else {
        return;
    };
    let (mut n_cases, mut mismatches) = (0, Mismatches(Vec::new()));
    for path in files(&folder, ".expected.json") {
        let model = path.to_string_lossy().replace(".expected.json", ".gguf");
        if !Path::new(&model).is_file() {
            continue;
        }
        let tokenizer = tokenizer(Path::new(&model));
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in json["cases"].as_array().unwrap() {
            let text = case["prompt"].as_str().unwrap();
            let want = serde_json::from_value::<Vec<u32>>(case["tokens"].clone()).unwrap();
            mismatches.check(&model, text, &tokenizer.encode(text, SPECIAL), &want);
            n_cases += 1;
        }
    }
    mismatches.report(n_cases);
}
