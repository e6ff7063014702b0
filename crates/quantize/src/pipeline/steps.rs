//! The same work on one thread, a piece at a time, at the caller's pace.
//!
//! A page has one thread for this and no way to be interrupted in it: between two pieces it moves
//! what was written to its storage, and hears that a person wants to stop.

use std::io::Write;

use super::chunk::{Chunk, chunks};
use super::{Progress, Run, Sink, Written, work};
use crate::{Error, Imatrix, Plan, Source};

/// The writing of one file. Dropped before its end, it leaves some beginning of it in `W`.
pub struct Steps<'a, W: Write> {
    run: Run<'a>,
    chunks: std::iter::Enumerate<std::vec::IntoIter<Chunk>>,
    sink: Sink<W>,
    /// Bytes of the source's rows and of the new ones, from piece to piece.
    buffers: (Vec<u8>, Vec<u8>),
    /// The numbers of one row.
    row: Vec<f32>,
}

impl<'a, W: Write> Steps<'a, W> {
    /// Writes the file's head. `max_memory` is in bytes, for all buffers together; what a header
    /// takes comes on top.
    ///
    /// # Errors
    /// [`Error::Memory`] where that is too little for a row, [`Error::Write`].
    pub fn new(
        source: &'a dyn Source,
        plan: &'a Plan,
        imatrix: Option<&'a Imatrix>,
        max_memory: u64,
        out: W,
    ) -> Result<Self, Error> {
        let chunks = chunks(plan, 1, max_memory)?.into_iter().enumerate();
        let (sink, run) = (Sink::new(plan, out)?, Run { source, plan, imatrix });
        Ok(Steps { run, chunks, sink, buffers: (Vec::new(), Vec::new()), row: Vec::new() })
    }

    /// Reads, encodes and writes the next piece, a few milliseconds of work; how far it is then.
    /// `None` if all are written.
    ///
    /// # Errors
    /// As [`crate::write`]. There is nothing to go on with after one.
    pub fn step(&mut self) -> Result<Option<Progress>, Error> {
        let Some((number, chunk)) = self.chunks.next() else { return Ok(None) };
        let mut job = self.run.read(number, chunk, std::mem::take(&mut self.buffers))?;
        work(self.run.plan, self.run.imatrix, &mut job, &mut self.row)?;
        let progress = self.sink.take(&job)?;
        self.buffers = (job.old, job.new);
        Ok(Some(progress))
    }

    /// The end of the file, after the last piece.
    ///
    /// # Errors
    /// [`Error::Write`], also where pieces are missing.
    pub fn finish(self) -> Result<(W, Written), Error> {
        self.sink.finish()
    }
}
