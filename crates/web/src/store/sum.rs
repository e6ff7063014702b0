//! Digests of stored files, those of large ones computed by a worker beside this one.
//!
//! SHA-256 is the longest work of a download, and this thread has the network, the disk and the
//! answers to do. So what lies on the disk is read into a few buffers of the script's, which go to
//! a worker with a module of its own and come back. A worker that cannot be started, or is lost, is
//! no failure: the file is summed here, from its beginning.

use std::collections::VecDeque;
use std::ops::Range;

use gguf::SourceError;
use js_sys::{Function, Promise, Uint8Array};
use store::limits::COPY_BYTES;
use store::{Clock, Digest, Hasher, SumHere, Summing};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::clock::PageClock;
use super::io::PageFile;

/// Below this a worker takes longer to start than the digest: some 40 ms.
const BESIDE_BYTES: u64 = 16 << 20;
/// Bytes that go at once: a message costs as much as 100 KB.
const BUFFER_BYTES: u32 = 2 << 20;
/// Buffers that are read or on their way: the worker has one, and others wait there, so that it has
/// work while this thread is busy.
const MAX_BUFFERS: usize = 4;

#[wasm_bindgen]
extern "C" {
    /// The script's end of such a worker. Its promises hold `null` once the worker is lost.
    type Helper;

    /// The next `n` bytes; the promise holds the buffer when they are summed.
    #[wasm_bindgen(method)]
    fn add(this: &Helper, buffer: &Uint8Array, n: usize) -> Promise;

    /// The promise holds the 32 bytes of the digest.
    #[wasm_bindgen(method)]
    fn finish(this: &Helper) -> Promise;

    #[wasm_bindgen(method)]
    fn close(this: &Helper);
}

/// Begins digests.
#[derive(Clone)]
pub struct Sums {
    /// Starts a worker: gives a [`Helper`], or `null`.
    pub begin: Option<Function>,
    pub clock: PageClock,
}

impl Sums {
    /// The digest of a file of this length.
    pub fn begin(&self, len: u64) -> PageSum {
        let helper = self.begin.as_ref().filter(|_| len >= BESIDE_BYTES);
        let helper = helper.and_then(|begin| begin.call0(&JsValue::UNDEFINED).ok());
        let place = match helper.filter(|helper| !helper.is_null()) {
            Some(helper) => Place::Beside(Beside {
                helper: helper.unchecked_into(),
                on_their_way: VecDeque::new(),
                n_buffers: 0,
                at: 0,
            }),
            None => Place::Here(SumHere::default()),
        };
        PageSum { place, clock: self.clock.clone() }
    }
}

/// A running digest.
pub struct PageSum {
    place: Place,
    clock: PageClock,
}

enum Place {
    Here(SumHere),
    Beside(Beside),
}

struct Beside {
    helper: Helper,
    on_their_way: VecDeque<JsFuture>,
    n_buffers: usize,
    /// Bytes that were added.
    at: u64,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.helper.close();
    }
}

/// Why a sum beside this thread did not go on.
enum Stop {
    Read(SourceError),
    /// The worker is no more.
    Lost,
}

impl Beside {
    /// A buffer that nobody has.
    async fn buffer(&mut self) -> Result<Uint8Array, Stop> {
        if self.n_buffers < MAX_BUFFERS {
            self.n_buffers += 1;
            return Ok(Uint8Array::new_with_length(BUFFER_BYTES));
        }
        self.returned().await
    }

    /// The buffer that comes back next.
    async fn returned(&mut self) -> Result<Uint8Array, Stop> {
        let promised = self.on_their_way.pop_front().ok_or(Stop::Lost)?;
        promised.await.ok().and_then(|value| value.dyn_into().ok()).ok_or(Stop::Lost)
    }

    async fn add(&mut self, file: &PageFile, range: Range<u64>) -> Result<(), Stop> {
        let buffer = self.buffer().await?;
        let n = (range.end - range.start) as usize;
        file.read_into(range.start, &buffer.subarray(0, n as u32)).map_err(Stop::Read)?;
        self.on_their_way.push_back(JsFuture::from(self.helper.add(&buffer, n)));
        self.at = range.end;
        Ok(())
    }

    async fn finish(&mut self) -> Result<Digest, Stop> {
        let digest = JsFuture::from(self.helper.finish()).await.ok();
        let digest: Option<Uint8Array> = digest.and_then(|value| value.dyn_into().ok());
        let bytes = digest.and_then(|digest| <[u8; 32]>::try_from(digest.to_vec()).ok());
        bytes.map(Digest::from_bytes).ok_or(Stop::Lost)
    }
}

impl PageSum {
    /// Sums here what was summed by a worker that is lost.
    async fn begin_anew(&mut self, file: &PageFile, to: u64) -> Result<SumHere, SourceError> {
        let mut sum = SumHere::default();
        for start in (0..to).step_by(COPY_BYTES) {
            sum.add(file, start..to.min(start + COPY_BYTES as u64)).await?;
            self.clock.breathe().await;
        }
        Ok(sum)
    }
}

impl Summing<PageFile> for PageSum {
    fn step(&self) -> u64 {
        match self.place {
            Place::Here(_) => COPY_BYTES as u64,
            Place::Beside(_) => u64::from(BUFFER_BYTES),
        }
    }

    async fn add(&mut self, file: &PageFile, range: Range<u64>) -> Result<(), SourceError> {
        let end = range.end;
        match &mut self.place {
            Place::Here(sum) => return sum.add(file, range).await,
            Place::Beside(sum) => match sum.add(file, range).await {
                Ok(()) => return Ok(()),
                Err(Stop::Read(error)) => return Err(error),
                Err(Stop::Lost) => {}
            },
        }
        let sum = self.begin_anew(file, end).await?;
        self.place = Place::Here(sum);
        Ok(())
    }

    async fn finish(mut self, file: &PageFile) -> Result<Digest, SourceError> {
        let at = match &mut self.place {
            Place::Here(sum) => return std::mem::take(sum).finish(file).await,
            Place::Beside(sum) => match sum.finish().await {
                Ok(digest) => return Ok(digest),
                Err(Stop::Read(error)) => return Err(error),
                Err(Stop::Lost) => sum.at,
            },
        };
        self.begin_anew(file, at).await?.finish(file).await
    }
}

/// SHA-256 for the worker that sums: bytes in, at last 32 bytes out.
#[wasm_bindgen]
#[derive(Default)]
pub struct WasmHasher(Hasher);

#[wasm_bindgen]
impl WasmHasher {
    /// Of nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> WasmHasher {
        WasmHasher::default()
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().bytes().to_vec()
    }
}
