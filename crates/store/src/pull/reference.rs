//! What a person may write for a model: a name, or the address of a file.

use url::Url;

use crate::limits::PART_CHARS;
use crate::name::{DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, Name};

const HUGGING_FACE: [&str; 2] = ["https://huggingface.co/", "https://hf.co/"];

/// The address of a single file, if it is one and not a model's name, which may have a scheme too.
pub fn file_address(text: &str) -> Option<String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let is_file = path.ends_with(".gguf") || text.parse::<Name>().is_err();
    is_file.then(|| match HUGGING_FACE.iter().any(|host| text.starts_with(host)) {
        // The page about a file stands beside the file.
        true => text.replacen("/blob/", "/resolve/", 1),
        false => text.to_owned(),
    })
}

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
    fn names_and_addresses_of_files() {
        for (text, want) in [
            ("llama3", None),
            ("hf.co/a/b:Q4_K_M", None),
            ("https://hf.co/a/b", None),
            ("http://localhost:5000/a/b:c", None),
            ("model.gguf", None),
            ("https://x.example/a/b.gguf", Some("https://x.example/a/b.gguf")),
            ("https://x.example/b.gguf?s=1", Some("https://x.example/b.gguf?s=1")),
            ("https://x.example/a/b/c/download", Some("https://x.example/a/b/c/download")),
            (
                "https://huggingface.co/a/b/blob/main/c.gguf",
                Some("https://huggingface.co/a/b/resolve/main/c.gguf"),
            ),
        ] {
            assert_eq!(file_address(text).as_deref(), want, "{text}");
        }
    }

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
