//! Adapters as the `peft` library writes them.

use std::collections::BTreeMap;

use gguf::Metadata;

use super::{Adapter, MAX_ELEMENTS, Pair};
use crate::arch::{self, Arch, Change, Part, Place};
use crate::bytes::to_f32;
use crate::checkpoint::{Checkpoint, Stored};
use crate::config::Config;
use crate::error::{Error, shown};
use crate::files::{File, Files};
use crate::recipe::Order;

/// What stands before the name of a module.
const PREFIX: &str = "base_model.model.";
/// What may stand at the end of it, and which half it makes a tensor.
const ENDS: [(&str, usize); 4] = [
    (".lora_A.weight", 0),
    (".lora_B.weight", 1),
    (".lora_A.default.weight", 0),
    (".lora_B.default.weight", 1),
];

impl Adapter {
    /// Of the files of a folder, for a model with these metadata.
    ///
    /// # Errors
    /// [`Error`]: a file is missing or damaged, it is no plain LoRA, or not one for this model.
    pub fn of_folder(files: Vec<File>, base: &Metadata) -> Result<Adapter, Error> {
        let mut files = Files::new(files);
        let config = files.config("adapter_config.json")?.ok_or_else(|| Error::MissingFile {
            what: "adapter_config.json".into(),
            advice: "it says how strong an adapter is; get all files of the adapter",
        })?;
        check_kind(&config)?;
        let architecture = base.require_str("general.architecture")?.to_owned();
        let arch = arch::of_gguf(&architecture)?;
        let head_dim = head_dim(base, &architecture)?;
        let checkpoint = Checkpoint::open(&mut files, |name| name.starts_with("adapter"))?;
        let alpha = config.number("lora_alpha")? as f32;
        let mut pairs = Vec::new();
        let mut n_elements = 0;
        for (module, halves) in modules(&checkpoint)? {
            let [Some(a), Some(b)] = halves else {
                let reason = format!("{} has only one of its two parts", shown(&module));
                return Err(Error::adapter(reason));
            };
            n_elements += a.n_elements().saturating_add(b.n_elements()).min(MAX_ELEMENTS);
            if n_elements > MAX_ELEMENTS {
                return Err(Error::adapter("it has more numbers than an adapter can have"));
            }
            let mut pair = read_pair(&checkpoint, arch, &module, a, b, head_dim)?;
            let wanted = scale(&config, &module, pair.rank)?;
            // One number for all in GGUF; what differs from it goes into B.
            let ratio = wanted / f64::from(alpha / pair.rank as f32);
            if alpha != 0.0 && ratio != 1.0 {
                pair.b.iter_mut().for_each(|x| *x *= ratio as f32);
            }
            pairs.push(pair);
        }
        if pairs.is_empty() || alpha == 0.0 {
            return Err(Error::adapter("it changes nothing"));
        }
        pairs.sort_by(|a, b| a.tensor.cmp(&b.tensor));
        Ok(Adapter { architecture, alpha, pairs })
    }
}

fn check_kind(config: &Config) -> Result<(), Error> {
    let kind = config.text("peft_type").unwrap_or("LORA");
    let what = match () {
        () if kind != "LORA" => format!("an adapter of the kind \"{}\"", shown(kind)),
        () if config.is_true("use_dora") => "an adapter of the kind DoRA".to_owned(),
        () if config.is_true("fan_in_fan_out") => "transposed matrices (fan_in_fan_out)".to_owned(),
        () if config.text("bias").is_some_and(|bias| bias != "none") => "trained biases".to_owned(),
        () if config.list("modules_to_save").is_some_and(|list| !list.is_empty()) => {
            "whole layers beside the LoRA (modules_to_save)".to_owned()
        }
        () => return Ok(()),
    };
    let advice = "merge it with the library that made it, and convert the result";
    Err(Error::Unsupported { what, advice })
}

/// `alpha / rank`, with what the configuration says of one module.
fn scale(config: &Config, module: &str, rank: usize) -> Result<f64, Error> {
    let alpha = config.number("lora_alpha")?;
    let pattern = config.object("alpha_pattern");
    let own = pattern.as_ref().and_then(|pattern| {
        let ends = |key: &str| module == key || module.ends_with(&format!(".{key}"));
        pattern.keys().find(|key| ends(key)).and_then(|key| pattern.get(key)?.as_f64())
    });
    let alpha = own.unwrap_or(alpha);
    let rank = rank as f64;
    Ok(if config.is_true("use_rslora") { alpha / rank.sqrt() } else { alpha / rank })
}

/// Elements of a head, for the order of rows.
fn head_dim(base: &Metadata, architecture: &str) -> Result<u64, Error> {
    let key = |name: &str| format!("{architecture}.{name}");
    if let Some(length) = base.u32(&key("attention.key_length"))? {
        return Ok(u64::from(length).max(2));
    }
    let dim = base.require_u32(&key("embedding_length"))?;
    let n_heads = base.require_u32(&key("attention.head_count"))?;
    Ok(u64::from(dim / n_heads.max(1)).max(2))
}

/// The two halves of each module.
fn modules(checkpoint: &Checkpoint) -> Result<BTreeMap<String, [Option<&Stored>; 2]>, Error> {
    let mut out: BTreeMap<String, [Option<&Stored>; 2]> = BTreeMap::new();
    for (name, stored) in checkpoint.iter() {
        let found = ENDS.iter().find_map(|(end, half)| {
            let module = name.strip_suffix(end)?;
            Some((module.strip_prefix(PREFIX).unwrap_or(module), half))
        });
        let Some((module, half)) = found else {
            let reason = format!("the tensor {} is no part of a LoRA", shown(name));
            return Err(Error::adapter(reason));
        };
        if let Some(place) = out.entry(module.to_owned()).or_default().get_mut(*half) {
            *place = Some(stored);
        }
    }
    Ok(out)
}

fn read_pair(
    checkpoint: &Checkpoint,
    arch: &'static Arch,
    module: &str,
    a: &Stored,
    b: &Stored,
    head_dim: u64,
) -> Result<Pair, Error> {
    let name = format!("{module}.weight");
    let Place::Row { row, layer, .. } = arch::place(arch, &name) else {
        return Err(Error::UnknownTensor { name: shown(&name), architecture: arch.gguf });
    };
    if layer.is_none() {
        return Err(Error::Unsupported {
            what: format!("an adapter for {}", shown(module)),
            advice: "adapters of layers can be used; merge it with the library that made it",
        });
    }
    let ([rank, n_in], [n_out, also_rank]) = (a.shape.as_slice(), b.shape.as_slice()) else {
        return Err(Error::adapter(format!("{} is no pair of matrices", shown(module))));
    };
    if rank != also_rank || *rank == 0 {
        return Err(Error::adapter(format!("{} has parts of two ranks", shown(module))));
    }
    let order = match row.change {
        Change::Heads => Order::Heads(head_dim),
        _ => Order::Same,
    };
    let (rank, n_in, n_out) = (*rank as usize, *n_in as usize, *n_out as usize);
    let in_file = numbers(checkpoint, &name, b)?;
    let mut b = Vec::with_capacity(in_file.len());
    for row in 0..n_out as u64 {
        let source = order.source(row) as usize;
        let found = in_file.chunks_exact(rank).nth(source);
        let fits = || Error::adapter(format!("{} is no whole number of heads", shown(module)));
        b.extend_from_slice(found.ok_or_else(fits)?);
    }
    let tensor = Place::name(row, layer, Part::Weight);
    Ok(Pair { tensor, rank, n_in, n_out, a: numbers(checkpoint, &name, a)?, b })
}

fn numbers(checkpoint: &Checkpoint, name: &str, stored: &Stored) -> Result<Vec<f32>, Error> {
    let float = stored.float(name)?;
    let n = stored.n_elements() as usize;
    let mut bytes = vec![0; n * float.n_bytes() as usize];
    let failed = |source| Error::Read { file: "the adapter".to_owned(), source };
    checkpoint.read(stored, 0, &mut bytes).map_err(failed)?;
    let mut out = vec![0.0; n];
    to_f32(float, &bytes, &mut out).map_err(failed)?;
    Ok(out)
}
