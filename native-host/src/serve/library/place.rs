//! Where models lie: `OLLAMA_MODELS`, else Ollama's own folder, so that both find the same models.

use std::ffi::OsString;
use std::path::PathBuf;

/// Variable that names the folder of models.
pub const VARIABLE: &str = "OLLAMA_MODELS";

/// The folder of models of this machine; `None` without the variable and without a home.
pub fn models_folder() -> Option<PathBuf> {
    folder(std::env::var_os(VARIABLE), std::env::home_dir())
}

fn folder(named: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    match named.filter(|named| !named.is_empty()) {
        Some(named) => Some(PathBuf::from(named)),
        None => home.map(|home| home.join(".ollama").join("models")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_home() {
        for (named, home, want) in [
            (Some("/m"), Some("/h"), Some("/m")),
            (Some(""), Some("/h"), Some("/h/.ollama/models")),
            (None, Some("/h"), Some("/h/.ollama/models")),
            (None, None, None),
        ] {
            let got = folder(named.map(OsString::from), home.map(PathBuf::from));
            assert_eq!(got, want.map(PathBuf::from), "{named:?} {home:?}");
        }
    }
}
