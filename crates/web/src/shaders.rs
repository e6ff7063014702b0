//! Every shader text of this build, for the test that compiles all of them in a browser.
//!
//! In the module itself and not in a file beside it: what is tested is what this module would send.

use kernels::shader::all_variants;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::convert::to_js;
use crate::error::EdgeError;

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
