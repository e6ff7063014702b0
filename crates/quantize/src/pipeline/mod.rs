//! Rows on their way from a source into a file, over as many threads as there are.
//!
//! The calling thread reads and writes, in order, and only it: sources and destinations need not be
//! shared. Pieces of rows go to threads that encode, and come back in any order; a handful is on
//! the way at a time, so memory does not grow with the model. Rows do not know of each other, so
//! the bytes do not depend on how many threads there are. With one thread nothing is started at
//! all: [`Steps`] does a piece when it is asked, and a browser asks between its other tasks.

mod chunk;
mod encode;
mod order;
mod steps;

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use gguf::{DataWriter, Writer};

use crate::{Error, Imatrix, Plan, Source};
use chunk::{Chunk, chunks};
use encode::{Job, encode};
use order::InOrder;
pub use steps::Steps;

/// Pieces on the way for each thread: one it works on, one that waits for it.
const PER_THREAD: usize = 2;

/// How much of the machine may be used.
#[derive(Clone, Copy, Debug)]
pub struct Resources {
    /// Threads that encode; 1 starts none.
    pub n_threads: usize,
    /// Bytes for all buffers together. What a header takes comes on top.
    pub max_memory: u64,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step of the plan that is written.
    pub step: usize,
    /// Bytes of the source that are through, over all tensors.
    pub done: u64,
    /// Bytes of the source.
    pub total: u64,
}

/// What was written, for [`crate::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// A sum of each tensor's bytes, in the plan's order; good within this process only.
    pub(crate) sums: Vec<u64>,
}

/// Writes the file of `plan` to `out`, which is given back flushed.
///
/// `watch` is told of every piece that is written; `false` from it stops.
///
/// # Errors
/// [`Error`]: source or destination failed, a number is none, the memory is too small for a row, or
/// `watch` said stop ([`Error::Cancelled`]). `out` then has some beginning of the file.
pub fn write<W: Write>(
    source: &dyn Source,
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    resources: Resources,
    out: W,
    watch: &mut dyn FnMut(Progress) -> bool,
) -> Result<(W, Written), Error> {
    let (n_threads, max_memory) = (resources.n_threads.max(1), resources.max_memory);
    if n_threads == 1 {
        let mut steps = Steps::new(source, plan, imatrix, max_memory, out)?;
        while let Some(progress) = steps.step()? {
            go_on(watch(progress))?;
        }
        return steps.finish();
    }
    let in_flight = n_threads * PER_THREAD + 1;
    let chunks = chunks(plan, in_flight as u64, max_memory)?;
    let mut sink = Sink::new(plan, out)?;
    Run { source, plan, imatrix }
        .together(&chunks, n_threads, in_flight, &mut |job| go_on(watch(sink.take(job)?)))?;
    sink.finish()
}

fn go_on(is_wanted: bool) -> Result<(), Error> {
    if is_wanted { Ok(()) } else { Err(Error::Cancelled) }
}

/// Where finished pieces go.
struct Sink<W: Write> {
    data: DataWriter<W>,
    sums: Vec<DefaultHasher>,
    progress: Progress,
}

impl<W: Write> Sink<W> {
    /// Writes the file's head.
    fn new(plan: &Plan, out: W) -> Result<Self, Error> {
        let mut writer = Writer::new(plan.metadata.clone());
        for step in &plan.steps {
            writer.tensor(step.name.as_str(), step.to, &step.dims)?;
        }
        Ok(Sink {
            data: writer.start(out)?,
            sums: vec![DefaultHasher::new(); plan.steps.len()],
            progress: Progress { step: 0, done: 0, total: plan.old_bytes() },
        })
    }

    fn take(&mut self, job: &Job) -> Result<Progress, Error> {
        self.data.write(&job.new)?;
        if let Some(sum) = self.sums.get_mut(job.chunk.step) {
            sum.write(&job.new);
        }
        self.progress.step = job.chunk.step;
        self.progress.done = self.progress.done.saturating_add(job.chunk.old_bytes as u64);
        Ok(self.progress)
    }

    fn finish(self) -> Result<(W, Written), Error> {
        let sums = self.sums.iter().map(Hasher::finish).collect();
        Ok((self.data.finish()?, Written { sums }))
    }
}

/// What every piece needs.
#[derive(Clone, Copy)]
struct Run<'a> {
    source: &'a dyn Source,
    plan: &'a Plan,
    imatrix: Option<&'a Imatrix>,
}

impl Run<'_> {
    fn together(
        self,
        chunks: &[Chunk],
        n_threads: usize,
        in_flight: usize,
        take: &mut dyn FnMut(&Job) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (to_threads, jobs) = channel::<Job>();
        let (to_us, done) = channel();
        let jobs = Mutex::new(jobs);
        let (plan, imatrix) = (self.plan, self.imatrix);
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                let (jobs, to_us) = (&jobs, to_us.clone());
                scope.spawn(move || serve(plan, imatrix, jobs, &to_us));
            }
            drop(to_us);
            // Dropped with this closure, also on the way out with an error: that ends the threads.
            let to_threads = to_threads;
            let mut order = InOrder::new();
            let mut buffers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            let mut finish = |buffers: &mut Vec<_>| {
                // Every sender is gone only if every thread is.
                let (number, result) = done.recv().map_err(|_| Error::ThreadLost)?;
                for job in order.push(number, result) {
                    let job = job?;
                    take(&job)?;
                    buffers.push((job.old, job.new));
                }
                Ok::<usize, Error>(order.next())
            };
            let mut n_written = 0;
            for (number, chunk) in chunks.iter().enumerate() {
                // By what is written, not by what came back: a slow thread must not let the others
                // pile up what comes after its piece.
                while number - n_written >= in_flight {
                    n_written = finish(&mut buffers)?;
                }
                let job = self.read(number, *chunk, buffers.pop().unwrap_or_default())?;
                to_threads.send(job).map_err(|_| Error::ThreadLost)?;
            }
            while n_written < chunks.len() {
                n_written = finish(&mut buffers)?;
            }
            Ok(())
        })
    }

    fn read(
        self,
        number: usize,
        chunk: Chunk,
        (mut old, new): (Vec<u8>, Vec<u8>),
    ) -> Result<Job, Error> {
        old.resize(chunk.old_bytes, 0);
        let Some(step) = self.plan.steps.get(chunk.step) else { return Err(Error::NoTensors) };
        let read = self.source.read_rows(step.index, chunk.first_row, &mut old);
        read.map_err(|source| Error::Read { tensor: step.old_name.clone(), source })?;
        Ok(Job { number, chunk, old, new })
    }
}

fn work(
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    job: &mut Job,
    row: &mut Vec<f32>,
) -> Result<(), Error> {
    match plan.steps.get(job.chunk.step) {
        Some(step) => encode(step, imatrix, job, row),
        None => Err(Error::NoTensors),
    }
}

type Finished = (usize, Result<Job, Error>);

/// A thread's life: until there are no more pieces, or nobody wants them.
fn serve(
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    jobs: &Mutex<Receiver<Job>>,
    to_us: &Sender<Finished>,
) {
    let mut row = Vec::new();
    loop {
        // Nothing panics while it holds the lock.
        let Ok(received) = jobs.lock().map(|jobs| jobs.recv()) else { return };
        let Ok(mut job) = received else { return };
        let number = job.number;
        let mut lost = Lost { number, to_us, armed: true };
        let result = work(plan, imatrix, &mut job, &mut row).map(|()| job);
        lost.armed = false;
        if to_us.send((number, result)).is_err() {
            return;
        }
    }
}

/// Says so if a thread ends while it works, so that nobody waits for its piece.
struct Lost<'a> {
    number: usize,
    to_us: &'a Sender<Finished>,
    armed: bool,
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        if self.armed {
            // Nobody there any more: then nobody waits.
            let _ = self.to_us.send((self.number, Err(Error::ThreadLost)));
        }
    }
}
