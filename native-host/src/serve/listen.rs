//! Listening: done before anything else is made, so that a taken port is said at once.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::address::HostAddress;
use super::error::ServeError;
use super::http::MAX_CONNECTIONS;

/// Files besides connections: models' blobs, logs, the runtime's own.
const OTHER_FILES: u64 = 1024;

/// Listens; returns also where, since port 0 takes a free one.
///
/// # Errors
/// [`ServeError::InUse`], [`ServeError::Listen`].
pub fn listen(address: &HostAddress) -> Result<(TcpListener, SocketAddr), ServeError> {
    allow_connections();
    let bind = || {
        let listener = TcpListener::bind((address.listen_host(), address.port))?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse(address.clone()),
        _ => ServeError::Listen { address: address.clone(), source },
    })
}

/// Raises the soft limit of open files, which many systems set to 1024 for the sake of programs
/// that keep files in bit sets. What the system does not give, connections wait for.
fn allow_connections() {
    let wanted = MAX_CONNECTIONS as u64 + OTHER_FILES;
    if let Err(error) = rlimit::increase_nofile_limit(wanted) {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
