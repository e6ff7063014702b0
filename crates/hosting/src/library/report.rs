//! Work that reports while it goes on, as the stream the router wants.
//!
//! The work runs only while somebody asks for its next line, on the same thread, and ends with the
//! stream that is dropped. Lines about one step that came between two questions become one, so a
//! slow reader costs no memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::rc::Rc;
use std::task::Poll;

use api::host::{LibraryError, ProgressStream};
use api::types::ollama::{Progress, Retry};
use futures_util::{StreamExt, stream};

/// Where work says how far it is.
#[derive(Clone, Default)]
pub struct Reporter(Rc<RefCell<VecDeque<Progress>>>);

impl Reporter {
    /// A line of the store.
    pub fn store(&self, line: store::Progress) {
        let store::Progress { status, digest, total, completed, retry } = line;
        let digest = digest.map(|digest| digest.to_string());
        let retry = retry.map(|store::Retry { attempt, of, wait_ms, is_busy }| Retry {
            attempt,
            of,
            wait_ms,
            busy: is_busy,
        });
        self.line(Progress { status, digest, total, completed, retry });
    }

    /// A step without numbers.
    pub fn step(&self, status: impl Into<String>) {
        self.line(Progress::status(status));
    }

    /// A step with a number, in Ollama's form: its client draws a bar only where there is a digest.
    pub fn part(&self, status: &str, total: u64, completed: u64) {
        let digest = Some("0".repeat(19));
        let (status, total, completed) = (status.to_owned(), Some(total), Some(completed));
        self.line(Progress { status, digest, total, completed, retry: None });
    }

    fn line(&self, line: Progress) {
        let mut lines = self.0.borrow_mut();
        match lines.back_mut().filter(|last| last.status == line.status) {
            Some(last) => *last = line,
            None => lines.push_back(line),
        }
    }
}

/// The lines of `work`, then its error if it fails.
pub fn reports<F>(work: impl FnOnce(Reporter) -> F) -> ProgressStream
where
    F: Future<Output = Result<(), LibraryError>> + 'static,
{
    let reporter = Reporter::default();
    let lines = reporter.0.clone();
    let mut work = Some(Box::pin(work(reporter)));
    let mut failure = None;
    let next = move |context: &mut std::task::Context<'_>| {
        let is_idle = lines.borrow().is_empty();
        if let Some(running) = work.as_mut().filter(|_| is_idle)
            && let Poll::Ready(result) = running.as_mut().poll(context)
        {
            work = None;
            failure = result.err();
        }
        let line = lines.borrow_mut().pop_front();
        match line {
            Some(line) => Poll::Ready(Some(Ok(line))),
            None if work.is_some() => Poll::Pending,
            None => Poll::Ready(failure.take().map(Err)),
        }
    };
    stream::poll_fn(next).boxed_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(stream: ProgressStream) -> Vec<Result<(String, Option<u64>), LibraryError>> {
        let short = |item: Result<Progress, _>| item.map(|line| (line.status, line.completed));
        pollster::block_on(stream.map(short).collect())
    }

    #[test]
    fn lines_come_in_order_and_the_error_last() {
        let blob = |done| store::Progress::blob("pulling", store::Digest::of(b""), 9, done);
        let stream = reports(|say| async move {
            say.step("a");
            say.store(blob(1));
            say.store(blob(5));
            pending_once().await;
            say.store(blob(9));
            say.step("b");
            Err(LibraryError::Failed("no".into()))
        });
        let pulling = blob(0).status;
        let wanted = vec![
            Ok(("a".to_owned(), None)),
            Ok((pulling.clone(), Some(5))),
            Ok((pulling, Some(9))),
            Ok(("b".to_owned(), None)),
            Err(LibraryError::Failed("no".into())),
        ];
        assert_eq!(collect(stream), wanted);
    }

    /// Pending once, so that the stream is asked again.
    async fn pending_once() {
        let mut is_second = false;
        std::future::poll_fn(move |context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn a_dropped_stream_drops_its_work() {
        let alive = Rc::new(());
        let held = alive.clone();
        let mut stream = reports(|say| async move {
            say.step("begun");
            std::future::pending::<()>().await;
            drop(held);
            Ok(())
        });
        let first = pollster::block_on(stream.next());
        assert_eq!(first, Some(Ok(Progress::status("begun"))));
        assert_eq!(Rc::strong_count(&alive), 2);
        drop(stream);
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
