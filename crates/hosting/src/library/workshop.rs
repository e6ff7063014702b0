//! What `create` asks of a host that can make weights of weights: smaller ones, or ones in GGUF.
//!
//! That is work of minutes on gigabytes, which a host does where it delays nobody: on a thread, or
//! in a worker. Here only its bytes arrive, and are hashed and stored like an upload, so that a
//! maker knows nothing of stores and whoever drops the request leaves nothing behind.

use std::rc::Rc;

use api::host::LibraryError;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::LocalBoxStream;
use store::{BlobIo, Clock, Digest, Fetch, Layer, media};

use super::StoreLibrary;
use super::errors::library_error;
use super::report::Reporter;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// Stored files it is made of, with their names; of GGUF in order.
    pub files: Vec<(String, Digest)>,
    /// What they are.
    pub form: Form,
    /// The type of the new weights, a name that [`Workshop::file_type`] gave; without one they keep
    /// theirs.
    pub file_type: Option<String>,
}

/// The form of a model's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One GGUF file, or the parts of one.
    Gguf,
    /// Files of a folder with a `config.json`: safetensors or PyTorch.
    Folder,
}

/// Reads a stored file again and says whether it is what was made.
pub type Proof = Box<dyn FnOnce(Digest) -> LocalBoxFuture<'static, Result<(), LibraryError>>>;

/// What a workshop says, in this order; the end of the stream without `Done` is a failure.
pub enum Making {
    /// The work begins.
    Begin {
        /// In Ollama's words: `quantizing F16 model to Q4_K_M`.
        status: String,
        /// Bytes of the source, for the progress.
        total: u64,
        /// Bytes of the new file, of tensors at least.
        size: u64,
    },
    /// The next bytes of the new file, and how many of the source's they are made of.
    Bytes {
        /// Of the new file.
        bytes: Vec<u8>,
        /// Of the source, so far.
        done: u64,
    },
    /// All bytes were given.
    Done(Proof),
    /// There is nothing to do: the model is what it is to become.
    Same,
    /// One sentence.
    Failed(LibraryError),
}

/// Makes weights of weights. Dropping the stream ends the work.
pub trait Workshop {
    /// The usual name of the type that a request asks for.
    ///
    /// # Errors
    /// [`LibraryError::Invalid`] for a type that cannot be made here.
    fn file_type(&self, asked: &str) -> Result<String, LibraryError>;

    /// Does the work.
    fn make(&self, order: Order) -> LocalBoxStream<'static, Making>;
}

/// The workshop of hosts that have none.
pub(super) struct NoWorkshop;

impl Workshop for NoWorkshop {
    fn file_type(&self, asked: &str) -> Result<String, LibraryError> {
        let asked: String = asked.chars().take(20).collect();
        Err(LibraryError::Invalid(format!(
            "models are not quantized here: make one with `ingle create -q {asked}` and pull it"
        )))
    }

    fn make(&self, _: Order) -> LocalBoxStream<'static, Making> {
        let refusal = LibraryError::Invalid(
            "models are not converted here: make a GGUF file with `ingle create` or `ingle \
             quantize`, and use that"
                .to_owned(),
        );
        futures_util::stream::iter([Making::Failed(refusal)]).boxed_local()
    }
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// With what makes weights on this host.
    #[must_use]
    pub fn with_workshop(self, workshop: Rc<dyn Workshop>) -> Self {
        StoreLibrary { workshop, ..self }
    }

    /// Makes what was ordered and stores it; `None` if there was nothing to do.
    pub(super) async fn make(
        &self,
        order: Order,
        say: &Reporter,
    ) -> Result<Option<Layer>, LibraryError> {
        let mut making = self.workshop.make(order);
        let (status, total, size) = match making.next().await {
            Some(Making::Begin { status, total, size }) => (status, total, size),
            Some(Making::Same) => return Ok(None),
            Some(Making::Failed(error)) => return Err(error),
            _ => return Err(lost()),
        };
        say.part(&status, total, 0);
        let mut writer = self.store().write_blob(Some(size)).await.map_err(library_error)?;
        let ended = loop {
            match making.next().await {
                Some(Making::Bytes { bytes, done }) => {
                    writer.write(&bytes).await.map_err(library_error)?;
                    say.part(&status, total, done);
                }
                Some(Making::Done(proof)) => break Ok(proof),
                Some(Making::Failed(error)) => break Err(error),
                _ => break Err(lost()),
            }
        };
        let proof = match ended {
            Ok(proof) => proof,
            Err(error) => {
                writer.abandon().await;
                return Err(error);
            }
        };
        let (digest, size) = writer.finish(None).await.map_err(library_error)?;
        say.step("verifying conversion");
        proof(digest).await?;
        say.step(format!("creating new layer {digest}"));
        Ok(Some(Layer::new(media::MODEL, digest, size)))
    }
}

fn lost() -> LibraryError {
    LibraryError::Failed("the work on the weights ended without a word; try again".to_owned())
}
