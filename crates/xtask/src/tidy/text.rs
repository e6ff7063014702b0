//! What files must say and must not say.
//!
//! The words that are searched for are put together from parts where this file would otherwise
//! find itself.

use super::Finding;
use super::mask::{line_of, words};
use super::tree::{Tree, crate_of};

/// Library crates whose every public item is documented.
const DOCUMENTED: [&str; 3] = ["quant", "gguf", "kernels"];

/// What may stand at the top of the repository besides names that begin with a dot.
const TOP: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "ARCHITECTURE.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "crates",
    "native-host",
    "shaders",
    "tests",
    "www",
];

/// Macros of unfinished code.
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// TypeScript and JavaScript that switches a check or a test off.
const SWITCHES: [&str; 7] = [
    "@ts-ignore",
    "@ts-nocheck",
    "eslint-disable",
    "it.skip(",
    "test.skip(",
    "describe.skip(",
    ".only(",
];

/// First folders of absolute paths that belong to one machine.
const MACHINE_FOLDERS: [&str; 5] = ["root", "home", "tmp", "work", "Users"];

/// Hosts of package registries, without their ends.
const REGISTRIES: [(&str, &str); 5] = [
    ("crates", ".io"),
    ("registry.npm", "js"),
    ("registry.yarn", "pkg"),
    ("pypi", ".org"),
    ("deb.debian", ".org"),
];

/// Files that tools write and that name their registry by design.
const TOOL_FILES: [&str; 1] = ["Cargo.lock"];

const TEXT_ENDS: [&str; 14] = [
    ".rs", ".wgsl", ".ts", ".tsx", ".mts", ".mjs", ".js", ".css", ".html", ".md", ".toml", ".json",
    ".py", "run",
];

/// British stems and what to write instead.
const SPELLINGS: [(&str, &str); 12] = [
    ("beha\u{76}iour", "behavior"),
    ("col\u{6f}ur", "color"),
    ("fav\u{6f}ur", "favor"),
    ("neighb\u{6f}ur", "neighbor"),
    ("initiali\u{73}e", "initialize"),
    ("normali\u{73}e", "normalize"),
    ("quanti\u{73}e", "quantize"),
    ("tokeni\u{73}e", "tokenize"),
    ("seriali\u{73}e", "serialize"),
    ("optimi\u{73}e", "optimize"),
    ("recogni\u{73}e", "recognize"),
    ("licen\u{63}e", "license"),
];

/// First lines, documentation lints, and the fixed list of top-level names.
pub fn headers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (ends, start) in [(".rs", "//!"), (".wgsl", "//")] {
        for (path, file) in tree.ending(&[ends]) {
            if !file.text.starts_with(start) {
                findings.push(Finding::new(path, 1, format!("must start with `{start}`")));
            }
        }
    }
    for name in DOCUMENTED {
        let path = format!("crates/{name}/src/lib.rs");
        let file = tree.files.get(&path).and_then(|file| file.rust.as_ref());
        if file.is_some_and(|file| !file.code.contains("#![deny(missing_docs)]")) {
            findings.push(Finding::new(&path, 0, "lacks `#![deny(missing_docs)]`"));
        }
    }
    for path in tree.files.keys() {
        let top = path.split('/').next().unwrap_or_default();
        if !top.starts_with('.') && !TOP.contains(&top) {
            findings.push(Finding::new(path, 0, format!("{top} has no place at the top")));
        }
    }
    findings
}

/// Unfinished code and switched-off tests.
pub fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, masked) in tree.rust() {
        for (at, word) in words(&masked.code) {
            let is_macro = masked.code[at + word.len()..].starts_with('!');
            let is_ignore = word == "ignore" && masked.code[..at].ends_with("#[");
            if is_ignore || is_macro && MACROS.contains(&word) {
                let line = line_of(&masked.code, at);
                findings.push(Finding::new(path, line, format!("`{word}` has no place here")));
            }
        }
    }
    for (path, file) in tree.ending(&[".ts", ".tsx", ".mts", ".mjs", ".js"]) {
        for (i, line) in file.text.lines().enumerate() {
            for switch in SWITCHES.iter().filter(|switch| line.contains(**switch)) {
                findings.push(Finding::new(path, i + 1, format!("`{switch}` has no place here")));
            }
        }
    }
    findings
}

/// Paths of one machine, registries' hosts, and notes to fellow workers.
pub fn machine(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in &tree.files {
        if TOOL_FILES.contains(&path.as_str()) {
            continue;
        }
        for (i, line) in file.text.lines().enumerate() {
            let named = MACHINE_FOLDERS.iter().find(|folder| has_machine_path(line, folder));
            if let Some(folder) = named {
                let message = format!("a path below /{folder} belongs to one machine");
                findings.push(Finding::new(path, i + 1, message));
            }
            for (name, end) in REGISTRIES {
                if line.contains(&format!("{name}{end}")) {
                    let message = "a registry's host has no place in the source";
                    findings.push(Finding::new(path, i + 1, message));
                }
            }
            if has_work_note(line) {
                findings.push(Finding::new(path, i + 1, "a note about work, not about the code"));
            }
        }
    }
    findings
}

/// `/folder/x` that begins a path (and is not the middle of an address).
fn has_machine_path(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let is_middle = before.is_some_and(|c| c.is_alphanumeric() || ".-_}/*".contains(c));
        !is_middle && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

/// A numbered work item: the history belongs to the history.
fn has_work_note(line: &str) -> bool {
    line.to_ascii_lowercase().match_indices("issue ").any(|(at, word)| {
        let rest = line[at + word.len()..].trim_start_matches('#');
        rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// American spelling in everything that people read.
pub fn spelling(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in tree.ending(&TEXT_ENDS) {
        if crate_of(path) == "tests" && path.ends_with(".json") || path.ends_with("lock.json") {
            continue;
        }
        for (i, line) in file.text.lines().enumerate() {
            let line = line.to_ascii_lowercase();
            for (british, american) in SPELLINGS {
                if line.contains(british) {
                    let message = format!("'{british}': write '{american}'");
                    findings.push(Finding::new(path, i + 1, message));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: Vec<Finding>) -> Vec<(String, usize)> {
        findings.into_iter().map(|finding| (finding.path, finding.line)).collect()
    }

    #[test]
    fn first_lines_and_top_names() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "//! a\n"),
            ("crates/b/src/lib.rs", "use a;\n"),
            ("crates/quant/src/lib.rs", "//! q\n"),
            ("crates/gguf/src/lib.rs", "//! g\n#![deny(missing_docs)]\n"),
            ("shaders/a.wgsl", "fn main() {}\n"),
            (".ci/run", "#!/usr/bin/env bash\n"),
            ("scripts/x.sh", ""),
        ]);
        let wanted = [
            ("crates/b/src/lib.rs".to_string(), 1),
            ("shaders/a.wgsl".into(), 1),
            ("crates/quant/src/lib.rs".into(), 0),
            ("scripts/x.sh".into(), 0),
        ];
        assert_eq!(lines(headers(&tree)), wanted);
    }

    #[test]
    fn unfinished_code_is_found() {
        let rust = "//! todo!()\nfn a() { todo!() }\n#[ignore]\nfn ignore() {}\n// dbg!(1)\n";
        let ts = format!("// {}{}\nit.{}('x')\nskip('y')\n", "@ts-", "ignore", "skip");
        let tree = Tree::of(&[("crates/a/src/lib.rs", rust), ("www/a.ts", &ts)]);
        let wanted = [
            ("crates/a/src/lib.rs".to_string(), 2),
            ("crates/a/src/lib.rs".into(), 3),
            ("www/a.ts".into(), 1),
            ("www/a.ts".into(), 2),
        ];
        assert_eq!(lines(unfinished(&tree)), wanted);
    }

    #[test]
    fn machines_and_registries_are_found() {
        let bad = format!("x {}{}\ny {}{}\nz is{}7\n", "/ro", "ot/x", "crates", ".io", "sue ");
        let good = "https://x.org/home/a\n./work/x\n<root>/x\n/tmp/\nissue tracker\n";
        let tree = Tree::of(&[("README.md", &bad), ("ARCHITECTURE.md", good)]);
        let wanted = [1, 2, 3].map(|line| ("README.md".to_string(), line));
        assert_eq!(lines(machine(&tree)), wanted);
    }

    #[test]
    fn british_words_are_found() {
        let tree = Tree::of(&[("README.md", "The col\u{6f}ur\nA color\n")]);
        assert_eq!(lines(spelling(&tree)), [("README.md".to_string(), 1)]);
    }
}
