//! From open files to the model in use, for the page's own `load` and for the router's.
//!
//! One load at a time, and one model: memory that WebAssembly took is never given back, so the old
//! model goes before the new one comes.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

use engine::Session;
use gguf::{ByteSource, Gguf};
use kernels::{KvType, Plan, PlayerConfig};

use crate::cancel::CancelFlag;
use crate::edge::Inner;
use crate::error::EdgeError;
use crate::host;
use crate::in_use::{InUse, TextParts};
use crate::tuning::Wish;

/// Progress is told after so many bytes.
const TOLD_BYTES: u64 = 4 << 20;
/// Enough rows for a prompt's kernels.
const WARM_UP_ROWS: usize = 16;
/// Sequences at a time, if nothing is said: two conversations, or one and an editor beside it.
pub const DEFAULT_SLOTS: usize = 2;
/// Bytes of one sequence's cache above which there is only one: a second copy of it would cost
/// more than it brings.
const SMALL_CACHE_BYTES: u64 = 256 << 20;
/// Least context that makes sense: a token of prompt, and one of answer.
const MIN_N_CTX: usize = 2;

/// How a model is to be loaded.
pub struct LoadWish {
    /// What tells its weights from others.
    pub key: String,
    /// Tokens of one sequence; `None`: what the model was made for, at most 4096.
    pub n_ctx: Option<usize>,
    /// Sequences at a time; `None`: two where that is cheap.
    pub n_slots: Option<usize>,
    pub kv: KvType,
    pub tuning: Wish,
}

/// Who wants to know how far it is: `(phase, done, total)`, bytes.
pub type Tell<'a> = &'a dyn Fn(&str, u64, Option<u64>);

/// The files as one model, and their bytes in all.
pub fn open_files(sources: Vec<Box<dyn ByteSource>>) -> Result<(Gguf, u64), EdgeError> {
    let n_bytes = sources.iter().map(|source| source.len()).sum();
    Ok((Gguf::open_split(sources)?, n_bytes))
}

impl Inner {
    /// Loads a model in place of the one before, and starts its engine. `see` is shown the session
    /// before that.
    pub async fn load_model<T>(
        self: &Rc<Self>,
        gguf: Gguf,
        wish: LoadWish,
        tell: Tell<'_>,
        cancel: &CancelFlag,
        see: impl FnOnce(&Session) -> T,
    ) -> Result<T, EdgeError> {
        // Understood before anything is dropped for it.
        let opened = engine::open(gguf)?;
        let parts = TextParts::of(&opened)?;
        self.drop_model().await;
        let n_ctx = wish.n_ctx.unwrap_or(opened.default_n_ctx()).max(MIN_N_CTX);
        let config = player_config(&opened.model.plan, n_ctx, wish.n_slots, wish.kv);
        let prepare = || tell("prepare", 0, None);
        self.examine(&opened.model.plan, config, wish.tuning, prepare).await?;
        self.tune(&opened.model.plan, wish.tuning, prepare).await?;
        let stopped = || if cancel.is_set() { Err(engine::Error::LoadCancelled) } else { Ok(()) };
        stopped()?;
        let told = Cell::new(0);
        let progress = |done: u64, total: u64| {
            // A model of small tensors has hundreds of pieces, and a message costs as much as one.
            if told.get() == 0 || done >= told.get() + TOLD_BYTES || done == total {
                told.set(done);
                tell("load", done, Some(total));
            }
            if cancel.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let make = |plan: &Plan, config| self.device.loader(plan, config);
        let mut session = opened.load(config, make, host::env(&self.next_task), progress).await?;
        if self.device.trusted_gpu().is_some() {
            prepare();
        }
        session.keep_snapshots(Box::new(self.snapshots.clone()), &wish.key);
        warm_up(&mut session, cancel).await?;
        stopped()?;
        let seen = see(&session);
        self.kv.set(wish.kv);
        let (key, serial) = (wish.key, self.serial.get() + 1);
        self.serial.set(serial);
        let (forms, next_task) = (Rc::clone(&self.forms), self.next_task.clone());
        let in_use = InUse::start(session, parts, key, serial, forms, next_task);
        self.model.replace(Some(Rc::new(in_use)));
        Ok(seen)
    }

    /// Ends the engine of the model in use, whatever it does, and returns when its memory is free.
    pub async fn drop_model(&self) {
        let in_use = self.model.borrow_mut().take();
        if let Some(in_use) = in_use {
            in_use.runner.unload().await;
        }
    }
}

/// What a model is loaded with: as many slots as are wished, or two where that is cheap.
pub fn player_config(
    plan: &Plan,
    n_ctx: usize,
    n_slots: Option<usize>,
    kv: KvType,
) -> PlayerConfig {
    let cache = plan.position_bytes(kv).saturating_mul(n_ctx as u64);
    let usual = if cache > SMALL_CACHE_BYTES { 1 } else { DEFAULT_SLOTS };
    let n_slots = n_slots.unwrap_or(usual).clamp(1, kernels::MAX_SLOTS);
    PlayerConfig { n_ctx, n_slots, kv, n_threads: 0 }
}

/// Runs one job of a single row and one of several, because browsers compile a shader when it is
/// first used, and switch to optimized WebAssembly only between calls: the time that takes belongs
/// to the loading, not to the first answer.
async fn warm_up(session: &mut Session, cancel: &CancelFlag) -> Result<(), EdgeError> {
    if !session.model_info().only_embeds {
        session.step_raw(&[0], 0, true).await?;
        if cancel.is_set() {
            return Err(engine::Error::LoadCancelled.into());
        }
        let n_rows = WARM_UP_ROWS.min(session.max_rows()).min(session.n_ctx());
        session.logits(&vec![0; n_rows], false, |_| {}).await?;
    }
    session.clear();
    Ok(())
}
