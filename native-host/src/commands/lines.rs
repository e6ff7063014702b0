//! Lines from the keyboard, for both conversations: with a file, and with a stored model.

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::failure::Failure;
use crate::term;

/// Opens and closes text of several lines.
const QUOTES: &str = "\"\"\"";

/// An editor of lines with an empty memory.
///
/// # Errors
/// [`Failure::Input`] where the terminal cannot be used.
pub fn editor() -> Result<DefaultEditor, Failure> {
    DefaultEditor::new().map_err(terminal)
}

/// The next message, and whether it stood between `"""` (then its lines belong together, and Ctrl-C
/// drops them all). `None` at the end of input. If it shall be remembered, the arrow up finds it.
pub fn read_message(
    editor: &mut DefaultEditor,
    remembers: bool,
) -> Result<Option<(String, bool)>, Failure> {
    let first = match read_line(editor, ">>> ")? {
        Line::Text(line) => line,
        Line::Dropped => return Ok(Some((String::new(), false))),
        Line::End => return Ok(None),
    };
    let Some(opened) = first.trim_start().strip_prefix(QUOTES) else {
        add_history(editor, &first, remembers);
        return Ok(Some((first.trim().to_owned(), false)));
    };
    let mut text = opened.to_owned();
    while !text.trim_end().ends_with(QUOTES) {
        match read_line(editor, "... ")? {
            Line::Text(line) => {
                text.push('\n');
                text.push_str(&line);
            }
            Line::Dropped => return Ok(Some((String::new(), false))),
            Line::End => return Ok(None),
        }
    }
    let text = text.trim_end();
    let text = text.strip_suffix(QUOTES).unwrap_or(text).trim_matches('\n').to_owned();
    add_history(editor, &text, remembers);
    Ok(Some((text, true)))
}

/// What came from the keyboard.
enum Line {
    Text(String),
    /// Ctrl-C.
    Dropped,
    /// Ctrl-D.
    End,
}

fn read_line(editor: &mut DefaultEditor, prompt: &str) -> Result<Line, Failure> {
    match editor.readline(prompt) {
        Ok(line) => Ok(Line::Text(line)),
        Err(ReadlineError::Eof) => Ok(Line::End),
        Err(ReadlineError::Interrupted) => {
            term::note("Ctrl-D or /bye leaves");
            Ok(Line::Dropped)
        }
        Err(error) => Err(terminal(error)),
    }
}

fn add_history(editor: &mut DefaultEditor, text: &str, remembers: bool) {
    if remembers && !text.trim().is_empty() {
        // A line that cannot be remembered is still answered.
        let _ = editor.add_history_entry(text);
    }
}

fn terminal(error: ReadlineError) -> Failure {
    let source = match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    };
    Failure::Input { what: "the terminal", source }
}
