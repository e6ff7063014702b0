//! What can be asked of an answer's form.
//!
//! Plain data, in every build: a host that was built without the grammar engine still reads
//! requests, and says that it cannot do this one.

#[cfg(feature = "structure")]
use llguidance::api::TopLevelGrammar;
use serde_json::Value as Json;
#[cfg(feature = "structure")]
use serde_json::json;

#[cfg(feature = "structure")]
use super::{check, close::closed, error::Error};

/// The form an answer must have.
#[derive(Debug, Clone, PartialEq)]
pub enum Grammar {
    /// Any JSON object.
    JsonObject,
    /// JSON that is valid by this schema.
    JsonSchema(Json),
    /// Text that matches this regular expression, from beginning to end. Rust's syntax, without
    /// look-around and back references.
    Regex(String),
    /// Text of this grammar, in `llguidance`'s form of Lark's notation.
    Lark(String),
    /// The rest of a thinking that the prompt has begun, and then JSON of this schema.
    Thought {
        /// What ends the thinking: the first place where this text stands.
        close: String,
        /// What comes then.
        schema: Json,
    },
}

#[cfg(feature = "structure")]
impl Grammar {
    /// What it is, in messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Grammar::JsonObject | Grammar::JsonSchema(_) | Grammar::Thought { .. } => "JSON schema",
            Grammar::Regex(_) => "regular expression",
            Grammar::Lark(_) => "grammar",
        }
    }

    /// The grammar as the compiler reads it, once it is known to be safe to read with a stack for
    /// so many levels.
    pub(super) fn lower(&self, max_levels: usize) -> Result<TopLevelGrammar, Error> {
        Ok(match self {
            Grammar::JsonObject => {
                TopLevelGrammar::from_json_schema(prepared(&json!({ "type": "object" })))
            }
            Grammar::JsonSchema(schema) => {
                check::schema(schema, max_levels)?;
                TopLevelGrammar::from_json_schema(prepared(schema))
            }
            Grammar::Thought { close, schema } => {
                check::schema(schema, max_levels)?;
                TopLevelGrammar::from_lark(after_thought(close, &prepared(schema)))
            }
            Grammar::Regex(pattern) => {
                check::regex(pattern)?;
                TopLevelGrammar::from_regex(pattern)
            }
            Grammar::Lark(grammar) => {
                check::lark(grammar)?;
                TopLevelGrammar::from_lark(grammar.clone())
            }
        })
    }
}

/// White space between the parts of JSON: a few blanks, or one new line with its indentation. JSON
/// allows any amount, and small models that may write it write nothing else until the context is
/// full.
#[cfg(feature = "structure")]
const WHITE_SPACE: &str = r"[ \t]{1,4}(\r?\n[ \t]{0,64})?|\r?\n[ \t]{0,64}";

/// Anything up to the closing text, blank lines, JSON.
#[cfg(feature = "structure")]
fn after_thought(close: &str, schema: &Json) -> String {
    let close = Json::from(close);
    format!(
        "start: thought gap answer\nthought[suffix={close}]: /(?s:.*)/\n\
         gap: /[ \\t\\r\\n]{{0,8}}/\nanswer: %json {schema}"
    )
}

/// A schema with closed objects and our white space, by the compiler's own extension of schemas.
#[cfg(feature = "structure")]
fn prepared(schema: &Json) -> Json {
    let mut schema = match schema {
        Json::Bool(true) => json!({}),
        other => closed(other.clone()),
    };
    if let Json::Object(fields) = &mut schema {
        let options = json!({ "whitespace_pattern": WHITE_SPACE });
        fields.insert("x-guidance".to_owned(), options);
    }
    schema
}
