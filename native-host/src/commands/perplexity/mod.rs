//! `ingle perplexity`: how well a model foresees a text, and how far it is from another model.

mod report;

use std::path::Path;

use gguf::WriteError;
use measure::{Base, Cut, Windows};

use super::measured::{self, Progress};
use super::quantize::part::PartFile;
use crate::args::{DEFAULT_CTX, Format, PerplexityArgs};
use crate::failure::Failure;
use crate::{interrupt, source};
use report::Run;
pub use report::{comparison, value};

pub fn run(args: &PerplexityArgs) -> Result<(), Failure> {
    interrupt::listen();
    match (&args.kl_divergence_base, args.kl_divergence) {
        (Some(base), true) => compare(args, base),
        (base, _) => score(args, base.as_deref()),
    }
}

fn score(args: &PerplexityArgs, base: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = &args.text.text else {
        let said = "there is no text to measure on; give one with -f";
        return Err(Failure::Usage(said.to_owned()));
    };
    let text = measured::text(path)?;
    let opened = measured::open(&args.model)?;
    let cut = Cut {
        stride: args.stride,
        n_windows: args.text.chunks,
        parse_special: args.text.parse_special,
        ..Cut::new(args.load.ctx.unwrap_or(DEFAULT_CTX))
    };
    let windows = Windows::new(&opened.tokenizer, &text, cut)?;
    drop(text);
    let n_vocab = opened.model.plan.dims.n_vocab;
    let part = base.map(|base| PartFile::create(base, measure::base_bytes(n_vocab, &windows)));
    let part = part.transpose()?;
    let (mut session, _) = measured::load(opened, &args.load, windows.n_ctx())?;
    let mut progress = Progress::new("measuring", args.format == Format::Text);
    let estimate = match &part {
        None => pollster::block_on(measure::perplexity(&mut session, &windows, &mut progress))?,
        Some(part) => {
            let need = measure::base_bytes(n_vocab, &windows);
            let write = measure::write_base(&mut session, &windows, part.writer()?, &mut progress);
            let (estimate, _) = pollster::block_on(write).map_err(|error| match error {
                measure::Error::Write(error) => part.explain(WriteError::Io(error).into(), need),
                error => error.into(),
            })?;
            estimate
        }
    };
    if let Some(part) = part {
        part.sync()?;
        part.finish()?;
    }
    let n_read = windows.len() * windows.scored().end;
    let run = Run::new(&session, windows.n_ctx(), n_read, progress.seconds());
    let running = progress.finish()?;
    report::perplexity(&run, &estimate, running, args.format)
}

fn compare(args: &PerplexityArgs, path: &Path) -> Result<(), Failure> {
    let refuse = |reason: String| Failure::File { path: path.to_owned(), reason };
    let base = Base::open(Box::new(source::open_regular(path).map_err(refuse)?))?;
    if args.load.ctx.is_some_and(|n| n != base.n_ctx()) {
        let said = format!("the base was measured with --ctx {}; leave it out", base.n_ctx());
        return Err(Failure::Usage(said));
    }
    let opened = measured::open(&args.model)?;
    let (mut session, _) = measured::load(opened, &args.load, base.n_ctx())?;
    let mut progress = Progress::new("comparing", args.format == Format::Text);
    let chunks = args.text.chunks;
    let work = measure::compare(&mut session, &base, chunks, &mut progress);
    let divergence = pollster::block_on(work)?;
    let n_read = progress.running.len() * (base.n_ctx() - 1);
    let run = Run::new(&session, base.n_ctx(), n_read, progress.seconds());
    let running = progress.finish()?;
    report::divergence(&run, &divergence, running, args.format)
}
