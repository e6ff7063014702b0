//! A folder as the `transformers` library writes it, as a model of GGUF.

use std::collections::BTreeMap;

use gguf::Metadata;
use quant::TensorType;
use quantize::{Source, Tensor};

use crate::arch::{self, Arch, Change, Keys, Place, Sizes};
use crate::bytes::Float;
use crate::checkpoint::{Checkpoint, Stored};
use crate::config::Config;
use crate::error::{Error, shown};
use crate::files::{File, Files};
use crate::recipe::{Converted, Data, Order};
use crate::template;
use crate::tokenizer;

/// Understands the files of a model's folder; `name` is what it is called where it says nothing.
///
/// # Errors
/// [`Error`]: a file is missing, damaged or beyond a limit, the architecture, its tokenizer or one
/// of its settings cannot be said in GGUF, or a tensor is missing, unknown or of another shape.
pub fn open(name: &str, files: Vec<File>) -> Result<Box<dyn Source>, Error> {
    let mut files = Files::new(files);
    let config = files.config("config.json")?.ok_or_else(|| Error::MissingFile {
        what: "config.json".into(),
        advice: "it says what the weights are; get all files of the model, not only its weights",
    })?;
    refuse_quantized(&config)?;
    let arch = arch::of_config(&config)?;
    let checkpoint = Checkpoint::open(&mut files, is_of_model)?;
    let n_rows = embedding_rows(arch, &checkpoint)?;
    let vocab = tokenizer::read(&files, &config, n_rows)?;
    let n_vocab = if arch.trims_vocab { n_rows.min(vocab.n_tokens()) } else { n_rows };
    let sizes = Sizes::read(&config, &arch.defaults, n_vocab)?;
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", arch.gguf);
    metadata.insert("general.type", "model");
    metadata.insert("general.name", model_name(&config, name));
    let mut keys = Keys { arch: arch.gguf, metadata: &mut metadata };
    sizes.write(&mut keys);
    let made = (arch.keys)(&config, &sizes, &mut keys)?;
    if arch.gguf == "bert" {
        write_pooling(&files, &mut keys)?;
    }
    vocab.write(n_vocab, &mut metadata);
    template::write(&files, &mut metadata)?;
    let mut model = Converted { metadata, tensors: Vec::new(), data: Vec::new(), checkpoint };
    let tied = config.boolean("tie_word_embeddings").unwrap_or(arch.trims_vocab);
    add_tensors(&mut model, arch, &sizes, n_rows, tied)?;
    for (name, numbers) in made {
        let dims = vec![numbers.len() as u64];
        let tensor = Tensor { name: name.to_owned(), ty: TensorType::F32, dims };
        model.push(tensor, Data::Made(numbers));
    }
    Ok(Box::new(model))
}

/// Weights that are not another form of the model, nor an adapter of it.
fn is_of_model(name: &str) -> bool {
    !name.starts_with("adapter") && !name.starts_with("consolidated")
}

fn refuse_quantized(config: &Config) -> Result<(), Error> {
    let Some(method) = config.object("quantization_config") else { return Ok(()) };
    let method = method.text("quant_method").unwrap_or("unknown").to_owned();
    Err(Error::Unsupported {
        what: format!("weights quantized by {}", shown(&method)),
        advice: "get the model before it was quantized, this program quantizes it",
    })
}

fn model_name(config: &Config, name: &str) -> String {
    let path = config.text("_name_or_path").unwrap_or("");
    let said = path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
    if said.is_empty() || said == "." { name.to_owned() } else { said.to_owned() }
}

/// Rows of the embedding.
fn embedding_rows(arch: &'static Arch, checkpoint: &Checkpoint) -> Result<u64, Error> {
    let is_embedding = |name: &str| match arch::place(arch, name) {
        Place::Row { row, .. } => row.gguf == "token_embd",
        _ => false,
    };
    let found = checkpoint.iter().find(|(name, _)| is_embedding(name));
    let missing = || Error::MissingTensor {
        name: arch.model.first().map(|row| format!("{}.weight", row.hf)).unwrap_or_default(),
    };
    let (_, stored) = found.ok_or_else(missing)?;
    Ok(stored.shape.first().copied().unwrap_or(0))
}

/// How an embedding model makes one vector of a text's rows, from the files of the library that
/// uses it.
fn write_pooling(files: &Files, keys: &mut Keys<'_>) -> Result<(), Error> {
    const MEAN: u32 = 1;
    const CLS: u32 = 2;
    const LAST: u32 = 3;
    let Some(pooling) = files.config("1_Pooling/config.json")? else { return Ok(()) };
    let kinds = [
        ("pooling_mode_mean_tokens", MEAN),
        ("pooling_mode_cls_token", CLS),
        ("pooling_mode_lasttoken", LAST),
    ];
    match kinds.into_iter().find(|(key, _)| pooling.is_true(key)) {
        Some((_, kind)) => keys.set("pooling_type", kind),
        None => {
            return Err(Error::Unsupported {
                what: "another way of pooling than mean, first or last token".into(),
                advice: "GGUF has no number for it",
            });
        }
    }
    Ok(())
}

/// A tensor of the result, with what it is sorted by: layer, then its row in the table.
type Entry = ((u32, usize), Tensor, Data);

fn add_tensors(
    model: &mut Converted,
    arch: &'static Arch,
    sizes: &Sizes,
    n_rows: u64,
    tied: bool,
) -> Result<(), Error> {
    let mut entries = BTreeMap::new();
    for (name, stored) in model.checkpoint.iter() {
        match arch::place(arch, name) {
            Place::Ignored => {}
            Place::Row { row, layer: None, .. } if row.gguf == "output" && tied => {}
            Place::Row { row, layer, part } if layer.is_none_or(|i| i < sizes.n_layers) => {
                let target = Place::name(row, layer, part);
                let (tensor, data) = recipe(name, stored, row, part, sizes, n_rows, &target)?;
                entries.insert(target, (sort_key(arch, layer, row), tensor, data));
            }
            _ => {
                let (name, architecture) = (shown(name), arch.gguf);
                return Err(Error::UnknownTensor { name, architecture });
            }
        }
    }
    check_complete(arch, sizes, tied, &entries)?;
    let mut entries: Vec<Entry> = entries.into_values().collect();
    entries.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    for (_, tensor, data) in entries {
        model.push(tensor, data);
    }
    Ok(())
}

/// The model's own tensors, then layer by layer.
fn sort_key(arch: &'static Arch, layer: Option<u32>, row: &arch::Row) -> (u32, usize) {
    let rows = if layer.is_some() { arch.layer } else { arch.model };
    let place = rows.iter().position(|other| other.gguf == row.gguf);
    (layer.map_or(0, |layer| layer + 1), place.unwrap_or(0))
}

fn check_complete(
    arch: &'static Arch,
    sizes: &Sizes,
    tied: bool,
    entries: &BTreeMap<String, Entry>,
) -> Result<(), Error> {
    let need = |row: &arch::Row, layer: Option<u32>| {
        let name = Place::name(row, layer, arch::Part::Weight);
        match entries.contains_key(&name) {
            true => Ok(()),
            false => Err(Error::MissingTensor { name: there(arch, row, layer) }),
        }
    };
    let optional = |row: &arch::Row| (tied && row.gguf == "output") || row.gguf == "token_types";
    for row in arch.model.iter().filter(|row| !optional(row)) {
        need(row, None)?;
    }
    for layer in 0..sizes.n_layers {
        for row in arch.layer {
            need(row, Some(layer))?;
        }
    }
    Ok(())
}

/// The name in the checkpoint.
fn there(arch: &Arch, row: &arch::Row, layer: Option<u32>) -> String {
    match layer {
        Some(layer) => format!("{}{layer}.{}.weight", arch.layers, row.hf),
        None => format!("{}.weight", row.hf),
    }
}

/// How one tensor comes about.
fn recipe(
    name: &str,
    stored: &Stored,
    row: &arch::Row,
    part: arch::Part,
    sizes: &Sizes,
    n_rows: u64,
    target: &str,
) -> Result<(Tensor, Data), Error> {
    check_shape(name, stored, row, part, sizes, n_rows)?;
    let float = stored.float(name)?;
    let mut dims: Vec<u64> = stored.shape.iter().rev().copied().collect();
    // Rows of the embedding that no token has are at its end.
    if row.shape.first() == Some(&arch::Dim::Vocab)
        && let Some(rows) = dims.last_mut()
    {
        *rows = sizes.n_vocab;
    }
    let order = match row.change {
        Change::Heads => Order::Heads(sizes.head_dim.into()),
        _ => Order::Same,
    };
    let add = if row.change == Change::PlusOne { 1.0 } else { 0.0 };
    let is_float = dims.len() == 1 || row.change == Change::Float;
    let ty = if is_float { Float::F32.tensor_type() } else { float.tensor_type() };
    let tensor = Tensor { name: target.to_owned(), ty, dims };
    Ok((tensor, Data::Stored { stored: stored.clone(), float, order, add }))
}

fn check_shape(
    name: &str,
    stored: &Stored,
    row: &arch::Row,
    part: arch::Part,
    sizes: &Sizes,
    n_rows: u64,
) -> Result<(), Error> {
    let n_dims = if part == arch::Part::Weight { row.shape.len() } else { 1 };
    let size = |(i, dim): (usize, &arch::Dim)| match dim {
        arch::Dim::Vocab => n_rows,
        dim => sizes.of(*dim).or(stored.shape.get(i).copied()).unwrap_or(0),
    };
    let want: Vec<u64> = row.shape.iter().take(n_dims).enumerate().map(size).collect();
    if stored.shape != want || want.contains(&0) {
        return Err(Error::Shape { name: shown(name), got: stored.shape.clone(), want });
    }
    match row.change == Change::Heads && !sizes.head_dim.is_multiple_of(2) {
        true => Err(Error::Unsupported {
            what: format!("heads of {} elements", sizes.head_dim),
            advice: "rope turns pairs of them",
        }),
        false => Ok(()),
    }
}
