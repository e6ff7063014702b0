//! Writes a Modelfile so that it reads back as the same commands.
//!
//! Each value is tried without quotes, in plain ones and in triple ones, and the first form that
//! the parser reads back as the same value is taken: the rules of quoting stand in one place only.

use super::parse::Value;
use super::{Command, Error, Modelfile};

/// The file as text.
pub(super) fn write(file: &Modelfile) -> Result<String, Error> {
    let mut out = String::new();
    for command in &file.commands {
        let value = command.value();
        let quoted = quote(value).ok_or_else(|| Error::Unwritable { command: command.name() })?;
        out.push_str(command.name());
        match command {
            Command::Parameter { name, .. } => {
                out.push(' ');
                out.push_str(name);
            }
            Command::Message { role, .. } => {
                out.push(' ');
                out.push_str(role.name());
            }
            _ => {}
        }
        out.push(' ');
        out.push_str(&quoted);
        out.push('\n');
    }
    Ok(out)
}

/// The value in the least quotes that hold it.
fn quote(value: &str) -> Option<String> {
    let candidates = [value.to_owned(), format!("\"{value}\""), format!("\"\"\"{value}\"\"\"")];
    candidates.into_iter().find(|candidate| reads_as(candidate, value))
}

/// Whether the parser reads this text, with a line end behind it, as this value.
fn reads_as(text: &str, want: &str) -> bool {
    let mut value = Value::default();
    for c in text.chars() {
        let ends = matches!(c, '\n' | '\r');
        let drops = c.is_control() && !ends && c != '\t';
        if drops || ends && value.is_balanced() {
            return false;
        }
        value.push(c);
    }
    value.is_balanced() && value.unquoted() == want
}
