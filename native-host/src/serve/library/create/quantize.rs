//! `create` with `quantize`: the weights are made smaller on their way into the store.
//!
//! The work runs on a thread and gives its bytes to this one through a channel that holds a few;
//! here they are hashed and stored like any upload. Whoever drops the request drops the channel,
//! which ends the thread, and the blob has no name yet. Ollama's words are kept, and its refusal of
//! weights that are quantized already.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use api::host::LibraryError;
use quant::TensorType;
use quantize::{Error, FileType, GgufSource, Options, Plan, Resources, Source, Written};
use store::{Layer, media};
use tokio::sync::{mpsc, oneshot};

use super::super::NativeLibrary;
use super::super::errors::{invalid, library_error};
use super::super::report::Reporter;
use super::Base;
use crate::source;

/// Bytes of a piece, and how many wait for the disk.
const PIECE: usize = 1 << 20;
const WAITING: usize = 4;
/// Memory for buffers beside them.
const MAX_MEMORY: u64 = 512 << 20;

/// The type a request names; `None` where it names none.
pub(super) fn wanted(names: [&str; 2]) -> Result<Option<FileType>, LibraryError> {
    let Some(name) = names.into_iter().find(|name| !name.is_empty()) else { return Ok(None) };
    let name: String = name.chars().take(20).collect();
    // What no player computes with is no use in a store.
    let is_here = |ty: &&FileType| ty.base().is_supported();
    let named: Result<FileType, _> = name.parse();
    named.ok().filter(|ty| is_here(&ty)).map(Some).ok_or_else(|| {
        let names: Vec<&str> = FileType::ALL.iter().filter(is_here).map(|ty| ty.name()).collect();
        let names = names.join(", ");
        invalid(format!("unsupported quantization type {name:?} - supported types are {names}"))
    })
}

/// What the thread says.
enum Message {
    /// The work begins: what it will be, in bytes of the old and the new tensors, and of what type.
    Begin {
        from: TensorType,
        old_bytes: u64,
        new_bytes: u64,
    },
    /// The next bytes of the file, and how many of the old ones they are made of.
    Bytes {
        bytes: Vec<u8>,
        done: u64,
    },
    /// All bytes were sent.
    Done(Box<(Plan, Written)>),
    /// There is nothing to do: the model has this type.
    Same,
    Failed(LibraryError),
}

impl NativeLibrary {
    /// The base with its weights in another type, in one file.
    pub(super) async fn quantized(
        &self,
        mut base: Base,
        file_type: FileType,
        say: &Reporter,
    ) -> Result<Base, LibraryError> {
        let is_weights = |layer: &Layer| layer.media_type == media::MODEL;
        let files = base.layers.iter().filter(|layer| is_weights(layer));
        let files = files.map(|layer| self.blob_file(layer)).collect();
        let (sender, mut receiver) = mpsc::channel(WAITING);
        on_thread(move || work(files, file_type, &sender))?;
        let Some((new, written)) = self.received(&mut receiver, file_type, say).await? else {
            return Ok(base);
        };
        say.step("verifying conversion");
        let path = self.blob_file(&new);
        let (checked, is_checked) = oneshot::channel();
        on_thread(move || drop(checked.send(check(&path, &written))))?;
        is_checked.await.map_err(|_| lost())??;
        say.step(format!("creating new layer {}", new.digest));
        let place = base.layers.iter().position(is_weights).unwrap_or(0);
        base.layers.retain(|layer| !is_weights(layer));
        base.layers.insert(place, new);
        base.config.file_type = file_type.name().to_owned();
        Ok(base)
    }

    /// Stores what comes; `None` if there was nothing to do.
    #[allow(clippy::type_complexity, reason = "a layer, and what it was made by")]
    async fn received(
        &self,
        receiver: &mut mpsc::Receiver<Message>,
        file_type: FileType,
        say: &Reporter,
    ) -> Result<Option<(Layer, Box<(Plan, Written)>)>, LibraryError> {
        let (from, total, size) = match receiver.recv().await {
            Some(Message::Begin { from, old_bytes, new_bytes }) => (from, old_bytes, new_bytes),
            Some(Message::Same) => return Ok(None),
            Some(Message::Failed(error)) => return Err(error),
            _ => return Err(lost()),
        };
        let status = format!("quantizing {from} model to {file_type}");
        say.part(&status, total, 0);
        let mut writer = self.store().write_blob(Some(size)).await.map_err(library_error)?;
        let written = loop {
            match receiver.recv().await {
                Some(Message::Bytes { bytes, done }) => {
                    writer.write(&bytes).await.map_err(library_error)?;
                    say.part(&status, total, done);
                }
                Some(Message::Done(written)) => break written,
                Some(Message::Failed(error)) => {
                    writer.abandon().await;
                    return Err(error);
                }
                _ => {
                    writer.abandon().await;
                    return Err(lost());
                }
            }
        };
        let (digest, size) = writer.finish(None).await.map_err(library_error)?;
        Ok(Some((Layer::new(media::MODEL, digest, size), written)))
    }
}

fn lost() -> LibraryError {
    LibraryError::Failed("the work on the weights ended without a word; try again".to_owned())
}

fn on_thread(work: impl FnOnce() + Send + 'static) -> Result<(), LibraryError> {
    let thread = std::thread::Builder::new().name("quantize".to_owned()).spawn(work);
    let failed = |error| LibraryError::Failed(format!("no thread could be started ({error})"));
    thread.map(drop).map_err(failed)
}

/// The thread: plans, and sends what it writes.
fn work(files: Vec<PathBuf>, file_type: FileType, sender: &mpsc::Sender<Message>) {
    let end = match quantized(&files, file_type, sender) {
        Ok(Some(written)) => Message::Done(Box::new(written)),
        Ok(None) => Message::Same,
        Err(error) => Message::Failed(error),
    };
    // Nobody there any more: the request was dropped.
    sender.blocking_send(end).ok();
}

fn quantized(
    files: &[PathBuf],
    file_type: FileType,
    sender: &mpsc::Sender<Message>,
) -> Result<Option<(Plan, Written)>, LibraryError> {
    let gguf = source::open_files(files, Path::new("the model"));
    let source = GgufSource::new(gguf.map_err(|error| invalid(error.to_string()))?);
    let plan = Plan::new(source.metadata(), source.tensors(), &options(file_type), None);
    let plan = plan.map_err(refusal)?;
    if let Some(step) = plan.steps.iter().find(|step| step.from.block_len() > 1) {
        return Err(invalid(format!(
            "quantization is only supported for F16, BF16 and F32 models, and this one has {} in \
             it: begin with the model as it was before it was quantized",
            step.from
        )));
    }
    if plan.steps.iter().all(|step| step.from == step.to) {
        return Ok(None);
    }
    let (old_bytes, new_bytes) = (plan.old_bytes(), plan.new_bytes());
    let begin = Message::Begin { from: main_type(&plan), old_bytes, new_bytes };
    sender.blocking_send(begin).map_err(|_| lost())?;
    let done = std::cell::Cell::new(0);
    let out = Pieces { sender, done: &done, piece: Vec::new() };
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let resources = Resources { n_threads, max_memory: MAX_MEMORY };
    let mut watch = |progress: quantize::Progress| {
        done.set(progress.done);
        !sender.is_closed()
    };
    let written = quantize::write(&source, &plan, None, resources, out, &mut watch);
    let (_, written) = written.map_err(refusal)?;
    Ok(Some((plan, written)))
}

/// Quantized weights are refused with a better word than the library's, which knows of flags.
fn options(file_type: FileType) -> Options {
    Options { allow_requantize: true, ..Options::new(file_type) }
}

fn refusal(error: Error) -> LibraryError {
    match error {
        Error::Write(_) | Error::ThreadLost => LibraryError::Failed(error.to_string()),
        _ => invalid(error.to_string()),
    }
}

/// The type of most bytes.
fn main_type(plan: &Plan) -> TensorType {
    let of = |ty| plan.steps.iter().filter(move |step| step.from == ty).map(|step| step.old_bytes);
    let types = plan.steps.iter().map(|step| step.from);
    types.max_by_key(|ty| of(*ty).sum::<u64>()).unwrap_or(TensorType::F32)
}

/// The stored file as it is read by everybody.
fn check(path: &Path, (plan, written): &(Plan, Written)) -> Result<(), LibraryError> {
    let failed = |error: String| LibraryError::Failed(error);
    let gguf = source::open_files(&[path.to_owned()], path).map_err(|e| failed(e.to_string()))?;
    quantize::verify(&gguf, plan, written, &mut |_| true).map_err(|e| failed(e.to_string()))
}

/// A file that goes through the channel.
struct Pieces<'a> {
    sender: &'a mpsc::Sender<Message>,
    done: &'a std::cell::Cell<u64>,
    piece: Vec<u8>,
}

impl Pieces<'_> {
    fn send(&mut self) -> io::Result<()> {
        let message =
            Message::Bytes { bytes: std::mem::take(&mut self.piece), done: self.done.get() };
        let gone = |_| io::Error::other("the request was dropped");
        self.sender.blocking_send(message).map_err(gone)
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}
