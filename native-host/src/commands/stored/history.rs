//! Lines typed before, in a file that only this user reads.

use std::path::PathBuf;

use rustyline::DefaultEditor;

use crate::caches;

/// The file, or none if nothing shall be kept (`OLLAMA_NOHISTORY`).
pub struct History {
    path: Option<PathBuf>,
}

impl History {
    /// Reads what was kept into the editor's memory. Without it the conversation goes on as well.
    pub fn open(editor: &mut DefaultEditor) -> History {
        let no = std::env::var("OLLAMA_NOHISTORY").unwrap_or_default();
        let is_off = !matches!(no.as_str(), "" | "0" | "false");
        let path = caches::folder().filter(|_| !is_off).map(|folder| folder.join("history"));
        if let Some(path) = &path {
            let _ = editor.load_history(path);
        }
        History { path }
    }

    /// Keeps what was typed since. A line that cannot be kept is still answered.
    pub fn keep(&self, editor: &mut DefaultEditor) {
        if let Some(path) = &self.path {
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let _ = folder.map(|()| editor.append_history(path));
        }
    }
}
