//! The tracked text files, in memory.
//!
//! git names them, so that build outputs and private notes are no concern of the rules; without git
//! (a source archive) the folders are walked and the usual outputs left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::mask::Masked;
use crate::process::{self, program};

/// Folders that are never part of the source, for walks without git.
const OUTPUTS: [&str; 6] = [".git", "target", "node_modules", "dist", "wasm", "test-results"];

/// Larger files are data and not text for people.
const TEXT_BYTES_MAX: u64 = 2 << 20;

/// One text file; Rust comes with its comments and strings blanked out as well.
#[derive(Debug)]
pub struct File {
    pub text: String,
    pub rust: Option<Masked>,
}

/// Paths use `/` on every system.
#[derive(Debug, Default)]
pub struct Tree {
    pub files: BTreeMap<String, File>,
}

impl Tree {
    /// Reads the tracked files (and new ones that are not ignored) of this repository.
    pub fn of_repository() -> Result<Tree> {
        let root = process::root();
        let mut paths = Vec::new();
        let listed = process::stdout_of(program("git").args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]));
        match listed {
            Ok(text) => paths.extend(text.split_terminator('\0').map(String::from)),
            Err(_) => walk(&root, "", &mut paths)?,
        }
        let mut tree = Tree::default();
        for path in paths {
            let file = root.join(&path);
            let is_small = fs::metadata(&file).is_ok_and(|data| data.len() <= TEXT_BYTES_MAX);
            if let (true, Ok(text)) = (is_small, fs::read_to_string(&file)) {
                tree.insert(&path, &text);
            }
        }
        Ok(tree)
    }

    /// A tree of made-up files, for tests of the checks.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.insert(path, text);
        }
        tree
    }

    fn insert(&mut self, path: &str, text: &str) {
        let rust = path.ends_with(".rs").then(|| Masked::new(text));
        self.files.insert(path.to_string(), File { text: text.to_string(), rust });
    }

    /// Files whose name ends so, by path.
    pub fn ending<'a>(&'a self, ends: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a File)> {
        self.files
            .iter()
            .filter(|(path, _)| ends.iter().any(|end| path.ends_with(end)))
            .map(|(path, file)| (path.as_str(), file))
    }

    /// Rust files with their masked forms.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &File, &Masked)> {
        self.files
            .iter()
            .filter_map(|(path, file)| Some((path.as_str(), file, file.rust.as_ref()?)))
    }

    /// True for files that only tests compile: test folders, and modules declared under
    /// `#[cfg(test)]` in the file above them.
    pub fn is_test_file(&self, path: &str) -> bool {
        let is_test_folder = |part: &str| ["tests", "benches", "examples"].contains(&part);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.split('/').any(is_test_folder) {
            return true;
        }
        let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
        let parents = match folder.rsplit_once('/') {
            Some((above, name)) => vec![
                format!("{folder}/mod.rs"),
                format!("{folder}/lib.rs"),
                format!("{folder}/main.rs"),
                format!("{above}/{name}.rs"),
            ],
            None => Vec::new(),
        };
        parents.iter().any(|parent| {
            let masked = self.files.get(parent).and_then(|file| file.rust.as_ref());
            masked.is_some_and(|masked| masked.declares_test_module(stem))
        })
    }
}

/// The crate a path belongs to: `crates/x/…` → `x`, else the top folder.
pub fn crate_of(path: &str) -> &str {
    let mut parts = path.split('/');
    match parts.next() {
        Some("crates") => parts.next().unwrap_or_default(),
        Some(top) => top,
        None => "",
    }
}

fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if OUTPUTS.contains(&name.as_str()) {
            continue;
        }
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_known_by_folder_or_declaration() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "//! a\n#[cfg(test)]\nmod cases;\nmod code;\n"),
            ("crates/a/src/cases.rs", ""),
            ("crates/a/src/code.rs", "//! c\n#[cfg(test)]\nmod deep;\n"),
            ("crates/a/src/code/deep.rs", ""),
        ]);
        assert!(tree.is_test_file("crates/a/src/cases.rs"));
        assert!(tree.is_test_file("crates/a/src/code/deep.rs"));
        assert!(tree.is_test_file("crates/a/tests/x.rs"));
        assert!(tree.is_test_file("tests/golden/main.rs"));
        assert!(!tree.is_test_file("crates/a/src/code.rs"));
        assert!(!tree.is_test_file("crates/a/src/lib.rs"));
    }

    #[test]
    fn crates_by_path() {
        assert_eq!(crate_of("crates/gguf/src/lib.rs"), "gguf");
        assert_eq!(crate_of("native-host/src/main.rs"), "native-host");
        assert_eq!(crate_of("README.md"), "README.md");
    }
}
