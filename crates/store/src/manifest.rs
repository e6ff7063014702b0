//! Manifests: what a name stands for, as a list of blobs with sizes and meanings.
//!
//! A manifest's digest is that of its bytes, so bytes that were read or pulled are kept and
//! written back as they are. Only manifests made here are serialized, in the order and with the
//! escapes of Ollama's encoder. Fields we do not know are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::limits::{BLOB_BYTES, LAYERS, MANIFEST_BYTES};
use crate::media;
use crate::text::go_json;

/// One blob of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// What it is, one of [`media`] or something newer.
    #[serde(rename = "mediaType")]
    pub media_type: String,
    /// Which bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// The model this layer was taken from (`namespace/model`, or a path), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Fields of newer versions.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Layer {
    /// A layer without any extra.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Layer {
        Layer { media_type: media_type.to_owned(), digest, size, from: None, extra: Map::new() }
    }
}

/// A parsed manifest together with the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    fields: Fields,
    raw: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fields {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "mediaType", default)]
    media_type: String,
    config: Layer,
    layers: Vec<Layer>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Manifest {
    /// A new manifest, in the form Ollama writes.
    ///
    /// # Errors
    /// Says why in words: too many layers.
    pub fn new(config: Layer, layers: Vec<Layer>) -> Result<Manifest, String> {
        let media_type = media::MANIFEST.to_owned();
        let fields = Fields { schema_version: 2, media_type, config, layers, extra: Map::new() };
        check(&fields)?;
        let mut raw = go_json(&fields)?.into_bytes();
        raw.push(b'\n');
        Ok(Manifest { fields, raw })
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Says why in words, for a message that names the manifest.
    pub fn parse(raw: &[u8]) -> Result<Manifest, String> {
        if raw.is_empty() {
            return Err("it is empty".into());
        }
        if raw.len() > MANIFEST_BYTES {
            let n = raw.len();
            return Err(format!("it has {n} bytes, more than the {MANIFEST_BYTES} allowed"));
        }
        let fields = serde_json::from_slice(raw).map_err(|error| refusal(raw, &error))?;
        check(&fields)?;
        Ok(Manifest { fields, raw: raw.to_vec() })
    }

    /// The manifest's bytes, as they were read or as they are to be written.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The digest of [`Manifest::raw`]: the model's id.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.raw)
    }

    /// The manifest's media type; empty where it says none.
    pub fn media_type(&self) -> &str {
        &self.fields.media_type
    }

    /// The config blob.
    pub fn config(&self) -> &Layer {
        &self.fields.config
    }

    /// All layers in their order, without the config.
    pub fn layers(&self) -> &[Layer] {
        &self.fields.layers
    }

    /// Layers of this media type.
    pub fn layers_of<'a>(&'a self, media_type: &'a str) -> impl Iterator<Item = &'a Layer> {
        self.fields.layers.iter().filter(move |layer| layer.media_type == media_type)
    }

    /// Every blob once: layers in order, then the config.
    pub fn blobs(&self) -> Vec<&Layer> {
        let mut blobs: Vec<&Layer> = Vec::new();
        for layer in self.fields.layers.iter().chain([&self.fields.config]) {
            if blobs.iter().all(|known| known.digest != layer.digest) {
                blobs.push(layer);
            }
        }
        blobs
    }

    /// Bytes of all layers and the config: the size that listings show.
    pub fn size(&self) -> u64 {
        self.fields.layers.iter().chain([&self.fields.config]).map(|layer| layer.size).sum()
    }
}

/// Says what kind of thing it is where that helps more than a JSON position.
fn refusal(raw: &[u8], error: &serde_json::Error) -> String {
    match serde_json::from_slice::<Value>(raw) {
        Ok(value) if value.get("manifests").is_some() => {
            "it is an index of several images and not a model".into()
        }
        _ => error.to_string(),
    }
}

fn check(fields: &Fields) -> Result<(), String> {
    let n = fields.layers.len();
    if fields.schema_version != 2 {
        return Err(format!("its schemaVersion is {}, only 2 is known", fields.schema_version));
    }
    if n > LAYERS {
        return Err(format!("it has {n} layers, more than the {LAYERS} allowed"));
    }
    let mut sizes = std::collections::HashMap::new();
    for layer in fields.layers.iter().chain([&fields.config]) {
        let (digest, size) = (layer.digest, layer.size);
        if size > BLOB_BYTES {
            return Err(format!(
                "{digest} is said to have {size} bytes, at most {BLOB_BYTES} can be"
            ));
        }
        if sizes.insert(digest, size).is_some_and(|other| other != size) {
            return Err(format!("{digest} stands there twice with different sizes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    #[test]
    fn a_new_manifest_has_ollamas_bytes() {
        let config = Layer::new(media::CONFIG, digest(1), 485);
        let from = Some("a<b".to_owned());
        let layer = Layer { from, ..Layer::new(media::MODEL, digest(2), 7) };
        let manifest = Manifest::new(config, vec![layer]).unwrap();
        let (one, two) = (digest(1), digest(2));
        let wanted = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"config\":{{\"mediaType\":\"{}\",\
             \"digest\":\"{one}\",\"size\":485}},\"layers\":[{{\"mediaType\":\"{}\",\
             \"digest\":\"{two}\",\"size\":7,\"from\":\"a\\u003cb\"}}]}}\n",
            media::MANIFEST,
            media::CONFIG,
            media::MODEL
        );
        assert_eq!(std::str::from_utf8(manifest.raw()), Ok(wanted.as_str()));
        assert_eq!(Manifest::parse(manifest.raw()), Ok(manifest.clone()));
        assert_eq!(manifest.size(), 492);
    }

    fn text(config: &str, layers: &str) -> String {
        format!(
            "{{\"schemaVersion\":2,\"config\":{config},\"layers\":[{layers}],\"new\":{{\"a\":1}}}}"
        )
    }

    fn layer(digest: &str, size: &str) -> String {
        format!("{{\"mediaType\":\"m\",\"digest\":\"{digest}\",\"size\":{size},\"name\":\"n\"}}")
    }

    #[test]
    fn bytes_and_unknown_fields_are_kept() {
        let good = layer(&digest(3).to_string(), "5");
        let raw = text(&good, &good);
        let manifest = Manifest::parse(raw.as_bytes()).unwrap();
        assert_eq!(manifest.raw(), raw.as_bytes());
        assert_eq!(manifest.fields.extra.get("new"), Some(&serde_json::json!({"a": 1})));
        assert_eq!(manifest.config().extra.get("name"), Some(&serde_json::json!("n")));
        // A config that is also a layer is one blob.
        assert_eq!(manifest.blobs().len(), 1);
    }

    #[test]
    fn bad_manifests_are_refused() {
        let good = layer(&digest(3).to_string(), "5");
        let other = layer(&digest(3).to_string(), "6");
        let many = vec![good.as_str(); LAYERS + 1].join(",");
        let hex63 = format!("sha256:{}", "a".repeat(63));
        let rows = [
            (String::new(), "empty"),
            ("{".into(), "EOF"),
            ("[1]".into(), "invalid"),
            (text(&good, &good).replace(":2,", ":1,"), "schemaVersion"),
            (text(&layer("../x", "5"), ""), "no digest"),
            (text(&layer(&hex63, "5"), ""), "no digest"),
            (text(&layer("sha512:aa", "5"), ""), "no digest"),
            (text(&good, &layer(&digest(1).to_string(), "-1")), "invalid value"),
            (text(&good, &layer(&digest(1).to_string(), "9223372036854775808")), "at most"),
            (text(&good, &layer(&digest(1).to_string(), "1e400")), "number"),
            (text(&good, &other), "different sizes"),
            (text(&good, &many), "layers"),
            ("{\"schemaVersion\":2,\"manifests\":[]}".into(), "index"),
            (" ".repeat(MANIFEST_BYTES + 1), "bytes"),
            (format!("{{\"a\":{}", "[".repeat(100_000)), "recursion"),
        ];
        for (raw, wanted) in rows {
            let reason = Manifest::parse(raw.as_bytes()).unwrap_err();
            assert!(reason.contains(wanted), "{reason:?} lacks {wanted:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_manifest_or_a_reason(raw: Vec<u8>) {
            let _ = Manifest::parse(&raw);
        }

        #[test]
        fn a_flipped_byte_is_an_error_or_another_manifest(at in 0usize..300, with: u8) {
            let good = layer(&digest(3).to_string(), "5");
            let mut raw = text(&good, &good).into_bytes();
            let at = at % raw.len();
            raw[at] = with;
            if let Ok(manifest) = Manifest::parse(&raw) {
                prop_assert_eq!(manifest.raw(), raw.as_slice());
            }
        }
    }
}
