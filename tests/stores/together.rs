//! Several processes want one model at the same moment: it comes once.

use std::path::Path;

use tests::scratch::Scratch;

use crate::models::{assert_intact, blobs, digest, import, noise};
use crate::proxy::Proxy;
use crate::serve::Serve;

/// Processes at a time.
const PROCESSES: usize = 8;

/// Bytes that are no blob: heads and a manifest for each process.
const HEADS: u64 = 64 << 10;

const MODEL: &str = "me/noise:1b";

/// A server that others pull this model from; all bytes go through the proxy.
fn registry(root: &Path) -> (Serve, Proxy, u64) {
    import(root, MODEL, noise(24, 5));
    let server = Serve::start_with(root, &["--registry"], &[]);
    let proxy = Proxy::counting(&server.address);
    (server, proxy, blobs(root).1)
}

/// Runs `ingle pull` once for each of these servers, all at once.
fn pull_at_once<'a>(servers: impl Iterator<Item = &'a Serve>, name: &str) {
    std::thread::scope(|scope| {
        for server in servers {
            scope.spawn(|| {
                let pulled = server.ingle(&["pull", "--insecure", name]);
                assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
            });
        }
    });
}

fn assert_came_once(root: &Path, name: &str, proxy: &Proxy, size: u64) {
    assert_intact(root, "pulled");
    let name = format!("{}/{MODEL}", name);
    assert!(digest(root, &name).starts_with("sha256:"));
    assert_eq!(blobs(root).1, size);
    assert!(proxy.down() <= size + HEADS, "{} bytes came for {size}", proxy.down());
}

#[test]
fn eight_commands_at_one_server_share_one_download() {
    let scratch = Scratch::new();
    let (_registry, proxy, size) = registry(&scratch.path("registry"));
    let root = scratch.path("store");
    let server = Serve::start(&root);
    let name = format!("{}/{MODEL}", proxy.address);
    pull_at_once(std::iter::repeat_n(&server, PROCESSES), &name);
    assert_came_once(&root, &proxy.address, &proxy, size);
}

#[test]
fn eight_servers_of_one_store_share_one_download() {
    let scratch = Scratch::new();
    let (_registry, proxy, size) = registry(&scratch.path("registry"));
    let root = scratch.path("store");
    let servers: Vec<Serve> = (0..PROCESSES).map(|_| Serve::start(&root)).collect();
    let name = format!("{}/{MODEL}", proxy.address);
    pull_at_once(servers.iter(), &name);
    assert_came_once(&root, &proxy.address, &proxy, size);
}
