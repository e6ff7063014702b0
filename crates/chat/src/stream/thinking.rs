//! Splits an answer into the thinking at its beginning and the rest.
//!
//! Thinking counts only at the very beginning: a tag later in the text is text, because models
//! quote them. White space around the tags belongs to the markup. Templates that end the prompt
//! with the opening tag make the answer begin inside.

use super::watch::Watch;

/// The texts around thinking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinkingTags {
    /// Before it, for example `<think>`.
    pub open: String,
    /// After it.
    pub close: String,
}

/// Pairs in use: DeepSeek, Qwen and most others; Magistral; Command; Seed; EXAONE; Gemma 4.
const KNOWN: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<thought>", "</thought>"),
    ("<|channel>thought", "<channel|>"),
];

impl ThinkingTags {
    /// A pair.
    #[must_use]
    pub fn new(open: impl Into<String>, close: impl Into<String>) -> ThinkingTags {
        ThinkingTags { open: open.into(), close: close.into() }
    }

    /// The known pair a template's source mentions.
    #[must_use]
    pub fn in_source(source: &str) -> Option<ThinkingTags> {
        let found =
            KNOWN.iter().find(|(open, close)| source.contains(open) || source.contains(close));
        found.map(|(open, close)| ThinkingTags::new(*open, *close))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// White space or the opening tag may come.
    Start,
    /// White space after the opening tag.
    Opened,
    Thinking,
    /// White space after the closing tag.
    Closed,
    Answer,
}

/// A parser of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Thinking {
    state: State,
    open: String,
    /// White space before the opening tag, and what has come of the tag.
    space: String,
    tag: String,
    close: Watch,
}

impl Thinking {
    /// For an answer to `prompt`.
    pub fn new(tags: &ThinkingTags, prompt: &str) -> Thinking {
        let inside = prompt.trim_end().ends_with(&tags.open);
        Thinking {
            state: if inside { State::Opened } else { State::Start },
            open: tags.open.clone(),
            space: String::new(),
            tag: String::new(),
            close: Watch::new([tags.close.as_str()]),
        }
    }

    /// Takes a character; what it makes certain goes to `thinking` or `answer`.
    pub fn push(&mut self, c: char, thinking: &mut String, answer: &mut String) {
        match self.state {
            State::Start => self.start(c, answer),
            State::Opened | State::Closed if c.is_whitespace() => {}
            State::Opened | State::Thinking => {
                self.state = State::Thinking;
                if self.close.push(c, thinking) {
                    self.close.take();
                    self.state = State::Closed;
                }
            }
            State::Closed | State::Answer => {
                self.state = State::Answer;
                answer.push(c);
            }
        }
    }

    fn start(&mut self, c: char, answer: &mut String) {
        if self.tag.is_empty() && c.is_whitespace() {
            self.space.push(c);
            return;
        }
        self.tag.push(c);
        if self.tag == self.open {
            self.space.clear();
            self.tag.clear();
            self.state = State::Opened;
        } else if !self.open.starts_with(&self.tag) {
            answer.push_str(&std::mem::take(&mut self.space));
            answer.push_str(&std::mem::take(&mut self.tag));
            self.state = State::Answer;
        }
    }

    /// At the end: what was held back.
    pub fn finish(&mut self, thinking: &mut String, answer: &mut String) {
        answer.push_str(&std::mem::take(&mut self.space));
        answer.push_str(&std::mem::take(&mut self.tag));
        thinking.push_str(&self.close.take());
    }
}
