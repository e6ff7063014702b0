//! Sizes: files, functions, lines.
//!
//! Targets are lower (files of 200 lines, functions of 50); these are the numbers above which a
//! reader is certainly lost. A file that grows past its limit is cut by subject, not by length.

use super::Finding;
use super::mask::Function;
use super::tree::{Tree, crate_of};

/// Kinds of files and the most lines they may have.
const FILE_LINES_MAX: [(&[&str], usize); 3] =
    [(&[".rs"], 600), (&[".wgsl"], 400), (&[".ts", ".tsx", ".mts", ".mjs", ".js"], 500)];

/// Most lines of a function.
const FUNCTION_LINES_MAX: usize = 100;

/// Most lines of a model's `forward`: it reads top to bottom like the paper.
const FORWARD_LINES_MAX: usize = 150;

/// Most columns of a line, counted in characters.
const COLUMNS_MAX: usize = 100;

/// All three sizes.
pub fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (ends, lines_max) in FILE_LINES_MAX {
        for (path, file) in tree.ending(ends) {
            let n_lines = file.text.lines().count();
            if n_lines > lines_max {
                let message = format!("{n_lines} lines (at most {lines_max})");
                findings.push(Finding::new(path, 0, message));
            }
            for (i, line) in file.text.lines().enumerate() {
                let n_columns = line.chars().count();
                if n_columns > COLUMNS_MAX {
                    let message = format!("{n_columns} columns (at most {COLUMNS_MAX})");
                    findings.push(Finding::new(path, i + 1, message));
                }
            }
        }
    }
    for (path, _, masked) in tree.rust() {
        for Function { name, first, last } in masked.functions() {
            let max = match name.as_str() {
                "forward" if crate_of(path) == "model" => FORWARD_LINES_MAX,
                _ => FUNCTION_LINES_MAX,
            };
            let n_lines = last - first + 1;
            if n_lines > max {
                let message = format!("fn {name} has {n_lines} lines (at most {max})");
                findings.push(Finding::new(path, first, message));
            }
        }
    }
    findings
}

/// How big the code is, in one line.
pub fn summary(tree: &Tree) -> String {
    let mut lines: Vec<usize> = tree.rust().map(|(_, file, _)| file.text.lines().count()).collect();
    let mut functions: Vec<usize> = tree
        .rust()
        .flat_map(|(_, _, masked)| masked.functions())
        .map(|function| function.last - function.first + 1)
        .collect();
    let n_files = lines.len();
    format!(
        "{n_files} Rust files, median {} lines, longest {}; functions: median {} lines, longest {}",
        median(&mut lines),
        lines.last().copied().unwrap_or(0),
        median(&mut functions),
        functions.last().copied().unwrap_or(0),
    )
}

fn median(values: &mut [usize]) -> usize {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust_with(n_lines: usize, name: &str) -> String {
        format!("//! a\nfn {name}() {{\n{}}}\n", "    x();\n".repeat(n_lines - 2))
    }

    #[test]
    fn long_functions_are_found() {
        let good = rust_with(FUNCTION_LINES_MAX, "a");
        let bad = rust_with(FUNCTION_LINES_MAX + 1, "forward");
        let tree = Tree::of(&[
            ("crates/a/src/good.rs", &good),
            ("crates/a/src/bad.rs", &bad),
            ("crates/model/src/llama.rs", &bad),
        ]);
        let paths: Vec<_> = sizes(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(paths, ["crates/a/src/bad.rs"]);
    }

    #[test]
    fn long_files_and_lines_are_found() {
        let wide = format!("// {}\n", "ü".repeat(COLUMNS_MAX - 3));
        let wider = format!("// {}\n", "ü".repeat(COLUMNS_MAX - 2));
        let tree = Tree::of(&[
            ("shaders/a.wgsl", &"// x\n".repeat(401)),
            ("shaders/b.wgsl", &"// x\n".repeat(400)),
            ("www/a.ts", &wide),
            ("www/b.ts", &wider),
        ]);
        let paths: Vec<_> = sizes(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(paths, ["shaders/a.wgsl", "www/b.ts"]);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut [3, 1, 2]), 2);
        assert_eq!(median(&mut []), 0);
    }
}
