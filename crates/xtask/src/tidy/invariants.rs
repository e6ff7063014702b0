//! Names that only one crate may say: the architecture's "must never know", searched in code.
//!
//! The manifests already say who depends on whom; these checks catch what needs no manifest
//! (`std::fs`) and what a manifest allows too widely.

use super::Finding;
use super::mask::{line_of, words};
use super::tree::{Tree, crate_of};

/// Identifiers and the crates that may use them outside of tests.
const NAMES: [(&str, &[&str]); 8] = [
    ("wgpu", &["gpu"]),
    ("web_sys", &["web"]),
    ("js_sys", &["web"]),
    ("wasm_bindgen", &["web"]),
    ("wasm_bindgen_futures", &["web"]),
    ("serde_wasm_bindgen", &["web"]),
    ("tokio", &["native-host"]),
    ("axum", &["native-host"]),
];

/// Modules of `std` that reach outside of the program.
const STD_MODULES: [&str; 2] = ["fs", "net"];

/// Crates that talk to the operating system.
const STD_USERS: [&str; 3] = ["native-host", "xtask", "tests"];

/// Modules that do so in a crate that otherwise must not: the store's, on a real file system.
const STD_HOMES: [&str; 1] = ["crates/store/src/fs/"];

/// Where the choice between wasm and native may be made.
const WASM_CFG_HOMES: [&str; 4] =
    ["crates/web/", "crates/cpu/", "crates/gpu/src/platform", "crates/xtask/"];

/// Manifests may choose dependencies by target for the same crates.
const WASM_CFG_MANIFESTS: [&str; 3] =
    ["crates/web/Cargo.toml", "crates/cpu/Cargo.toml", "crates/gpu/Cargo.toml"];

/// Crates that may panic: programs for developers, whose panic is a message to them.
const PANIC_HOMES: [&str; 2] = ["xtask", "tests"];

/// Names of devices and hosts outside of their crates.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, masked) in tree.rust() {
        let owner = crate_of(path);
        for (at, word) in words(&masked.code) {
            let named = NAMES.iter().find(|(name, _)| *name == word);
            if named.is_some_and(|(_, owners)| !owners.contains(&owner)) {
                let line = line_of(&masked.code, at);
                findings.push(Finding::new(path, line, format!("{owner} must not name {word}")));
            }
        }
        let is_home = STD_HOMES.iter().any(|home| path.starts_with(home));
        if is_home || STD_USERS.contains(&owner) || tree.is_test_file(path) {
            continue;
        }
        let code = masked.without_tests();
        for (at, module) in std_modules(&code) {
            let message = format!("{owner} must not use std::{module}");
            findings.push(Finding::new(path, line_of(&code, at), message));
        }
    }
    findings
}

/// Uses of `std::fs` and its like: as a path, or inside `use std::{…}`.
fn std_modules(code: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("std::") {
        let rest = &code[at + prefix.len()..];
        let group = rest.strip_prefix('{').map(|rest| rest.split(';').next().unwrap_or(rest));
        for module in STD_MODULES {
            let is_named = match group {
                Some(group) => first_level(group).any(|name| name == module),
                None => words(rest).next() == Some((0, module)),
            };
            if is_named {
                found.push((at, module));
            }
        }
    }
    found
}

/// The names directly inside a `{…}` group of a `use`, each up to its first `::`.
fn first_level(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0i32;
    let pieces = group.split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    pieces.filter_map(|piece| words(piece).next().map(|(_, word)| word))
}

/// `cfg(target_arch = "wasm32")` and `cfg(target_family = "wasm")` outside of their homes.
pub fn wasm_cfg(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, masked) in tree.rust() {
        if !WASM_CFG_HOMES.iter().any(|home| path.starts_with(home)) {
            findings.extend(wasm_cfg_in(path, &masked.no_comments));
        }
    }
    for (path, file) in tree.ending(&["Cargo.toml"]) {
        if !WASM_CFG_MANIFESTS.contains(&path) {
            findings.extend(wasm_cfg_in(path, &file.text));
        }
    }
    findings
}

fn wasm_cfg_in(path: &str, text: &str) -> Vec<Finding> {
    let says = |line: &str| {
        let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        line.contains("target_arch=\"wasm") || line.contains("target_family=\"wasm")
    };
    // What only tests are compiled with may differ by target anywhere.
    let is_ours = |line: &str| says(line) && !line.contains("dev-dependencies");
    let lines = text.lines().enumerate().filter(|(_, line)| is_ours(line));
    let message = "the choice between wasm and native belongs into web, cpu or gpu/src/platform";
    lines.map(|(i, _)| Finding::new(path, i + 1, message)).collect()
}

/// `unwrap` and `expect` outside of tests. clippy says so too, but only of code that this machine
/// compiles; the code for wasm and for other processors is read here.
pub fn panics(tree: &Tree) -> Vec<Finding> {
    const CALLS: [&str; 4] = [".unwrap()", ".expect(\"", ".expect(&", ".unwrap_err()"];
    let mut findings = Vec::new();
    for (path, _, masked) in tree.rust() {
        if PANIC_HOMES.contains(&crate_of(path)) || tree.is_test_file(path) {
            continue;
        }
        let code = masked.without_tests();
        for call in CALLS {
            for (at, _) in code.match_indices(call) {
                let message = format!("`{call}` can panic; return an error");
                findings.push(Finding::new(path, line_of(&code, at), message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_searched_in_code_only() {
        let tree = Tree::of(&[
            ("crates/model/src/lib.rs", "//! wgpu\nfn a() { let wgpu_like = \"wgpu\"; }\n"),
            ("crates/gpu/src/lib.rs", "//! g\nuse wgpu::Device;\n"),
            ("crates/cpu/src/lib.rs", "//! c\nuse wgpu::Device;\n"),
            ("crates/engine/src/lib.rs", "//! e\nuse js_sys::Array;\n"),
        ]);
        let found: Vec<_> = names(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let wanted = [("crates/cpu/src/lib.rs".into(), 2), ("crates/engine/src/lib.rs".into(), 2)];
        assert_eq!(found, wanted);
    }

    #[test]
    fn files_are_for_hosts_and_tests() {
        let in_tests = "//! g\n#[cfg(test)]\nmod tests {\n  use std::fs;\n}\n";
        let grouped = "//! m\nuse std::{collections::{HashMap, net}, fs::File};\n";
        let tree = Tree::of(&[
            ("crates/gguf/src/lib.rs", in_tests),
            ("crates/gguf/tests/read.rs", "//! t\nuse std::fs;\n"),
            ("crates/model/src/lib.rs", grouped),
            ("crates/chat/src/lib.rs", "//! c\nfn f() { std::net::lookup(); std::fmt(); }\n"),
            ("native-host/src/main.rs", "//! n\nuse std::fs;\n"),
            ("crates/store/src/fs/mod.rs", "//! f\nuse std::fs;\n"),
            ("crates/store/src/store.rs", "//! s\nuse std::fs;\n"),
        ]);
        let found: Vec<_> = names(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(
            found,
            ["crates/chat/src/lib.rs", "crates/model/src/lib.rs", "crates/store/src/store.rs"]
        );
    }

    #[test]
    fn the_choice_of_wasm_has_homes() {
        let bad = "//! a\n#[cfg(not( target_arch = \"wasm32\" ))]\nfn a() {}\n";
        let tree = Tree::of(&[
            ("crates/engine/src/lib.rs", bad),
            ("crates/gpu/src/lib.rs", bad),
            ("crates/gpu/src/platform/mod.rs", bad),
            ("crates/cpu/src/lib.rs", bad),
            ("crates/chat/src/lib.rs", "//! target_arch = \"wasm32\"\n"),
            ("crates/gguf/Cargo.toml", "[target.'cfg(target_family = \"wasm\")'.dev-dependencies]"),
        ]);
        let found: Vec<_> = wasm_cfg(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let wanted = [("crates/engine/src/lib.rs".into(), 2), ("crates/gpu/src/lib.rs".into(), 2)];
        assert_eq!(found, wanted);
    }

    #[test]
    fn panics_are_for_tests() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "//! a\nfn a() { b.unwrap(); c.expect(Token::Comma); }\n"),
            ("crates/a/src/more.rs", "//! a\n#[cfg(test)]\nmod tests { fn a() { b.unwrap(); } }\n"),
            ("crates/a/src/wasm.rs", "//! a\nfn f() {\n  b.expect(\"x\");\n}\n"),
            ("tests/src/lib.rs", "//! t\nfn a() { b.unwrap(); }\n"),
        ]);
        let found: Vec<_> = panics(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [("crates/a/src/lib.rs".into(), 2), ("crates/a/src/wasm.rs".into(), 3)]);
    }
}
