//! One download for everybody who wants the same bytes.
//!
//! The download is a shared future: whoever waits drives it, and it ends when nobody waits any
//! more. So a client that goes away takes nothing from the others, and there is no task to clean
//! up after.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared, WeakShared};

use super::job::{Job, Meter, run};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::Fetch;
use crate::io::BlobIo;
use crate::path::PartKey;
use crate::progress::Retry;
use crate::store::Store;

type Done = Result<(Digest, u64), Error>;
type Running = LocalBoxFuture<'static, Done>;

/// A download that ends when nobody holds it any more, and how far it is.
type Known = (WeakShared<Running>, Rc<Meter>);

/// The downloads that run now.
#[derive(Default)]
pub(crate) struct Downloads(RefCell<HashMap<PartKey, Known>>);

/// Time between two lines of progress about one download, milliseconds.
const PROGRESS_MS: u64 = 100;

/// Lines of progress per download that are written whatever the time.
const PROGRESS_STEPS: u64 = 50;

impl Downloads {
    /// Joins the download of the job's bytes or begins it; `progress` hears how many bytes are
    /// here, now and then, and never fewer than before, and of waits when they begin and end.
    pub(crate) async fn join<I: BlobIo, F: Fetch, C: Clock>(
        &self,
        store: &Store<I, C>,
        job: Job<F, C>,
        mut progress: impl FnMut(u64, Option<Retry>),
    ) -> Done {
        let (key, size) = (job.key.clone(), job.size);
        let (download, meter) = self.join_or_begin(store, job);
        let mut download = pin!(download);
        let mut last = (0, store.clock().now_ms());
        let mut told = None;
        progress(0, None);
        let done = poll_fn(|context| {
            let polled = download.as_mut().poll(context);
            let (now, now_ms) = (meter.completed().min(size), store.clock().now_ms());
            let is_due = now_ms >= last.1 + PROGRESS_MS || now - last.0 > size / PROGRESS_STEPS;
            let wait = meter.waits.now();
            if now > last.0 && is_due || wait != told {
                (last, told) = ((now, now_ms), wait);
                progress(now, wait.map(|wait| wait.seen_at(now_ms)));
            }
            polled
        })
        .await;
        // Whoever asks from now on begins anew, after a failure too.
        let mut running = self.0.borrow_mut();
        if running.get(&key).is_some_and(|(_, other)| Rc::ptr_eq(other, &meter)) {
            running.remove(&key);
        }
        drop(running);
        if done.is_ok() {
            progress(size, None);
        }
        done
    }

    fn join_or_begin<I: BlobIo, F: Fetch, C: Clock>(
        &self,
        store: &Store<I, C>,
        job: Job<F, C>,
    ) -> (Shared<Running>, Rc<Meter>) {
        let mut running = self.0.borrow_mut();
        running.retain(|_, (download, _)| download.upgrade().is_some());
        if let Some((download, meter)) = running.get(&job.key)
            && let Some(download) = download.upgrade()
        {
            return (download, meter.clone());
        }
        let (key, meter) = (job.key.clone(), Rc::new(Meter::default()));
        let download = run(store.clone(), job, meter.clone()).boxed_local().shared();
        if let Some(weak) = download.downgrade() {
            running.insert(key, (weak, meter.clone()));
        }
        (download, meter)
    }
}
