//! The doctor in a page: are the graphics chip's numbers right?
//!
//! The work is `gpu`'s; here it gets its place in a load (before the tuning, because a part that is
//! switched off is not worth timing), and its text crosses to the script, which keeps it beside the
//! tuning. On demand a page asks from a worker of its own ([`examine_graphics`]): a driver that
//! hangs or dies of a probe then takes no conversation with it.

use gpu::{Finding, Gpu};
use js_sys::Function;
use kernels::{Plan, PlayerConfig};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::device::open_gpu;
use crate::edge::{Inner, WasmEngine};
use crate::error::EdgeError;
use crate::js::to_js;
use crate::tuning::Wish;

/// Most time of a load and of a page that looks, in milliseconds: a graphics chip needs a second,
/// one that the processor plays may need minutes. The rest is tried the next time.
const LOAD_MS: f64 = 10_000.0;
const PAGE_MS: f64 = 5_000.0;

#[derive(Serialize)]
struct Kernel {
    form: String,
    /// Null if it did not run.
    error: Option<f64>,
    tolerance: f64,
    right: bool,
}

impl From<&Finding> for Kernel {
    fn from(finding: &Finding) -> Kernel {
        let error = Some(finding.error).filter(|error| error.is_finite());
        let (tolerance, right) = (finding.tolerance, finding.is_right());
        Kernel { form: finding.form.clone(), error, tolerance, right }
    }
}

#[derive(Serialize)]
struct Off {
    /// "integers", "subgroups", "f16" or "device".
    part: &'static str,
    /// "…, because …"
    reason: String,
}

fn switched_off(gpu: &Gpu) -> Vec<Off> {
    let off = gpu.switched_off();
    off.iter().map(|off| Off { part: off.part.word(), reason: off.to_string() }).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Graphics {
    subgroups: bool,
    f16: bool,
    software: bool,
    max_buffer_bytes: u64,
    max_binding_bytes: u64,
    off: Vec<Off>,
    /// Kernels there was no time for.
    n_left: usize,
    /// Name and text of what is to be stored.
    file: String,
    record: String,
}

#[wasm_bindgen]
impl WasmEngine {
    /// Name of the file that holds what is known about the chip's numbers; none on the processor.
    #[wasm_bindgen(js_name = recordFile)]
    pub fn record_file(&self) -> Option<String> {
        self.0.device.gpu().map(Gpu::record_file)
    }

    /// Takes over what an earlier page found out; the reason if the text is of no use.
    #[wasm_bindgen(js_name = useRecord)]
    pub fn use_record(&self, text: &str) -> Option<String> {
        self.0.device.gpu().and_then(|gpu| gpu.use_record(text).err())
    }

    /// What is to be stored, if something was found out since this was asked last.
    #[wasm_bindgen(js_name = takeRecord)]
    pub fn take_record(&self) -> Option<String> {
        let is_new = self.0.has_new_record.take();
        self.0.device.gpu().filter(|_| is_new).map(Gpu::record)
    }

    /// What of the graphics chip is not used: `[{ part, reason }]`.
    #[wasm_bindgen(js_name = switchedOff)]
    pub fn switched_off(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.0.device.gpu().map_or_else(Vec::new, switched_off))?)
    }
}

impl Inner {
    /// Compares the kernels of `plan` that nobody compared yet; `begin` is called before.
    pub(crate) async fn examine(
        &self,
        plan: &Plan,
        config: PlayerConfig,
        wish: Wish,
        begin: impl FnOnce(),
    ) -> Result<(), EdgeError> {
        if let Some(gpu) = self.device.gpu().filter(|_| wish != Wish::Off) {
            begin();
            if gpu.examine(Some((plan, config)), LOAD_MS, |_| ()).await?.is_new {
                self.has_new_record.set(true);
            }
        }
        Ok(())
    }
}

/// Compares the kernels of usual models with their twins, all of them anew. Each goes to
/// `on_kernel` when it is done, as `{ form, error, tolerance, right }`. The words are those of
/// [`WasmEngine::open`].
#[wasm_bindgen(js_name = examineGraphics)]
pub async fn examine_graphics(
    adapter: String,
    browser: String,
    subgroups: bool,
    on_kernel: Function,
) -> Result<JsValue, JsValue> {
    console_error_panic_hook::set_once();
    let host = format!("{adapter} in {browser}");
    let gpu = open_gpu(host, subgroups, true).await.map_err(EdgeError::from)?;
    let tell = |finding: &Finding| {
        if let Ok(kernel) = to_js(&Kernel::from(finding)) {
            // What the listener throws is its own affair.
            let _ = on_kernel.call1(&JsValue::UNDEFINED, &kernel);
        }
    };
    let examined = gpu.examine(None, PAGE_MS, tell).await.map_err(EdgeError::from)?;
    let chip = gpu.summary();
    let (subgroups, f16) = (chip.forms.subgroups, chip.forms.f16);
    Ok(to_js(&Graphics {
        subgroups,
        f16,
        software: gpu.is_software(),
        max_buffer_bytes: chip.max_buffer_bytes,
        max_binding_bytes: chip.max_binding_bytes,
        off: switched_off(&gpu),
        n_left: examined.n_left,
        file: gpu.record_file(),
        record: gpu.record(),
    })?)
}
