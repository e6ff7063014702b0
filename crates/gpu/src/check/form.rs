//! One kernel form that a model uses, with the probe that tries it on small, odd shapes.
//!
//! The table of all checks is for tests: hundreds of them, minutes in a browser. A device is asked
//! for the forms that a plan needs, some ten of them, in about a second.

use std::collections::HashSet;
use std::fmt;

use kernels::shader::choice::{FEW, Shape, VecForm};
use kernels::shader::layout::{RowLayout, UNIT};
use kernels::shader::{Choices, Dot, Tile};
use kernels::{Heads, KvType, Mask, Op, Plan, PlayerError, RopeStyle, Sampling};
use quant::TensorType;

use super::run::Checker;
use super::{attention, products, rows, sampler, tiles};

/// A form under probe. What varies the kernel's text is in it, sizes that do not are the probe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Embed(TensorType),
    Row(TensorType, VecForm),
    Few(TensorType, Dot, u32),
    Many(TensorType, Tile),
    /// Q, K and V of one or two types in one dispatch.
    Qkv(Dot),
    /// Gate, up and activation in one dispatch, behind a pending norm.
    GateUp(Dot),
    Norm,
    Rope {
        kv: KvType,
        head_dim: usize,
        n_pairs: usize,
        halves: bool,
        qk_norm: bool,
    },
    /// One row attends to what is stored.
    Attend(KvType, Heads, Option<usize>),
    /// Many rows do.
    AttendMany(KvType, Heads, Option<usize>),
    Greedy,
    Draw,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = |dot| if dot == Dot::Int { "integer" } else { "float" };
        let window = |w: Option<usize>| w.map_or(String::new(), |w| format!(" window {w}"));
        match *self {
            Form::Embed(ty) => write!(f, "embed {ty}"),
            Form::Row(ty, v) => write!(f, "row {ty} {} {}x{}", dots(v.dot), v.wg, v.rows),
            Form::Few(ty, dot, n) => write!(f, "up to {n} rows {ty} {}", dots(dot)),
            Form::Many(ty, tile) => {
                let (tokens, rows) = (tile.tokens(), tile.rows());
                let kind =
                    if matches!(tile, Tile::Coop { .. }) { "unit" } else { dots(tile.dot()) };
                write!(f, "many rows {ty} {kind} {tokens}x{rows}")
            }
            Form::Qkv(dot) => write!(f, "q, k, v {}", dots(dot)),
            Form::GateUp(dot) => write!(f, "gate and up {}", dots(dot)),
            Form::Norm => write!(f, "norm"),
            Form::Rope { kv, head_dim, halves, qk_norm, .. } => {
                let (style, norm) = (if halves { "halves" } else { "pairs" }, qk_norm);
                write!(f, "rotate {head_dim} {style} into {kv:?}")?;
                if norm { write!(f, " with norm") } else { Ok(()) }
            }
            Form::Attend(kv, h, w) => {
                write!(f, "attend {kv:?} {}/{}x{}", h.n_heads, h.n_kv_heads, h.head_dim)?;
                f.write_str(&window(w))
            }
            Form::AttendMany(kv, h, w) => {
                write!(f, "attend many {kv:?} {}/{}x{}", h.n_heads, h.n_kv_heads, h.head_dim)?;
                f.write_str(&window(w))
            }
            Form::Greedy => write!(f, "choose the best"),
            Form::Draw => write!(f, "draw"),
        }
    }
}

impl Form {
    /// True if its products are sums of integers.
    pub fn is_int(self) -> bool {
        match self {
            Form::Row(_, VecForm { dot, .. })
            | Form::Few(_, dot, _)
            | Form::Qkv(dot)
            | Form::GateUp(dot) => dot == Dot::Int,
            Form::Many(_, tile) => tile.dot() == Dot::Int,
            _ => false,
        }
    }

    /// Runs it against its twin; what came out is in the checker's results.
    pub async fn probe(self, checker: &mut Checker<'_>) -> Result<(), PlayerError> {
        let block = |ty: TensorType| ty.block_len().max(UNIT);
        match self {
            Form::Embed(ty) => products::embed(checker, ty, 3 * block(ty)).await,
            Form::Row(ty, VecForm { dot, wg, rows }) => {
                let (n_rows, n_cols) = (21, 3 * block(ty));
                let shape = products::Shape { ty, n_rows, n_cols, dot, wg, rows };
                products::vector(checker, shape).await
            }
            Form::Few(ty, dot, n) => {
                tiles::one(checker, ty, tiles::Form::Few { dot, n }, (5, 3, n as usize - 1)).await
            }
            Form::Many(ty, tile) => {
                let (n_rows, n_tokens) = (tile.rows() + 3, tile.tokens() + 5);
                let size = (n_rows as usize, 2, n_tokens as usize);
                tiles::one(checker, ty, tiles::Form::Tile(tile), size).await
            }
            Form::Qkv(dot) => products::two_types(checker, dot).await,
            Form::GateUp(dot) => products::fused(checker, dot).await,
            Form::Norm => rows::norm(checker, 3, 172).await,
            Form::Rope { kv, head_dim, n_pairs, halves, qk_norm } => {
                let style = if halves { RopeStyle::Halves } else { RopeStyle::Interleaved };
                rows::rope(checker, kv, head_dim, n_pairs, qk_norm, style).await
            }
            Form::Attend(kv, heads, window) => {
                // The second has several spans, which are merged.
                for pos in [39, 300] {
                    let setup = attention::Setup::new(kv, heads, window, pos, 1);
                    attention::one(checker, &setup).await?;
                }
                Ok(())
            }
            Form::AttendMany(kv, heads, window) => {
                let setup = attention::Setup::new(kv, heads, window, 40, 19);
                attention::many(checker, &setup).await
            }
            Form::Greedy => sampler::greedy(checker).await,
            Form::Draw => {
                let sampling = Sampling { temperature: 0.8, top_k: 40, ..Sampling::default() };
                sampler::chain(checker, "draw", sampling, 1025).await
            }
        }
    }
}

/// Matrix types of the files people have, for a probe without a model.
const USUAL_TYPES: [TensorType; 6] = {
    use TensorType as T;
    [T::Q4_K, T::Q5_K, T::Q6_K, T::Q5_0, T::Q8_0, T::F16]
};

/// The forms that models of the usual kinds use.
pub(crate) fn usual(choices: &Choices) -> Vec<Form> {
    let mut forms = Vec::new();
    for ty in USUAL_TYPES {
        forms.extend(of_matrix((ty, 2048 / UNIT), choices));
    }
    forms.push(Form::Embed(TensorType::Q6_K));
    let kv = KvType::F16;
    for (head_dim, halves, qk_norm) in [(64, false, false), (128, true, true)] {
        let n_pairs = head_dim / 2;
        forms.push(Form::Rope { kv, head_dim, n_pairs, halves, qk_norm });
        let heads = Heads { n_heads: 8, n_kv_heads: 2, head_dim };
        forms.extend([Form::Attend(kv, heads, None), Form::AttendMany(kv, heads, None)]);
    }
    forms.extend(ends());
    in_order(forms)
}

/// The forms that a plan's ops use, with a cache of type `kv`.
pub(crate) fn of_plan(plan: &Plan, kv: KvType, choices: &Choices) -> Vec<Form> {
    let kv = plan.kv_type(kv);
    // The twin of a cache in blocks has whole blocks in a head.
    let has_twin = |heads: Heads| kv != KvType::Q8_0 || heads.head_dim.is_multiple_of(UNIT);
    let mut forms = Vec::new();
    for weight in plan.weights.iter().filter(|weight| weight.n_rows > 1) {
        if let Some(layout) = RowLayout::new(weight.ty, weight.n_cols) {
            forms.extend(of_matrix((weight.ty, layout.n_units), choices));
        }
    }
    for op in &plan.ops {
        match *op {
            Op::Embed { table, .. } => {
                forms.extend(plan.weights.get(table.0).map(|table| Form::Embed(table.ty)));
            }
            Op::RopeKv { heads, q_norm, rope: Some(rope), .. } if has_twin(heads) => {
                forms.extend(plan.ropes.get(rope.0).map(|rope| Form::Rope {
                    kv,
                    head_dim: heads.head_dim,
                    n_pairs: rope.n_pairs(),
                    halves: rope.style == RopeStyle::Halves,
                    qk_norm: q_norm.is_some(),
                }));
            }
            Op::Attention { heads, mask: Mask::Causal { window }, .. } if has_twin(heads) => {
                // Two of the key heads are as good as all, and a short window as a long one.
                let group = heads.n_heads / heads.n_kv_heads.max(1);
                let n_kv_heads = heads.n_kv_heads.min(2);
                let heads = Heads { n_heads: group * n_kv_heads, n_kv_heads, ..heads };
                let window = window.map(|w| w.min(40));
                forms
                    .extend([Form::Attend(kv, heads, window), Form::AttendMany(kv, heads, window)]);
            }
            _ => {}
        }
    }
    forms.extend(ends());
    in_order(forms)
}

/// Products with one, few and many rows.
fn of_matrix(shape: Shape, choices: &Choices) -> Vec<Form> {
    let (ty, vec) = (shape.0, choices.vec(shape));
    let few = FEW.map(|n| Form::Few(ty, choices.few(shape), n));
    let tiles = [choices.small_tile(shape), choices.tile(shape)].map(|tile| Form::Many(ty, tile));
    [Form::Row(ty, vec)].into_iter().chain(few).chain(tiles).collect()
}

/// What every model has.
fn ends() -> [Form; 5] {
    [Form::Qkv(Dot::Float), Form::GateUp(Dot::Float), Form::Norm, Form::Greedy, Form::Draw]
}

/// Each once, and first what every token needs: a device that is slow may have no time for more.
fn in_order(mut forms: Vec<Form>) -> Vec<Form> {
    let mut seen = HashSet::new();
    forms.retain(|form| seen.insert(form.to_string()));
    forms.sort_by_key(|form| match form {
        Form::Norm | Form::Row(..) => 0,
        Form::Rope { .. } | Form::Attend(..) | Form::Greedy => 1,
        Form::Many(..) | Form::AttendMany(..) | Form::Embed(_) => 2,
        _ => 3,
    });
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_named_apart_and_in_order() {
        for dot in [Dot::Float, Dot::Int] {
            let forms = usual(&Choices::all(dot));
            let names: HashSet<String> = forms.iter().map(Form::to_string).collect();
            assert_eq!(names.len(), forms.len());
            assert!(matches!(forms[0], Form::Norm | Form::Row(..)), "{}", forms[0]);
            assert!(forms.len() > 20, "{}", forms.len());
            assert_eq!(forms.iter().any(|form| form.is_int()), dot == Dot::Int);
        }
    }
}
