//! Where models and the key lie: Ollama's own folders, so that both programs find the same.

use std::ffi::OsString;
use std::path::PathBuf;

/// Variable that names the folder of models.
pub const VARIABLE: &str = "OLLAMA_MODELS";

/// The folder of models of this machine; `None` without the variable and without a home.
pub fn models_folder() -> Option<PathBuf> {
    folder(std::env::var_os(VARIABLE), std::env::home_dir())
}

/// The key that Ollama's registry knows this machine by; `None` without a home.
pub fn key_file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".ollama").join("id_ed25519"))
}

fn folder(named: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    match named.map(unquoted).filter(|named| !named.is_empty()) {
        Some(named) => Some(PathBuf::from(named)),
        None => home.map(|home| home.join(".ollama").join("models")),
    }
}

/// Without the spaces and quotes that files of variables leave around a value.
fn unquoted(value: OsString) -> OsString {
    match value.to_str() {
        Some(text) => text.trim().trim_matches(['"', '\'']).trim().into(),
        // No such file was read by a shell; the path is as it is.
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_home() {
        for (named, home, want) in [
            (Some("/m"), Some("/h"), Some("/m")),
            (Some(" '/m n' "), None, Some("/m n")),
            (Some(""), Some("/h"), Some("/h/.ollama/models")),
            (Some("\"\""), Some("/h"), Some("/h/.ollama/models")),
            (None, Some("/h"), Some("/h/.ollama/models")),
            (None, None, None),
        ] {
            let got = folder(named.map(OsString::from), home.map(PathBuf::from));
            assert_eq!(got, want.map(PathBuf::from), "{named:?} {home:?}");
        }
    }
}
