//! What the command line means: defaults filled in, ranges checked.

use engine::{Opened, Request, default_sampling};
use kernels::{KvType, PlayerConfig, Sampling};

use crate::args::{Kv, LoadArgs, RunArgs};
use crate::failure::Failure;
use crate::term;

/// More threads than any machine has; far above, starting them would fail in less clear words.
const MAX_THREADS: usize = 1024;

/// What a player is made with, for this file.
pub fn player_config(args: &LoadArgs, opened: &Opened) -> Result<PlayerConfig, Failure> {
    let n_ctx = args.ctx.unwrap_or_else(|| opened.default_n_ctx());
    let n_ctx_train = opened.model.plan.dims.n_ctx_train;
    if n_ctx > n_ctx_train && opened.only_embeds() {
        term::warning(&format!(
            "the model has positions for {n_ctx_train} tokens, so longer texts are cut there \
             (--ctx {n_ctx})"
        ));
    } else if n_ctx > n_ctx_train {
        term::warning(&format!(
            "the model was trained for {n_ctx_train} tokens of context and may write nonsense \
             beyond them (--ctx {n_ctx})"
        ));
    }
    let n_threads = args.threads.unwrap_or(0);
    if n_threads > MAX_THREADS || args.threads == Some(0) {
        let said = format!("--threads is {n_threads}, but it must be from 1 to {MAX_THREADS}");
        return Err(Failure::Usage(said));
    }
    Ok(PlayerConfig { n_ctx, n_slots: 1, kv: kv_type(args.kv), n_threads })
}

/// The cache's format.
pub fn kv_type(kv: Kv) -> KvType {
    match kv {
        Kv::F32 => KvType::F32,
        Kv::F16 => KvType::F16,
        Kv::Q8_0 => KvType::Q8_0,
    }
}

/// How to answer: everything of a request but its prompt.
#[derive(Clone, Debug)]
pub struct Style {
    pub sampling: Sampling,
    pub seed: Option<u32>,
    pub max_tokens: Option<usize>,
    pub stop: Vec<String>,
    pub ignore_eos: bool,
}

impl Style {
    /// From the flags of `ingle run`.
    pub fn from_args(args: &RunArgs) -> Result<Style, Failure> {
        let default = default_sampling();
        let sampling = Sampling {
            temperature: args.temperature.unwrap_or(default.temperature),
            top_k: args.top_k.unwrap_or(default.top_k),
            top_p: args.top_p.unwrap_or(default.top_p),
            min_p: args.min_p.unwrap_or(default.min_p),
            ..default
        };
        let style = Style {
            sampling,
            seed: seed(args.seed)?,
            max_tokens: max_tokens(args.n),
            stop: args.stop.clone(),
            ignore_eos: args.ignore_eos,
        };
        let probe = style.request(engine::Prompt::Tokens(Vec::new()));
        probe.check().map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(style)
    }

    /// A request in this style.
    pub fn request(&self, prompt: engine::Prompt) -> Request {
        Request {
            sampling: self.sampling,
            seed: self.seed,
            max_tokens: self.max_tokens,
            stop: self.stop.clone(),
            ignore_eos: self.ignore_eos,
            ..Request::new(prompt)
        }
    }
}

/// Negative means "no limit", as in other tools.
pub fn max_tokens(n: Option<i64>) -> Option<usize> {
    n.and_then(|n| usize::try_from(n).ok())
}

/// Negative means "another every time", as in other tools.
pub fn seed(seed: Option<i64>) -> Result<Option<u32>, Failure> {
    match seed {
        None | Some(..0) => Ok(None),
        Some(seed) => u32::try_from(seed).map(Some).map_err(|_| {
            Failure::Usage(format!("the seed is {seed}, but it must be at most {}", u32::MAX))
        }),
    }
}
