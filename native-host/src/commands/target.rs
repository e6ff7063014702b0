//! What stands behind `run` and `show`: a file, or the name of a stored model.

use std::path::Path;

use crate::import;

/// The name of a stored model; `None` if a file is meant. A path is what looks like one (it begins
/// with a dot or a slash, has a backslash, ends in `.gguf`) or lies there; names have dots and
/// slashes too (`hf.co/user/model`), but never at the beginning.
pub fn stored_name(target: &Path) -> Option<&str> {
    let text = target.to_str()?;
    let ends = target.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    let is_path = text.starts_with(['.', '/', '~']) || text.contains('\\') || ends;
    (!is_path && !import::is_other_form(target) && !target.is_file()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        for name in ["llama3.2", "llama3.2:1b", "hf.co/user/model-GGUF:Q4_K_M", "h:5000/a/b"] {
            assert_eq!(stored_name(Path::new(name)), Some(name));
        }
        for path in
            ["model.gguf", "a/b.GGUF", "./x", "../x", "/x/y", r"C:\x\y", "~/x", "Cargo.toml"]
        {
            assert_eq!(stored_name(Path::new(path)), None, "{path}");
        }
    }
}
