//! The text side of a model: conversations to prompts, texts to ids, answers taken apart.
//!
//! It stands on the router's side and needs no engine, so a prompt is made while others are
//! answered. What it does may take a while (a long text, a template made to be slow), so the
//! runner has it done [aside](super::Aside).

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use api::host::{ParserRequest, RenderRequest, Rendered, RunError};
use api::types::{Think, Tool};
use chat::stream::{AnswerParser, Offered, ThinkingTags, ToolFormat};
use chat::{ChatTemplate, Guard, Message, RenderOptions, SpecialTokens, Template};
use engine::Opened;
use serde_json::Value;
use tokenizer::{Encode, Tokenizer};

/// Templates that are kept compiled beside the file's own: a model has one or two, and a request
/// may bring another.
const MAX_TEMPLATES: usize = 8;

/// Tokens at a prompt's end in which a tag of thinking is looked for: a few, and blank lines.
const MAX_TAG_TOKENS: usize = 24;

/// A template and what is found out about it.
pub struct Prepared {
    template: Template,
    thinking: Option<ThinkingTags>,
    /// Found at the first request with tools: that takes some renderings.
    calls: OnceLock<Option<ToolFormat>>,
}

impl Prepared {
    fn new(template: Template) -> Prepared {
        let thinking = template.thinking_tags();
        Prepared { template, thinking, calls: OnceLock::new() }
    }

    /// The texts around what the model thinks before it answers; `None` where it does not.
    pub fn thinking(&self) -> Option<&ThinkingTags> {
        self.thinking.as_ref()
    }

    /// How the model writes calls of these tools; `None` where there are none, or it knows none.
    pub fn calls(&self, tools: &[Tool]) -> Option<&ToolFormat> {
        if tools.is_empty() {
            return None;
        }
        self.calls.get_or_init(|| self.template.tool_format()).as_ref()
    }

    /// Control tokens that an answer's parser has to see.
    pub fn marks(&self, tools: &[Tool]) -> Vec<String> {
        let thinking =
            self.thinking.iter().flat_map(|tags| [tags.open.clone(), tags.close.clone()]);
        let calls = self.calls(tools).map(ToolFormat::marks);
        thinking.chain(calls.unwrap_or_default()).collect()
    }
}

/// What the text side asks of its host: the date, for templates that print it, and chance.
#[derive(Clone, Copy, Debug)]
pub struct TextHost {
    /// Where the person is.
    pub now_local: fn() -> chat::Moment,
    /// Another number each time.
    pub entropy: fn() -> u64,
}

/// See the module's header.
pub struct TextSide {
    host: TextHost,
    tokenizer: Arc<Tokenizer>,
    guard: Guard,
    special: SpecialTokens,
    own: Arc<Prepared>,
    /// The latest first.
    others: Mutex<Vec<Arc<Prepared>>>,
}

impl TextSide {
    /// Of an opened file.
    ///
    /// # Errors
    /// As [`ChatTemplate::from_gguf`].
    pub fn new(opened: &Opened, host: TextHost) -> Result<TextSide, chat::Error> {
        let tokenizer = Arc::clone(&opened.tokenizer);
        let text =
            |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or("").to_owned();
        let special = SpecialTokens { bos: text(tokenizer.bos()), eos: text(tokenizer.eos()) };
        let own = ChatTemplate::from_gguf(&opened.gguf.metadata, &special)?;
        Ok(TextSide {
            host,
            guard: engine::guard_of(&tokenizer),
            tokenizer,
            special,
            own: Arc::new(Prepared::new(own.into())),
            others: Mutex::default(),
        })
    }

    /// The template of this source, or the file's own.
    ///
    /// # Errors
    /// [`RunError::Invalid`] for one that is none.
    pub fn template(&self, source: Option<&str>) -> Result<Arc<Prepared>, RunError> {
        let Some(source) = source else { return Ok(Arc::clone(&self.own)) };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = others.iter().position(|other| other.template.source() == source) {
            let found = others.remove(at);
            others.insert(0, Arc::clone(&found));
            return Ok(found);
        }
        let template = Template::parse(source, &self.special).map_err(|e| invalid(&e))?;
        let prepared = Arc::new(Prepared::new(template));
        others.insert(0, Arc::clone(&prepared));
        others.truncate(MAX_TEMPLATES);
        Ok(prepared)
    }

    /// A conversation, or a text with a hole, as a prompt.
    ///
    /// # Errors
    /// [`RunError::Invalid`] where the template refuses or fails.
    pub fn render(&self, request: &RenderRequest) -> Result<Rendered, RunError> {
        let prepared = self.template(request.template.as_deref())?;
        // Found out here, where it delays nobody, for the parser that will ask.
        prepared.calls(&request.tools);
        let template = &prepared.template;
        let options = RenderOptions {
            add_generation_prompt: true,
            tools: tools_value(&request.tools).map(|tools| self.guard.value(&tools)),
            think: request.think.as_ref().map(chat_think),
            now: Some((self.host.now_local)()),
            ..RenderOptions::default()
        };
        let messages = self.guard.messages(&request.messages);
        let marked = match (&request.suffix, messages.first()) {
            (Some(suffix), Some(prompt)) => {
                template.insert(&prompt.content, &self.guard.text(suffix), &options)
            }
            _ => write(template, messages, options),
        };
        let marked = marked.map_err(|error| invalid(&error))?;
        Ok(Rendered {
            tokens: engine::encode_prompt(&self.tokenizer, &marked, true),
            text: marked.replace(Guard::MARK, ""),
            stop: template.stop_strings().iter().map(|stop| (*stop).to_owned()).collect(),
        })
    }

    /// What ends the thinking that this prompt has begun. `None` where it has begun none, or where
    /// the end is a control token, which a grammar over text does not reach.
    pub fn begun_thought(&self, prepared: &Prepared, prompt: &[u32]) -> Option<String> {
        let ThinkingTags { open, close } = prepared.thinking.as_ref()?;
        let tail = prompt.get(prompt.len().saturating_sub(MAX_TAG_TOKENS)..).unwrap_or_default();
        let bytes: Vec<u8> = tail.iter().flat_map(|id| self.shown_bytes(*id)).collect();
        let is_begun = String::from_utf8_lossy(&bytes).trim_end().ends_with(open);
        let is_text = self.tokenizer.control(close).is_none();
        (is_begun && is_text).then(|| close.clone())
    }

    /// The bytes of a token, a control token's text too.
    fn shown_bytes(&self, id: u32) -> Vec<u8> {
        match self.tokenizer.token_text(id) {
            Some(text) if self.tokenizer.is_control(id) => text.as_bytes().to_vec(),
            _ => self.token_bytes(id),
        }
    }

    /// Ids of a text; see [`api::host::Runner::tokenize`].
    pub fn tokenize(&self, text: &str, special: bool) -> Vec<u32> {
        match special {
            true => engine::encode_prompt(&self.tokenizer, text, false),
            false => {
                let options = Encode { add_special: false, parse_special: false };
                self.tokenizer.encode(text, options)
            }
        }
    }

    /// Ids of a text that is embedded: with the end token, if the file asks for one. Models that
    /// take the last row as the text's vector were trained on that token's.
    pub fn ended(&self, mut ids: Vec<u32>) -> Vec<u32> {
        let end = self.tokenizer.eos().filter(|_| self.tokenizer.adds_eos());
        ids.extend(end.filter(|end| ids.last() != Some(end)));
        ids
    }

    /// The bytes of a token; empty for an id that is none.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        self.tokenizer.piece(id).unwrap_or_default().to_vec()
    }

    /// A parser of one answer. Of a template that cannot be used nothing is known; then all text
    /// is content.
    pub fn parser(&self, request: &ParserRequest) -> AnswerParser {
        let entropy = self.host.entropy;
        let parser = AnswerParser::new(move || entropy() as u32);
        let Ok(prepared) = self.template(request.template.as_deref()) else { return parser };
        let parser = match &prepared.thinking {
            Some(tags) => parser.with_thinking(tags, &request.prompt),
            None => parser,
        };
        match prepared.calls(&request.tools) {
            Some(format) => parser.with_tools(format, request.tools.iter().map(offered).collect()),
            None => parser,
        }
    }
}

/// The conversation. Where the last message is the assistant's, its answer goes on: in Go templates
/// the rendering stops there by itself, of a Jinja template's the end of the turn is taken away.
fn write(
    template: &Template,
    mut messages: Vec<Message>,
    mut options: RenderOptions,
) -> Result<String, chat::Error> {
    let is_begun = messages
        .last()
        .is_some_and(|last| last.role == "assistant" && !last.fields.contains_key("tool_calls"));
    if !is_begun || matches!(template, Template::Go(_)) {
        return template.render(&messages, &options);
    }
    let begun = messages.last().map(|last| last.content.clone()).unwrap_or_default();
    if begun.trim().is_empty() {
        messages.pop();
        return template.render(&messages, &options);
    }
    options.add_generation_prompt = false;
    let mut text = template.render(&messages, &options)?;
    // Some templates trim what they write.
    let found = [begun.as_str(), begun.trim()]
        .into_iter()
        .find_map(|part| text.rfind(part).map(|at| at + part.len()));
    text.truncate(found.unwrap_or(text.len()));
    Ok(text)
}

/// Tools as templates get them; `None` if there are none.
fn tools_value(tools: &[Tool]) -> Option<Value> {
    // Plain data with text keys: it can always be written.
    (!tools.is_empty()).then(|| serde_json::to_value(tools).unwrap_or_default())
}

fn offered(tool: &Tool) -> Offered {
    let parameters = tool.function.parameters.clone().unwrap_or_default();
    Offered { name: tool.function.name.clone(), parameters }
}

fn chat_think(think: &Think) -> chat::Think {
    match think {
        Think::Off => chat::Think::Off,
        Think::On => chat::Think::On,
        Think::Level(level) => chat::Think::Level(level.clone()),
    }
}

fn invalid(error: &chat::Error) -> RunError {
    RunError::Invalid(error.to_string())
}
