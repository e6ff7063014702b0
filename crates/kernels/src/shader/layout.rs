//! How the rows of a tensor lie in GPU memory: planes of 16-byte words.
//!
//! WGSL reads 4 or 16 bytes at a time, but blocks of 18, 22, 34, 110 or 210 bytes start anywhere.
//! So each row is stored as a few planes: first one field of all its blocks, then the next field,
//! each plane padded to 16 bytes. The bytes stay the same and as many; formats whose blocks are
//! whole 16-byte words (Q4_K, Q5_K) and plain numbers have one plane and are only copied. Planes
//! belong to a row and not to the tensor, so rows can be streamed and split freely.
//!
//! The regrouping is done here, on the host, while the file streams through the staging buffer: it
//! is one pass of small copies at memory speed, below the cost of reading the file, and needs no
//! second buffer on the device (repack kernels would need source and target at once, or piecewise
//! synchronization in the upload).

use quant::TensorType;

/// Bytes of the word that buffers are indexed by.
pub const WORD_BYTES: usize = 16;

/// Columns in a unit: what one thread multiplies at a time. Rows are padded to whole units.
pub const UNIT: usize = 32;

/// A field of the block: bytes `start .. start + len`, gathered in one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// First byte within the block.
    pub start: usize,
    /// Bytes taken per block.
    pub len: usize,
}

const fn field(start: usize, len: usize) -> Field {
    Field { start, len }
}

/// The planes of a row in order; `None` for types that have no kernel.
///
/// Each list matches the header of `shaders/quant/<type>.wgsl`.
pub fn planes(ty: TensorType) -> Option<&'static [Field]> {
    use TensorType as T;
    Some(match ty {
        T::F32 => const { &[field(0, 4)] },
        T::F16 | T::BF16 => const { &[field(0, 2)] },
        T::Q4_0 | T::IQ4_NL => const { &[field(2, 16), field(0, 2)] },
        T::Q4_1 => const { &[field(4, 16), field(0, 4)] },
        T::Q5_0 => const { &[field(6, 16), field(2, 4), field(0, 2)] },
        T::Q5_1 => const { &[field(8, 16), field(4, 4), field(0, 4)] },
        T::Q8_0 => const { &[field(2, 32), field(0, 2)] },
        T::Q2_K => const { &[field(16, 64), field(0, 16), field(80, 4)] },
        T::Q3_K => const { &[field(32, 64), field(0, 32), field(96, 12), field(108, 2)] },
        T::Q4_K => const { &[field(0, 144)] },
        T::Q5_K => const { &[field(0, 176)] },
        T::Q6_K => const { &[field(0, 208), field(208, 2)] },
        T::IQ4_XS => const { &[field(8, 128), field(0, 8)] },
        T::MXFP4 => const { &[field(1, 16), field(0, 1)] },
        _ => return None,
    })
}

/// How one tensor's rows are stored on the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLayout {
    fields: &'static [Field],
    block_bytes: usize,
    /// Blocks in a row of the file.
    n_blocks: usize,
    /// 32-column units of a row on the GPU.
    pub n_units: usize,
    /// Bytes of a row in the file.
    pub file_bytes: usize,
    /// Bytes of a row on the GPU, a multiple of [`WORD_BYTES`].
    pub row_bytes: usize,
}

impl RowLayout {
    /// Layout of rows of `n_cols` weights; `None` if the type has no kernel.
    pub fn new(ty: TensorType, n_cols: usize) -> Option<Self> {
        let fields = planes(ty)?;
        let n_units = n_cols.div_ceil(UNIT);
        let n_blocks = n_cols / ty.block_len();
        // Plain numbers are padded with zero columns to whole units.
        let padded = if ty.block_len() == 1 { n_units * UNIT } else { n_blocks };
        let row_bytes = fields.iter().map(|f| (f.len * padded).next_multiple_of(WORD_BYTES)).sum();
        let file_bytes = n_blocks * ty.block_bytes();
        Some(RowLayout {
            fields,
            block_bytes: ty.block_bytes(),
            n_blocks,
            n_units,
            file_bytes,
            row_bytes,
        })
    }

    /// True if rows are the same on the GPU as in the file.
    pub fn is_plain(&self) -> bool {
        self.file_bytes == self.row_bytes && self.fields.len() == 1
    }

    /// Regroups whole rows of the file (`rows`) into `out`, whose length is a multiple of
    /// `row_bytes`. Rows without a file row are left alone; padding is zeroed.
    pub fn repack(&self, rows: &[u8], out: &mut [u8]) {
        if self.file_bytes == 0 || self.row_bytes == 0 {
            return;
        }
        let pairs = rows.chunks_exact(self.file_bytes).zip(out.chunks_exact_mut(self.row_bytes));
        for (row, to) in pairs {
            self.repack_row(row, to);
        }
    }

    fn repack_row(&self, row: &[u8], to: &mut [u8]) {
        let mut at = 0;
        for f in self.fields {
            let n_bytes = f.len * self.n_blocks;
            if f.len == self.block_bytes {
                to[at..at + n_bytes].copy_from_slice(row);
            } else {
                match f.len {
                    2 => gather::<2>(row, self.block_bytes, f.start, &mut to[at..at + n_bytes]),
                    4 => gather::<4>(row, self.block_bytes, f.start, &mut to[at..at + n_bytes]),
                    16 => gather::<16>(row, self.block_bytes, f.start, &mut to[at..at + n_bytes]),
                    32 => gather::<32>(row, self.block_bytes, f.start, &mut to[at..at + n_bytes]),
                    len => {
                        let blocks = row.chunks_exact(self.block_bytes);
                        let items = to[at..at + n_bytes].chunks_exact_mut(len);
                        for (block, item) in blocks.zip(items) {
                            item.copy_from_slice(&block[f.start..f.start + len]);
                        }
                    }
                }
            }
            let end = (at + n_bytes).next_multiple_of(WORD_BYTES).min(to.len());
            to[at + n_bytes..end].fill(0);
            at = end;
        }
        to[at..].fill(0);
    }
}

/// The usual field sizes as constants, so that the copy is a few moves and no call.
fn gather<const LEN: usize>(row: &[u8], block_bytes: usize, start: usize, out: &mut [u8]) {
    let (items, _) = out.as_chunks_mut::<LEN>();
    for (block, item) in row.chunks_exact(block_bytes).zip(items) {
        if let Some((field, _)) = block[start..].split_first_chunk::<LEN>() {
            *item = *field;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]
    use super::*;

    #[test]
    fn planes_take_every_byte_of_a_block_once() {
        for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
            let mut bytes: Vec<usize> =
                planes(ty).unwrap().iter().flat_map(|f| f.start..f.start + f.len).collect();
            bytes.sort_unstable();
            assert_eq!(bytes, (0..ty.block_bytes()).collect::<Vec<_>>(), "{ty}");
        }
    }

    #[test]
    fn rows_grow_by_less_than_a_word_per_plane() {
        for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
            let layout = RowLayout::new(ty, 256 * 9).unwrap();
            let limit = layout.file_bytes + (WORD_BYTES - 1) * planes(ty).unwrap().len();
            assert!(layout.row_bytes <= limit, "{ty}");
        }
    }

    #[test]
    fn fields_land_in_their_planes() {
        // Two Q4_0 blocks per row: 2 bytes of scale, 16 of nibbles.
        let layout = RowLayout::new(TensorType::Q4_0, 64).unwrap();
        assert_eq!((layout.file_bytes, layout.row_bytes), (36, 48));
        let rows: Vec<u8> = (0..72).collect();
        let mut out = vec![0xee; 96];
        layout.repack(&rows, &mut out);
        assert_eq!(out[0..16], rows[2..18]);
        assert_eq!(out[16..32], rows[20..36]);
        assert_eq!(out[32..36], [0, 1, 18, 19]);
        assert!(out[36..48].iter().all(|&b| b == 0));
        assert_eq!(out[48..64], rows[38..54]);
    }

    #[test]
    fn plain_rows_are_padded_with_zero_columns() {
        let layout = RowLayout::new(TensorType::F16, 172).unwrap();
        assert_eq!((layout.n_units, layout.row_bytes), (6, 384));
        let mut out = vec![0xee; 384];
        layout.repack(&[1; 344], &mut out);
        assert!(out[..344].iter().all(|&b| b == 1) && out[344..].iter().all(|&b| b == 0));
    }
}
