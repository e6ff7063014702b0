//! The Plan as lists of dispatches, made once: what is bound, which parameters, which grid.
//!
//! Two lists play the layers. *Decode* (one row) is fused for few dispatches: norms are deferred
//! into the products that read them, Q, K and V are one dispatch, gate and up are one, and a normed
//! residual is left to the next reader: at most 7 dispatches per layer. *Prefill* (many rows) is
//! plain: norm, matrix products, rotation, attention tiles; its cost is in the products, which
//! decode every weight once for a whole tile of tokens. It also plays one row of each of several
//! sequences: their products together, rotation and attention row by row (see [`Turns`]).
//!
//! Per token nothing is built: a dispatch is two indices, an offset, and a rule for its grid.

mod build;
mod decode;
mod prefill;
mod products;
mod sample;

use crate::tap::Point;
pub use build::Builder;

/// How many workgroups a dispatch has in a job of `n_rows` rows from `pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    Fixed([u32; 2]),
    /// `[x, n_rows]`
    PerRow(u32),
    /// `[n_rows, 1]`
    Rows,
    /// `[x, ⌈n_rows / tokens⌉]`, only in jobs whose rows are among `rows`: forms of a product for
    /// few and for many rows stand side by side in the list.
    Tiles {
        x: u32,
        tokens: u32,
        rows: Rows,
    },
    /// A fixed grid, only in jobs whose rows are among `rows`.
    Few {
        size: [u32; 2],
        rows: Rows,
    },
    /// `[⌈n_rows · group / 16⌉, n_kv_heads]`
    Queries {
        group: u32,
        n_kv_heads: u32,
    },
    /// `[x, spans]` of the positions seen from `pos`.
    Spans {
        x: u32,
        span: u32,
        window: u32,
    },
    /// `[x, 1]`, only if there is more than one span.
    Merge {
        x: u32,
        span: u32,
        window: u32,
    },
}

/// A range of row counts, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    pub least: u32,
    pub most: u32,
}

impl Rows {
    fn has(self, n_rows: u32) -> bool {
        (self.least..=self.most).contains(&n_rows)
    }
}

impl Grid {
    /// Workgroups in x and y; `None` if the dispatch is not needed.
    pub fn size(self, n_rows: u32, pos: u32) -> Option<[u32; 2]> {
        let spans = |span: u32, window: u32| (pos + 1).min(window).div_ceil(span);
        match self {
            Grid::Fixed(size) => Some(size),
            Grid::PerRow(x) => Some([x, n_rows]),
            Grid::Rows => Some([n_rows, 1]),
            Grid::Tiles { x, tokens, rows } => {
                rows.has(n_rows).then(|| [x, n_rows.div_ceil(tokens)])
            }
            Grid::Few { size, rows } => rows.has(n_rows).then_some(size),
            Grid::Queries { group, n_kv_heads } => {
                Some([(n_rows * group).div_ceil(16), n_kv_heads])
            }
            Grid::Spans { x, span, window } => Some([x, spans(span, window)]),
            Grid::Merge { x, span, window } => (spans(span, window) > 1).then_some([x, 1]),
        }
    }
}

/// In which jobs of many rows a dispatch runs, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// Once, whatever the rows are.
    Always,
    /// Once for a chunk of one sequence; for rows of several once for each, with the row's step.
    PerSequence,
    /// Only for chunks of one sequence.
    Chunk,
    /// Only for rows of several sequences, once for each.
    Rows,
}

/// One dispatch.
#[derive(Clone, Copy, Debug)]
pub struct Dispatch {
    /// Index into the pipelines.
    pub pipeline: usize,
    /// Index into [`Schedule::binds`].
    pub bind: usize,
    /// Byte offset of its parameters.
    pub params: u32,
    pub grid: Grid,
    pub turns: Turns,
    /// The Plan's op it belongs to, for profiles.
    pub op: &'static str,
}

/// A list, or a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The layers for one row.
    Decode,
    /// The head after `Decode`.
    Head,
    /// Dispatches `from..to` of the layers for many rows.
    Prefill {
        from: usize,
        to: usize,
    },
    /// The head after `Prefill`, for the row that the step names.
    LastHead,
    /// The head for as many rows as the logits buffer holds.
    RowsHead,
    /// Only its norm: hidden rows into `xn`.
    Normed,
    Penalize,
    Greedy,
    TopK,
}

/// Everything a job plays.
#[derive(Default)]
pub struct Schedule {
    pub decode: Vec<Dispatch>,
    /// Which of the two `x` buffers holds the hidden row after `decode`.
    pub decode_x: usize,
    pub decode_head: Vec<Dispatch>,
    pub prefill: Vec<Dispatch>,
    /// Where a tap looks into `prefill`, in order; that of the head is the last.
    pub points: Vec<Point>,
    pub last_head: Vec<Dispatch>,
    pub rows_head: Vec<Dispatch>,
    pub penalize: Vec<Dispatch>,
    pub greedy: Vec<Dispatch>,
    pub top_k: Vec<Dispatch>,
    pub binds: Vec<wgpu::BindGroup>,
}

impl Schedule {
    pub fn part(&self, part: Part) -> &[Dispatch] {
        match part {
            Part::Decode => &self.decode,
            Part::Head => &self.decode_head,
            Part::Prefill { from, to } => {
                let to = to.min(self.prefill.len());
                &self.prefill[from.min(to)..to]
            }
            Part::LastHead => &self.last_head,
            Part::RowsHead => &self.rows_head,
            Part::Normed => &self.rows_head[..self.rows_head.len().min(1)],
            Part::Penalize => &self.penalize,
            Part::Greedy => &self.greedy,
            Part::TopK => &self.top_k,
        }
    }
}
