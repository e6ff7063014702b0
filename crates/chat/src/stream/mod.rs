//! What a model writes, taken apart while it comes: thinking, text, tool calls.
//!
//! Pieces may be cut anywhere. The parsers take one character at a time, so that how a text was
//! cut cannot change what it is taken for; text is held back only as long as it may still become
//! markup.

mod call;
mod format;
mod loose;
mod spelled;
mod thinking;
mod tools;
mod watch;

#[cfg(test)]
mod tests;

pub use call::ToolCall;
pub use format::{NamePlace, ToolFormat};
pub use spelled::Spelling;
pub use thinking::ThinkingTags;
pub use tools::{MAX_CALL_BYTES, Offered};

use thinking::Thinking;
use tools::Calls;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Text of the thinking before the answer.
    Thinking(String),
    /// Text of the answer.
    Content(String),
    /// A call of a tool.
    ToolCall(ToolCall),
}

/// A parser of one answer.
pub struct AnswerParser {
    thinking: Option<Thinking>,
    calls: Option<Calls>,
    entropy: Box<dyn FnMut() -> u32>,
    n_calls: usize,
}

impl std::fmt::Debug for AnswerParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (thinking, calls) = (&self.thinking, &self.calls);
        f.debug_struct("AnswerParser").field("thinking", thinking).field("calls", calls).finish()
    }
}

impl AnswerParser {
    /// A parser that lets everything through as content. `entropy` gives random numbers, for the
    /// ids of calls.
    pub fn new(entropy: impl FnMut() -> u32 + 'static) -> AnswerParser {
        AnswerParser { thinking: None, calls: None, entropy: Box::new(entropy), n_calls: 0 }
    }

    /// Takes thinking out. `prompt` is what the model continues: where it ends with the opening
    /// tag, the answer begins inside.
    #[must_use]
    pub fn with_thinking(mut self, tags: &ThinkingTags, prompt: &str) -> AnswerParser {
        self.thinking = Some(Thinking::new(tags, prompt));
        self
    }

    /// Takes tool calls out. Bare JSON is a call only if it names one of the tools that were
    /// `offered` (or none were); behind a marker any name is taken, and the caller decides.
    #[must_use]
    pub fn with_tools(mut self, format: &ToolFormat, offered: Vec<Offered>) -> AnswerParser {
        self.calls = Some(Calls::new(format.clone(), offered));
        self
    }

    /// Takes the next piece; returns what is certain now, neighbors of one kind joined.
    pub fn push(&mut self, text: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for c in text.chars() {
            let (mut thinking, mut answer) = (String::new(), String::new());
            match &mut self.thinking {
                Some(parser) => parser.push(c, &mut thinking, &mut answer),
                None => answer.push(c),
            }
            add(&mut events, Event::Thinking(thinking));
            self.answer(&answer, &mut events);
        }
        events
    }

    /// The end of the answer: what was held back.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let (mut thinking, mut answer) = (String::new(), String::new());
        if let Some(parser) = &mut self.thinking {
            parser.finish(&mut thinking, &mut answer);
        }
        add(&mut events, Event::Thinking(thinking));
        self.answer(&answer, &mut events);
        let mut rest = String::new();
        if let Some(calls) = &mut self.calls {
            calls.finish(&mut rest);
        }
        add(&mut events, Event::Content(rest));
        events
    }

    /// Whether a call was found.
    #[must_use]
    pub fn has_calls(&self) -> bool {
        self.n_calls > 0
    }

    fn answer(&mut self, text: &str, events: &mut Vec<Event>) {
        let Some(calls) = &mut self.calls else {
            add(events, Event::Content(text.to_owned()));
            return;
        };
        for c in text.chars() {
            let mut content = String::new();
            let found = calls.push(c, &mut content);
            add(events, Event::Content(content));
            if let Some((name, arguments)) = found {
                let id = call::new_id(&mut self.entropy);
                let index = self.n_calls;
                self.n_calls += 1;
                events.push(Event::ToolCall(ToolCall { id, index, name, arguments }));
            }
        }
    }
}

/// Appends an event, joined with the one before if both are text of one kind.
fn add(events: &mut Vec<Event>, event: Event) {
    match (events.last_mut(), event) {
        (_, Event::Thinking(text) | Event::Content(text)) if text.is_empty() => {}
        (Some(Event::Thinking(last)), Event::Thinking(text))
        | (Some(Event::Content(last)), Event::Content(text)) => last.push_str(&text),
        (_, event) => events.push(event),
    }
}
