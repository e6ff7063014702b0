//! One connection of a download: asks for a run of pieces, writes them, tries again after a cut.
//!
//! A run that was cut goes on at the byte it was cut at. What counts as giving up is many tries in
//! a row during which nothing at all arrived, on this connection or another: a server that serves
//! one connection at a time, or cuts every megabyte, is slow and not broken.

use std::ops::Range;

use super::address::validator;
use super::job::Download;
use super::piece_sum::PieceHasher;
use crate::clock::{Clock, Patience};
use crate::error::Error;
use crate::fetch::{Body, Fetch, FetchError, Headers, Method, Response};
use crate::io::{BlobFile, BlobIo};
use crate::limits::{COPY_BYTES, QUIET_MS, STALL_MS, TRIES};
use crate::waits::Wait;

/// Where a connection stands in its run.
struct Cursor {
    /// Pieces it has taken.
    run: Range<u64>,
    /// The next byte to come.
    at: u64,
    /// Bytes that came and are not written yet; they end at `at`.
    buffer: Vec<u8>,
    /// Of the piece that is being received.
    hasher: PieceHasher,
}

/// What to do with a reply.
enum Reply {
    /// It begins at the cursor and ends with its run.
    Range,
    /// It is the whole file: skip what is not wanted, go on behind the run.
    Whole,
    /// The server cannot do ranges and other connections are at work: leave it to them.
    Leave,
}

impl<I: BlobIo, F: Fetch, C: Clock> Download<I, F, C> {
    /// Works until nothing is missing.
    pub(super) async fn work(&self) -> Result<(), Error> {
        loop {
            let Some(run) = self.pieces.borrow_mut().take() else { break };
            let at = self.pieces.borrow().range(run.start).start;
            let cursor = Cursor { run, at, buffer: Vec::new(), hasher: PieceHasher::default() };
            if !self.fetch_run(cursor).await? {
                break;
            }
        }
        self.n_active.set(self.n_active.get().saturating_sub(1));
        Ok(())
    }

    /// Fetches a run with as many tries as it takes; false if others shall do it.
    async fn fetch_run(&self, mut cursor: Cursor) -> Result<bool, Error> {
        let mut tries: u32 = 0;
        loop {
            let before = self.meter.completed();
            match self.try_run(&mut cursor).await {
                Ok(is_done) => {
                    if !is_done {
                        self.pieces.borrow_mut().give_back(cursor.run);
                    }
                    return Ok(is_done);
                }
                Err(error) if error.is_passing() => {
                    tries = if self.meter.completed() > before { 1 } else { tries + 1 };
                    if tries >= TRIES {
                        return Err(error);
                    }
                    if self.wait_for_try(tries + 1, &error).await {
                        tries = 0;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits before a try; true if other connections got something meanwhile. The wait is told when
    /// the whole download stands still.
    async fn wait_for_try(&self, attempt: u32, error: &Error) -> bool {
        let (clock, before) = (self.store.clock(), self.meter.completed());
        let until = clock.now_ms().saturating_add(error.wait_ms(attempt.saturating_sub(2)));
        let quiet_at = self.moved_ms.get().saturating_add(QUIET_MS);
        if quiet_at < until {
            clock.sleep_ms(quiet_at.saturating_sub(clock.now_ms())).await;
            if self.meter.completed() == before {
                self.meter.waits.begin(Wait::new(attempt, until, error));
            }
        }
        clock.sleep_ms(until.saturating_sub(clock.now_ms())).await;
        self.meter.completed() > before
    }

    async fn try_run(&self, cursor: &mut Cursor) -> Result<bool, Error> {
        let end = self.end_of(cursor);
        let mut headers = Headers::default();
        if self.job.has_ranges && (cursor.at > 0 || end < self.job.size) {
            headers.push("Range", format!("bytes={}-{}", cursor.at, end - 1));
            if !self.job.validator.is_empty() {
                headers.push("If-Range", self.job.validator.clone());
            }
        }
        let sent = self.job.origin.try_send(Method::Get, &self.job.url, &headers, &[]).await?;
        let (reply, response) = self.judge(cursor, sent).await?;
        match reply {
            Reply::Leave => Ok(false),
            Reply::Range => self.receive(cursor, response.body, cursor.at, false).await,
            Reply::Whole => self.receive(cursor, response.body, 0, true).await,
        }
    }

    fn end_of(&self, cursor: &Cursor) -> u64 {
        self.pieces.borrow().range(cursor.run.end.saturating_sub(1)).end
    }

    /// Is this what was asked for?
    async fn judge(
        &self,
        cursor: &Cursor,
        response: Response<F::Body>,
    ) -> Result<(Reply, Response<F::Body>), Error> {
        let host = self.job.origin.host();
        let size = self.job.size;
        match response.status {
            206 if is_coded(&response.headers) => {
                let reason = "it compresses parts of a file, which cannot be put together";
                Err(Error::protocol(&host, reason))
            }
            206 => {
                let header = response.headers.get("content-range").unwrap_or("");
                let (at, end) = (cursor.at, self.end_of(cursor));
                let is_right = content_range(header).is_some_and(|(from, to, total)| {
                    from == at && to < end && to >= from && total.is_none_or(|n| n == size)
                });
                if !is_right {
                    let asked = format!("bytes {at} to {} of {size}", end - 1);
                    let got = header.escape_debug();
                    let reason = format!("asked for {asked}, it answers with \"{got}\"");
                    return Err(Error::protocol(&host, reason));
                }
                self.check_version(&response)?;
                Ok((Reply::Range, response))
            }
            200 => {
                self.check_version(&response)?;
                let length = response.headers.number("content-length");
                let length = length.filter(|_| !is_coded(&response.headers));
                if let Some(n) = length.filter(|n| *n != size) {
                    let reason = format!("a file of {n} bytes where one of {size} was announced");
                    return Err(Error::protocol(&host, reason));
                }
                let others = self.n_active.get() > 1;
                let reply = if cursor.at > 0 && others { Reply::Leave } else { Reply::Whole };
                Ok((reply, response))
            }
            416 => {
                let at = cursor.at;
                let reason = format!("it says there is no byte {at} in a file of {size} bytes");
                Err(Error::protocol(&host, reason))
            }
            _ => Err(self.job.origin.status_error("the download", response).await),
        }
    }

    /// A file without a digest may have become another one since the download began.
    fn check_version(&self, response: &Response<F::Body>) -> Result<(), Error> {
        let (now, then) = (validator(&response.headers), &self.job.validator);
        // A range may come without its file's version; the whole file, asked for with one, may not.
        let is_silent = now.is_empty() && response.status == 206;
        match then.is_empty() || is_silent || now == *then {
            true => Ok(()),
            false => Err(Error::Changed { host: self.job.origin.host() }),
        }
    }

    /// Reads a body that begins at byte `position` of the file.
    async fn receive(
        &self,
        cursor: &mut Cursor,
        mut body: F::Body,
        mut position: u64,
        goes_on: bool,
    ) -> Result<bool, Error> {
        let (start, host) = (position, self.job.origin.host());
        let network = |error| Error::Network { host: host.clone(), error };
        let mut patience = Patience::new(self.store.clock(), STALL_MS);
        loop {
            let end = self.end_of(cursor);
            if cursor.at == end && !(goes_on && self.extend(cursor)) {
                break;
            }
            let want = if goes_on { self.job.size } else { end } - start;
            let cut = FetchError::Cut { got: position - start, want };
            let bytes = match patience.wait(body.next()).await {
                Some(Some(bytes)) => bytes.map_err(network)?,
                Some(None) => return Err(network(cut)),
                None => return Err(network(FetchError::Stalled(STALL_MS / 1000))),
            };
            let n = bytes.len() as u64;
            if n > want - (position - start) {
                let reason = format!("it goes on after the {want} bytes it should send");
                return Err(Error::protocol(&host, reason));
            }
            // Bytes before the cursor are here already (a whole file instead of a range).
            let known = usize::try_from(cursor.at - position.min(cursor.at)).unwrap_or(usize::MAX);
            self.take(cursor, bytes.get(known..).unwrap_or_default(), goes_on).await?;
            position += n;
        }
        // A file that goes on behind its size is another file.
        if position == self.job.size {
            let rest = patience.wait(body.next()).await;
            if matches!(rest, Some(Some(Ok(bytes))) if !bytes.is_empty()) {
                let reason = format!("the file has more than its {} bytes", self.job.size);
                return Err(Error::protocol(&host, reason));
            }
        }
        Ok(true)
    }

    /// Takes what follows a run, over pieces that are done, when the body has it anyway.
    fn extend(&self, cursor: &mut Cursor) -> bool {
        let mut pieces = self.pieces.borrow_mut();
        let mut next = cursor.run.end;
        while pieces.is_done(next) {
            next += 1;
        }
        match pieces.take_from(next) {
            Some(run) => {
                cursor.at = pieces.range(run.start).start;
                cursor.run = run;
                true
            }
            None => false,
        }
    }

    /// Takes bytes that begin at the cursor, and may go on behind its run.
    async fn take(
        &self,
        cursor: &mut Cursor,
        mut bytes: &[u8],
        goes_on: bool,
    ) -> Result<(), Error> {
        while !bytes.is_empty() {
            if cursor.at == self.end_of(cursor) {
                let before = cursor.at;
                if !goes_on || !self.extend(cursor) {
                    break;
                }
                let skipped = usize::try_from(cursor.at - before).unwrap_or(usize::MAX);
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let index = self.pieces.borrow().index(cursor.at);
            let piece_end = self.pieces.borrow().range(index).end;
            let room = COPY_BYTES.saturating_sub(cursor.buffer.len());
            let n = usize::try_from(piece_end - cursor.at).unwrap_or(room).min(room);
            let (now, later) = bytes.split_at(n.min(bytes.len()));
            cursor.buffer.extend_from_slice(now);
            cursor.hasher.update(now);
            cursor.at += now.len() as u64;
            self.meter.add(now.len() as u64);
            self.moved_ms.set(self.store.clock().now_ms());
            bytes = later;
            let is_end = cursor.at == piece_end;
            if is_end || cursor.buffer.len() >= COPY_BYTES {
                self.flush(cursor).await?;
            }
            if is_end {
                let sum = cursor.hasher.take();
                self.record(index, sum).await?;
            }
        }
        Ok(())
    }

    async fn flush(&self, cursor: &mut Cursor) -> Result<(), Error> {
        let start = cursor.at - cursor.buffer.len() as u64;
        match self.file.write_at(start, &cursor.buffer) {
            Ok(()) => {
                cursor.buffer.clear();
                Ok(())
            }
            Err(error) => Err(self.full(error).await),
        }
    }
}

/// True for a body that was compressed for the way; its length is then another one.
pub(super) fn is_coded(headers: &Headers) -> bool {
    headers.get("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
}

/// Reads `bytes 0-99/1000`: first and last byte, and the total if it is said.
pub(super) fn content_range(header: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((first.parse().ok()?, last.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let rows = [
            ("bytes 0-99/1000", Some((0, 99, Some(1000)))),
            ("bytes 5-5/*", Some((5, 5, None))),
            ("bytes */1000", None),
            ("bytes 0-99", None),
            ("items 0-9/10", None),
            ("bytes -1-5/10", None),
            ("bytes 0-18446744073709551616/1", None),
            ("", None),
        ];
        for (header, wanted) in rows {
            assert_eq!(content_range(header), wanted, "{header}");
        }
    }
}
