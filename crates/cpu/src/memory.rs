//! Buffers that are allocated once at load: 64-byte aligned, failing with an error and not an
//! abort, and shared between threads that write disjoint parts.
//!
//! Why not `Vec<f32>` behind locks: every op writes disjoint rows from all threads between two
//! barriers, so a lock would guard nothing and split borrows cannot be expressed per op.

use std::cell::UnsafeCell;
use std::ops::Range;

use kernels::PlayerError;

/// One cache line: the unit of allocation, so that every buffer starts on one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

/// Plain number types a [`Buffer`] may hold: any bit pattern is a value, alignment at most 64.
pub trait Number: Copy + Send + Sync {}
impl Number for f32 {}
impl Number for i32 {}
impl Number for i16 {}
impl Number for u16 {}
impl Number for i8 {}
impl Number for u8 {}

/// A fixed-size, zero-initialized, 64-byte aligned array shared between threads.
pub struct Buffer<T: Number> {
    lines: Box<[UnsafeCell<CacheLine>]>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

// SAFETY: numbers are Send + Sync; all shared mutation goes through `slice_mut`/`ptr`, whose
// callers promise disjoint ranges between barriers.
unsafe impl<T: Number> Sync for Buffer<T> {}

impl<T: Number> Buffer<T> {
    /// Allocates `len` zeros for `what`.
    pub fn new(len: usize, what: &str) -> Result<Self, PlayerError> {
        let n_bytes = len.checked_mul(size_of::<T>());
        let memory = |need: usize| PlayerError::Memory {
            device: "cpu".into(),
            what: what.into(),
            need: need as u64,
            have: 0,
        };
        let n_lines = n_bytes.ok_or_else(|| memory(usize::MAX))?.div_ceil(64);
        let mut lines: Vec<UnsafeCell<CacheLine>> = Vec::new();
        lines.try_reserve_exact(n_lines).map_err(|_| memory(n_lines * 64))?;
        lines.resize_with(n_lines, || UnsafeCell::new(CacheLine([0; 64])));
        Ok(Buffer { lines: lines.into_boxed_slice(), len, kind: std::marker::PhantomData })
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        (self.lines.len() * 64) as u64
    }

    /// Start of the array. Writing through it follows the rule of [`Buffer::slice_mut`].
    pub fn ptr(&self) -> *mut T {
        self.lines.as_ptr().cast_mut().cast::<T>()
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
