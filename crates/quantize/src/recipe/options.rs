//! What a person may ask for beside a file type.

use std::collections::BTreeSet;

use gguf::Value;
use quant::TensorType;
use regex_lite::Regex;

use super::FileType;
use crate::Error;

/// A recipe, and what departs from it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The recipe.
    pub file_type: FileType,
    /// Every tensor gets the recipe's base type; no mixture.
    pub pure: bool,
    /// `output.weight` stays as it is.
    pub leave_output: bool,
    /// A type for the token embeddings.
    pub token_embedding_type: Option<TensorType>,
    /// A type for the head, also where it is the token embeddings.
    pub output_type: Option<TensorType>,
    /// Types for the tensors whose names a pattern finds itself in; the first one counts. As in
    /// llama.cpp, not for plain floats as file type.
    pub tensor_types: Vec<(Regex, TensorType)>,
    /// Layers to leave out; the rest is numbered anew.
    pub prune: BTreeSet<u64>,
    /// Metadata to set.
    pub metadata: Vec<(String, Value)>,
    /// Tensors that are quantized already may be quantized again.
    pub allow_requantize: bool,
}

impl Options {
    /// The recipe as it is.
    pub fn new(file_type: FileType) -> Self {
        Options {
            file_type,
            pure: false,
            leave_output: false,
            token_embedding_type: None,
            output_type: None,
            tensor_types: Vec::new(),
            prune: BTreeSet::new(),
            metadata: Vec::new(),
            allow_requantize: false,
        }
    }
}

/// A type that tensors can be quantized to, by name in any case: "q6_k".
///
/// # Errors
/// [`Error::TensorTypeName`] with the names there are.
pub fn tensor_type(text: &str) -> Result<TensorType, Error> {
    let named = TensorType::ALL.iter().copied().filter(|ty| quant::is_encodable(*ty));
    let mut found = named.filter(|ty| ty.name().eq_ignore_ascii_case(text));
    found.next().ok_or_else(|| Error::TensorTypeName { text: text.to_owned() })
}

/// `REGEX=TYPE`, searched for in tensor names.
///
/// # Errors
/// [`Error::Override`] without `=` or for a pattern that is none.
pub fn tensor_type_override(text: &str) -> Result<(Regex, TensorType), Error> {
    let refuse = |reason: String| Error::Override { text: text.to_owned(), reason };
    let (pattern, ty) = text
        .rsplit_once('=')
        .ok_or_else(|| refuse("write it as REGEX=TYPE, like attn_v=q6_k".to_owned()))?;
    let pattern = Regex::new(pattern).map_err(|error| refuse(error.to_string()))?;
    Ok((pattern, tensor_type(ty)?))
}

/// `KEY=TYPE:VALUE` with the types int, float, bool and str.
///
/// # Errors
/// [`Error::Override`] with what is wrong.
pub fn metadata_override(text: &str) -> Result<(String, Value), Error> {
    let refuse =
        |reason: &str| Error::Override { text: text.to_owned(), reason: reason.to_owned() };
    let form = "write it as KEY=TYPE:VALUE with int, float, bool or str as TYPE";
    let (key, rest) = text.split_once('=').ok_or_else(|| refuse(form))?;
    let (ty, value) = rest.split_once(':').ok_or_else(|| refuse(form))?;
    let value = match ty {
        "int" => match value.parse::<u32>() {
            Ok(number) => Value::U32(number),
            Err(_) => Value::I64(value.parse().map_err(|_| refuse("that is no whole number"))?),
        },
        "float" => Value::F32(value.parse().map_err(|_| refuse("that is no number"))?),
        "bool" => Value::Bool(value.parse().map_err(|_| refuse("a bool is true or false"))?),
        "str" => Value::String(value.to_owned()),
        _ => return Err(refuse(form)),
    };
    if key.is_empty() || key == "general.architecture" && !matches!(value, Value::String(_)) {
        return Err(refuse(form));
    }
    Ok((key.to_owned(), value))
}
