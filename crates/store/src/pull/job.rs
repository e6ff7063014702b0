//! One download: lock, resume, fetch, verify, name.
//!
//! The whole digest is computed while pieces arrive, in order, by reading back what was written;
//! so it is ready when the last piece is, and it is the digest of what lies on the disk and not of
//! what came through the network.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::future::{try_join, try_join_all};
use gguf::ByteSource;
use url::Url;

use super::journal::{Journal, lines_in};
use super::pieces::{Pieces, Tuning};
use crate::clock::Clock;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::fetch::Fetch;
use crate::io::{Access, BlobFile, BlobIo, IoKind};
use crate::limits::{COPY_BYTES, LOCK_POLL_MS};
use crate::path::{PartKey, StorePath};
use crate::registry::origin::Origin;
use crate::store::{Store, read_error};

/// What is to be downloaded, and from where.
pub(crate) struct Job<F, C> {
    pub key: PartKey,
    pub size: u64,
    /// What the server calls this version of the file: empty for blobs, whose digest says it.
    pub validator: String,
    /// The server sends parts of the file; else it comes whole, through one connection.
    pub has_ranges: bool,
    pub url: Url,
    pub origin: Rc<Origin<F, C>>,
    pub tuning: Tuning,
}

/// How far a download is; read by everybody who waits for it.
#[derive(Default)]
pub(crate) struct Meter {
    completed: Cell<u64>,
}

impl Meter {
    pub(crate) fn completed(&self) -> u64 {
        self.completed.get()
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.completed.set(self.completed.get().saturating_add(bytes));
    }

    /// Never moves backward.
    fn at_least(&self, bytes: u64) {
        self.completed.set(self.completed.get().max(bytes));
    }
}

/// A running download, seen by its connections.
pub(crate) struct Download<I: BlobIo, F, C: Clock> {
    pub store: Store<I, C>,
    pub job: Rc<Job<F, C>>,
    pub meter: Rc<Meter>,
    pub part: StorePath,
    pub file: I::File,
    pub pieces: RefCell<Pieces>,
    journal: RefCell<Journal<I::File>>,
    /// Connections that are still at work.
    pub n_active: Cell<usize>,
    /// Some pieces were here before.
    is_resumed: bool,
    bell: Bell,
}

/// Downloads what the job says; returns digest and length of the blob that now exists.
pub(crate) async fn run<I: BlobIo, F: Fetch, C: Clock>(
    store: Store<I, C>,
    job: Job<F, C>,
    meter: Rc<Meter>,
) -> Result<(Digest, u64), Error> {
    let _lock = match wait_for_turn(&store, &job, &meter).await? {
        Turn::Ours(lock) => lock,
        Turn::Done(digest) => return Ok((digest, job.size)),
    };
    let job = Rc::new(job);
    loop {
        let download = open(store.clone(), job.clone(), meter.clone()).await?;
        let is_resumed = download.is_resumed;
        match download.finish().await {
            // Perhaps the pieces of an earlier try were wrong when they came. They are gone now.
            Err(Error::Mismatch { .. }) if is_resumed => continue,
            done => return done,
        }
    }
}

/// What waiting for a lock led to.
enum Turn<L> {
    /// We have it.
    Ours(L),
    /// The blob is here: it was, or another process downloaded it meanwhile.
    Done(Digest),
}

async fn wait_for_turn<I: BlobIo, F, C: Clock>(
    store: &Store<I, C>,
    job: &Job<F, C>,
    meter: &Meter,
) -> Result<Turn<I::Lock>, Error> {
    let path = StorePath::part_lock(&job.key);
    let piece = Pieces::new(job.size, &job.tuning).piece_bytes();
    loop {
        let lock = store.try_lock(&path).await?;
        if let PartKey::Blob(digest) = &job.key
            && store.has_blob(digest, job.size).await?
        {
            return Ok(Turn::Done(*digest));
        }
        if let Some(lock) = lock {
            return Ok(Turn::Ours(lock));
        }
        // The other process's record shows how far it is. The last piece counts only as the blob.
        if let Some(stat) = store.io().stat(&StorePath::journal(&job.key)).await? {
            let done = lines_in(stat.len).saturating_mul(piece);
            meter.at_least(done.min(job.size.saturating_sub(1)));
        }
        store.clock().sleep_ms(LOCK_POLL_MS).await;
    }
}

/// Removes what was downloaded: the bytes are not the ones they should be.
pub(super) async fn forget<I: BlobIo, C: Clock>(
    store: &Store<I, C>,
    key: &PartKey,
) -> Result<(), Error> {
    store.try_remove(&StorePath::journal(key)).await?;
    store.try_remove(&StorePath::part(key)).await?;
    Ok(())
}

async fn open<I: BlobIo, F: Fetch, C: Clock>(
    store: Store<I, C>,
    job: Rc<Job<F, C>>,
    meter: Rc<Meter>,
) -> Result<Download<I, F, C>, Error> {
    let part = StorePath::part(&job.key);
    let mut pieces = Pieces::new(job.size, &job.tuning);
    let opened = async {
        let file = store.io().open(&part, Access::Write).await?;
        let record = store.io().open(&StorePath::journal(&job.key), Access::Write).await?;
        let (journal, claims) =
            Journal::open(record, job.size, pieces.piece_bytes(), &job.validator)?;
        if file.len() > job.size {
            file.set_len(job.size)?;
        }
        Ok((file, journal, claims))
    };
    let (file, journal, claims) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return Err(store.explain(error, job.size).await),
    };
    let mut verified = 0;
    for (index, claimed) in claims {
        let range = pieces.range(index);
        let is_new = index < pieces.len() && !pieces.is_done(index);
        if is_new && piece_digest(store.clock(), &file, range.clone()).await == Some(claimed) {
            pieces.set_done(index);
            verified += range.end - range.start;
            meter.at_least(verified);
        }
    }
    store.check_space(job.size - verified).await?;
    let (pieces, journal) = (RefCell::new(pieces), RefCell::new(journal));
    let (n_active, is_resumed, bell) = (Cell::new(0), verified > 0, Bell::default());
    Ok(Download { store, job, meter, part, file, pieces, journal, n_active, is_resumed, bell })
}

/// `None` for bytes that cannot be read: they are not there.
async fn piece_digest(
    clock: &impl Clock,
    file: &impl ByteSource,
    range: Range<u64>,
) -> Option<Digest> {
    let mut hasher = Hasher::default();
    read_pieces(clock, file, range, |bytes| hasher.update(bytes)).await.ok()?;
    Some(hasher.finish())
}

async fn read_pieces(
    clock: &impl Clock,
    file: &impl ByteSource,
    Range { start, end }: Range<u64>,
    mut take: impl FnMut(&[u8]),
) -> Result<(), gguf::SourceError> {
    let longest = usize::try_from(end - start).unwrap_or(COPY_BYTES).min(COPY_BYTES);
    let mut buffer = vec![0; longest];
    let mut at = start;
    while at < end {
        let n = usize::try_from(end - at).unwrap_or(longest).min(longest);
        let bytes = buffer.get_mut(..n).unwrap_or_default();
        file.read_at(at, bytes)?;
        take(bytes);
        at += n as u64;
        clock.breathe().await;
    }
    Ok(())
}

impl<I: BlobIo, F: Fetch, C: Clock> Download<I, F, C> {
    /// Fetches what is missing and gives the blob its name; wrong bytes are deleted.
    async fn finish(self) -> Result<(Digest, u64), Error> {
        let result = self.fetch_all().await;
        let Download { store, job, part, file, journal, .. } = self;
        drop(journal);
        let digest = match (result, &job.key) {
            (Ok(got), PartKey::Blob(want)) if got != *want => {
                Err(Error::Mismatch { want: *want, got })
            }
            (result, _) => result,
        };
        if let Err(error @ (Error::Changed { .. } | Error::Mismatch { .. })) = digest {
            drop(file);
            forget(&store, &job.key).await?;
            return Err(error);
        }
        let digest = digest?;
        if let Err(error) = file.sync().await {
            return Err(store.explain(error, job.size).await);
        }
        drop(file);
        if let Err(error) = store.io().rename(&part, &StorePath::blob(&digest)).await {
            return Err(store.explain(error, 0).await);
        }
        store.try_remove(&StorePath::journal(&job.key)).await?;
        Ok((digest, job.size))
    }

    /// Fetches what is missing with several connections; returns the digest of the whole.
    async fn fetch_all(&self) -> Result<Digest, Error> {
        let n = if self.job.has_ranges { self.job.tuning.connections.max(1) } else { 1 };
        self.n_active.set(n);
        let connections = try_join_all((0..n).map(|_| self.work()));
        Ok(try_join(connections, self.hash_in_order()).await?.1)
    }

    /// The digest of the whole, following the pieces as they are done.
    async fn hash_in_order(&self) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        let n_pieces = self.pieces.borrow().len();
        for index in 0..n_pieces {
            while !self.pieces.borrow().is_done(index) {
                self.bell.wait().await;
            }
            let range = self.pieces.borrow().range(index);
            let clock = self.store.clock();
            let read = read_pieces(clock, &self.file, range, |bytes| hasher.update(bytes));
            read.await.map_err(|error| read_error(&self.part, &error))?;
        }
        Ok(hasher.finish())
    }

    /// Records a piece whose bytes are written.
    pub(crate) async fn record(&self, index: u64, digest: &Digest) -> Result<(), Error> {
        let appended = self.journal.borrow_mut().append(index, digest);
        if let Err(error) = appended {
            return Err(self.full(error).await);
        }
        self.pieces.borrow_mut().set_done(index);
        self.bell.ring();
        Ok(())
    }

    /// An error of the file system, with what the rest of this download needs.
    pub(crate) async fn full(&self, error: crate::io::IoError) -> Error {
        let need = match error.kind {
            IoKind::Full => self.job.size.saturating_sub(self.meter.completed()),
            _ => 0,
        };
        self.store.explain(error, need.max(1)).await
    }
}

/// Wakes the one that waits.
#[derive(Default)]
struct Bell {
    rang: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
}

impl Bell {
    fn ring(&self) {
        self.rang.set(true);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|context| {
            if self.rang.replace(false) {
                return Poll::Ready(());
            }
            *self.waiting.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
