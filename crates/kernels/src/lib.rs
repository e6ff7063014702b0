//! Typed ops between models and players: the Plan, the player contract, and the scalar truth.
//!
//! Must never know: wgpu, threads, files, architectures.
#![deny(missing_docs)]

pub mod check;
mod footprint;
pub mod job;
mod kv;
pub mod norm;
pub mod plan;
pub mod player;
pub mod reference;
pub mod rope;
pub mod sampling;
pub mod shader;
mod tap;
pub mod twin;

pub use footprint::Footprint;
pub use job::{Draw, Input, Job, Place, RowAt, Want};
pub use kv::{KvPart, KvShape, KvSpan};
pub use norm::{Norm, NormKind};
pub use plan::{
    Activation, Dims, EncoderEmbed, Heads, Linear, Mask, Op, Plan, RopeId, Weight, WeightId,
};
pub use player::{
    Counters, KvType, LOAD_ROWS, Loader, MAX_SLOTS, OpTime, Peaks, Player, PlayerConfig,
    PlayerError, PlayerInfo, ReadRows,
};
pub use rope::{LongRope, RopeStyle, RopeTable};
pub use sampling::Sampling;
pub use tap::Tap;
