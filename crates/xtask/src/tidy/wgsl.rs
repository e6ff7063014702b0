//! How much of the WGSL is said again and again.
//!
//! Shaders grow by copying; the composer exists so that they need not. Measured: of all code lines
//! that are long enough to mean something, the share that are extra copies of a line which more
//! than two files have. Well-kept shader collections stay near 10 %, copied ones pass 30 %.
//! Heads of functions count like every other line: parts that fit the same slot have the same head,
//! so a slot should ask for one function and not for many.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tree::Tree;

/// Shorter lines are braces and names.
const COLUMNS_MIN: usize = 12;

/// A line in at most so many files is no pattern yet.
const FILES_MAX: usize = 2;

/// Largest share of extra copies, in percent.
const PERCENT_MAX: usize = 15;

/// At most 15 % of the lines recur.
pub fn recurring(tree: &Tree) -> Vec<Finding> {
    let mut lines: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    let mut n_lines = 0;
    for (path, file) in tree.ending(&[".wgsl"]) {
        for line in file.text.lines().map(str::trim) {
            if line.chars().count() <= COLUMNS_MIN || line.starts_with("//") {
                continue;
            }
            n_lines += 1;
            let (count, files) = lines.entry(line).or_default();
            *count += 1;
            files.insert(path);
        }
    }
    let mut common: Vec<(usize, &str)> = lines
        .into_iter()
        .filter(|(_, (_, files))| files.len() > FILES_MAX)
        .map(|(line, (count, _))| (count - 1, line))
        .collect();
    common.sort_by(|a, b| b.cmp(a));
    let n_extra: usize = common.iter().map(|(extra, _)| extra).sum();
    if n_extra * 100 <= n_lines * PERCENT_MAX {
        return Vec::new();
    }
    let most: Vec<String> =
        common.iter().take(5).map(|(extra, line)| format!("{} × `{line}`", extra + 1)).collect();
    let percent = n_extra * 100 / n_lines.max(1);
    let message = format!(
        "{percent} % of {n_lines} lines are extra copies (at most {PERCENT_MAX} %): {}",
        most.join(", ")
    );
    vec![Finding::new("shaders", 0, message)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_in_three_files_count() {
        let copied = "// a\nfn same_head(x: u32) {\nlet a_long_line = a_value;\n";
        let own = |n: usize| format!("{copied}let line_{n} = value_{n};\n");
        let (a, b, c) = (own(1), own(2), own(3));
        let two = Tree::of(&[("shaders/a.wgsl", &a), ("shaders/b.wgsl", &b)]);
        assert_eq!(recurring(&two), []);
        let three =
            Tree::of(&[("shaders/a.wgsl", &a), ("shaders/b.wgsl", &b), ("shaders/c.wgsl", &c)]);
        let found = recurring(&three);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("44 % of 9 lines"), "{}", found[0].message);
    }
}
