//! A file understood but not yet loaded: everything that can be wrong with it is found here,
//! before gigabytes are read.

use std::ops::ControlFlow;
use std::sync::Arc;

use chat::{ChatTemplate, SpecialTokens};
use gguf::Gguf;
use kernels::{Dims, Loader, Plan, PlayerConfig, PlayerError};
use model::Model;
use tokenizer::Tokenizer;

use crate::bench::Cost;
use crate::embed::Pooling;
use crate::env::Env;
use crate::error::Error;
use crate::load;
use crate::session::Session;
use crate::snapshot::Snapshots;

/// Context used when nothing is said: room for a conversation, and a cache that small devices can
/// hold; never more than the model was trained for.
pub const DEFAULT_N_CTX: usize = 4096;

/// Smallest context that makes sense: a token of prompt, and one of answer.
const MIN_N_CTX: usize = 2;

/// Largest context: positions are counted in 32 bits on every device, and no cache is near it.
const MAX_N_CTX: usize = 1 << 24;

/// Header, Plan, tokenizer and chat template of a file.
pub struct Opened {
    /// The header, with the sources of the bytes.
    pub gguf: Gguf,
    /// What has to be computed.
    pub model: Model,
    /// Text to ids and back.
    pub tokenizer: Arc<Tokenizer>,
    /// Conversations to text; a stated fallback where the file has none that works.
    pub template: ChatTemplate,
}

/// What a model is, for people; outlives the file's header.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`, as the file has it: escape it before showing it in a terminal.
    pub name: Option<String>,
    /// Sizes of the decoder.
    pub dims: Dims,
    /// Weights, counted.
    pub n_params: u64,
    /// Bytes of the weights in the file.
    pub weight_bytes: u64,
    /// Type of most of the weights, "Q4_K".
    pub main_type: String,
    /// How texts become vectors.
    pub pooling: Pooling,
    /// It is made for vectors of texts: it says how to pool its rows, or reads in both directions.
    pub is_embedder: bool,
    /// It reads texts in both directions, so it makes vectors of them and writes none.
    pub only_embeds: bool,
}

/// Reads what a file says about itself.
///
/// # Errors
/// An unknown architecture, missing keys or tensors, no usable tokenizer. A missing or broken chat
/// template is no error: the template then is a stated fallback.
pub fn open(gguf: Gguf) -> Result<Opened, Error> {
    let model = model::build(&gguf)?;
    if !model.plan.is_causal() {
        let key = pooling_key(&model);
        if let Some(value @ 4..) = gguf.metadata.u32(&key)? {
            return Err(Error::PoolingType { key, value });
        }
    }
    let tokenizer = Tokenizer::from_gguf(&gguf.metadata)?;
    let text =
        |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or("").to_owned();
    let special = SpecialTokens { bos: text(tokenizer.bos()), eos: text(tokenizer.eos()) };
    let template = ChatTemplate::from_gguf(&gguf.metadata, &special)?;
    Ok(Opened { gguf, model, tokenizer: Arc::new(tokenizer), template })
}

fn pooling_key(model: &Model) -> String {
    format!("{}.pooling_type", model.architecture)
}

impl Opened {
    /// The smaller of [`DEFAULT_N_CTX`] and what the model was trained for.
    pub fn default_n_ctx(&self) -> usize {
        DEFAULT_N_CTX.min(self.model.plan.dims.n_ctx_train).max(MIN_N_CTX)
    }

    /// What the file is, for people.
    pub fn info(&self) -> ModelInfo {
        let tensors = &self.gguf.tensors;
        let mut bytes_of: Vec<(String, u64)> = Vec::new();
        for tensor in tensors {
            let ty = tensor.ty.to_string();
            match bytes_of.iter_mut().find(|entry| entry.0 == ty) {
                Some(entry) => entry.1 += tensor.n_bytes,
                None => bytes_of.push((ty, tensor.n_bytes)),
            }
        }
        let main_type = bytes_of.into_iter().max_by_key(|entry| entry.1);
        ModelInfo {
            architecture: self.model.architecture.clone(),
            name: self.gguf.metadata.str("general.name").ok().flatten().map(str::to_owned),
            dims: self.model.plan.dims,
            n_params: tensors.iter().map(|tensor| tensor.n_elements()).sum(),
            weight_bytes: tensors.iter().map(|tensor| tensor.n_bytes).sum(),
            main_type: main_type.map_or_else(String::new, |entry| entry.0),
            pooling: Pooling::from_number(self.pooling_type()),
            is_embedder: self.only_embeds() || self.pooling_type().is_some_and(|n| n != 0),
            only_embeds: self.only_embeds(),
        }
    }

    /// True for a model that reads texts in both directions.
    pub fn only_embeds(&self) -> bool {
        !self.model.plan.is_causal()
    }

    /// `{arch}.pooling_type`, if the file has a number there.
    fn pooling_type(&self) -> Option<u32> {
        self.gguf.metadata.u32(&pooling_key(&self.model)).ok().flatten()
    }

    /// Streams the weights into the loader that `make` gives for the Plan and `config`.
    ///
    /// # Errors
    /// As [`load::stream`], and [`Error::Setting`] for a context that cannot be.
    pub async fn load(
        self,
        config: PlayerConfig,
        make: impl FnOnce(&Plan, PlayerConfig) -> Result<Box<dyn Loader>, PlayerError>,
        env: Env,
        progress: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Session, Error> {
        if !(MIN_N_CTX..=MAX_N_CTX).contains(&config.n_ctx) {
            let value = config.n_ctx.to_string();
            let expected = "from 2 to 16777216 tokens";
            return Err(Error::Setting { name: "the context", value, expected });
        }
        let mut config = config;
        if self.only_embeds() {
            // There are no positions behind those it was trained with, or none that mean anything.
            config.n_ctx = config.n_ctx.min(self.model.plan.dims.n_ctx_train).max(1);
        }
        let start = (env.now_ms)();
        let info = self.info();
        let mut plan = self.model.plan;
        plan.settle(config.n_ctx);
        let loader = make(&plan, config)?;
        let player = load::stream(&self.gguf, &plan, loader, &env, progress).await?;
        let load_ms = (env.now_ms)() - start;
        let cost = Cost::of(&plan, config.kv);
        let text = crate::session::Text::new(self.tokenizer, self.template);
        let mut session = Session::new(player, text, info, cost, &config, env, load_ms);
        session.snapshots = Snapshots::new(&plan, config.kv);
        Ok(session)
    }
}
