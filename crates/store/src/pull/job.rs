//! One download: lock, resume, fetch, verify, name.
//!
//! The whole digest is computed while pieces arrive, in order, by reading back what was written;
//! so it is ready when the last piece is, and it is the digest of what lies on the disk and not of
//! what came through the network.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::future::{try_join, try_join_all};
use gguf::ByteSource;
use url::Url;

use super::journal::{Claim, Journal, lines_in};
use super::piece_sum::{PieceSum, sum_of};
use super::pieces::{Pieces, Tuning};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::Fetch;
use crate::io::{Access, BlobFile, BlobIo, IoKind};
use crate::limits::LOCK_POLL_MS;
use crate::path::{PartKey, StorePath};
use crate::registry::origin::Origin;
use crate::store::{Store, read_error};
use crate::sum::{Summing, add_range};
use crate::waits::Waits;

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
    /// What the whole download waits for.
    pub(crate) waits: Waits,
}

impl Meter {
    pub(crate) fn completed(&self) -> u64 {
        self.completed.get()
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.completed.set(self.completed.get().saturating_add(bytes));
        self.waits.end();
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
    /// When the last byte came, by the store's clock.
    pub moved_ms: Cell<u64>,
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
            return Ok(match came_before(store, job).await? {
                Some(digest) => Turn::Done(digest),
                None => Turn::Ours(lock),
            });
        }
        // The other process's record shows how far it is. The last piece counts only as the blob.
        if let Some(stat) = store.io().stat(&StorePath::journal(&job.key)).await? {
            let done = lines_in(stat.len).saturating_mul(piece);
            meter.at_least(done.min(job.size.saturating_sub(1)));
        }
        store.clock().sleep_ms(LOCK_POLL_MS).await;
    }
}

/// The blob that an address was downloaded to before, in this version, perhaps by somebody else
/// while we waited.
async fn came_before<I: BlobIo, F, C: Clock>(
    store: &Store<I, C>,
    job: &Job<F, C>,
) -> Result<Option<Digest>, Error> {
    let path = StorePath::journal(&job.key);
    let is_by_address = matches!(job.key, PartKey::Url(_)) && !job.validator.is_empty();
    if !is_by_address || store.io().stat(&path).await?.is_none() {
        return Ok(None);
    }
    let piece = Pieces::new(job.size, &job.tuning).piece_bytes();
    let record = store.io().open(&path, Access::Write).await?;
    let (_, claims) = Journal::open(record, job.size, piece, &job.validator)?;
    let whole = claims.iter().find_map(Claim::whole);
    let Some(digest) = whole else { return Ok(None) };
    Ok(store.has_blob(&digest, job.size).await?.then_some(digest))
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
    for (index, claimed) in claims.iter().filter_map(Claim::piece) {
        let range = pieces.range(index);
        let is_new = index < pieces.len() && !pieces.is_done(index);
        if is_new && sum_of(store.clock(), &file, range.clone()).await == Some(claimed) {
            pieces.set_done(index);
            verified += range.end - range.start;
            meter.at_least(verified);
        }
    }
    store.check_space(job.size - verified).await?;
    let (pieces, journal) = (RefCell::new(pieces), RefCell::new(journal));
    let (n_active, is_resumed, bell) = (Cell::new(0), verified > 0, Bell::default());
    let moved_ms = Cell::new(store.clock().now_ms());
    Ok(Download {
        store,
        job,
        meter,
        part,
        file,
        pieces,
        journal,
        n_active,
        moved_ms,
        is_resumed,
        bell,
    })
}

impl<I: BlobIo, F: Fetch, C: Clock> Download<I, F, C> {
    /// Fetches what is missing and gives the blob its name; wrong bytes are deleted.
    async fn finish(self) -> Result<(Digest, u64), Error> {
        let result = self.fetch_all().await;
        let Download { store, job, part, file, journal, .. } = self;
        let digest = match (result, &job.key) {
            (Ok(got), PartKey::Blob(want)) if got != *want => {
                Err(Error::Mismatch { want: *want, got })
            }
            (result, _) => result,
        };
        if let Err(error @ (Error::Changed { .. } | Error::Mismatch { .. })) = digest {
            drop((file, journal));
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
        let is_by_address = matches!(job.key, PartKey::Url(_));
        if is_by_address && journal.into_inner().close(&digest).is_ok() {
            return Ok((digest, job.size));
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
        let mut sum = self.store.io().sum(self.job.size);
        let n_pieces = self.pieces.borrow().len();
        let failed = |error| read_error(&self.part, &error);
        for index in 0..n_pieces {
            while !self.pieces.borrow().is_done(index) {
                self.bell.wait().await;
            }
            let range = self.pieces.borrow().range(index);
            let clock = self.store.clock();
            add_range(clock, &mut sum, &self.file, range, |_| ()).await.map_err(failed)?;
        }
        Ok(sum.finish(&self.file).await.map_err(failed)?)
    }

    /// Records a piece whose bytes are written.
    pub(crate) async fn record(&self, index: u64, sum: PieceSum) -> Result<(), Error> {
        let appended = self.journal.borrow_mut().append(&Claim::Piece(index, sum));
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
