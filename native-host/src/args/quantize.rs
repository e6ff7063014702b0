//! The flags of `ingle quantize`: llama-quantize's names, so that its recipes can be pasted.

use std::path::PathBuf;

use clap::Args;
use gguf::Value;
use quant::TensorType;
use quantize::{FileType, Options, Resources};

use super::Format;

/// Bytes of the buffers where nobody says how many: enough for the longest rows there are.
pub const DEFAULT_MEMORY: &str = "512M";

#[derive(Args)]
#[command(
    allow_missing_positional = true,
    after_help = "IN is a GGUF file, a folder with safetensors or PyTorch files, or the name of a \
    stored model,\nin F16, BF16 or F32. Without OUT the file is written beside IN (for a stored \
    model: here),\nunder its name with TYPE at the end. `ingle create -q TYPE` stores the result \
    under a name instead.\n`ingle quantize --validate` compares the result with IN; its --help \
    says how.\n`ingle quantize --analyze` measures which tensors need how many bits; with \
    --target-size or\n--max-kl the best file within a budget is written.\n\nQ4_K_M is the usual \
    choice; \
    Q5_K_M and Q6_K if memory allows, Q8_0 to lose next to nothing.\n\nExamples:\n  \
    ingle quantize model-F16.gguf Q4_K_M\n  \
    ingle quantize model-F16.gguf small.gguf Q4_K_M --dry-run\n  \
    ingle quantize model-F16.gguf Q3_K_M --imatrix model.imatrix.gguf\n  \
    ingle quantize Qwen3-0.6B/ small.gguf Q4_K_M --lora my-adapter/\n  \
    ingle quantize model-F16.gguf Q4_K_M --tensor-type 'ffn_down=q6_k' --output-tensor-type q8_0"
)]
pub struct QuantizeArgs {
    /// The model: a file (the first of a split one), or a stored name
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Q4_K_M, Q8_0, ...
    #[arg(value_name = "TYPE", required = true)]
    pub file_type: FileType,
    /// Importance matrix of this model, in either of llama.cpp's formats
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// LoRA to merge into the model first: a folder or a GGUF file, with a factor if it is not 1
    #[arg(long, value_name = "PATH[=SCALE]", value_parser = lora)]
    pub lora: Vec<(PathBuf, f32)>,
    /// All tensors in one type, without the recipe's mixture
    #[arg(long)]
    pub pure: bool,
    /// Keep output.weight as it is
    #[arg(long)]
    pub leave_output_tensor: bool,
    /// Type of the token embeddings
    #[arg(long, value_name = "T", value_parser = tensor_type)]
    pub token_embedding_type: Option<TensorType>,
    /// Type of the head
    #[arg(long, value_name = "T", value_parser = tensor_type)]
    pub output_tensor_type: Option<TensorType>,
    /// Type of the tensors whose names the pattern finds; may be given several times
    #[arg(long, value_name = "REGEX=T", value_parser = quantize::tensor_type_override)]
    pub tensor_type: Vec<(regex_lite::Regex, TensorType)>,
    /// Layers to leave out, from 0 on
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    pub prune_layers: Vec<u64>,
    /// Metadata to set; TYPE is int, float, bool or str
    #[arg(long, value_name = "KEY=TYPE:VALUE", value_parser = quantize::metadata_override)]
    pub override_kv: Vec<(String, Value)>,
    /// Quantize again what is quantized already, though it loses more than it saves
    #[arg(long)]
    pub allow_requantize: bool,
    /// Say what would be done and how large the file would be, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    pub force: bool,
    /// Threads [default: all cores]
    #[arg(long, short = 't', value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Memory for buffers, like 512M or 2G; the file's header comes on top
    #[arg(long, value_name = "SIZE", default_value = DEFAULT_MEMORY, value_parser = size)]
    pub max_memory: u64,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl QuantizeArgs {
    /// The recipe with what departs from it.
    pub fn options(&self) -> Options {
        Options {
            pure: self.pure,
            leave_output: self.leave_output_tensor,
            token_embedding_type: self.token_embedding_type,
            output_type: self.output_tensor_type,
            tensor_types: self.tensor_type.clone(),
            prune: self.prune_layers.iter().copied().collect(),
            metadata: self.override_kv.clone(),
            allow_requantize: self.allow_requantize,
            ..Options::new(self.file_type)
        }
    }

    /// What may be used of this machine.
    pub fn resources(&self) -> Resources {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let n_threads = self.threads.map_or_else(cores, usize::from);
        Resources { n_threads, max_memory: self.max_memory }
    }
}

/// "adapter", "adapter=0.5".
fn lora(text: &str) -> Result<(PathBuf, f32), String> {
    match text.rsplit_once('=').map(|(path, scale)| (path, scale.parse::<f32>())) {
        Some((path, Ok(scale))) if scale.is_finite() => Ok((path.into(), scale)),
        Some(_) if !std::path::Path::new(text).exists() => {
            Err("the factor behind = is no number".to_owned())
        }
        _ => Ok((text.into(), 1.0)),
    }
}

pub fn tensor_type(text: &str) -> Result<TensorType, quantize::Error> {
    quantize::tensor_type(text)
}

/// "512M", "2G", "1.5GB": units of 1000, and of 1024 with an i.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim().trim_end_matches(['B', 'b']);
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit.to_ascii_uppercase().as_str() {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "KI" => 1024.0,
        "MI" => 1024.0 * 1024.0,
        "GI" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err("write it as a number with M or G behind it".to_owned()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 => Ok((number * unit) as u64),
        _ => Err("write it as a number with M or G behind it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::args::{self, Command, parse_line};

    fn parsed(line: &str) -> QuantizeArgs {
        args::parsed(line, |command| match command {
            Command::Quantize(args) => Some(args),
            _ => None,
        })
    }

    #[test]
    fn out_is_the_middle_one_and_may_be_left_out() {
        let args = parsed("quantize in.gguf q4_k_m");
        assert_eq!((args.output, args.file_type), (None, FileType::Q4_K_M));
        let args = parsed("quantize in.gguf out.gguf Q8_0 --tensor-type a=q6_k -t 2");
        assert_eq!(args.output, Some("out.gguf".into()));
        assert_eq!(args.options().tensor_types.len(), 1);
        assert_eq!(args.resources().n_threads, 2);
        for line in ["quantize in.gguf", "quantize in.gguf Q9", "quantize a b Q8_0 --threads 0"] {
            assert!(parse_line(line).is_err(), "{line}");
        }
    }

    #[test]
    fn sizes() {
        for (text, want) in [
            ("1", Ok(1)),
            ("512M", Ok(512_000_000)),
            ("2G", Ok(2_000_000_000)),
            ("2gb", Ok(2_000_000_000)),
            ("1.5GiB", Ok(1_610_612_736)),
            ("", Err(())),
            ("G", Err(())),
            ("0", Err(())),
            ("-1", Err(())),
            ("2 horses", Err(())),
        ] {
            assert_eq!(size(text).map_err(drop), want, "{text}");
        }
    }
}
