//! Buffers that are allocated once at load: 64-byte aligned, failing with an error and not an
//! abort, and shared between threads that write disjoint parts.
//!
//! Why not `Vec<f32>` behind locks: every op writes disjoint rows from all threads between two
//! barriers, so a lock would guard nothing and split borrows cannot be expressed per op.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::PlayerError;

/// Alignment of a cache line, so that no kernel load straddles two.
const LINE_ALIGN: usize = 64;
/// From this size on a buffer is aligned to huge pages and asks for them: reading 1 GB through
/// 4 KiB pages costs 15-30 % on virtual machines (page walks), and nothing elsewhere.
const HUGE_PAGE: usize = 2 << 20;

/// Plain number types a [`Buffer`] may hold: any bit pattern is a value, alignment at most 64.
pub trait Number: Copy + Send + Sync {}
impl Number for f32 {}
impl Number for i32 {}
impl Number for i16 {}
impl Number for u16 {}
impl Number for i8 {}
impl Number for u8 {}

/// One allocation, given back when the last of its buffers goes.
struct Block {
    /// The first aligned byte of it, and the bytes from there on.
    start: NonNull<u8>,
    n_bytes: usize,
    allocated: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block is memory and nothing else; its buffers say who may touch what.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    fn new(n_bytes: usize, what: &str) -> Result<Arc<Self>, PlayerError> {
        let memory = || shortage(n_bytes as u64, what);
        let align = if n_bytes >= 2 * HUGE_PAGE { HUGE_PAGE } else { LINE_ALIGN };
        // Aligned by hand: asked for an alignment, the allocator writes the zeros itself, on one
        // thread; without one, large blocks are fresh pages, zeroed when a thread first writes.
        let n_block = n_bytes.checked_next_multiple_of(align).and_then(|n| n.checked_add(align));
        let layout = n_block.and_then(|n| Layout::from_size_align(n, 1).ok()).ok_or_else(memory)?;
        // SAFETY: the layout is not empty.
        let allocated = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(memory)?;
        let skip = allocated.addr().get().next_multiple_of(align) - allocated.addr().get();
        // SAFETY: the block is `align` bytes longer than what is used of it.
        let start = unsafe { allocated.add(skip) };
        if align == HUGE_PAGE {
            ask_for_huge_pages(start, layout.size() - align);
        }
        Ok(Arc::new(Block { start, n_bytes, allocated, layout }))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout.
        unsafe { dealloc(self.allocated.as_ptr(), self.layout) };
    }
}

/// Size of an [`Arena`]'s blocks: large against a huge page, small against a model.
const ARENA_BLOCK: usize = 64 << 20;

/// Gives out buffers of a few large blocks, so that buffers below the size of a huge page lie in
/// huge pages too: on a virtual machine, matrices of 2 MB in small pages were read at 60 % of the
/// speed of larger ones.
pub struct Arena {
    block: Option<Arc<Block>>,
    n_used: usize,
    /// Bytes still to be asked for, as far as known.
    n_left: usize,
}

impl Arena {
    /// For buffers of about `n_bytes` in all.
    pub fn new(n_bytes: u64) -> Arena {
        let n_left = usize::try_from(n_bytes).unwrap_or(usize::MAX);
        Arena { block: None, n_used: 0, n_left }
    }

    /// `len` zeros for `what`.
    pub fn buffer<T: Number>(&mut self, len: usize, what: &str) -> Result<Buffer<T>, PlayerError> {
        let n_bytes = n_bytes_of::<T>(len, what)?;
        let block = match &self.block {
            Some(block) if n_bytes <= block.n_bytes - self.n_used => block,
            _ => {
                self.n_used = 0;
                let size = n_bytes.max(ARENA_BLOCK.min(self.n_left));
                let size = size.checked_next_multiple_of(LINE_ALIGN);
                let size = size.ok_or_else(|| shortage(n_bytes as u64, what))?;
                self.block.insert(Block::new(size, what)?)
            }
        };
        // SAFETY: in the block; both numbers are multiples of the alignment.
        let start = unsafe { block.start.add(self.n_used) };
        let buffer = Buffer { start: start.cast(), len, _block: Arc::clone(block) };
        // Blocks are whole lines, so rounding up stays inside.
        self.n_used += n_bytes.next_multiple_of(LINE_ALIGN);
        self.n_left = self.n_left.saturating_sub(n_bytes);
        Ok(buffer)
    }
}

/// Bytes of `len` numbers.
fn n_bytes_of<T: Number>(len: usize, what: &str) -> Result<usize, PlayerError> {
    len.checked_mul(size_of::<T>()).ok_or_else(|| shortage(u64::MAX, what))
}

/// A fixed-size, zero-initialized, 64-byte aligned array shared between threads.
pub struct Buffer<T: Number> {
    start: NonNull<T>,
    len: usize,
    /// Where it lies, which must live as long.
    _block: Arc<Block>,
}

// SAFETY: the buffer owns its part of the block, and numbers are Send.
unsafe impl<T: Number> Send for Buffer<T> {}
// SAFETY: numbers are Sync; all shared mutation goes through `slice_mut`/`ptr`, whose callers
// promise disjoint ranges between barriers.
unsafe impl<T: Number> Sync for Buffer<T> {}

impl<T: Number> Buffer<T> {
    /// Allocates `len` zeros for `what`.
    pub fn new(len: usize, what: &str) -> Result<Self, PlayerError> {
        let block = Block::new(n_bytes_of::<T>(len, what)?, what)?;
        Ok(Buffer { start: block.start.cast(), len, _block: block })
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        (self.len * size_of::<T>()) as u64
    }

    /// Start of the array. Writing through it follows the rule of [`Buffer::slice_mut`].
    pub fn ptr(&self) -> *mut T {
        self.start.as_ptr()
    }

    /// All elements, exclusively.
    pub fn all_mut(&mut self) -> &mut [T] {
        // SAFETY: `&mut self` makes this the only access; the memory is `len` initialized numbers.
        unsafe { std::slice::from_raw_parts_mut(self.ptr(), self.len) }
    }

    /// Elements `range`.
    ///
    /// # Safety
    /// No thread writes any of them while the slice lives.
    pub unsafe fn slice(&self, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len, "range beyond the buffer");
        // SAFETY: in bounds (asserted), initialized; no writer by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr().add(range.start), range.len()) }
    }

    /// Elements `range`, to write.
    ///
    /// # Safety
    /// No other thread reads or writes any of them while the slice lives.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn slice_mut(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "range beyond the buffer");
        // SAFETY: in bounds (asserted), initialized; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr().add(range.start), range.len()) }
    }
}

/// What [`limit_memory`] said last.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Tells players made from now on that this process may hold at most so many bytes, where the host
/// knows of a limit below the machine's memory (a container's).
pub fn limit_memory(n_bytes: u64) {
    LIMIT.store(n_bytes, Ordering::Relaxed);
}

/// The least of what the machine has and what the host allows.
fn memory_bound() -> u64 {
    installed_memory().min(LIMIT.load(Ordering::Relaxed))
}

/// Fails early if `need` bytes for `what` cannot be held, before anything is allocated or read.
pub fn check(need: u64, what: &str) -> Result<(), PlayerError> {
    if need > memory_bound() || !can_allocate(need) {
        return Err(shortage(need, what));
    }
    Ok(())
}

/// The error, with the largest power-of-two share of `need` that could be had.
fn shortage(need: u64, what: &str) -> PlayerError {
    let mut have = (need / 2).min(memory_bound());
    while have > 0 && !can_allocate(have) {
        have /= 2;
    }
    PlayerError::Memory { device: "cpu".into(), what: what.into(), need, have }
}

/// Asks the allocator without touching the memory. Not in WebAssembly, where memory that was once
/// grown is never given back; there the allocations themselves find out.
fn can_allocate(n_bytes: u64) -> bool {
    let layout = usize::try_from(n_bytes.max(1)).map(|n| Layout::from_size_align(n, LINE_ALIGN));
    let Ok(Ok(layout)) = layout else { return false };
    if cfg!(target_arch = "wasm32") {
        return true;
    }
    // SAFETY: the layout is not empty, and the block is given back unused.
    unsafe {
        let block = alloc(layout);
        if block.is_null() {
            return false;
        }
        dealloc(block, layout);
    }
    true
}

/// Bytes of RAM, where the system tells without reading files.
#[cfg(target_os = "linux")]
fn installed_memory() -> u64 {
    // SAFETY: no preconditions.
    let (n_pages, page) =
        unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    match (u64::try_from(n_pages), u64::try_from(page)) {
        (Ok(n_pages), Ok(page)) if n_pages > 0 => n_pages.saturating_mul(page),
        _ => u64::MAX,
    }
}

#[cfg(not(target_os = "linux"))]
fn installed_memory() -> u64 {
    u64::MAX
}

#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<u8>, n_bytes: usize) {
    // SAFETY: the range is ours; the call is advice only, so its result does not matter.
    unsafe { libc::madvise(start.as_ptr().cast(), n_bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<u8>, _: usize) {}
