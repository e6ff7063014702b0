//! The file of a base's log-probabilities, as llama-perplexity writes and reads it.
//!
//! ```text
//! "_logits_", u32 n_ctx, i32 n_vocab, i32 n_windows, i32 × n_ctx·n_windows ids,
//! then for each scored row of each window: see `row`
//! ```
//!
//! Rows are of fixed size, so a reader needs one of them in memory. The file does not say which
//! model it is of; ids and the size of the vocabulary are what can be compared.

use std::io::Write;

use gguf::ByteSource;

use super::row::Coded;
use crate::softmax::Row;
use crate::text::{Cut, Windows};
use crate::{Error, estimate::Sums};

const MAGIC: &[u8; 8] = b"_logits_";

/// Bytes before the ids.
const HEAD: usize = 20;

/// Largest vocabulary that is read, far above those there are: bounds a row in memory.
const MAX_VOCAB: usize = 1 << 22;

/// Most ids that are read: bounds the text in memory. A hundred times the usual test texts.
const MAX_IDS: usize = 1 << 25;

/// Bytes of the file of a model with so many tokens on these windows.
pub fn base_bytes(n_vocab: usize, windows: &Windows) -> u64 {
    let ids = (windows.len() as u64).saturating_mul(4 * windows.n_ctx() as u64);
    let rows = (windows.len() as u64).saturating_mul(windows.scored().len() as u64);
    let rows = rows.saturating_mul(Coded::n_bytes(n_vocab) as u64);
    rows.saturating_add(ids).saturating_add(HEAD as u64)
}

/// Writes the file, row after row.
pub struct BaseWriter<W: Write> {
    out: W,
    row: Coded,
    n_left: usize,
}

impl<W: Write> BaseWriter<W> {
    /// Begins it. Windows that overlap have no such file.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Base`] for windows that overlap or are too many.
    pub fn new(mut out: W, n_vocab: usize, windows: &Windows) -> Result<Self, Error> {
        if windows.cut().stride.is_some() {
            return Err(refuse("it has no place for windows that overlap".to_owned()));
        }
        let int = |n: usize| i32::try_from(n).map_err(|_| refuse(format!("{n} is too many")));
        out.write_all(MAGIC)?;
        for n in [windows.n_ctx(), n_vocab, windows.len()] {
            out.write_all(&int(n)?.to_le_bytes())?;
        }
        for id in windows.all_ids() {
            out.write_all(&id.to_le_bytes())?;
        }
        let n_left = windows.len().saturating_mul(windows.scored().len());
        Ok(BaseWriter { out, row: Coded::new(n_vocab), n_left })
    }

    pub(crate) fn row(&mut self, row: &Row<'_>) -> Result<(), Error> {
        self.row.encode(row);
        self.out.write_all(self.row.bytes())?;
        self.n_left = self.n_left.saturating_sub(1);
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Base`] if rows are missing.
    pub fn finish(mut self) -> Result<W, Error> {
        if self.n_left > 0 {
            return Err(refuse(format!("{} rows are missing", self.n_left)));
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A file of a base's log-probabilities, opened.
pub struct Base {
    source: Box<dyn ByteSource>,
    n_ctx: usize,
    n_vocab: usize,
    n_windows: usize,
    ids: Vec<u32>,
    rows_at: u64,
}

impl Base {
    /// Reads the head and the ids, and checks that all rows are there.
    ///
    /// # Errors
    /// [`Error::Base`].
    pub fn open(source: Box<dyn ByteSource>) -> Result<Base, Error> {
        let mut head = [0; HEAD];
        read(&*source, 0, &mut head)?;
        if !head.starts_with(MAGIC) {
            return Err(refuse("it does not begin like one".to_owned()));
        }
        let number = |at: usize, most: usize, what: &str| {
            let bytes = head.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
            let n = i32::from_le_bytes(bytes.unwrap_or_default());
            let fits = usize::try_from(n).ok().filter(|n| (1..=most).contains(n));
            fits.ok_or_else(|| refuse(format!("it declares {n} {what}")))
        };
        let n_ctx = number(8, MAX_IDS, "tokens in a window")?;
        let n_vocab = number(12, MAX_VOCAB, "tokens in the vocabulary")?;
        let n_windows = number(16, MAX_IDS / n_ctx, "windows")?;
        let mut base =
            Base { source, n_ctx, n_vocab, n_windows, ids: Vec::new(), rows_at: HEAD as u64 };
        base.check_size()?;
        let mut bytes = vec![0; 4 * n_ctx * n_windows];
        read(&*base.source, HEAD as u64, &mut bytes)?;
        base.ids = bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        base.rows_at += bytes.len() as u64;
        match base.ids.iter().find(|id| **id as usize >= n_vocab) {
            Some(id) => Err(refuse(format!("token {id} is not among its {n_vocab}"))),
            None => Ok(base),
        }
    }

    fn check_size(&self) -> Result<(), Error> {
        let rows = (self.n_windows * self.rows_of_window()) as u64;
        let n_bytes = HEAD as u64
            + 4 * (self.n_ctx * self.n_windows) as u64
            + rows.saturating_mul(Coded::n_bytes(self.n_vocab) as u64);
        let have = self.source.len();
        match have < n_bytes {
            true => Err(refuse(format!("it has {have} of {n_bytes} bytes, so it is not whole"))),
            false => Ok(()),
        }
    }

    fn rows_of_window(&self) -> usize {
        self.n_ctx.saturating_sub(1 + self.n_ctx / 2)
    }

    /// Tokens of a window.
    pub fn n_ctx(&self) -> usize {
        self.n_ctx
    }

    /// Tokens of the vocabulary.
    pub fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    /// The text it was measured on, in windows that begin with `bos`.
    pub(crate) fn windows(&self, bos: Option<u32>, most: Option<usize>) -> Result<Windows, Error> {
        let n_windows = Some(most.unwrap_or(self.n_windows).min(self.n_windows));
        let mut ids = self.ids.clone();
        // A file of one window is as good as any.
        ids.resize(ids.len().max(2 * self.n_ctx), 0);
        Windows::of_ids(ids, bos, Cut { n_windows, ..Cut::new(self.n_ctx) })
    }

    /// Row `row` among the scored ones of window `window`.
    pub(crate) fn read_row(&self, window: usize, row: usize, out: &mut Coded) -> Result<(), Error> {
        let n = (window * self.rows_of_window() + row) as u64;
        let at = self.rows_at + n * Coded::n_bytes(self.n_vocab) as u64;
        read(&*self.source, at, out.bytes_mut())?;
        match out.is_sound() {
            true => Ok(()),
            false => Err(refuse(format!("row {row} of window {window} holds no probabilities"))),
        }
    }

    /// The base's mean surprise, from its rows alone.
    ///
    /// # Errors
    /// [`Error::Base`].
    pub fn nats(&self) -> Result<crate::Value, Error> {
        use super::row::Other;
        let windows = self.windows(None, None)?;
        let (mut sums, mut coded) = (Sums::default(), Coded::new(self.n_vocab));
        for i in 0..windows.len() {
            let ids = windows.get(i);
            for (row, pos) in windows.scored().enumerate() {
                self.read_row(i, row, &mut coded)?;
                let next = ids.get(pos + 1).copied().unwrap_or(0);
                sums.add(-f64::from(coded.log_prob(next as usize)));
            }
        }
        Ok(sums.mean())
    }
}

fn read(source: &dyn ByteSource, at: u64, out: &mut [u8]) -> Result<(), Error> {
    source.read_at(at, out).map_err(|error| refuse(error.to_string()))
}

fn refuse(reason: String) -> Error {
    Error::Base { reason }
}
