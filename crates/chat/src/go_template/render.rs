//! Ollama's rules around a template.
//!
//! A template that ranges over `.Messages` is executed once. An older one knows one turn
//! (`.System`, `.Prompt`, `.Response`) and is executed per turn; the last time only up to
//! `.Response`, where the model goes on. A prompt with a suffix goes to the template alone, which
//! writes it in the model's fill-in-the-middle form.

use super::ast;
use super::eval::Run;
use super::value::{Field, Value};
use super::{GoTemplate, data};
use crate::error::Error;
use crate::message::{Message, RenderOptions};

impl GoTemplate {
    /// The conversation as one text.
    ///
    /// # Errors
    /// [`Error::Failed`] where the template does something Go refuses; [`Error::Fuel`],
    /// [`Error::OutputLimit`], [`Error::TemplateDepth`] where it exceeds a bound;
    /// [`Error::Messages`] where the messages nest too deeply.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, Error> {
        let (system, turns) = collate(messages);
        let mut run = Run::new(&self.tree, options.now, messages.len());
        if !self.names("messages") {
            return self.render_turns(&turns, options, run);
        }
        let mut fields = vec![
            Field::entry("System", Value::text(system)),
            Field::entry("Messages", data::messages(&turns)?),
            Field::entry("Tools", data::tools(options.tools.as_ref())?),
            Field::entry("Response", Value::text("")),
        ];
        fields.extend(thinking(options)?);
        run.execute(&self.tree.root, &Value::map(fields))?;
        Ok(run.meter.out)
    }

    /// A text with a hole: what stands before it and behind it.
    ///
    /// # Errors
    /// As [`GoTemplate::render`].
    pub fn insert(
        &self,
        prompt: &str,
        suffix: &str,
        options: &RenderOptions,
    ) -> Result<String, Error> {
        let mut run = Run::new(&self.tree, options.now, 1);
        let mut fields = vec![
            Field::entry("Prompt", Value::text(prompt)),
            Field::entry("Suffix", Value::text(suffix)),
            Field::entry("Response", Value::text("")),
        ];
        fields.extend(thinking(options)?);
        run.execute(&self.tree.root, &Value::map(fields))?;
        Ok(run.meter.out)
    }

    fn render_turns<'a>(
        &'a self,
        turns: &[Message],
        options: &RenderOptions,
        mut run: Run<'a>,
    ) -> Result<String, Error> {
        let mut turn = Turn::default();
        for message in turns {
            match message.role.as_str() {
                "system" => {
                    if !turn.prompt.is_empty() || !turn.response.is_empty() {
                        run.execute(&self.tree.root, &turn.take(options)?)?;
                    }
                    turn.system.clone_from(&message.content);
                }
                "user" => {
                    if !turn.response.is_empty() {
                        run.execute(&self.tree.root, &turn.take(options)?)?;
                    }
                    turn.prompt.clone_from(&message.content);
                }
                "assistant" => turn.response.clone_from(&message.content),
                _ => {}
            }
        }
        let last = turn.take(options)?;
        let text = std::mem::take(&mut run.meter.out);
        let cut = ast::cut_after(&self.tree.root, "Response");
        let mut end = Run::new(&self.tree, options.now, 1);
        end.meter.out = text;
        end.execute(&cut, &last)?;
        Ok(end.meter.out)
    }
}

/// What an older template is told of one turn.
#[derive(Default)]
struct Turn {
    system: String,
    prompt: String,
    response: String,
}

impl Turn {
    /// The data of this turn, which begins anew.
    fn take(&mut self, options: &RenderOptions) -> Result<Value, Error> {
        let turn = std::mem::take(self);
        let mut fields = vec![
            Field::entry("System", Value::text(turn.system)),
            Field::entry("Prompt", Value::text(turn.prompt)),
            Field::entry("Response", Value::text(turn.response)),
        ];
        fields.extend(thinking(options)?);
        Ok(Value::map(fields))
    }
}

/// `.Think`, `.ThinkLevel`, `.IsThinkSet`, and whatever else the caller names.
fn thinking(options: &RenderOptions) -> Result<Vec<Field>, Error> {
    let (on, level) = match &options.think {
        None => (false, ""),
        Some(think) => (think.is_on(), think.level().unwrap_or("")),
    };
    let mut fields = vec![
        Field::entry("Think", Value::Bool(on)),
        Field::entry("ThinkLevel", Value::text(level)),
        Field::entry("IsThinkSet", Value::Bool(options.think.is_some())),
    ];
    for (name, value) in &options.extra {
        fields.insert(0, Field::entry(name, Value::of_json(value, 8)?));
    }
    Ok(fields)
}

/// The system texts joined, and the messages with neighbors of one role made one. Tools' answers
/// stay apart: each belongs to a call.
fn collate(messages: &[Message]) -> (String, Vec<Message>) {
    let system: Vec<&str> =
        messages.iter().filter(|m| m.role == "system").map(|m| m.content.as_str()).collect();
    let mut turns: Vec<Message> = Vec::new();
    for message in messages {
        match turns.last_mut() {
            Some(last) if last.role == message.role && message.role != "tool" => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
                merge_fields(last, message);
            }
            _ => turns.push(message.clone()),
        }
    }
    (system.join("\n\n"), turns)
}

/// Adds the fields of a message to its neighbor's: lists (tool calls, images) go on, others count
/// only where the first has none.
fn merge_fields(into: &mut Message, from: &Message) {
    use serde_json::Value as Json;
    for (name, value) in &from.fields {
        match (into.fields.get_mut(name), value) {
            (Some(Json::Array(list)), Json::Array(more)) => list.extend(more.iter().cloned()),
            (Some(_), _) => {}
            (None, _) => {
                into.fields.insert(name.clone(), value.clone());
            }
        }
    }
}
