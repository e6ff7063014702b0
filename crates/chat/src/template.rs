//! A model's chat template: found in its metadata, compiled once, rendered per conversation.
//!
//! A template that is missing or broken never stops a model from loading: it is replaced by a plain
//! format of this crate, and says so ([`ChatTemplate::fallback_reason`]), because a host must tell
//! the person rather than quietly answer worse.

use minijinja::{Environment, Value};

use crate::env;
use crate::error::{self, Error};
use crate::fallback::Family;
use crate::limits::MAX_OUTPUT_BYTES;
use crate::message::{Message, RenderOptions, SpecialTokens, to_value};

/// Metadata key of the default template; named ones append `.NAME`.
pub const KEY_TEMPLATE: &str = "tokenizer.chat_template";
/// Metadata key of the vocabulary.
const KEY_TOKENS: &str = "tokenizer.ggml.tokens";

/// How a model wants its conversations written.
#[derive(Debug)]
pub struct ChatTemplate {
    form: Form,
    tokens: SpecialTokens,
    /// Other templates of the same file, by name.
    named: Vec<(String, ChatTemplate)>,
}

enum Form {
    Jinja { source: String, env: Box<Environment<'static>> },
    Fallback { family: Family, reason: String, source: Option<String> },
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Form::Jinja { source, .. } => write!(f, "Jinja({} bytes)", source.len()),
            Form::Fallback { family, reason, .. } => write!(f, "Fallback({family:?}, {reason})"),
        }
    }
}

impl ChatTemplate {
    /// The template of a model file, or a stated fallback where it has none that works.
    ///
    /// # Errors
    /// None at present; a broken template becomes a fallback. The result leaves room for files
    /// whose metadata cannot be read.
    pub fn from_gguf(
        metadata: &gguf::Metadata,
        tokens: &SpecialTokens,
    ) -> Result<ChatTemplate, Error> {
        let vocabulary = metadata.strings(KEY_TOKENS).ok().flatten().unwrap_or(&[]);
        let family = Family::of_vocabulary(vocabulary);
        let default = match metadata.str(KEY_TEMPLATE) {
            Ok(Some(source)) => ChatTemplate::or_fallback(source, tokens, family),
            Ok(None) => ChatTemplate::fallback(family, tokens, "the file has no chat template"),
            Err(error) => ChatTemplate::fallback(family, tokens, &error.to_string()),
        };
        let prefix = format!("{KEY_TEMPLATE}.");
        let mut template = default;
        for (key, value) in metadata.iter() {
            if let (Some(name), gguf::Value::String(source)) = (key.strip_prefix(&prefix), value) {
                let other = ChatTemplate::or_fallback(source, tokens, family);
                template.named.push((name.to_owned(), other));
            }
        }
        Ok(template)
    }

    /// A template from its Jinja source.
    ///
    /// # Errors
    /// [`Error::TemplateSyntax`], [`Error::TemplateDepth`], [`Error::TemplateSize`].
    pub fn with_source(
        source: impl Into<String>,
        tokens: SpecialTokens,
    ) -> Result<ChatTemplate, Error> {
        let source = source.into();
        let env = Box::new(env::compile(&source)?);
        Ok(ChatTemplate { form: Form::Jinja { source, env }, tokens, named: Vec::new() })
    }

    /// A plain format, for the reason given.
    #[must_use]
    pub fn fallback(family: Family, tokens: &SpecialTokens, reason: &str) -> ChatTemplate {
        let form = Form::Fallback { family, reason: reason.to_owned(), source: None };
        ChatTemplate { form, tokens: tokens.clone(), named: Vec::new() }
    }

    fn or_fallback(source: &str, tokens: &SpecialTokens, family: Family) -> ChatTemplate {
        match ChatTemplate::with_source(source, tokens.clone()) {
            Ok(template) => template,
            Err(error) => {
                let mut template = ChatTemplate::fallback(family, tokens, &error.to_string());
                if let Form::Fallback { source: slot, .. } = &mut template.form {
                    *slot = Some(source.to_owned());
                }
                template
            }
        }
    }

    /// The template's source: the file's, even where it is broken; empty where the file has none.
    #[must_use]
    pub fn source(&self) -> &str {
        match &self.form {
            Form::Jinja { source, .. } => source,
            Form::Fallback { source, .. } => source.as_deref().unwrap_or_default(),
        }
    }

    /// Whether conversations are written in a format of this crate instead of the file's.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        matches!(self.form, Form::Fallback { .. })
    }

    /// Why, if so; a sentence without a period.
    #[must_use]
    pub fn fallback_reason(&self) -> Option<&str> {
        match &self.form {
            Form::Jinja { .. } => None,
            Form::Fallback { reason, .. } => Some(reason),
        }
    }

    /// Which format is used instead, if so.
    #[must_use]
    pub fn fallback_family(&self) -> Option<Family> {
        match &self.form {
            Form::Jinja { .. } => None,
            Form::Fallback { family, .. } => Some(*family),
        }
    }

    /// Texts that end an answer beside the model's end tokens; empty for the file's own template.
    #[must_use]
    pub fn stop_strings(&self) -> &'static [&'static str] {
        self.fallback_family().map_or(&[], Family::stop_strings)
    }

    /// Another template of the same file, for example `tool_use`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ChatTemplate> {
        self.named.iter().find(|(n, _)| n == name).map(|(_, template)| template)
    }

    /// Names of the file's other templates.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(name, _)| name.as_str())
    }

    /// Whether the text of a rendering starts with the beginning-of-sequence token, so that the
    /// tokenizer must not add another.
    #[must_use]
    pub fn writes_bos(&self, rendered: &str) -> bool {
        !self.tokens.bos.is_empty() && rendered.starts_with(&self.tokens.bos)
    }

    /// The conversation as one text.
    ///
    /// # Errors
    /// [`Error::Raised`] where the template refuses the conversation, [`Error::Fuel`],
    /// [`Error::OutputLimit`] and [`Error::TemplateDepth`] where it exceeds a bound,
    /// [`Error::Failed`] where it fails otherwise.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, Error> {
        if let Form::Fallback { family, .. } = &self.form {
            let SpecialTokens { bos, eos } = &self.tokens;
            return Ok(family.render(messages, bos, eos, options.add_generation_prompt));
        }
        let messages = messages.iter().map(Message::to_json).collect();
        self.render_json(&serde_json::Value::Array(messages), options)
    }

    /// As [`render`](Self::render), from messages as JSON: a list of objects.
    ///
    /// # Errors
    /// As [`render`](Self::render), and [`Error::Messages`] where they are not such a list.
    pub fn render_json(
        &self,
        messages: &serde_json::Value,
        options: &RenderOptions,
    ) -> Result<String, Error> {
        match &self.form {
            Form::Fallback { .. } => self.render(&from_json(messages)?, options),
            Form::Jinja { env, .. } => {
                let context = self.context(messages, options)?;
                let n_messages = messages.as_array().map_or(0, Vec::len);
                let env = env::with_fuel_for(env, n_messages);
                let template =
                    env.get_template(env::NAME).map_err(|e| error::from_interpreter(&e))?;
                let mut out = Bounded::default();
                template
                    .render_captured_to(context, &mut out)
                    .map_err(|e| error::from_interpreter(&e))?;
                // Only whole texts were written.
                String::from_utf8(out.bytes).map_err(|_| Error::OutputLimit)
            }
        }
    }

    fn context(
        &self,
        messages: &serde_json::Value,
        options: &RenderOptions,
    ) -> Result<Value, Error> {
        let mut variables = vec![
            ("messages".to_owned(), to_value(messages, 0)?),
            ("add_generation_prompt".to_owned(), Value::from(options.add_generation_prompt)),
            ("bos_token".to_owned(), Value::from(self.tokens.bos.as_str())),
            ("eos_token".to_owned(), Value::from(self.tokens.eos.as_str())),
        ];
        if let Some(tools) = &options.tools {
            variables.push(("tools".to_owned(), to_value(tools, 0)?));
        }
        if let Some(now) = options.now {
            variables.push(("strftime_now".to_owned(), env::strftime_now(now)));
        }
        if let Some(think) = &options.think {
            // Two names are in use for the switch.
            variables.push(("enable_thinking".to_owned(), Value::from(think.is_on())));
            variables.push(("thinking".to_owned(), Value::from(think.is_on())));
            if let Some(level) = think.level() {
                variables.push(("reasoning_effort".to_owned(), Value::from(level)));
            }
        }
        for (name, value) in &options.extra {
            variables.push((name.clone(), to_value(value, 0)?));
        }
        Ok(Value::from_pairs(variables))
    }
}

/// Messages for a fallback: role and text, parts of a list joined.
fn from_json(messages: &serde_json::Value) -> Result<Vec<Message>, Error> {
    let wrong = |what: &str| Error::Messages { detail: what.to_owned() };
    let list = messages.as_array().ok_or_else(|| wrong("they are not a list"))?;
    let text = |content: &serde_json::Value| match content {
        serde_json::Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    list.iter()
        .map(|message| {
            let role = message.get("role").and_then(serde_json::Value::as_str);
            let role = role.ok_or_else(|| wrong("a message has no role"))?;
            Ok(Message::new(role, message.get("content").map(text).unwrap_or_default()))
        })
        .collect()
}

/// A buffer that refuses to outgrow [`MAX_OUTPUT_BYTES`].
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
}

impl std::io::Write for Bounded {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(std::io::Error::other("output limit"));
        }
        self.bytes.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
