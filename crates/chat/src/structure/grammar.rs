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
use crate::stream::ThinkingTags;

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
    /// Thinking, which may be anything, and then JSON of this schema.
    Thought {
        /// The texts around the thinking.
        tags: ThinkingTags,
        /// Whether the prompt ends inside of it; otherwise the answer may begin with it or not.
        is_begun: bool,
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
            Grammar::Thought { tags, is_begun, schema } => {
                check::schema(schema, max_levels)?;
                TopLevelGrammar::from_lark(after_thought(tags, *is_begun, &prepared(schema)))
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

/// Thinking up to its end (the first place where the closing text stands), blank lines, JSON.
#[cfg(feature = "structure")]
fn after_thought(tags: &ThinkingTags, is_begun: bool, schema: &Json) -> String {
    let (open, close) = (Json::from(tags.open.as_str()), Json::from(tags.close.as_str()));
    let start = match is_begun {
        true => "thought gap answer".to_owned(),
        false => format!("({open} thought gap)? answer"),
    };
    // A text without thinking that is not JSON has no place here, so the two cannot be confused.
    format!(
        "start: {start}\nthought[suffix={close}]: /(?s:.*)/\ngap: /[ \\t\\r\\n]{{0,8}}/\n\
         answer: %json {schema}"
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
