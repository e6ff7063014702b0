//! How far one model's answers are from another's: Kullback-Leibler divergence, token by token.
//!
//! Perplexity asks whether a model foresees a text, and a smaller model may do so by luck; the
//! divergence asks whether it still says what the model it was made from says, at every place and
//! about every token. The base's answers are in a file, because two models are rarely in memory
//! together; its format is llama.cpp's ([`file`]).

mod file;
mod row;
mod statistics;

pub use file::{Base, BaseWriter, base_bytes};
pub use statistics::{Divergence, Percentiles, SHARES};

use std::io::Write;

use engine::Session;

use crate::read::{Watch, scored};
use crate::{Error, Estimate, Windows};

pub(crate) use row::{Coded, Other, WithNext};

/// Measures the perplexity, and keeps the log-probabilities of all scored rows for [`compare`].
///
/// # Errors
/// Whatever the session reports; [`Error::Write`], [`Error::Cancelled`].
pub async fn write_base<W: Write>(
    session: &mut Session,
    windows: &Windows,
    out: W,
    watch: &mut dyn Watch,
) -> Result<(Estimate, W), Error> {
    let mut writer = BaseWriter::new(out, session.model_info().dims.n_vocab, windows)?;
    let mut estimate = Estimate::default();
    for i in 0..windows.len() {
        scored(session, windows, i, watch, |row, next| {
            estimate.add(-row.log_prob(next as usize));
            writer.row(&row)
        })
        .await?;
        watch.window(i, &estimate);
    }
    Ok((estimate, writer.finish()?))
}

/// Compares the model with the base whose log-probabilities were kept, on the same text.
///
/// # Errors
/// [`Error::Vocabulary`], [`Error::Base`]; whatever the session reports; [`Error::Cancelled`].
pub async fn compare(
    session: &mut Session,
    base: &Base,
    n_windows: Option<usize>,
    watch: &mut dyn Watch,
) -> Result<Divergence, Error> {
    let n_vocab = session.model_info().dims.n_vocab;
    if n_vocab != base.n_vocab() {
        return Err(Error::Vocabulary { base: base.n_vocab(), model: n_vocab });
    }
    let windows = base.windows(crate::text::bos(session.tokenizer()), n_windows)?;
    let mut all = Divergence::default();
    let mut coded = Coded::new(n_vocab);
    for i in 0..windows.len() {
        let mut row_in_window = 0;
        scored(session, &windows, i, watch, |row, next| {
            base.read_row(i, row_in_window, &mut coded)?;
            row_in_window += 1;
            all.add(&row, &coded, next as usize);
            Ok(())
        })
        .await?;
        watch.compared(i, &all);
    }
    Ok(all)
}
