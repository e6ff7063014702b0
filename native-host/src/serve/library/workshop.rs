//! Weights made of weights, on a thread: what `create` asks this machine for where a model is to be
//! quantized, or comes in another form than GGUF. Both at once is one pass: rows are converted when
//! they are read.
//!
//! The thread gives its bytes to the server through a channel that holds a few. Whoever drops the
//! request drops the channel, which ends the thread. Ollama's words are kept, and its refusal of
//! weights that are quantized already.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use api::host::LibraryError;
use convert::GgufView;
use futures_util::future::FutureExt;
use futures_util::stream::{self, LocalBoxStream, StreamExt};
use gguf::ByteSource;
use hosting::library::{Form, Making, Order, Proof, Workshop, invalid};
use quant::TensorType;
use quantize::{Error, FileType, GgufSource, Options, Plan, Resources, Source, Written};
use store::{Digest, FsIo, StorePath};
use tokio::sync::{mpsc, oneshot};

use crate::{import, source};

/// Bytes of a piece, and how many wait for the disk.
const PIECE: usize = 1 << 20;
const WAITING: usize = 4;
/// Memory for buffers beside them.
const MAX_MEMORY: u64 = 512 << 20;

/// This machine's threads, over the files of its store.
pub struct Threads {
    io: FsIo,
}

impl Threads {
    /// Over the files of this store.
    pub fn new(io: FsIo) -> Threads {
        Threads { io }
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.io.place(&StorePath::blob(digest))
    }
}

impl Workshop for Threads {
    fn file_type(&self, asked: &str) -> Result<String, LibraryError> {
        file_type(asked).map(|ty| ty.name().to_owned())
    }

    fn make(&self, order: Order) -> LocalBoxStream<'static, Making> {
        let place = |(name, digest): &(String, Digest)| (name.clone(), self.place(digest));
        let files = order.files.iter().map(place).collect();
        let (sender, receiver) = mpsc::channel(WAITING);
        let file_type = order.file_type.as_deref().map(file_type).transpose();
        let begun =
            file_type.and_then(|ty| on_thread(move || work(files, order.form, ty, &sender)));
        let io = self.io.clone();
        match begun {
            Ok(()) => stream::unfold((receiver, io), next).boxed_local(),
            Err(error) => stream::iter([Making::Failed(error)]).boxed_local(),
        }
    }
}

type Line = (mpsc::Receiver<Message>, FsIo);

async fn next((mut receiver, io): Line) -> Option<(Making, Line)> {
    let making = match receiver.recv().await? {
        Message::Begin { status, total, size } => Making::Begin { status, total, size },
        Message::Bytes { bytes, done } => Making::Bytes { bytes, done },
        Message::Done(made) => Making::Done(proof(io.clone(), made)),
        Message::Same => Making::Same,
        Message::Failed(error) => Making::Failed(error),
    };
    Some((making, (receiver, io)))
}

/// Reads the stored file on a thread of its own.
fn proof(io: FsIo, made: Made) -> Proof {
    Box::new(move |digest| {
        async move {
            let path = io.place(&StorePath::blob(&digest));
            let (checked, is_checked) = oneshot::channel();
            on_thread(move || drop(checked.send(check(&path, &made))))?;
            is_checked.await.map_err(|_| lost())?
        }
        .boxed_local()
    })
}

/// The type that a request names.
fn file_type(asked: &str) -> Result<FileType, LibraryError> {
    let name: String = asked.chars().take(20).collect();
    // What no player computes with is no use in a store.
    let is_here = |ty: &&FileType| ty.base().is_supported();
    let named: Result<FileType, _> = name.parse();
    named.ok().filter(|ty| is_here(&ty)).ok_or_else(|| {
        let names: Vec<&str> = FileType::ALL.iter().filter(is_here).map(|ty| ty.name()).collect();
        let names = names.join(", ");
        invalid(format!("unsupported quantization type {name:?} - supported types are {names}"))
    })
}

/// What became of the weights, for the check at the end.
enum Made {
    /// Rounded, as planned.
    Quantized(Box<(Plan, Written)>),
    /// Put into a GGUF file in the type they had.
    Converted,
}

/// What the thread says.
enum Message {
    /// The work begins: in words, and in bytes of the old and the new tensors.
    Begin {
        status: String,
        total: u64,
        size: u64,
    },
    /// The next bytes of the file, and how many of the old ones they are made of.
    Bytes {
        bytes: Vec<u8>,
        done: u64,
    },
    /// All bytes were sent.
    Done(Made),
    /// There is nothing to do: the model has this type.
    Same,
    Failed(LibraryError),
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
fn work(
    files: Vec<import::Named>,
    form: Form,
    file_type: Option<FileType>,
    sender: &mpsc::Sender<Message>,
) {
    let end = match made(files, form, file_type, sender) {
        Ok(Some(made)) => Message::Done(made),
        Ok(None) => Message::Same,
        Err(error) => Message::Failed(error),
    };
    // Nobody there any more: the request was dropped.
    sender.blocking_send(end).ok();
}

fn made(
    files: Vec<import::Named>,
    form: Form,
    file_type: Option<FileType>,
    sender: &mpsc::Sender<Message>,
) -> Result<Option<Made>, LibraryError> {
    let source = opened(files, form)?;
    let rounded = match file_type {
        Some(file_type) => quantized(&*source, file_type, sender)?,
        None => None,
    };
    match (rounded, form) {
        (Some(made), _) => Ok(Some(Made::Quantized(Box::new(made)))),
        (None, Form::Gguf) => Ok(None),
        (None, Form::Folder) => converted(source, sender).map(Some),
    }
}

fn opened(files: Vec<import::Named>, form: Form) -> Result<Box<dyn Source>, LibraryError> {
    match form {
        Form::Gguf => {
            let paths: Vec<PathBuf> = files.into_iter().map(|(_, path)| path).collect();
            let gguf = source::open_files(&paths, Path::new("the model"));
            Ok(Box::new(GgufSource::new(gguf.map_err(|error| invalid(error.to_string()))?)))
        }
        Form::Folder => {
            let refuse = |error: String| invalid(format!("the model cannot be converted: {error}"));
            let files = import::open_files(files).map_err(|error| refuse(error.to_string()))?;
            convert::open("model", files).map_err(|error| refuse(error.to_string()))
        }
    }
}

/// Sends the GGUF file that the source is seen as.
fn converted(
    source: Box<dyn Source>,
    sender: &mpsc::Sender<Message>,
) -> Result<Made, LibraryError> {
    let view = GgufView::new(source).map_err(|error| invalid(error.to_string()))?;
    let (status, total) = ("converting model".to_owned(), view.len());
    let begin = Message::Begin { status, total, size: total };
    sender.blocking_send(begin).map_err(|_| lost())?;
    let mut done = 0;
    while done < total {
        let n = (total - done).min(PIECE as u64);
        let mut bytes = vec![0; n as usize];
        let read = view.read_at(done, &mut bytes);
        read.map_err(|error| LibraryError::Failed(error.to_string()))?;
        done += n;
        sender.blocking_send(Message::Bytes { bytes, done }).map_err(|_| lost())?;
    }
    Ok(Made::Converted)
}

/// Sends the file with its weights in this type; `None` if they have it.
fn quantized(
    source: &dyn Source,
    file_type: FileType,
    sender: &mpsc::Sender<Message>,
) -> Result<Option<(Plan, Written)>, LibraryError> {
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
    let status = format!("quantizing {} model to {file_type}", main_type(&plan));
    let begin = Message::Begin { status, total: plan.old_bytes(), size: plan.new_bytes() };
    sender.blocking_send(begin).map_err(|_| lost())?;
    let done = std::cell::Cell::new(0);
    let out = Pieces { sender, done: &done, piece: Vec::new() };
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let resources = Resources { n_threads, max_memory: MAX_MEMORY };
    let mut watch = |progress: quantize::Progress| {
        done.set(progress.done);
        !sender.is_closed()
    };
    let written = quantize::write(source, &plan, None, resources, out, &mut watch);
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
fn check(path: &Path, made: &Made) -> Result<(), LibraryError> {
    let failed = |error: String| LibraryError::Failed(error);
    let gguf = source::open_files(&[path.to_owned()], path).map_err(|e| failed(e.to_string()))?;
    let Made::Quantized(made) = made else { return Ok(()) };
    let (plan, written) = &**made;
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
