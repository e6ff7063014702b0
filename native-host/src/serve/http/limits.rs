//! Bounds that only a transport can hold: what a client may send before there is a request, and
//! how long it may take over it. Bounds on the bodies themselves are the router's.

use std::time::Duration;

/// Bytes of a request line and its headers: four times what browsers send, and room for a path of
/// the router's 8 KiB. hyper answers 431 above it; it looks after each
/// read, so a head may be longer by what the last read brought, at most as much again.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// Headers of a request; browsers send about 25, proxies add ten. hyper answers 431 above it.
pub const MAX_HEADERS: usize = 100;

/// Connections at a time; more wait in the system's queue until one ends. Four times the requests
/// that may wait for a model, and at some 30 KiB each about 60 MiB.
pub const MAX_CONNECTIONS: usize = 2048;

/// Time that a connection may be idle, from its start or the end of the last answer. Longer than
/// clients keep theirs for reuse (4 to 20 s), so that seldom a request meets a connection that is
/// being closed.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Time for the head of a request, from its first byte: it fits a few packets.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Time that a body may be waited for, besides what [`MIN_BODY_SPEED`] allows it.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bytes per second that a body must come with in the mean: below the slowest modem, far above a
/// client that sends a byte now and then to hold a connection.
pub const MIN_BODY_SPEED: u64 = 1024;

/// Time that a client may take no byte of its answer although there are some: it is gone without
/// a word, or stopped; what works for it holds a model's slot.
const WRITE_TIME: Duration = Duration::from_secs(60);

/// Time for running answers after the server was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Time after that for those that are cut to say so.
const CUT_TIME: Duration = Duration::from_secs(1);

/// Time that the rest of a client's bytes is thrown away for when its connection ends, so that it
/// can read the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// The bounds on times and numbers, as values so that tests need not wait half a minute.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time without a request.
    pub idle: Duration,
    /// Time for a request's head.
    pub head: Duration,
    /// Time for a request's body, besides that for its bytes.
    pub body: Duration,
    /// Time without a byte written.
    pub write: Duration,
    /// Time for running answers at the end.
    pub grace: Duration,
    /// Time for those that are cut then.
    pub cut: Duration,
    /// Time for a client's last bytes.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: MAX_CONNECTIONS,
            idle: IDLE_TIME,
            head: HEAD_TIME,
            body: BODY_TIME,
            write: WRITE_TIME,
            grace: GRACE,
            cut: CUT_TIME,
            linger: LINGER,
        }
    }
}
