//! The name that a file's address gives its model.

use url::Url;

use crate::limits::PART_CHARS;
use crate::name::{DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, Name};

/// A name for the model at this address: `hf.co/owner/repository:file` for files of Hugging Face,
/// else the file's name.
pub fn name_of_url(url: &str) -> Option<Name> {
    let url = Url::parse(url).ok()?;
    let parts: Vec<&str> = url.path_segments()?.collect();
    let file = parts.last()?;
    let stem = match gguf::SplitName::parse(file) {
        Some(split) => split.prefix,
        None => file.strip_suffix(".gguf").unwrap_or(file).to_owned(),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(allowed).take(PART_CHARS).collect();
    let stem = stem.trim_start_matches(['-', '.']);
    let is_hf = matches!(url.host_str(), Some("huggingface.co" | "hf.co"));
    let found = match parts.as_slice() {
        [owner, repository, "resolve", _, ..] if is_hf => {
            Name::from_parts("hf.co", owner, repository, stem)
        }
        _ => Name::from_parts(DEFAULT_HOST, DEFAULT_NAMESPACE, stem, DEFAULT_TAG),
    };
    found.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses() {
        let rows = [
            ("https://x.example/a/My%20Model-Q4_K_M.gguf", Some("My-20Model-Q4_K_M:latest")),
            ("https://x.example/m-00002-of-00003.gguf?sig=1", Some("m:latest")),
            (
                "https://huggingface.co/bart/L-GGUF/resolve/main/L-Q8_0.gguf",
                Some("hf.co/bart/L-GGUF:L-Q8_0"),
            ),
            ("https://x.example/", None),
            ("https://x.example/...", None),
            ("nothing", None),
        ];
        for (url, wanted) in rows {
            assert_eq!(name_of_url(url).map(|name| name.short()).as_deref(), wanted, "{url}");
        }
    }
}
