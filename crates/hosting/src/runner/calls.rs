//! Forms that an answer can be held to: JSON, JSON of a schema, a call of a tool.
//!
//! A call is written as the model's template writes calls, with arguments by the tool's own schema.
//! Each schema stands in the grammar as a document of its own, so that references in it keep
//! meaning what they mean; it is checked first, on a vocabulary of bytes, because what stands
//! inside of a grammar is not checked as schemas are.

use std::cell::OnceCell;
use std::sync::Arc;

use api::host::{Format, RunError};
use api::types::{Tool, ToolChoice};
use chat::stream::{NamePlace, ToolFormat};
use chat::structure::{Error, Grammar, TokenSource, Vocabulary};
use serde_json::{Value, json};

/// Checks forms where no model's vocabulary is at hand.
#[derive(Default)]
pub struct FormCheck {
    vocabulary: OnceCell<Vocabulary>,
}

impl FormCheck {
    /// Refuses a schema that no output could have.
    ///
    /// # Errors
    /// [`RunError::Invalid`] with what is wrong with it.
    pub fn check(&self, format: &Format) -> Result<(), RunError> {
        let compiled = match self.vocabulary.get() {
            Some(vocabulary) => vocabulary.compile(&grammar_of(format)),
            None => {
                let made = Vocabulary::new(Arc::new(Bytes)).map_err(|e| invalid(&e))?;
                self.vocabulary.get_or_init(|| made).compile(&grammar_of(format))
            }
        };
        compiled.map(|_| ()).map_err(|error| invalid(&error))
    }
}

fn invalid(error: &Error) -> RunError {
    RunError::Invalid(error.to_string())
}

/// The grammar of a format.
pub fn grammar_of(format: &Format) -> Grammar {
    match format {
        Format::Json => Grammar::JsonObject,
        Format::Schema(schema) => Grammar::JsonSchema(schema.clone()),
    }
}

/// The grammar of a call, if one must be made.
///
/// # Errors
/// [`RunError::Invalid`]: no such tool, a schema that cannot be used, or a model that writes calls
/// in a form that no grammar is known of.
pub fn call_grammar(
    format: Option<&ToolFormat>,
    tools: &[Tool],
    choice: &ToolChoice,
    check: &FormCheck,
) -> Result<Option<Grammar>, RunError> {
    let wanted: Vec<&Tool> = match choice {
        ToolChoice::Auto | ToolChoice::None => return Ok(None),
        ToolChoice::Required => tools.iter().collect(),
        ToolChoice::Function(name) => {
            tools.iter().filter(|tool| tool.function.name == *name).collect()
        }
    };
    if wanted.is_empty() {
        let said = match choice {
            ToolChoice::Function(name) => {
                format!("tool_choice names {name:?}, which is none of the tools; add it to them")
            }
            _ => "tool_choice asks for a call, but there are no tools; add some".to_owned(),
        };
        return Err(RunError::Invalid(said));
    }
    let Some((format, name_key)) = format.and_then(|format| match &format.name {
        NamePlace::Key(key) => Some((format, key.as_str())),
        NamePlace::Before(_) => None,
    }) else {
        let said = "this model cannot be held to a call of a tool; leave tool_choice at \"auto\"";
        return Err(RunError::Invalid(said.to_owned()));
    };
    let (open, close) = marks(format);
    let mut text = format!("start: {open}call{close}\ncall: ");
    let rules: Vec<String> = (0..wanted.len()).map(|i| format!("call_{i}")).collect();
    text.push_str(&rules.join(" | "));
    for (rule, tool) in rules.iter().zip(wanted) {
        let arguments = arguments_of(tool);
        check.check(&Format::Schema(arguments.clone()))?;
        let head = format!(
            "{{{}: {}, {}: ",
            quoted(name_key),
            quoted(&tool.function.name),
            quoted(&format.arguments_key)
        );
        let arguments = compact(arguments);
        text.push_str(&format!("\n{rule}: {} %json {arguments} {}", quoted(&head), quoted("}")));
    }
    Ok(Some(Grammar::Lark(text)))
}

/// What stands around a call. Marks that a bare object can do without are left out: they may be
/// control tokens, which a grammar over text does not reach.
fn marks(format: &ToolFormat) -> (String, String) {
    match format.markers.first().filter(|_| !format.is_bare) {
        None => (String::new(), String::new()),
        Some(open) if format.close.is_empty() => {
            (format!("{} \"\\n\"? ", quoted(open)), String::new())
        }
        Some(open) => {
            let close = format!(" \"\\n\"? {}", quoted(&format.close));
            (format!("{} \"\\n\"? ", quoted(open)), close)
        }
    }
}

/// The schema of a tool's arguments, which are an object in any case.
fn arguments_of(tool: &Tool) -> Value {
    match &tool.function.parameters {
        Some(Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.entry("type").or_insert_with(|| "object".into());
            Value::Object(fields)
        }
        _ => json!({ "type": "object" }),
    }
}

/// Without white space between the parts: small models that may write it write nothing else.
fn compact(mut schema: Value) -> Value {
    if let Value::Object(fields) = &mut schema {
        fields.insert("x-guidance".to_owned(), json!({ "whitespace_flexible": false }));
    }
    schema
}

/// A text as JSON and Lark write it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A vocabulary of all bytes, and an end.
struct Bytes;

const END: u32 = 256;

static ALL_BYTES: [u8; 256] = {
    let mut all = [0; 256];
    let mut i = 0;
    while i < 256 {
        all[i] = i as u8;
        i += 1;
    }
    all
};

impl TokenSource for Bytes {
    fn n_vocab(&self) -> usize {
        ALL_BYTES.len() + 1
    }

    fn text_bytes(&self, id: u32) -> Option<&[u8]> {
        match id as usize {
            i if i < ALL_BYTES.len() => ALL_BYTES.get(i..=i),
            _ => (id == END).then_some(&[]),
        }
    }

    fn ends(&self) -> &[u32] {
        &[END]
    }

    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        Some(text.bytes().map(u32::from).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn tools() -> Vec<Tool> {
        let parameters = json!({
            "properties": { "city": { "$ref": "#/$defs/city" } },
            "required": ["city"],
            "additionalProperties": false,
            "$defs": { "city": { "enum": ["Bern", "Rome"] } },
        });
        let list = json!([
            { "function": { "name": "weather", "parameters": parameters } },
            { "function": { "name": "now" } },
        ]);
        serde_json::from_value(list).unwrap()
    }

    /// Whether a grammar takes a whole text.
    fn takes(grammar: &Grammar, text: &str) -> bool {
        let vocabulary = Vocabulary::new(Arc::new(Bytes)).unwrap();
        let mut constraint = vocabulary.compile(grammar).unwrap();
        text.bytes().all(|byte| {
            let mut mask = Vec::new();
            let allowed = constraint.mask(&mut mask).is_ok()
                && mask.get(usize::from(byte) / 32).is_some_and(|w| w >> (byte % 32) & 1 == 1);
            allowed && constraint.accept(u32::from(byte)).is_ok()
        }) && constraint.may_end()
    }

    #[test]
    fn a_call_is_held_to_its_tool() {
        let bare = ToolFormat::default();
        let marked = ToolFormat {
            markers: vec!["<tool_call>".into()],
            close: "</tool_call>".into(),
            is_bare: false,
            ..ToolFormat::default()
        };
        let only = |name: &str| ToolChoice::Function(name.to_owned());
        let bern = r#"{"name": "weather", "arguments": {"city":"Bern"}}"#;
        let now = r#"{"name": "now", "arguments": {}}"#;
        for (format, choice, text, want) in [
            (&bare, ToolChoice::Required, bern, true),
            (&bare, ToolChoice::Required, now, true),
            (&bare, only("weather"), bern, true),
            (&bare, only("weather"), now, false),
            (&bare, only("now"), bern, false),
            (&bare, ToolChoice::Required, "It rains.", false),
            (&bare, ToolChoice::Required, &bern.replace("Bern", "Oslo"), false),
            (&marked, ToolChoice::Required, bern, false),
            (&marked, ToolChoice::Required, &format!("<tool_call>\n{bern}\n</tool_call>"), true),
            (&marked, ToolChoice::Required, &format!("<tool_call>{now}</tool_call>"), true),
        ] {
            let check = FormCheck::default();
            let grammar = call_grammar(Some(format), &tools(), &choice, &check).unwrap().unwrap();
            assert_eq!(takes(&grammar, text), want, "{choice:?} {text}");
        }
    }

    #[test]
    fn what_cannot_be_held_to_is_refused() {
        let check = FormCheck::default();
        let bare = ToolFormat::default();
        let before =
            ToolFormat { name: NamePlace::Before("[TOOL_CALLS]".into()), ..ToolFormat::default() };
        let ask = |format, tools: &[Tool], choice| call_grammar(format, tools, &choice, &check);
        assert_eq!(ask(Some(&bare), &tools(), ToolChoice::Auto), Ok(None));
        for (format, tools, choice) in [
            (Some(&before), tools(), ToolChoice::Required),
            (None, tools(), ToolChoice::Required),
            (Some(&bare), Vec::new(), ToolChoice::Required),
            (Some(&bare), tools(), ToolChoice::Function("none".into())),
        ] {
            assert!(matches!(ask(format, &tools, choice), Err(RunError::Invalid(_))));
        }
    }

    #[test]
    fn formats_are_checked_without_a_model() {
        let check = FormCheck::default();
        for (format, is_ok) in [
            (Format::Json, true),
            (Format::Schema(json!({ "type": "object" })), true),
            (Format::Schema(json!({ "not": {} })), false),
            (Format::Schema(json!({ "type": "nonsense" })), false),
        ] {
            assert_eq!(check.check(&format).is_ok(), is_ok, "{format:?}");
        }
    }
}
