//! Plain formats for models whose template is missing or broken.
//!
//! A model answers badly in a format it was not trained on, so the family is guessed from the
//! special tokens of its vocabulary: a model with `<|im_start|>` was trained on ChatML, whatever
//! its template says. The formats are written out here rather than as Jinja: they cannot fail.
//! Tokens are the models' public interface; the formats follow their makers' documentation.

use crate::message::Message;

/// A format this crate writes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `<|im_start|>role\n…<|im_end|>\n` (Qwen, SmolLM, Hermes and many fine-tunes).
    ChatMl,
    /// `<|start_header_id|>role<|end_header_id|>\n\n…<|eot_id|>` (Llama 3).
    Llama3,
    /// `<start_of_turn>user\n…<end_of_turn>\n` (Gemma); the system text opens the first user turn.
    Gemma,
    /// `<|user|>\n…<|end|>\n` (Phi 3).
    Phi3,
    /// `[INST] … [/INST]answer</s>` (Mistral, Llama 2); the system text opens the first user turn.
    Mistral,
    /// `<|start_of_role|>role<|end_of_role|>…<|end_of_text|>\n` (Granite).
    Granite,
    /// `User: …\nAssistant:`, for everything else.
    Plain,
}

/// Tokens whose presence tells the family, most telling first.
const SIGNS: &[(&[&str], Family)] = &[
    (&["<|im_start|>", "<|im_end|>"], Family::ChatMl),
    (&["<|start_header_id|>", "<|eot_id|>"], Family::Llama3),
    (&["<start_of_turn>", "<end_of_turn>"], Family::Gemma),
    (&["<|start_of_role|>", "<|end_of_role|>"], Family::Granite),
    (&["<|user|>", "<|assistant|>", "<|end|>"], Family::Phi3),
    (&["[INST]", "[/INST]"], Family::Mistral),
];

impl Family {
    /// The family whose tokens `has` knows.
    #[must_use]
    pub fn detect(has: impl Fn(&str) -> bool) -> Family {
        let found = SIGNS.iter().find(|(tokens, _)| tokens.iter().all(|token| has(token)));
        found.map_or(Family::Plain, |(_, family)| *family)
    }

    /// The family of a list of token texts.
    #[must_use]
    pub fn of_vocabulary<S: AsRef<str>>(tokens: &[S]) -> Family {
        let signs = || SIGNS.iter().flat_map(|(tokens, _)| tokens.iter().copied());
        let mut seen = Vec::new();
        for token in tokens {
            if let Some(sign) = signs().find(|sign| *sign == token.as_ref()) {
                seen.push(sign);
            }
        }
        Family::detect(|token| seen.contains(&token))
    }

    /// A name for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::ChatMl => "ChatML",
            Family::Llama3 => "Llama 3",
            Family::Gemma => "Gemma",
            Family::Phi3 => "Phi 3",
            Family::Mistral => "Mistral",
            Family::Granite => "Granite",
            Family::Plain => "plain User/Assistant",
        }
    }

    /// Texts that end the answer in this format, beside the model's own end tokens.
    #[must_use]
    pub fn stop_strings(self) -> &'static [&'static str] {
        match self {
            Family::ChatMl => &["<|im_end|>", "<|im_start|>"],
            Family::Llama3 => &["<|eot_id|>", "<|start_header_id|>"],
            Family::Gemma => &["<end_of_turn>", "<start_of_turn>"],
            Family::Phi3 => &["<|end|>", "<|user|>"],
            Family::Mistral => &["[INST]"],
            Family::Granite => &["<|end_of_text|>", "<|start_of_role|>"],
            Family::Plain => &["\nUser:", "\nSystem:"],
        }
    }

    /// The conversation in this format.
    #[must_use]
    pub(crate) fn render(self, messages: &[Message], bos: &str, eos: &str, prompt: bool) -> String {
        let mut out = bos.to_owned();
        match self {
            Family::Gemma | Family::Mistral => {
                self.render_without_system(messages, eos, prompt, &mut out);
                return out;
            }
            _ => {}
        }
        for message in messages {
            let (open, close) = self.turn(&message.role);
            out.push_str(&open);
            out.push_str(message.content.trim());
            out.push_str(close);
        }
        if prompt {
            let (open, _) = self.turn("assistant");
            out.push_str(open.trim_end_matches(' '));
        }
        out
    }

    /// What opens and closes a turn.
    fn turn(self, role: &str) -> (String, &'static str) {
        match self {
            Family::ChatMl => (format!("<|im_start|>{role}\n"), "<|im_end|>\n"),
            Family::Llama3 => {
                (format!("<|start_header_id|>{role}<|end_header_id|>\n\n"), "<|eot_id|>")
            }
            Family::Phi3 => (format!("<|{role}|>\n"), "<|end|>\n"),
            Family::Granite => {
                (format!("<|start_of_role|>{role}<|end_of_role|>"), "<|end_of_text|>\n")
            }
            Family::Gemma | Family::Mistral | Family::Plain => {
                let mut letters = role.chars();
                let first = letters.next().map(|c| c.to_uppercase().to_string());
                (format!("{}{}: ", first.unwrap_or_default(), letters.as_str()), "\n")
            }
        }
    }

    /// Formats without a system role: its text goes before the next user's.
    fn render_without_system(
        self,
        messages: &[Message],
        eos: &str,
        prompt: bool,
        out: &mut String,
    ) {
        let mut system = String::new();
        for message in messages {
            let text = message.content.trim();
            if message.role == "system" {
                system.push_str(text);
                system.push_str("\n\n");
                continue;
            }
            let answer = message.role == "assistant";
            let text = if answer { text.to_owned() } else { std::mem::take(&mut system) + text };
            match (self, answer) {
                (Family::Gemma, _) => {
                    let role = if answer { "model" } else { "user" };
                    out.push_str(&format!("<start_of_turn>{role}\n{text}<end_of_turn>\n"));
                }
                (_, true) => out.push_str(&format!(" {text}{eos}")),
                (_, false) => out.push_str(&format!("[INST] {text} [/INST]")),
            }
        }
        if prompt && self == Family::Gemma {
            out.push_str("<start_of_turn>model\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk() -> [Message; 4] {
        [
            Message::new("system", "Be brief."),
            Message::new("user", "Hi"),
            Message::new("assistant", "Hello."),
            Message::new("user", " 1+1? "),
        ]
    }

    #[test]
    fn families_are_told_by_their_tokens() {
        for (tokens, family) in [
            (vec!["a", "<|im_end|>", "<|im_start|>"], Family::ChatMl),
            (vec!["<|im_end|>"], Family::Plain),
            (vec!["<|start_header_id|>", "<|eot_id|>"], Family::Llama3),
            (vec!["<start_of_turn>", "<end_of_turn>"], Family::Gemma),
            (vec!["<|user|>", "<|end|>", "<|assistant|>"], Family::Phi3),
            (vec!["[INST]", "[/INST]"], Family::Mistral),
            (vec![], Family::Plain),
        ] {
            assert_eq!(Family::of_vocabulary(&tokens), family);
        }
    }

    #[test]
    fn each_format_is_written_as_documented() {
        for (family, want) in [
            (
                Family::ChatMl,
                "^<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n\
                 <|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\n1+1?<|im_end|>\n\
                 <|im_start|>assistant\n",
            ),
            (
                Family::Gemma,
                "^<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n\
                 Hello.<end_of_turn>\n<start_of_turn>user\n1+1?<end_of_turn>\n\
                 <start_of_turn>model\n",
            ),
            (Family::Mistral, "^[INST] Be brief.\n\nHi [/INST] Hello.$[INST] 1+1? [/INST]"),
            (
                Family::Plain,
                "^System: Be brief.\nUser: Hi\nAssistant: Hello.\nUser: 1+1?\nAssistant:",
            ),
        ] {
            assert_eq!(family.render(&talk(), "^", "$", true), want);
        }
        let llama = Family::Llama3.render(&talk()[1..2], "^", "$", false);
        assert_eq!(llama, "^<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>");
    }
}
