//! A socket that gives up on a client who takes nothing or says nothing whole, and that puts words
//! to hyper's refusals.
//!
//! hyper bounds the time until a head is complete from the connection's start, idleness included,
//! and nothing else. A client that drips a head would hold its connection as long as one that is
//! idle may; one that is suspended, or unplugged, while an answer is written to it would hold a
//! model's slot until the system's own limit of many minutes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::limits::Limits;
use super::refusal;
use super::talk::Talk;

/// Bytes that are thrown away at a time when a connection ends.
const DISCARD_BYTES: usize = 16 << 10;

/// See the module's header.
pub struct Socket {
    stream: TcpStream,
    talk: Rc<Talk>,
    limits: Limits,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs from the first byte of a head until the head is complete: the number of requests
    /// changes then.
    head: Option<(u64, Pin<Box<Sleep>>)>,
    /// The first line of that head was seen to its end.
    has_line: bool,
    /// A head was begun and took too long.
    is_late: bool,
    /// What is written in place of hyper's own words, and how much of it was.
    own: Option<(Vec<u8>, usize)>,
}

impl Socket {
    /// A socket of the connection whose exchange `talk` follows.
    pub fn new(stream: TcpStream, talk: Rc<Talk>, limits: Limits) -> Socket {
        let (stalled, head, own) = (None, None, None);
        Socket { stream, talk, limits, stalled, head, has_line: false, is_late: false, own }
    }

    /// Whether the connection ended because a head took too long.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// Writes the answer for a status, unless something of the kind was written already.
    pub async fn refuse(&mut self, status: u16) {
        if self.own.is_none() {
            let answer = refusal::answer(status);
            // Whoever does not take it is gone.
            drop(timeout(self.limits.linger, self.stream.write_all(&answer)).await);
        }
    }

    /// Ends the connection so that the client can still read the last answer: a socket that is
    /// closed while bytes arrive at it resets the connection, and the answer with it.
    pub async fn close(mut self) {
        let discard = async {
            if self.stream.shutdown().await.is_ok() {
                let mut bytes = vec![0; DISCARD_BYTES];
                while self.stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
            }
        };
        drop(timeout(self.limits.linger, discard).await);
    }

    /// Passes a write's result on, and counts the time while there is none.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.limits.write;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        timer.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes `n_bytes` that hyper wrote by itself, and has our words written instead.
    fn replace(&mut self, head: &[u8], n_bytes: usize) -> Poll<io::Result<usize>> {
        // hyper does not tell an endless address from endless headers.
        let status = match refusal::status_of(head).unwrap_or(400) {
            431 if !self.has_line => 414,
            status => status,
        };
        self.own.get_or_insert_with(|| (refusal::answer(status), 0));
        Poll::Ready(Ok(n_bytes))
    }

    /// Follows a write of an answer's bytes.
    fn wrote(&mut self, n_bytes: usize, polled: &Poll<io::Result<usize>>) {
        let all = matches!(polled, Poll::Ready(Ok(n)) if *n == n_bytes);
        self.talk.wrote(all);
    }

    fn poll_own(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((bytes, done)) = &mut self.own {
            let rest = bytes.get(*done..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let polled = Pin::new(&mut self.stream).poll_write(context, rest);
            let n = match ready!(self.watch(context, polled))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => n,
            };
            if let Some((_, done)) = &mut self.own {
                *done += n;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.talk.reading();
        let n_begun = self.talk.n_begun();
        self.head.take_if(|(n, _)| *n != n_begun);
        if let Some((_, timer)) = &mut self.head
            && timer.as_mut().poll(context).is_ready()
        {
            self.is_late = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        self.has_line = (self.has_line && self.head.is_some()) || came.contains(&b'\n');
        if !came.is_empty() && self.talk.is_idle() && self.head.is_none() {
            let mut timer = Box::pin(sleep(self.limits.head));
            // Polled once, so that it wakes the connection when it is due.
            if timer.as_mut().poll(context).is_pending() {
                self.head = Some((n_begun, timer));
            }
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.talk.is_idle() {
            return self.replace(bytes, bytes.len());
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        let polled = self.watch(context, polled);
        self.wrote(bytes.len(), &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n_bytes = slices.iter().map(|slice| slice.len()).sum();
        if self.talk.is_idle() {
            let head = slices.first().map(|slice| &**slice).unwrap_or_default();
            return self.replace(head, n_bytes);
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let polled = self.watch(context, polled);
        self.wrote(n_bytes, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
