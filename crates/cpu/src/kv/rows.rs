//! Rows of the cache in the order everybody knows ([`kernels::KvShape`]), out of pages and in.
//!
//! Element by element: a conversation's rows are copied once per answer at most, and a page of keys
//! is no run of bytes anyway.

use kernels::KvType;

use super::{GROUP, KvLayer, PAGE, element_bytes};

/// Bytes of a block of a Q8_0 row: its scale, then its codes.
const BLOCK_BYTES: usize = 2 + GROUP;

impl KvLayer {
    /// Copies one head of one position into `out`, `KvType::row_bytes(head_dim)` bytes.
    ///
    /// # Safety
    /// No thread writes the cache meanwhile.
    pub unsafe fn read_head(&self, are_keys: bool, head: usize, pos: usize, out: &mut [u8]) {
        let buffer = if are_keys { &self.keys } else { &self.values };
        // SAFETY: the caller's promise.
        let numbers = unsafe { buffer.slice(0..buffer.len()) };
        let n = element_bytes(self.ty);
        for d in 0..self.heads.head_dim {
            let at = self.number(are_keys, head, pos, d) * n;
            let to = self.place_in_row(d);
            out[to..to + n].copy_from_slice(&numbers[at..at + n]);
        }
        let scales = if are_keys { &self.key_scales } else { &self.value_scales };
        // SAFETY: as above.
        let scales = unsafe { scales.slice(0..scales.len()) };
        for group in 0..self.n_groups() {
            let scale = scales[self.scale(are_keys, head, pos, group)];
            let block = &mut out[group * BLOCK_BYTES..];
            block[..2].copy_from_slice(&scale.to_le_bytes());
        }
    }

    /// Takes over what [`KvLayer::read_head`] gave.
    pub fn write_head(&mut self, are_keys: bool, head: usize, pos: usize, row: &[u8]) {
        let n = element_bytes(self.ty);
        for d in 0..self.heads.head_dim {
            let at = self.number(are_keys, head, pos, d) * n;
            let from = self.place_in_row(d);
            let buffer = if are_keys { &mut self.keys } else { &mut self.values };
            buffer.all_mut()[at..at + n].copy_from_slice(&row[from..from + n]);
        }
        for group in 0..self.n_groups() {
            let at = self.scale(are_keys, head, pos, group);
            let scales = if are_keys { &mut self.key_scales } else { &mut self.value_scales };
            let block = &row[group * BLOCK_BYTES..];
            scales.all_mut()[at] = u16::from_le_bytes([block[0], block[1]]);
        }
    }

    /// Scales of a head; none where numbers are stored as they are.
    fn n_groups(&self) -> usize {
        if self.ty == KvType::Q8_0 { self.heads.head_dim.div_ceil(GROUP) } else { 0 }
    }

    /// Byte of element `d` in a row.
    fn place_in_row(&self, d: usize) -> usize {
        match self.ty {
            KvType::Q8_0 => d / GROUP * BLOCK_BYTES + 2 + d % GROUP,
            ty => d * element_bytes(ty),
        }
    }

    /// Where element `d` lies in the keys or values, in elements; as in [`KvLayer::write`].
    fn number(&self, are_keys: bool, head: usize, pos: usize, d: usize) -> usize {
        let row = head * self.n_pos + pos;
        match are_keys {
            true => row / PAGE * PAGE * self.heads.head_dim + pos % PAGE + d * PAGE,
            false => row * self.v_dim + d,
        }
    }

    fn scale(&self, are_keys: bool, head: usize, pos: usize, group: usize) -> usize {
        let (row, n_groups) = (head * self.n_pos + pos, self.n_groups());
        match are_keys {
            true => (row / PAGE * n_groups + group) * PAGE + pos % PAGE,
            false => row * n_groups + group,
        }
    }
}
