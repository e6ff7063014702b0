//! What a conversation with a stored model remembers, and the requests made of it.

use api::types::KeepAlive;
use serde_json::{Map, Value, json};

use crate::args::{Device, Format, Kv, RunArgs};
use crate::client::Message;
use crate::failure::Failure;
use crate::settings::Style;

/// A conversation, and how answers are asked for.
#[derive(Clone, Debug)]
pub struct State {
    pub model: String,
    /// Ollama's options, by name.
    pub options: Map<String, Value>,
    pub system: Option<String>,
    /// `"json"`, if answers shall be JSON.
    pub format: Option<Value>,
    /// True, false or a level; the model's own way if it is not set.
    pub think: Option<Value>,
    pub keep_alive: Option<Value>,
    pub raw: bool,
    pub hides_thinking: bool,
    pub verbose: bool,
    pub wraps: bool,
    /// Whether typed lines are kept for the next time.
    pub remembers: bool,
    /// Turns so far, without the system message.
    pub messages: Vec<Message>,
}

impl State {
    /// From the flags of `ingle run`.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn from_args(name: &str, args: &RunArgs) -> Result<State, Failure> {
        Style::from_args(args)?;
        if args.load.device != Device::Auto || args.load.kv != Kv::F16 || args.ignore_eos {
            let said = "--device, --kv and --ignore-eos are for files; the server that runs stored \
                        models has its own settings";
            return Err(Failure::Usage(said.to_owned()));
        }
        let stored = &args.stored;
        Ok(State {
            model: name.to_owned(),
            options: options(args),
            system: args.system.clone(),
            format: (args.format == Format::Json).then(|| "json".into()),
            think: stored.think.as_deref().map(think).transpose().map_err(Failure::Usage)?,
            keep_alive: stored.keepalive.as_deref().map(keep_alive).transpose()?,
            raw: args.raw,
            hides_thinking: stored.hidethinking,
            verbose: args.verbose,
            wraps: !stored.nowordwrap,
            remembers: true,
            messages: Vec::new(),
        })
    }

    /// The fields that every request has.
    pub fn common(&self) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("model".into(), self.model.clone().into());
        if !self.options.is_empty() {
            body.insert("options".into(), self.options.clone().into());
        }
        let optional =
            [("format", &self.format), ("think", &self.think), ("keep_alive", &self.keep_alive)];
        for (name, value) in optional {
            if let Some(value) = value {
                body.insert(name.into(), value.clone());
            }
        }
        body
    }

    /// A request for nothing, which loads the model.
    pub fn load_body(&self) -> Value {
        let mut body = self.common();
        body.retain(|name, _| ["model", "options", "keep_alive"].contains(&name.as_str()));
        body.insert("stream".into(), false.into());
        body.into()
    }

    /// One question without a conversation.
    pub fn generate_body(&self, prompt: &str) -> Value {
        let mut body = self.common();
        body.insert("prompt".into(), prompt.into());
        match (&self.system, self.raw) {
            // The server refuses a system text beside a raw prompt, so it becomes its beginning.
            (Some(system), true) => {
                body.insert("prompt".into(), format!("{system}\n\n{prompt}").into());
            }
            (Some(system), false) => {
                body.insert("system".into(), system.clone().into());
            }
            (None, _) => {}
        }
        if self.raw {
            body.insert("raw".into(), true.into());
        }
        body.into()
    }

    /// The conversation and a question.
    pub fn chat_body(&self, text: &str) -> Value {
        let mut body = self.common();
        let system = self.system.iter().map(|system| Message::new("system", system));
        let said = self.messages.iter().cloned();
        let all: Vec<Message> = system.chain(said).chain([Message::new("user", text)]).collect();
        body.insert("messages".into(), json!(all));
        body.into()
    }

    /// The conversation as a model of its own.
    pub fn create_body(&self, name: &str) -> Value {
        let mut body = Map::new();
        body.insert("model".into(), name.into());
        body.insert("from".into(), self.model.clone().into());
        if let Some(system) = &self.system {
            body.insert("system".into(), system.clone().into());
        }
        if !self.options.is_empty() {
            body.insert("parameters".into(), self.options.clone().into());
        }
        if !self.messages.is_empty() {
            body.insert("messages".into(), json!(self.messages));
        }
        body.into()
    }
}

fn options(args: &RunArgs) -> Map<String, Value> {
    // The shortest decimal that means the same: 0.1, not 0.10000000149011612.
    let float = |n: Option<f32>| n.map(|n| json!(n.to_string().parse().unwrap_or(f64::from(n))));
    let rows = [
        ("temperature", float(args.temperature)),
        ("top_k", args.top_k.map(Value::from)),
        ("top_p", float(args.top_p)),
        ("min_p", float(args.min_p)),
        ("seed", args.seed.map(Value::from)),
        ("num_predict", args.n.map(Value::from)),
        ("num_ctx", args.load.ctx.map(Value::from)),
        ("num_thread", args.load.threads.map(Value::from)),
        ("num_gpu", args.load.gpu_layers.map(Value::from)),
        ("stop", (!args.stop.is_empty()).then(|| json!(args.stop))),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What `--think` and `/set think` mean.
///
/// # Errors
/// A sentence.
pub fn think(text: &str) -> Result<Value, String> {
    match text {
        "true" | "" => Ok(true.into()),
        "false" => Ok(false.into()),
        "low" | "medium" | "high" | "max" => Ok(text.into()),
        _ => Err(format!("thinking can be true, false, low, medium, high or max, not '{text}'")),
    }
}

/// Whole seconds become a number, as servers want it; a duration stays text.
fn keep_alive(text: &str) -> Result<Value, Failure> {
    KeepAlive::parse(text).map_err(|error| {
        Failure::Usage(format!("--keepalive: {error}; write 10m, 1h30m, 0, or -1 for ever"))
    })?;
    Ok(text.trim().parse::<i64>().map_or_else(|_| text.trim().into(), Value::from))
}
