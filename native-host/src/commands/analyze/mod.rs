//! `ingle quantize --analyze`: which tensors need how many bits, and the best file for a budget.
//!
//! The measuring is the library's; here are the text, the cache, the file and what is said.

mod host;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use gguf::Gguf;
use measure::{Cut, Windows, validate};
use quantize::{GgufSource, Imatrix, Plan, Resources, Source};
use sensitivity::{Analysis, Budget, Recipe, Settings};

use self::host::Model;
use self::report::{Report, Written};
use super::bars::Bars;
use super::{measured, quantize as files};
use crate::analyses::{self, Database, Digests, Entry, Key, Notes, Row, Stored, hashed, of_bytes};
use crate::args::{AnalyzeArgs, DEFAULT_CTX, Device, Kv, LoadArgs, Target};
use crate::client;
use crate::failure::Failure;
use crate::load::Again;
use crate::{interrupt, settings, term};

/// Windows that are read where nobody says how many: a reading is repeated for each tensor.
const DEFAULT_CHUNKS: usize = 4;

/// Bytes to which data of tensors are aligned.
const ALIGNMENT: u64 = 32;

pub fn run(args: &AnalyzeArgs) -> Result<(), Failure> {
    interrupt::listen();
    let opened = files::open(&args.input)?;
    let (inputs, stem) = (opened.files, opened.stem);
    let writes = (args.target_size.is_some() || args.max_kl.is_some()) && !args.dry_run;
    if let (Some(output), true) = (&args.output, writes) {
        files::check_output(output, &inputs, args.force)?;
    }
    let (text, text_name) = match &args.text.text {
        Some(path) => (measured::text(path)?, measured::text_name(path)),
        None => (validate::TEXT.to_owned(), "ingle's own text".to_owned()),
    };
    let mut work = Work::new(args, opened.gguf, &text, text_name)?;
    let found = work.analysis()?;
    let given = args.imatrix.as_deref().map(files::open_imatrix).transpose()?;
    let imatrix = match given {
        Some(given) => given,
        None => found.analysis.sums.means(&work.text_name)?,
    };
    let source = GgufSource::new(sensitivity::Host::open(&mut work.model)?);
    let mut report = Report::of(args, &work, &found, &source, &imatrix)?;
    if let Some(budget) = budget(args, &source, &imatrix)? {
        let (recipe, kl) = work.choose(args, &found.analysis, &imatrix, budget)?;
        let name = format!("{}-fit", recipe.options.file_type);
        let output = args.output.clone();
        let output = output.unwrap_or_else(|| files::beside(&args.input, &stem, &name));
        let written = match writes {
            true => Some(write(args, &source, &recipe, &imatrix, &output, &inputs)?),
            false => None,
        };
        report.chosen(recipe, kl, written);
    }
    report.give(args)
}

/// What a run has.
struct Work {
    model: Model,
    windows: Windows,
    text_name: String,
    settings: Settings,
    model_sha256: Option<String>,
    /// What the numbers follow from, for people and for the key.
    line: String,
    model_name: String,
    kl: &'static str,
}

/// An analysis, measured or found.
struct Found {
    analysis: Analysis,
    seconds: f64,
    is_cached: bool,
}

impl Work {
    fn new(args: &AnalyzeArgs, gguf: Gguf, text: &str, text_name: String) -> Result<Work, Failure> {
        let database = (!args.no_cache).then(Database::open);
        let (gguf, model_sha256) = match &database {
            Some(_) => digest(gguf, &args.input)?,
            None => (gguf, None),
        };
        let opened = engine::open(gguf).map_err(|error| Failure::model(&args.input, error))?;
        let n_ctx = DEFAULT_CTX.min(opened.model.plan.dims.n_ctx_train);
        let cut = Cut {
            n_windows: Some(args.text.chunks.unwrap_or(DEFAULT_CHUNKS)),
            parse_special: args.text.parse_special,
            ..Cut::new(args.load.ctx.unwrap_or(n_ctx))
        };
        let windows = Windows::new(&opened.tokenizer, text, cut)?;
        let load =
            LoadArgs { ctx: Some(windows.n_ctx()), ..measured::on_cpu_unless_asked(&args.load) };
        let config = settings::player_config(&load, &opened)?;
        let n_inputs = sensitivity::n_inputs(&opened.model.plan, &windows, args.max_memory)?;
        drop(opened);
        let types: Vec<&str> = args.types.iter().map(|ty| ty.name()).collect();
        let line = format!(
            "{} windows of {}{}, {n_inputs} inputs, --kl {}, {}, {}, kv {}",
            windows.len(),
            windows.n_ctx(),
            if cut.parse_special { " with special tokens" } else { "" },
            args.kl.name(),
            types.join(" "),
            device_name(load.device),
            kv_name(load.kv),
        );
        let importance = match &args.imatrix {
            Some(path) => Some(of_file(path)?),
            None => None,
        };
        let key = model_sha256.clone().map(|model| {
            let digests = Digests { model, text: of_bytes(text.as_bytes()), importance };
            Key::new(&digests, &line)
        });
        let notes = database.zip(key).map(|(database, key)| Notes::new(database, key));
        let given = args.imatrix.as_deref().map(files::open_imatrix).transpose()?;
        let settings = Settings {
            types: args.types.clone(),
            kl: args.kl.mode(),
            importance: given,
            dataset: text_name.clone(),
            n_threads: args.n_threads(),
            max_memory: args.max_memory,
        };
        Ok(Work {
            model: Model::new(args.input.clone(), Again::new(&load, config)?, notes),
            model_name: measured::text_name(&args.input),
            kl: args.kl.name(),
            windows,
            text_name,
            settings,
            model_sha256,
            line,
        })
    }

    /// What was measured before, or is measured now.
    fn analysis(&mut self) -> Result<Found, Failure> {
        let refuse =
            |reason: String| Failure::Usage(format!("what was measured cannot be kept: {reason}"));
        if let Some((database, key)) = self.model.notes.as_mut().map(Notes::parts)
            && let Some(row) = database.get(key)
            && let Ok(analysis) = row.stored.analysis()
        {
            term::note(&format!("measured on {}; --no-cache measures again", row.entry.made));
            return Ok(Found { analysis, seconds: row.entry.seconds, is_cached: true });
        }
        let start = Instant::now();
        let measuring = sensitivity::analyze(&mut self.model, &self.windows, &self.settings);
        let measured = pollster::block_on(measuring);
        self.model.rest();
        let stored = Stored::of(&measured?).map_err(refuse)?;
        let analysis = stored.analysis().map_err(refuse)?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some((database, key)) = self.model.notes.as_mut().map(Notes::parts) {
            let entry = Entry {
                model: self.model_name.clone(),
                model_sha256: self.model_sha256.clone().unwrap_or_default(),
                text: self.text_name.clone(),
                settings: self.line.clone(),
                made: analyses::now(),
                seconds,
            };
            database.put(&Row::new(key.clone(), entry, stored));
        }
        Ok(Found { analysis, seconds, is_cached: false })
    }

    /// The recipe for a budget, and its divergence.
    fn choose(
        &mut self,
        args: &AnalyzeArgs,
        analysis: &Analysis,
        imatrix: &Imatrix,
        budget: Budget,
    ) -> Result<(Recipe, f64), Failure> {
        let options = args.options();
        let choosing = sensitivity::verify(
            &mut self.model,
            &self.windows,
            &self.settings,
            analysis,
            (&options, imatrix),
            budget,
        );
        let chosen = pollster::block_on(choosing);
        self.model.rest();
        Ok(chosen?)
    }
}

fn device_name(device: Device) -> &'static str {
    match device {
        Device::Auto => "auto",
        Device::Cpu => "cpu",
        Device::Gpu => "gpu",
        Device::Reference => "reference",
    }
}

fn kv_name(kv: Kv) -> &'static str {
    match kv {
        Kv::F32 => "f32",
        Kv::F16 => "f16",
        Kv::Q8_0 => "q8_0",
    }
}

/// The digest of the model's bytes, with a bar.
fn digest(gguf: Gguf, input: &Path) -> Result<(Gguf, Option<String>), Failure> {
    let mut bars = Bars::new();
    let watch = |done, total| {
        bars.update(&client::Progress {
            status: "digest of the model".to_owned(),
            digest: Some("digest".to_owned()),
            total: Some(total),
            completed: Some(done),
            retry: None,
        });
        !interrupt::pending()
    };
    let (gguf, digest) = hashed(gguf, watch)
        .map_err(|error| Failure::File { path: input.to_owned(), reason: error.to_string() })?;
    match digest {
        Some(digest) => Ok((gguf, Some(digest))),
        None => Err(Failure::Interrupted),
    }
}

/// The digest of a file that is read as a whole anyway.
fn of_file(path: &Path) -> Result<String, Failure> {
    let refuse = |reason: String| Failure::File { path: path.to_owned(), reason };
    let file = crate::source::open_regular(path).map_err(refuse)?;
    let mut hash = crate::analyses::Running::default();
    hash.source(&file, |_| true).map_err(|error| refuse(error.to_string()))?;
    Ok(hash.finish())
}

fn budget(
    args: &AnalyzeArgs,
    source: &dyn Source,
    imatrix: &Imatrix,
) -> Result<Option<Budget>, Failure> {
    Ok(match (args.target_size, args.max_kl) {
        (Some(Target::Bytes(max)), _) => Some(Budget::File(max)),
        (Some(Target::As(file_type)), _) => {
            let options = quantize::Options { file_type, ..args.options() };
            let (metadata, tensors) = (source.metadata(), source.tensors());
            let plan = Plan::new(metadata, tensors, &options, Some(imatrix))?;
            let aligned = plan.steps.iter().map(|step| step.new_bytes.next_multiple_of(ALIGNMENT));
            Some(Budget::Tensors(aligned.sum()))
        }
        (None, Some(max)) => Some(Budget::Kl(max)),
        (None, None) => None,
    })
}

fn write(
    args: &AnalyzeArgs,
    source: &GgufSource,
    recipe: &Recipe,
    imatrix: &Imatrix,
    output: &Path,
    inputs: &[PathBuf],
) -> Result<Written, Failure> {
    files::check_output(output, inputs, args.force)?;
    let resources = Resources { n_threads: args.n_threads(), max_memory: args.max_memory };
    let n_bytes = files::write(source, &recipe.plan, Some(imatrix), resources, output)?;
    Ok(Written { file: output.to_owned(), n_bytes })
}
