//! `ingle quantize`: a smaller file of a model.
//!
//! The work is the library's; here are the files. A stored model is read from its blobs, without a
//! server.

pub(super) mod part;
pub(super) mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use gguf::{ByteSource, Gguf};
use quantize::{Error, Imatrix, Plan, Resources, Source, Written};

use self::part::PartFile;
use super::bars::Bars;
use super::target;
use crate::args::QuantizeArgs;
use crate::client::{self, Progress};
use crate::failure::Failure;
use crate::serve::library;
use crate::{import, interrupt, source, term};

/// Quantizes, or says what would be done.
pub fn run(args: &QuantizeArgs) -> Result<(), Failure> {
    interrupt::listen();
    let model = open(&args.input)?;
    let output = match &args.output {
        Some(path) => path.clone(),
        None => beside(&args.input, &model.stem, args.file_type.name()),
    };
    let imatrix = args.imatrix.as_deref().map(open_imatrix).transpose()?;
    let source = import::merge(model.gguf, &args.lora)?;
    let options = args.options();
    let plan = Plan::new(source.metadata(), source.tensors(), &options, imatrix.as_ref())?;
    if args.dry_run {
        return report::planned(&plan, imatrix.as_ref(), args.format);
    }
    check_output(&output, &model.files, args.force)?;
    let start = Instant::now();
    let n_bytes = write(&*source, &plan, imatrix.as_ref(), args.resources(), &output)?;
    report::done(&plan, imatrix.as_ref(), &output, n_bytes, start.elapsed(), args.format)
}

/// A model, opened.
pub(super) struct Model {
    pub gguf: Gguf,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// What a file made of it is called, up to its type.
    pub stem: String,
}

/// A file, a folder or a stored model, which is read from its blobs.
pub(super) fn open(input: &Path) -> Result<Model, Failure> {
    let Some(name) = target::stored_name(input) else {
        let gguf = source::open(input)?;
        let stem = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(Model { gguf, files: source::parts(input), stem });
    };
    let files = client::block_on(async {
        let models = library::of_machine().map_err(|e| Failure::Usage(e.to_string()))?;
        let stored = models.store().get(&name.parse()?).await?;
        Ok(library::model_paths(&models, &stored.manifest))
    })?;
    let gguf = source::open_files(&files, input)?;
    let stem = name.rsplit('/').next().unwrap_or(name).replace(':', "-");
    Ok(Model { gguf, files, stem })
}

pub(super) fn open_imatrix(path: &Path) -> Result<Imatrix, Failure> {
    let refuse = |reason: String| Failure::File { path: path.to_owned(), reason };
    let file: Box<dyn ByteSource> = Box::new(source::open_regular(path).map_err(refuse)?);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Imatrix::open(file, &name).map_err(|error| refuse(error.to_string()))
}

/// The file beside the model, with the new type in place of the old one at its name's end.
pub(super) fn beside(input: &Path, stem: &str, file_type: &str) -> PathBuf {
    let split = gguf::SplitName::parse(&format!("{stem}.gguf"));
    let stem = split.map_or_else(|| stem.to_owned(), |split| split.prefix);
    let at = stem.rfind(['-', '.']).unwrap_or(stem.len());
    let (name, end) = stem.split_at(at);
    let is_type = end.get(1..).is_some_and(|end| end.parse::<quantize::FileType>().is_ok());
    let name = if is_type { name } else { &stem };
    let file = format!("{name}-{file_type}.gguf");
    match target::stored_name(input) {
        Some(_) => PathBuf::from(file),
        None => input.with_file_name(file),
    }
}

/// Refuses to write over something that is wanted.
pub(super) fn check_output(output: &Path, inputs: &[PathBuf], force: bool) -> Result<(), Failure> {
    let refuse = |reason: &str| {
        Failure::Usage(format!("{}: {reason}", term::clean(&output.display().to_string())))
    };
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let Some(found) = real(output) else { return Ok(()) };
    if inputs.iter().any(|input| real(input).is_some_and(|input| input == found)) {
        return Err(refuse("this is the model itself; name another file to write"));
    }
    if !found.is_file() {
        return Err(refuse("it is no file; name a file to write"));
    }
    match force {
        true => Ok(()),
        false => Err(refuse("it exists already; name another file, or replace it with --force")),
    }
}

/// Everything between the plan and the file under its name; bytes of the file.
pub(super) fn write(
    source: &dyn Source,
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    resources: Resources,
    output: &Path,
) -> Result<u64, Failure> {
    let part = PartFile::create(output, plan.new_bytes())?;
    let mut bars = Bars::new();
    let mut watch = |progress: quantize::Progress| {
        let step = plan.steps.get(progress.step);
        let (name, to) = step.map_or(("", ""), |step| (step.name.as_str(), step.to.name()));
        let (at, n) = (progress.step + 1, plan.steps.len());
        show(&mut bars, "quantizing", format!("{at}/{n} {name} {to}"), progress);
        !interrupt::pending()
    };
    let file = part.writer()?;
    let (_, written): (_, Written) =
        quantize::write(source, plan, imatrix, resources, file, &mut watch)
            .map_err(|error| part.explain(error, plan.new_bytes()))?;
    part.sync()?;
    let mut watch = |progress: quantize::Progress| {
        show(&mut bars, "checking", "reading it again".to_owned(), progress);
        !interrupt::pending()
    };
    let again = part.open()?;
    let n_bytes = again.file_bytes().sum();
    quantize::verify(&again, plan, &written, &mut watch)?;
    drop(bars);
    part.finish()?;
    Ok(n_bytes)
}

/// One bar for the work and one for the check, whatever they say.
fn show(bars: &mut Bars, work: &str, status: String, progress: quantize::Progress) {
    let (total, completed) = (Some(progress.total), Some(progress.done));
    let digest = Some(work.to_owned());
    bars.update(&Progress { status, digest, total, completed, retry: None });
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Cancelled => Failure::Interrupted,
            error => Failure::Quantize(error),
        }
    }
}

/// Says which tensors an importance matrix does not know, where one is given.
fn without_importance<'a>(plan: &'a Plan, imatrix: &Imatrix) -> impl Iterator<Item = &'a str> {
    let missing = |step: &&quantize::Step| {
        step.from != step.to && step.to.block_len() > 1 && imatrix.get(&step.old_name).is_none()
    };
    let missing: Vec<&str> =
        plan.steps.iter().filter(missing).map(|step| step.old_name.as_str()).collect();
    missing.into_iter()
}

/// A note for each thing that is worth knowing and is no error.
fn notes(plan: &Plan, imatrix: Option<&Imatrix>) {
    let n_fallback = plan.steps.iter().filter(|step| step.instead_of.is_some()).count();
    if n_fallback > 0 {
        term::note(&format!(
            "{n_fallback} of {} tensors have rows that are no multiple of 256 and got a type with \
             smaller blocks, so the file is larger than its name says",
            plan.steps.len()
        ));
    }
    if let Some(imatrix) = imatrix {
        let n = without_importance(plan, imatrix).count();
        if n > 0 {
            term::note(&format!("the importance matrix does not know {n} of the tensors"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_new_files() {
        for (input, stem, want) in [
            ("a/model-F16.gguf", "model-F16", "a/model-Q4_K_M.gguf"),
            ("a/model.f16.gguf", "model.f16", "a/model-Q4_K_M.gguf"),
            ("model.gguf", "model", "model-Q4_K_M.gguf"),
            ("m-v1.5.gguf", "m-v1.5", "m-v1.5-Q4_K_M.gguf"),
            ("m-00001-of-00002.gguf", "m-00001-of-00002", "m-Q4_K_M.gguf"),
            ("./F16.gguf", "F16", "./F16-Q4_K_M.gguf"),
            ("llama3.2:1b-f16", "llama3.2-1b-f16", "llama3.2-1b-Q4_K_M.gguf"),
        ] {
            assert_eq!(beside(Path::new(input), stem, "Q4_K_M"), PathBuf::from(want), "{input}");
        }
    }
}
