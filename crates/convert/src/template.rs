//! The chat template: in a file of its own, or in the tokenizer's configuration.

use gguf::Metadata;
use serde_json::Value;

use crate::error::Error;
use crate::files::Files;

const KEY: &str = "tokenizer.chat_template";

/// Writes the model's templates: the usual one, and others by their names.
pub(crate) fn write(files: &Files, metadata: &mut Metadata) -> Result<(), Error> {
    if let Some(text) = files.text("chat_template.jinja")? {
        metadata.insert(KEY, text);
        return Ok(());
    }
    for file in ["chat_template.json", "tokenizer_config.json"] {
        let Some(config) = files.config(file)? else { continue };
        let found = config.get("chat_template").cloned();
        match found {
            None => continue,
            Some(Value::String(text)) => metadata.insert(KEY, text),
            Some(Value::Array(list)) => write_named(&list, metadata),
            Some(other) => {
                let want = "a template or a list of them";
                return Err(config.wrong("chat_template", &other, want));
            }
        }
        return Ok(());
    }
    Ok(())
}

fn write_named(list: &[Value], metadata: &mut Metadata) {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut names = Vec::new();
    for entry in list {
        let (Some(name), Some(template)) = (text(entry, "name"), text(entry, "template")) else {
            continue;
        };
        if name == "default" {
            metadata.insert(KEY, template);
        } else if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            metadata.insert(format!("{KEY}.{name}"), template);
            names.push(name);
        }
    }
    if !names.is_empty() {
        metadata.insert("tokenizer.chat_templates", names);
    }
}
