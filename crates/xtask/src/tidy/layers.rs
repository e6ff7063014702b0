//! Manifest edges: who may depend on whom, and who may name which outside crate.
//!
//! The table is the one of `ARCHITECTURE.md`. An edge that is not in it is an error even if it
//! would compile: a layer that is crossed once, "only for a test", is crossed for good.
//! Manifests are read line by line; ours have no multi-line tables.

use super::Finding;
use super::tree::{Tree, crate_of};

/// A crate, its layer, and the crates of this repository that it may depend on.
const EDGES: [(&str, u8, &[&str]); 21] = [
    ("quant", 0, &[]),
    ("shaders", 0, &[]),
    ("gguf", 1, &["quant"]),
    ("kernels", 1, &["quant", "shaders"]),
    ("tokenizer", 2, &["gguf"]),
    ("chat", 2, &["gguf"]),
    ("model", 2, &["gguf", "kernels", "quant"]),
    ("cpu", 2, &["kernels", "quant"]),
    ("gpu", 2, &["kernels", "quant", "shaders"]),
    ("engine", 3, &["chat", "gguf", "kernels", "model", "quant", "tokenizer"]),
    ("quantize", 3, &["gguf", "quant"]),
    ("store", 3, &["gguf"]),
    ("convert", 4, &["gguf", "quant", "quantize"]),
    ("measure", 4, &["engine", "gguf", "kernels", "quant", "quantize", "tokenizer"]),
    ("api", 4, &["chat", "engine", "gguf", "kernels", "store", "tokenizer"]),
    ("hosting", 5, HOSTING),
    ("sensitivity", 5, &["engine", "gguf", "kernels", "measure", "quant", "quantize"]),
    ("web", 6, HOST),
    ("native-host", 6, HOST),
    ("xtask", 7, &[]),
    ("tests", 7, TESTS),
];

const HOSTING: &[&str] =
    &["api", "chat", "convert", "engine", "gguf", "quantize", "store", "tokenizer"];

const HOST: &[&str] = &[
    "api",
    "chat",
    "convert",
    "cpu",
    "engine",
    "gguf",
    "gpu",
    "hosting",
    "kernels",
    "measure",
    "model",
    "quant",
    "quantize",
    "sensitivity",
    "store",
    "tokenizer",
];

const TESTS: &[&str] = &[
    "api",
    "chat",
    "convert",
    "cpu",
    "engine",
    "gguf",
    "gpu",
    "kernels",
    "measure",
    "model",
    "quant",
    "quantize",
    "sensitivity",
    "shaders",
    "store",
    "tokenizer",
];

/// Outside crates that only these crates may depend on (and name), with the reason.
const OWNED: [(&str, &[&str], &str); 44] = [
    ("wgpu", &["gpu"], GPU),
    ("naga", &["shaders", "tests"], "shaders are text here; naga only checks it"),
    ("wasm-bindgen", &["web"], BROWSER),
    ("wasm-bindgen-futures", &["web"], BROWSER),
    ("wasm-bindgen-cli-support", &["xtask"], "a build tool"),
    ("js-sys", &["web"], BROWSER),
    ("web-sys", &["web"], BROWSER),
    ("serde-wasm-bindgen", &["web"], BROWSER),
    ("console_error_panic_hook", &["web"], BROWSER),
    ("tokio", &["native-host"], NATIVE),
    ("axum", &["native-host"], NATIVE),
    ("hyper", &["native-host"], NATIVE),
    ("hyper-util", &["native-host"], NATIVE),
    ("http-body", &["native-host"], NATIVE),
    ("tracing-subscriber", &["native-host"], "one part of a program says where its logs go"),
    ("rlimit", &["native-host"], NATIVE),
    ("rusqlite", &["native-host"], "a database is a file of this machine"),
    ("reqwest", &["native-host"], "the store's HTTP comes from its host"),
    ("rustls", &["native-host"], "the store's HTTP comes from its host"),
    ("clap", &["native-host", "xtask"], NATIVE),
    ("clap_complete", &["native-host"], NATIVE),
    ("console", &["native-host"], NATIVE),
    ("ctrlc", &["native-host"], NATIVE),
    ("indicatif", &["native-host"], NATIVE),
    ("reqwest", &["native-host"], "HTTP is the host's; libraries ask through traits"),
    ("rustls", &["native-host"], "HTTP is the host's; libraries ask through traits"),
    ("rustyline", &["native-host"], NATIVE),
    ("tiny_http", &["xtask", "tests"], "a developer's file server"),
    ("anyhow", &["native-host", "xtask", "tests"], "libraries have typed errors"),
    ("llguidance", &["chat"], "grammars are the chat crate's"),
    ("minijinja", &["chat"], "templates are the chat crate's"),
    ("minijinja-contrib", &["chat"], "templates are the chat crate's"),
    ("fs4", &["store"], "the store's file system asks for free space"),
    ("md-5", &["store"], "a sum that one kind of upload asks for, no hash to trust"),
    ("tar", &["store"], "archives are the store's"),
    ("httpdate", &["store"], "dates stand in what registries say"),
    ("ssh-key", &["native-host"], "keys are files of this machine"),
    ("signature", &["native-host"], "keys are files of this machine"),
    ("getrandom", &["native-host"], "chance that others must not guess is for keys"),
    ("safetensors", &["convert"], "other forms of models are convert's"),
    ("prost", &["convert"], "other forms of models are convert's"),
    ("zip", &["convert"], "other forms of models are convert's"),
    ("serde_json", JSON, "JSON is for the edges, manifests and templates"),
    ("serde", JSON, "JSON is for the edges, manifests and templates"),
];

const JSON: &[&str] =
    &["api", "chat", "convert", "hosting", "native-host", "store", "tests", "web", "xtask"];

const GPU: &str = "only gpu talks to a GPU";
const BROWSER: &str = "only web talks to the browser";
const NATIVE: &str = "only native-host talks to the operating system and to people";

/// Crates at the bottom, with all that they may take from outside.
const BOTTOM: [(&str, &[&str]); 2] = [("quant", &["half", "bytemuck"]), ("shaders", &[])];

/// One dependency line of a manifest.
#[derive(Debug, PartialEq, Eq)]
struct Edge<'a> {
    to: &'a str,
    line: usize,
    is_dev: bool,
}

fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    let named = tree.ending(&["/Cargo.toml"]);
    named.map(|(path, file)| (path, crate_of(path), file.text.as_str()))
}

fn edges_of(manifest: &str) -> Vec<Edge<'_>> {
    let mut edges = Vec::new();
    let mut section = "";
    for (i, text) in manifest.lines().enumerate() {
        let (line, text) = (i + 1, text.trim());
        if let Some(header) = text.strip_prefix('[') {
            section = header.trim_end_matches(']');
            // `[dependencies.name]`, the long form of one line.
            if let Some((kind, to)) = section.rsplit_once("dependencies.") {
                edges.push(Edge { to, line, is_dev: kind.ends_with("dev-") });
            }
        } else if section.ends_with("dependencies") && text.starts_with(char::is_alphabetic) {
            let to = text.split(['.', '=', ' ']).next().unwrap_or_default();
            if !to.is_empty() {
                edges.push(Edge { to, line, is_dev: section.ends_with("dev-dependencies") });
            }
        }
    }
    edges
}

/// Edges between the crates of this repository. A crate's own tests may also look at crates that
/// do not stand above it.
pub fn edges(tree: &Tree) -> Vec<Finding> {
    let row = |name: &str| EDGES.iter().find(|(crate_name, ..)| *crate_name == name);
    let mut findings = Vec::new();
    for (path, name, text) in manifests(tree) {
        let Some((_, layer, allowed)) = row(name) else {
            findings.push(Finding::new(path, 0, format!("{name} is not in the layer table")));
            continue;
        };
        for Edge { to, line, is_dev } in edges_of(text) {
            let Some((_, to_layer, _)) = row(to) else {
                continue;
            };
            let is_allowed = allowed.contains(&to) || is_dev && to_layer <= layer;
            if !is_allowed {
                let message = format!("{name} must not depend on {to}");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// Outside crates that have one owner.
pub fn externals(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, name, text) in manifests(tree) {
        let bottom = BOTTOM.iter().find(|(crate_name, _)| *crate_name == name);
        for Edge { to, line, is_dev } in edges_of(text) {
            if let Some((_, owners, why)) = OWNED.iter().find(|(owned, ..)| *owned == to)
                && !owners.contains(&name)
                && !is_dev
            {
                findings.push(Finding::new(path, line, format!("{name} must not use {to}: {why}")));
            }
            if bottom.is_some_and(|(_, allowed)| !is_dev && !allowed.contains(&to)) {
                let message = format!("{name} stands at the bottom and must not use {to}");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

/// Folder = crate = import name; nothing is published by accident; versions stand in one place.
pub fn packages(tree: &Tree) -> Vec<Finding> {
    const LINES: [&str; 3] =
        ["publish.workspace = true", "edition.workspace = true", "license.workspace = true"];
    let mut findings = Vec::new();
    for (path, name, text) in manifests(tree) {
        let wanted = format!("name = \"{name}\"");
        for line in LINES.into_iter().chain([wanted.as_str()]) {
            if !text.lines().any(|text| text == line) {
                findings.push(Finding::new(path, 0, format!("lacks the line `{line}`")));
            }
        }
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(Finding::new(path, 0, "lacks `[lints]` with `workspace = true`"));
        }
        for Edge { to, line, .. } in edges_of(text) {
            let text = text.lines().nth(line - 1).unwrap_or_default();
            if text.starts_with(to) && !text.contains("workspace = true") {
                let message = format!("the version of {to} belongs into the workspace's manifest");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "publish.workspace = true\nedition.workspace = true\n\
                        license.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn edges_are_read_from_every_kind_of_section() {
        let text = "[package]\nname = \"a\"\n[dependencies]\n# note\ngguf.workspace = true\n\
                    half = { workspace = true, features = [\n\"std\",\n] }\n\
                    [dev-dependencies]\nnaga.workspace = true\n\
                    [target.'cfg(unix)'.dependencies]\nwgpu.workspace = true\n\
                    [dependencies.quant]\nworkspace = true\n";
        let edges: Vec<_> = edges_of(text).into_iter().map(|e| (e.to, e.line, e.is_dev)).collect();
        let wanted = [
            ("gguf", 5, false),
            ("half", 6, false),
            ("naga", 10, true),
            ("wgpu", 12, false),
            ("quant", 13, false),
        ];
        assert_eq!(edges, wanted);
    }

    #[test]
    fn an_edge_upward_is_found() {
        let tree = Tree::of(&[
            ("crates/gguf/Cargo.toml", "[dependencies]\nquant.workspace = true\n"),
            ("crates/quant/Cargo.toml", "[dev-dependencies]\ngguf.workspace = true\n"),
            ("crates/extra/Cargo.toml", ""),
        ]);
        let paths: Vec<_> = edges(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let wanted = [("crates/extra/Cargo.toml".into(), 0), ("crates/quant/Cargo.toml".into(), 2)];
        assert_eq!(paths, wanted);
    }

    #[test]
    fn owned_crates_stay_with_their_owners() {
        let bad = "[dependencies]\nwgpu.workspace = true\nserde_json.workspace = true\n";
        let tree = Tree::of(&[
            ("crates/engine/Cargo.toml", bad),
            ("crates/quant/Cargo.toml", "[dependencies]\nthiserror.workspace = true\n"),
            ("crates/gpu/Cargo.toml", "[dependencies]\nwgpu.workspace = true\n"),
            ("shaders/Cargo.toml", "[dev-dependencies]\nnaga.workspace = true\n"),
        ]);
        let found: Vec<_> = externals(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        let engine = "crates/engine/Cargo.toml".to_string();
        assert_eq!(
            found,
            [(engine.clone(), 2), (engine, 3), ("crates/quant/Cargo.toml".into(), 2)]
        );
    }

    #[test]
    fn packages_are_named_after_their_folder() {
        let good = format!("[package]\nname = \"gguf\"\n{HEAD}");
        let bad = format!("[package]\nname = \"other\"\n{HEAD}\n[dependencies]\nhalf = \"2\"\n");
        assert_eq!(packages(&Tree::of(&[("crates/gguf/Cargo.toml", &good)])), []);
        assert_eq!(packages(&Tree::of(&[("crates/quant/Cargo.toml", &bad)])).len(), 2);
    }
}
