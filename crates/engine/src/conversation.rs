//! A prompt that a template writes: messages with tools and settings, or a text with a hole.
//!
//! The template is the file's own unless the caller brings one (a Modelfile's, a request's), in
//! either language. Whatever people and tools wrote is guarded first, so that only the template
//! writes control tokens.

use std::sync::Arc;

use chat::{Message, RenderOptions, Template};

use crate::error::Error;
use crate::session::{Session, Text};

/// What a template writes.
#[derive(Clone, Debug)]
pub enum Turns {
    /// A conversation.
    Messages(Vec<Message>),
    /// A text with a hole, which the model fills.
    Hole {
        /// What stands before it.
        prompt: String,
        /// What stands behind it.
        suffix: String,
    },
}

/// A conversation and how it is to be written.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What was said.
    pub turns: Turns,
    /// Tools, thinking, further variables. Without a clock the host's is taken.
    pub options: RenderOptions,
    /// Used instead of the file's own.
    pub template: Option<Arc<Template>>,
}

impl Conversation {
    /// Messages, with the file's own template and nothing else said.
    #[must_use]
    pub fn new(messages: Vec<Message>) -> Conversation {
        let options = RenderOptions::answer();
        Conversation { turns: Turns::Messages(messages), options, template: None }
    }

    /// The text, with marks inside of control tokens that the template did not write.
    pub(crate) fn render(&self, text: &Text, now: chat::Moment) -> Result<String, Error> {
        let mut options = self.options.clone();
        options.now.get_or_insert(now);
        options.tools = options.tools.map(|tools| text.guard.value(&tools));
        Ok(match (&self.turns, &self.template) {
            (Turns::Messages(messages), template) => {
                let messages = text.guard.messages(messages);
                match template {
                    Some(template) => template.render(&messages, &options)?,
                    None => text.template.render(&messages, &options)?,
                }
            }
            (Turns::Hole { prompt, suffix }, Some(template)) => {
                let (prompt, suffix) = (text.guard.text(prompt), text.guard.text(suffix));
                template.insert(&prompt, &suffix, &options)?
            }
            // Jinja templates, and so all that files bring, have no form for it.
            (Turns::Hole { .. }, None) => return Err(chat::Error::NoInsert.into()),
        })
    }
}

impl Session {
    /// The text the model would be given, without computing anything.
    ///
    /// # Errors
    /// A template that fails or refuses.
    pub fn render(&self, conversation: &Conversation) -> Result<String, Error> {
        let text = conversation.render(&self.text, (self.env.now_local)())?;
        Ok(text.replace(chat::Guard::MARK, ""))
    }
}
