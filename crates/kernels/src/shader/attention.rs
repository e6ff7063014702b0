//! Sizes of the decode attention that follow from the heads: how many query heads a workgroup takes
//! and how many positions.
//!
//! Both are chosen so that queries and scores fit the 16 KiB of workgroup memory that every WebGPU
//! device has; a bigger span would only mean fewer, longer workgroups.

use crate::plan::Heads;

/// Threads of the decode attention's workgroup.
pub const ATTN_WG: u32 = 128;
/// Workgroup memory that every WebGPU device offers, in bytes.
pub const WORKGROUP_BYTES: usize = 16384;
/// Parts of a span in the softmax (`CHUNKS` in `attn_split.wgsl`).
const CHUNKS: usize = 16;

/// Results of all parts that values are summed in, 16 bytes each (`PARTS` there).
const PART_ITEMS: usize = 512;

/// The cut of one layer's decode attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttnShape {
    /// Query heads of a workgroup.
    pub group: usize,
    /// Workgroups that share a key/value head.
    pub n_cuts: usize,
    /// Positions of a workgroup.
    pub span: usize,
}

/// The largest span (256 at most, 16 at least) whose scores fit beside the queries. `None` if one
/// head alone does not fit.
pub fn attn_shape(heads: Heads) -> Option<AttnShape> {
    let per_kv = heads.n_heads / heads.n_kv_heads.max(1);
    let cuts = (1..=per_kv).filter(|n| per_kv.is_multiple_of(*n));
    cuts.flat_map(|n_cuts| [256, 128, 64].map(|span| (n_cuts, span))).find_map(|(n_cuts, span)| {
        let group = per_kv / n_cuts;
        let head4 = (heads.head_dim / 4).max(1);
        let items = (group * head4).max(1);
        let parts = (ATTN_WG as usize / head4).min(PART_ITEMS / items).max(1);
        let bytes = parts * items * 16 + group * (span + 2 * CHUNKS) * 4;
        (bytes <= WORKGROUP_BYTES).then_some(AttnShape { group, n_cuts, span })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(n_heads: usize, n_kv_heads: usize, head_dim: usize) -> Option<AttnShape> {
        attn_shape(Heads { n_heads, n_kv_heads, head_dim })
    }

    #[test]
    fn usual_heads_stay_whole() {
        let whole = |group, span| Some(AttnShape { group, n_cuts: 1, span });
        assert_eq!(shape(32, 8, 128), whole(4, 256));
        assert_eq!(shape(14, 2, 64), whole(7, 256));
        assert_eq!(shape(4, 1, 256), whole(4, 256));
        assert_eq!(shape(8, 4, 8), whole(2, 256));
    }

    #[test]
    fn many_heads_are_cut() {
        let cut = shape(128, 1, 128);
        assert!(cut.is_some_and(|s| s.n_cuts > 1 && s.group * s.n_cuts == 128), "{cut:?}");
        assert_eq!(shape(1, 1, 8192), None);
    }
}
