//! The config blob: what a model is, in the few words that listings show.

use gguf::Gguf;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::manifest::Layer;
use crate::text::go_json;

/// The config blob of a model, in Ollama's form. Fields we do not know are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// `gguf`.
    pub model_format: String,
    /// `llama`.
    pub model_family: String,
    /// All families, projectors' included.
    #[serde(deserialize_with = "null_is_empty")]
    pub model_families: Vec<String>,
    /// Parameters for people, `8.0B`.
    pub model_type: String,
    /// Quantization, `Q4_K_M`.
    pub file_type: String,
    /// Always `amd64`; the image format wants one.
    pub architecture: String,
    /// Always `linux`.
    pub os: String,
    /// The layers' digests, once more.
    pub rootfs: RootFs,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The image format's list of layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the layers in order.
    #[serde(deserialize_with = "null_is_empty")]
    pub diff_ids: Vec<String>,
}

impl Default for RootFs {
    fn default() -> Self {
        RootFs { kind: "layers".into(), diff_ids: Vec::new() }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig {
            model_format: String::new(),
            model_family: String::new(),
            model_families: Vec::new(),
            model_type: String::new(),
            file_type: String::new(),
            architecture: "amd64".into(),
            os: "linux".into(),
            rootfs: RootFs::default(),
            extra: Map::new(),
        }
    }
}

/// Go writes `null` for a list without elements.
fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

impl ModelConfig {
    /// What a GGUF file says of itself. What it does not say stays `unknown`.
    pub fn of_gguf(model: &Gguf) -> ModelConfig {
        let text = |key| model.metadata.str(key).ok().flatten().unwrap_or("unknown").to_owned();
        let family = text("general.architecture");
        let n_parameters: u64 = model
            .tensors
            .iter()
            .fold(0, |sum, tensor| u64::saturating_add(sum, tensor.n_elements()));
        let file_type = model.metadata.u32("general.file_type").ok().flatten();
        ModelConfig {
            model_format: "gguf".into(),
            model_families: vec![family.clone()],
            model_family: family,
            model_type: human_number(n_parameters),
            file_type: file_type.map_or("unknown", file_type_name).to_owned(),
            ..ModelConfig::default()
        }
    }

    /// Lists the layers' digests, as the image format wants it.
    pub fn with_layers(mut self, layers: &[Layer]) -> ModelConfig {
        let digests = layers.iter().map(|layer| layer.digest);
        self.rootfs.diff_ids = digests.map(|digest: Digest| digest.to_string()).collect();
        self
    }

    /// Reads a config blob.
    ///
    /// # Errors
    /// What the JSON parser says.
    pub fn parse(raw: &[u8]) -> Result<ModelConfig, String> {
        serde_json::from_slice(raw).map_err(|error| error.to_string())
    }

    /// The blob's bytes, as Ollama's encoder writes them.
    ///
    /// # Errors
    /// None that a valid value can cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        Ok(go_json(self)?.into_bytes())
    }
}

/// `8.0B`, `494.03M`, `12K`: counts as Ollama shows them.
pub fn human_number(n: u64) -> String {
    /// `n / unit` with this many digits behind the point, cut where Go rounds half to even; a
    /// difference in the last digit is of no consequence.
    fn scaled(n: u64, unit: u64, digits: u32) -> String {
        let scale = 10u128.pow(digits);
        let value = (u128::from(n) * scale + u128::from(unit) / 2) / u128::from(unit);
        let width = digits as usize;
        match digits {
            0 => value.to_string(),
            _ => format!("{}.{:0width$}", value / scale, value % scale),
        }
    }
    const BILLION: u64 = 1_000_000_000;
    const MILLION: u64 = 1_000_000;
    match n {
        BILLION.. if n.is_multiple_of(BILLION) => format!("{}B", n / BILLION),
        BILLION.. => format!("{}B", scaled(n, BILLION, 1)),
        MILLION.. if n.is_multiple_of(MILLION) => format!("{}M", n / MILLION),
        MILLION.. => format!("{}M", scaled(n, MILLION, 2)),
        1_000.. => format!("{}K", scaled(n, 1_000, 0)),
        _ => n.to_string(),
    }
}

/// llama.cpp's names of `general.file_type`.
pub fn file_type_name(id: u32) -> &'static str {
    const NAMES: [(u32, &str); 35] = [
        (0, "F32"),
        (1, "F16"),
        (2, "Q4_0"),
        (3, "Q4_1"),
        (7, "Q8_0"),
        (8, "Q5_0"),
        (9, "Q5_1"),
        (10, "Q2_K"),
        (11, "Q3_K_S"),
        (12, "Q3_K_M"),
        (13, "Q3_K_L"),
        (14, "Q4_K_S"),
        (15, "Q4_K_M"),
        (16, "Q5_K_S"),
        (17, "Q5_K_M"),
        (18, "Q6_K"),
        (19, "IQ2_XXS"),
        (20, "IQ2_XS"),
        (21, "Q2_K_S"),
        (22, "IQ3_XS"),
        (23, "IQ3_XXS"),
        (24, "IQ1_S"),
        (25, "IQ4_NL"),
        (26, "IQ3_S"),
        (27, "IQ3_M"),
        (28, "IQ2_S"),
        (29, "IQ2_M"),
        (30, "IQ4_XS"),
        (31, "IQ1_M"),
        (32, "BF16"),
        (33, "Q4_0_4_4"),
        (34, "Q4_0_4_8"),
        (36, "TQ1_0"),
        (37, "TQ2_0"),
        (38, "MXFP4_MOE"),
    ];
    NAMES.iter().find(|(known, _)| *known == id).map_or("unknown", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let rows = [
            (0, "0"),
            (999, "999"),
            (260_032, "260K"),
            (494_032_768, "494.03M"),
            (500_000_000, "500M"),
            (1_235_814_432, "1.2B"),
            (8_030_261_312, "8.0B"),
            (8_000_000_000, "8B"),
            (70_553_706_560, "70.6B"),
        ];
        for (n, text) in rows {
            assert_eq!(human_number(n), text);
        }
    }

    #[test]
    fn a_config_has_ollamas_order_and_keeps_what_it_does_not_know() {
        let raw = concat!(
            r#"{"model_format":"gguf","model_family":"llama","model_families":null,"#,
            r#""model_type":"8.0B","file_type":"Q4_0","architecture":"amd64","os":"linux","#,
            r#""rootfs":{"type":"layers","diff_ids":["sha256:aa"]},"renderer":"qwen3"}"#,
        );
        let config = ModelConfig::parse(raw.as_bytes()).unwrap();
        assert_eq!((config.model_type.as_str(), config.model_families.len()), ("8.0B", 0));
        let written = String::from_utf8(config.to_bytes().unwrap()).unwrap();
        assert_eq!(written, raw.replace("null", "[]"));
        assert_eq!(ModelConfig::parse(b"{}"), Ok(ModelConfig::default()));
        assert!(ModelConfig::parse(b"[]x").is_err());
    }
}
