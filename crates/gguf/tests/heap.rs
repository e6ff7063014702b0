//! How much memory a file can make the reader take: at most four times its header and 1 MiB.
//!
//! A counting allocator watches the peak; it needs a test binary of its own with one test in it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use common::{File, array, info, kv, string, v0};
use gguf::{ByteSource, Gguf, Limits};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn grew(by: usize) {
    let now = NOW.fetch_add(by, Relaxed) + by;
    PEAK.fetch_max(now, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        NOW.fetch_sub(layout.size(), Relaxed);
        grew(size);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Peak of memory while the file is opened, beyond what was there before.
fn peak(bytes: &[u8]) -> (usize, bool) {
    // The source is made before, so that only the reader is counted.
    let source: Vec<Box<dyn ByteSource>> = vec![Box::new(bytes.to_vec())];
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let opened = Gguf::open_with(source, &Limits::NATIVE);
    (PEAK.load(Relaxed) - before, opened.is_ok())
}

const MIB: usize = 1 << 20;

#[test]
fn memory_stays_within_four_headers_and_a_mebibyte() {
    for row in common::rows::all() {
        let (peak, _) = peak(&row.bytes);
        assert!(peak <= MIB + 4 * row.bytes.len(), "{}: {peak} bytes", row.id);
        let small = row.bytes.len() < 1000;
        assert!(!small || peak < MIB, "{}: {peak} bytes for {}", row.id, row.bytes.len());
    }
    let header_only = || File { infos: vec![], data: vec![], ..v0() };
    // The smallest parts a header can have, as many as it may.
    let keys = |i: u32| kv(&format!("{i:x}"), 0, &[0]);
    let tensors = |i: u32| info(format!("{i:x}").as_bytes(), &[], 0, u64::from(i) * 32);
    let strings = |n: u64, text: &[u8]| {
        header_only().kv("k", 9, &array(8, n, &string(text).repeat(n as usize)))
    };
    let cases = [
        ("keys", File { kvs: (0..65_536).map(keys).collect(), ..header_only() }),
        ("tensors", v0().tensors((0..65_536).map(tensors).collect()).data(65_536 * 32)),
        ("empty strings", strings(1 << 20, b"")),
        ("short strings", strings(1 << 20, b"x")),
        ("odd strings", strings(1 << 20, b"\xff")),
        ("numbers", header_only().kv("k", 9, &array(10, 1 << 20, &vec![1; 8 << 20]))),
        ("bytes", header_only().kv("k", 9, &array(0, 8 << 20, &vec![1; 8 << 20]))),
        ("text", header_only().kv("k", 8, &string(&vec![b'x'; 15 << 20]))),
    ];
    for (name, file) in cases {
        let (bytes, header) = (file.bytes(), file.header().len());
        let (peak, opened) = peak(&bytes);
        assert!(opened, "{name}");
        println!("{name}: header {header}, peak {peak}, {:.2} times", peak as f64 / header as f64);
        assert!(peak <= 4 * header + MIB, "{name}: {peak} bytes for a header of {header}");
    }
}
