//! What is asked for: a type, and the name of the model that is to be made.

use gguf::SplitName;
use quantize::{FileType, GgufSource, Options, Plan, Source};
use serde::Deserialize;
use store::{DEFAULT_TAG, Name};

use crate::error::EdgeError;

/// `{ type, as?, requantize? }`.
#[derive(Deserialize)]
pub struct Settings {
    #[serde(rename = "type")]
    file_type: String,
    #[serde(default, rename = "as")]
    name: Option<String>,
    #[serde(default)]
    requantize: bool,
}

/// What is to be made of which model.
pub struct Order {
    pub source: Name,
    /// The new model's.
    pub name: Name,
    pub file_type: FileType,
    requantize: bool,
}

impl Order {
    /// Of a stored model.
    ///
    /// # Errors
    /// Says what is no type or no name.
    pub fn new(settings: &Settings, source: &Name) -> Result<Order, EdgeError> {
        let file_type = file_type(&settings.file_type)?;
        let name = match &settings.name {
            Some(name) => name.parse()?,
            None => name_of(source, file_type)?,
        };
        let (source, requantize) = (source.clone(), settings.requantize);
        Ok(Order { source, name, file_type, requantize })
    }

    /// The plan, unless the model is as it is to become or was quantized before.
    ///
    /// # Errors
    /// As `ingle create` refuses, in its words; what [`Plan::new`] says.
    pub fn plan(&self, source: &GgufSource) -> Result<Plan, EdgeError> {
        let options = Options { allow_requantize: true, ..Options::new(self.file_type) };
        let plan = Plan::new(source.metadata(), source.tensors(), &options, None)?;
        let quantized = plan.steps.iter().find(|step| step.from.block_len() > 1);
        if let Some(step) = quantized.filter(|_| !self.requantize) {
            let text = format!(
                "quantization is only supported for F16, BF16 and F32 models, and this one has {} \
                 in it: begin with the model as it was before it was quantized",
                step.from
            );
            return Err(EdgeError::new("model.quantized", text));
        }
        if plan.steps.iter().all(|step| step.from == step.to) {
            let text = format!("this model is {} already; choose another type", self.file_type);
            return Err(EdgeError::new("request.invalid", text));
        }
        Ok(plan)
    }
}

/// What no player computes with is no use in a store.
pub fn is_made_here(ty: &FileType) -> bool {
    ty.base().is_supported()
}

/// In the words of `ingle create`.
fn file_type(asked: &str) -> Result<FileType, EdgeError> {
    let name: String = asked.chars().take(20).collect();
    let named: Result<FileType, _> = name.parse();
    named.ok().filter(is_made_here).ok_or_else(|| {
        let all = FileType::ALL.iter().filter(|ty| is_made_here(ty));
        let names = all.map(|ty| ty.name()).collect::<Vec<_>>().join(", ");
        let text = format!("unsupported quantization type {name:?} - supported types are {names}");
        EdgeError::new("request.invalid", text)
    })
}

/// The source's name with the new type in place of the old one: "smol-F16" becomes "smol-Q4_K_M" as
/// a file would, "smol:1b-fp16" becomes "smol:1b-Q4_K_M", and "smol" becomes "smol:Q4_K_M".
fn name_of(source: &Name, file_type: FileType) -> Result<Name, EdgeError> {
    let new = file_type.name();
    let (mut model, mut tag) = (source.model().to_owned(), source.tag().to_owned());
    if tag.eq_ignore_ascii_case(DEFAULT_TAG) {
        if let Some(split) = SplitName::parse(&format!("{model}.gguf")) {
            model = split.prefix;
        }
        match without_type(&model) {
            Some(stem) => model = format!("{stem}-{new}"),
            None => tag = new.to_owned(),
        }
    } else if tag.parse::<FileType>().is_ok() {
        tag = new.to_owned();
    } else {
        tag = format!("{}-{new}", without_type(&tag).unwrap_or(&tag));
    }
    Ok(Name::from_parts(source.host(), source.namespace(), &model, &tag)?)
}

/// What stands before a type at the end: "1b" of "1b-f16".
fn without_type(text: &str) -> Option<&str> {
    let (stem, end) = text.rsplit_once(['-', '.'])?;
    (!stem.is_empty() && end.parse::<FileType>().is_ok()).then_some(stem)
}
