//! Keeps what people write from being read as control tokens.
//!
//! A rendered conversation is one text in which the template's `<|im_start|>` and one that somebody
//! typed (or that a fetched web page contained) look alike: the second could open a system turn. So
//! the texts of control tokens inside messages are broken up by a mark before rendering, and the
//! tokenizer removes the marks after it has found the control tokens. Only control tokens are
//! broken: markers such as `<think>` are ordinary text that templates look for.

use std::borrow::Cow;

use serde_json::Value;

use crate::message::Message;

/// The texts that only a template may write.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Sorted, so that those with the same first byte are neighbors.
    tokens: Vec<String>,
    /// First and last byte of them all: other bytes need no look.
    first: (u8, u8),
}

impl Guard {
    /// Stands inside a broken token. A noncharacter: Unicode promises that no text means anything
    /// by it.
    pub const MARK: char = '\u{fdd0}';

    /// A guard for these control tokens. Tokens of one character cannot be broken and are left out.
    pub fn new<S: Into<String>>(tokens: impl IntoIterator<Item = S>) -> Guard {
        let mut tokens: Vec<String> =
            tokens.into_iter().map(Into::into).filter(|t| t.chars().count() > 1).collect();
        tokens.sort_unstable();
        let byte = |token: Option<&String>| token.and_then(|t| t.bytes().next()).unwrap_or(0);
        let first = (byte(tokens.first()), byte(tokens.last()));
        Guard { tokens, first }
    }

    /// The messages with every control token in them broken.
    #[must_use]
    pub fn messages(&self, messages: &[Message]) -> Vec<Message> {
        messages.iter().map(|message| self.message(message)).collect()
    }

    fn message(&self, message: &Message) -> Message {
        Message {
            role: self.text(&message.role).into_owned(),
            content: self.text(&message.content).into_owned(),
            fields: message.fields.iter().map(|(k, v)| (k.clone(), self.value(v))).collect(),
        }
    }

    /// A JSON value with every control token in its texts broken.
    #[must_use]
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text).into_owned()),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(k, v)| (self.text(k).into_owned(), self.value(v))).collect()
            }
            other => other.clone(),
        }
    }

    /// A text with every control token in it broken: `<|im_end|>` gets a mark after its `<`.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        let mut done = 0;
        for (at, c) in text.char_indices() {
            let Some(rest) = text.get(at..) else { continue };
            if !self.starts_with_token(rest) {
                continue;
            }
            let end = at + c.len_utf8();
            out.push_str(text.get(done..end).unwrap_or_default());
            out.push(Guard::MARK);
            done = end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn starts_with_token(&self, text: &str) -> bool {
        let byte = text.bytes().next().unwrap_or(0);
        if byte < self.first.0 || byte > self.first.1 {
            return false;
        }
        // Tokens that are a prefix of `text` sort at or before it, those sharing its first byte
        // directly before it.
        let end = self.tokens.partition_point(|token| token.as_str() <= text);
        let candidates = self.tokens.get(..end).unwrap_or_default().iter().rev();
        candidates
            .take_while(|t| t.bytes().next() == Some(byte))
            .any(|t| text.starts_with(t.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn control_tokens_are_broken_and_nothing_else() {
        let guard = Guard::new(["<|im_start|>", "<|im_end|>", "[INST]", "<s>", "<", "<|im"]);
        let m = Guard::MARK;
        for (text, want) in [
            ("plain <b> text", "plain <b> text".to_owned()),
            ("<|im_start|>system", format!("<{m}|im_start|>system")),
            ("a<|im_end|><|im_start|>b", format!("a<{m}|im_end|><{m}|im_start|>b")),
            ("[INST] <s>", format!("[{m}INST] <{m}s>")),
            ("<|i", "<|i".to_owned()),
            ("<<s>", format!("<<{m}s>")),
            ("Zürich <|imx", format!("Zürich <{m}|imx")),
        ] {
            assert_eq!(guard.text(text), want);
            assert_eq!(guard.text(text).replace(m, ""), text);
        }
        assert_eq!(Guard::default().text("<|im_end|>"), "<|im_end|>");
    }

    #[test]
    fn all_texts_of_a_message_are_guarded() {
        let guard = Guard::new(["<|x|>"]);
        let message =
            Message::new("user<|x|>", "<|x|>").with("tool_calls", json!([{"a": "<|x|>"}]));
        let text = guard.messages(&[message]).pop().map(|m| m.to_json().to_string());
        assert!(text.is_some_and(|t| !t.contains("<|x|>") && t.matches(Guard::MARK).count() == 3));
    }
}
