//! `cargo xtask tidy`: the house rules as a program.
//!
//! A rule that only stands in a document is broken within a month, so each one that a program can
//! decide is decided here, over the text of the tracked files. Text and not a syntax tree: the
//! rules are about names, sizes and edges, which [`mask`] makes safe to search for, and a parser
//! would double the time that `cargo xtask` takes to compile. Rules that need judgment stay with
//! the reader; a rule that is sometimes wrong teaches people to ignore all of them.
//!
//! Every check is a function from a [`Tree`] in memory to findings, and is tested on small trees,
//! good and bad.

mod invariants;
mod layers;
mod mask;
mod sizes;
mod text;
mod tree;
mod wgsl;

use anyhow::Result;

use crate::report::Tally;
use tree::Tree;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    /// Counted from 1; 0 for the whole file.
    pub line: usize,
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.into(), line, message: message.into() }
    }
}

type Check = fn(&Tree) -> Vec<Finding>;

/// All rules; the name is printed with the count.
const CHECKS: [(&str, Check); 12] = [
    ("layers: manifest edges", layers::edges),
    ("layers: external crates by name", layers::externals),
    ("layers: folder = crate, never published", layers::packages),
    ("invariants: names of hosts and devices", invariants::names),
    ("invariants: cfg(target_arch)", invariants::wasm_cfg),
    ("invariants: no panics on input", invariants::panics),
    ("house: file, function and line sizes", sizes::sizes),
    ("house: headers and missing_docs", text::headers),
    ("house: nothing unfinished or switched off", text::unfinished),
    ("house: no machine, registry or work notes", text::machine),
    ("house: American spelling", text::spelling),
    ("house: WGSL lines that recur", wgsl::recurring),
];

/// Checks the repository.
pub fn run() -> Result<Tally> {
    let tree = Tree::of_repository()?;
    let mut tally = Tally::default();
    for (name, check) in CHECKS {
        let mut findings = check(&tree);
        findings.sort();
        if findings.is_empty() {
            tally.passed += 1;
            continue;
        }
        println!("   {name}");
        for Finding { path, line, message } in &findings {
            println!("      {path}:{line}: {message}");
        }
        tally.failed.push(format!("{name} ({} findings)", findings.len()));
    }
    println!("   {}", sizes::summary(&tree));
    Ok(tally)
}
