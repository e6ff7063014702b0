//! Adapters as GGUF files: `NAME.lora_a` and `NAME.lora_b` for each matrix, in both directions.

use std::collections::BTreeMap;

use gguf::{Gguf, Metadata, SourceError, TensorInfo};
use quant::TensorType;
use quantize::{Source, Tensor};

use super::{Adapter, MAX_ELEMENTS, Pair};
use crate::bytes::from_f32;
use crate::error::{Error, shown};
use crate::recipe::rows_within;

const KEY_ALPHA: &str = "adapter.lora.alpha";
const ENDS: [&str; 2] = [".lora_a", ".lora_b"];

impl Adapter {
    /// Of a GGUF file.
    ///
    /// # Errors
    /// [`Error::Adapter`] for what is no LoRA, [`Error::Gguf`] if it cannot be read.
    pub fn of_gguf(gguf: &Gguf) -> Result<Adapter, Error> {
        let text = |key| gguf.metadata.str(key).map(|text| text.unwrap_or("").to_owned());
        let (kind, form) = (text("general.type")?, text("adapter.type")?);
        if kind != "adapter" || form != "lora" {
            let reason = format!(
                "general.type is \"{}\" and adapter.type \"{}\", \"adapter\" and \"lora\" are \
                 needed",
                shown(&kind),
                shown(&form)
            );
            return Err(Error::adapter(reason));
        }
        let mut halves: BTreeMap<&str, [Option<&TensorInfo>; 2]> = BTreeMap::new();
        for info in &gguf.tensors {
            let split = ENDS
                .iter()
                .enumerate()
                .find_map(|(which, end)| info.name.strip_suffix(end).map(|name| (name, which)));
            let Some((name, which)) = split else {
                let reason = format!("the tensor {} is no part of a LoRA", shown(&info.name));
                return Err(Error::adapter(reason));
            };
            if let Some(half) = halves.entry(name).or_default().get_mut(which) {
                *half = Some(info);
            }
        }
        let mut n_elements = 0;
        let pair = |(name, halves): (&&str, &[Option<&TensorInfo>; 2])| match halves {
            [Some(a), Some(b)] => pair(gguf, name, a, b, &mut n_elements),
            _ => Err(Error::adapter(format!("{} has only one of its two parts", shown(name)))),
        };
        let pairs = halves.iter().map(pair).collect::<Result<_, _>>()?;
        let alpha = gguf.metadata.f32(KEY_ALPHA)?.unwrap_or(0.0);
        Ok(Adapter { architecture: text("general.architecture")?, alpha, pairs })
    }

    /// As the GGUF file that llama.cpp and Ollama know.
    pub fn into_source(self) -> Box<dyn Source> {
        let mut metadata = Metadata::new();
        metadata.insert("general.architecture", self.architecture.as_str());
        metadata.insert("general.type", "adapter");
        metadata.insert("adapter.type", "lora");
        metadata.insert(KEY_ALPHA, self.alpha);
        let tensor = |pair: &Pair, which: usize| {
            let dims = match which {
                0 => vec![pair.n_in as u64, pair.rank as u64],
                _ => vec![pair.rank as u64, pair.n_out as u64],
            };
            let end = ENDS.get(which).copied().unwrap_or_default();
            Tensor { name: format!("{}{end}", pair.tensor), ty: TensorType::F32, dims }
        };
        let both = |pair| [tensor(pair, 0), tensor(pair, 1)];
        let tensors = self.pairs.iter().flat_map(both).collect();
        Box::new(AdapterSource { adapter: self, metadata, tensors })
    }
}

fn pair(
    gguf: &Gguf,
    name: &str,
    a: &TensorInfo,
    b: &TensorInfo,
    n_elements: &mut u64,
) -> Result<Pair, Error> {
    let wrong = || {
        let (a, b) = (&a.dims, &b.dims);
        Error::adapter(format!("{} has parts of the sizes {a:?} and {b:?}", shown(name)))
    };
    let ([n_in, rank], [also_rank, n_out]) = (a.dims.as_slice(), b.dims.as_slice()) else {
        return Err(wrong());
    };
    *n_elements = n_elements.saturating_add(a.n_elements()).saturating_add(b.n_elements());
    if rank != also_rank || *rank == 0 || *n_elements > MAX_ELEMENTS {
        return Err(wrong());
    }
    let (a, b) = (numbers(gguf, a)?, numbers(gguf, b)?);
    let (rank, n_in, n_out) = (*rank as usize, *n_in as usize, *n_out as usize);
    Ok(Pair { tensor: name.to_owned(), rank, n_in, n_out, a, b })
}

/// All numbers of a small tensor; its extent was checked when the file was opened.
fn numbers(gguf: &Gguf, info: &TensorInfo) -> Result<Vec<f32>, Error> {
    let mut bytes = vec![0; info.n_bytes as usize];
    gguf.read_tensor(info, 0, &mut bytes)?;
    let mut out = vec![0.0; info.n_elements() as usize];
    let decoded = quant::decode(info.ty, &bytes, &mut out);
    decoded.map_err(|error| Error::adapter(format!("{}: {error}", shown(&info.name))))?;
    Ok(out)
}

struct AdapterSource {
    adapter: Adapter,
    metadata: Metadata,
    /// Two per pair.
    tensors: Vec<Tensor>,
}

impl Source for AdapterSource {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn read_rows(&self, index: usize, first_row: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let missing = || SourceError::new(format!("there is no tensor {index} in this adapter"));
        let tensor = self.tensors.get(index).ok_or_else(missing)?;
        let pair = self.adapter.pairs.get(index / 2).ok_or_else(missing)?;
        let numbers = if index.is_multiple_of(2) { &pair.a } else { &pair.b };
        let n = (rows_within(tensor, first_row, out.len())? * tensor.row_len()) as usize;
        let first = (first_row * tensor.row_len()) as usize;
        from_f32(TensorType::F32, numbers.get(first..first + n).ok_or_else(missing)?, out);
        Ok(())
    }
}
