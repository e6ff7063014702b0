//! The store in a page: models by name, with the layout and digests they have on a disk.
//!
//! `crates/store` does the work; here are the browser's files, network, locks and clock under it,
//! and the class the worker's script calls. Calls are promises that run beside each other and
//! beside an answer: every long one lets other tasks in after each megabyte. The workshop has the
//! files, locks and clock of it, and no network.

#[cfg(feature = "engine")]
mod add;
#[cfg(feature = "engine")]
mod adopt;
#[cfg(feature = "engine")]
mod chosen;
mod chunks;
#[cfg(feature = "engine")]
mod class;
mod clock;
#[cfg(feature = "engine")]
mod facts;
mod failure;
#[cfg(feature = "engine")]
mod fetch;
#[cfg(feature = "engine")]
mod files;
#[cfg(feature = "engine")]
mod fit;
mod io;
mod locks;
mod names;
mod open;
mod opfs;
#[cfg(feature = "engine")]
mod progress;
#[cfg(feature = "engine")]
mod records;
mod scope;
mod sum;
#[cfg(feature = "engine")]
mod until;

#[cfg(feature = "engine")]
pub use class::{PageClient, WasmStore, access_of};
pub use clock::PageClock;
pub use failure::cancelled;
#[cfg(feature = "engine")]
pub use fetch::PageFetch;
#[cfg(feature = "engine")]
pub use files::StoredFile;
#[cfg(feature = "engine")]
pub use fit::page_memory;
pub use io::PageIo;
#[cfg(feature = "workshop")]
pub use locks::{PageLock, try_lock};
pub use names::find;
pub use open::open;
pub use sum::Sums;
#[cfg(feature = "engine")]
pub use sum::WasmHasher;

/// The models of this origin.
pub type PageStore = ::store::Store<PageIo, PageClock>;

/// The store of a worker. There are several of them, in this page and in others, and browsers make
/// a file in two steps: each counts from somewhere else.
pub fn page_store(io: PageIo, clock: PageClock) -> PageStore {
    let n = js_sys::Math::random() * f64::from(u32::MAX);
    PageStore::new(io, clock).counting_from((n as u64) << 16)
}
