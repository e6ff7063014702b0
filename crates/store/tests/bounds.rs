//! Memory and processes: a large pull onto a real disk holds little memory, and of eight
//! processes that want the same model one transfers it.
//!
//! The allocator counts, so this test is alone in its program.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::{Real, Server};
use pollster::block_on;
use store::{Client, FsIo, Name, RegistryAccess, Store};

/// Counts what is allocated now and at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: see above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn pull(root: &Path, server: &Server) {
    let store = Store::new(FsIo::new(root), Real(Instant::now()));
    let client = Client::new(store, server.clone());
    let name: Name = "m".parse().unwrap();
    block_on(client.pull(&name, RegistryAccess::default(), |_| ())).unwrap();
    assert!(block_on(client.store().get(&name)).is_ok());
}

#[test]
fn a_large_pull_holds_little_memory_and_eight_pulls_are_one_transfer() {
    const MIB: u64 = 1 << 20;
    let large = Server::new(160 * MIB);
    let folder = tempfile::tempdir().unwrap();
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    pull(&folder.path().join("large"), &large);
    let most = MOST.load(Ordering::Relaxed) - before;
    // Four connections with a buffer of 1 MiB each, one to hash: nothing grows with the file.
    assert!(most < (16 << 20), "{most} bytes");
    assert_eq!(large.sent.load(Ordering::Relaxed), large.size);

    let server = Server::new(24 * MIB);
    let root = folder.path().join("shared");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (root, server) = (root.clone(), server.clone());
            std::thread::spawn(move || pull(&root, &server))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(server.sent.load(Ordering::Relaxed), server.size);
    let store = Store::new(FsIo::new(&root), Real(Instant::now()));
    assert!(block_on(store.verify(None, |_| ())).unwrap().is_good());
}
