//! Tuning in a page: the forms of the graphics chip's kernels that were found to be the fastest.
//!
//! The work is `gpu`'s; here it gets its place in a load (before the memory is laid out, because
//! the forms decide about it), and its text crosses to the script, which keeps it in the browser's
//! storage. A browser names neither driver nor version, so a tuning is bound to the adapter's words
//! and the browser's own version instead: see [`gpu::Options::host`].

use kernels::Plan;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::edge::{Inner, WasmEngine};
use crate::error::EdgeError;

/// Most time that a load may spend on trying, in milliseconds; the rest is tried at the next one.
const BUDGET_MS: f64 = 3000.0;

/// Whether a load may try kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// Never.
    Off,
    /// Unless the adapter computes on the processor: its times say nothing about a chip's.
    #[default]
    Auto,
    /// There too: for tests.
    On,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Name of the file that holds what is known about the graphics chip; none on the processor.
    #[wasm_bindgen(js_name = tuningFile)]
    pub fn tuning_file(&self) -> Option<String> {
        self.0.device.gpu().map(gpu::Gpu::tuning_file)
    }

    /// Takes over what an earlier page found; the reason if the text is of no use.
    #[wasm_bindgen(js_name = useTuning)]
    pub fn use_tuning(&self, text: &str) -> Option<String> {
        self.0.device.gpu().and_then(|gpu| gpu.use_tuning(text).err())
    }

    /// What is to be stored, if something was found since this was asked last.
    #[wasm_bindgen(js_name = takeTuning)]
    pub fn take_tuning(&self) -> Option<String> {
        let is_new = self.0.has_new_tuning.take();
        self.0.device.gpu().filter(|_| is_new).map(gpu::Gpu::tuning)
    }
}

impl Inner {
    /// Tries the kernels that `plan` needs and nobody tried yet; `begin` is called before.
    pub(crate) async fn tune(
        &self,
        plan: &Plan,
        wish: Wish,
        begin: impl FnOnce(),
    ) -> Result<(), EdgeError> {
        let may = |gpu: &&gpu::Gpu| match wish {
            Wish::Off => false,
            Wish::Auto => !gpu.is_software(),
            Wish::On => true,
        };
        if let Some(gpu) = self.device.gpu().filter(may) {
            begin();
            if gpu.tune(plan, BUDGET_MS).await? {
                self.has_new_tuning.set(true);
            }
        }
        Ok(())
    }
}
