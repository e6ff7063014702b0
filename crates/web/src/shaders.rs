//! What tests ask a browser's graphics stack: does it compile every shader, is every kernel right?
//!
//! In the module itself and not in a file beside it: what is tested is what this module would send.

use kernels::shader::all_variants;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::error::EdgeError;
use crate::js::to_js;

#[derive(Serialize)]
struct Text {
    name: String,
    subgroups: bool,
    f16: bool,
    source: String,
}

/// `[{ name, subgroups, f16, source }]`, the texts for browsers.
#[wasm_bindgen(js_name = shaderTexts)]
pub fn shader_texts() -> Result<JsValue, JsValue> {
    let mut texts = Vec::new();
    for variant in all_variants() {
        let variant =
            variant.map_err(|error| EdgeError::new("engine.shader", error.to_string()))?;
        let (subgroups, f16) = (variant.forms.subgroups, variant.forms.f16);
        texts.push(Text { name: variant.name, subgroups, f16, source: variant.browser });
    }
    Ok(to_js(&texts)?)
}

#[derive(Serialize)]
struct Check {
    name: String,
    error: f64,
    tolerance: f64,
    passed: bool,
}

/// Runs every kernel whose name contains `only` against its scalar twin, on this browser's adapter:
/// `[{ name, error, tolerance, passed }]`.
#[wasm_bindgen(js_name = checkKernels)]
pub async fn check_kernels(subgroups: bool, only: String) -> Result<JsValue, JsValue> {
    console_error_panic_hook::set_once();
    let options = gpu::Options {
        allow_software: true,
        allow_subgroups: Some(subgroups),
        ..Default::default()
    };
    let gpu = gpu::Gpu::open(&options).await.map_err(EdgeError::from)?;
    let results = gpu::check_kernels(&gpu, &only).await.map_err(EdgeError::from)?;
    let checks: Vec<Check> = results
        .into_iter()
        .map(|result| {
            let passed = result.passed();
            Check { name: result.name, error: result.error, tolerance: result.tolerance, passed }
        })
        .collect();
    Ok(to_js(&checks)?)
}
