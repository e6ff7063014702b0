//! Every kernel variant, for the tests that compile all of them in both dialects.
//!
//! Sizes (head_dim, GROUP, rows) only change constants, so they appear with representative values;
//! every slot combination that a Plan can ask for appears. Pairs of tensor types in one product are
//! listed for the mixes that quantization recipes make.

use quant::TensorType;
use shaders::{ComposeError, Dialect};

use crate::player::KvType;
use crate::shader::choice::{FEW, FLOAT_TILES, INT_TILES, VecForm, coop_tiles, vec_forms};
use crate::shader::key::{Dot, Forms, Input, Kernel, Output, Peak, Put, Reduced};

/// Mixes of types inside one layer's Q, K and V as llama.cpp's recipes make them.
const PAIRS: &[(TensorType, TensorType)] = {
    use TensorType as T;
    &[
        (T::Q4_K, T::Q6_K),
        (T::Q5_K, T::Q6_K),
        (T::Q4_K, T::Q5_K),
        (T::Q3_K, T::Q5_K),
        (T::Q3_K, T::Q4_K),
        (T::Q2_K, T::Q4_K),
        (T::Q2_K, T::Q3_K),
        (T::Q5_0, T::Q8_0),
        (T::Q5_1, T::Q8_0),
        (T::IQ4_XS, T::Q5_K),
        (T::IQ4_NL, T::Q5_1),
    ]
};

/// Variants that only native devices with matrix units can run: all types that have them, with one
/// use of the result.
pub fn coop_kernels() -> Vec<Kernel> {
    let types = TensorType::ALL.iter().copied().filter(|ty| ty.is_supported());
    let tiles = types.flat_map(|w| coop_tiles(w).into_iter().map(move |tile| (w, tile)));
    tiles.map(|(w, tile)| Kernel::MatMul { w, put: Put::Glu(0), tile }).collect()
}

/// Variants as keys; the forms multiply them (see [`all_variants`]).
pub fn all_kernels() -> Vec<Kernel> {
    let mut out = Vec::new();
    let types = TensorType::ALL.iter().copied().filter(|ty| ty.is_supported());
    for ty in types {
        out.push(Kernel::Embed { table: ty });
        for (input, output) in [
            (Input::Norm, Output::Store),
            (Input::Post, Output::Store),
            (Input::Plain, Output::Add),
            (Input::Plain, Output::Squares),
            (Input::Norm, Output::Glu(0)),
            (Input::Post, Output::Glu(1)),
            (Input::Norm, Output::Gated(0)),
        ] {
            let dot = Dot::Float;
            out.push(Kernel::MatVec { a: ty, b: None, input, output, dot, wg: 64, rows: 4 });
        }
        // Results do not depend on how products are summed: integers with one output per input.
        for (input, output) in [
            (Input::Norm, Output::Store),
            (Input::Post, Output::Glu(0)),
            (Input::Plain, Output::Add),
        ] {
            if Dot::Int.suits(ty) {
                let dot = Dot::Int;
                out.push(Kernel::MatVec { a: ty, b: None, input, output, dot, wg: 128, rows: 8 });
            }
        }
        many(&mut out, ty);
    }
    out.push(Kernel::Quantize);
    // Every size of a workgroup that may be chosen, where a type's constants are most.
    for VecForm { dot, wg, rows } in vec_forms(TensorType::Q4_K) {
        for (output, rows) in [(Output::Store, rows), (Output::Glu(0), rows / 2)] {
            let (a, b, input) = (TensorType::Q4_K, None, Input::Norm);
            out.push(Kernel::MatVec { a, b, input, output, dot, wg, rows });
        }
    }
    for &(a, b) in PAIRS {
        for (a, b) in [(a, b), (b, a)] {
            for input in [Input::Norm, Input::Post] {
                let (b, output) = (Some(b), Output::Store);
                for dot in [Dot::Float, Dot::Int] {
                    out.push(Kernel::MatVec { a, b, input, output, dot, wg: 32, rows: 2 });
                }
            }
        }
    }
    for (post, norm) in [(false, true), (true, true), (true, false)] {
        out.push(Kernel::Norm { post, norm });
    }
    out.extend([32, 64, 128].map(|wg| Kernel::Probe { wg }));
    out.extend([Peak::Read, Peak::Float, Peak::Int].map(Kernel::Peak));
    attention(&mut out);
    for which in [
        Reduced::Penalize,
        Reduced::ArgmaxPart,
        Reduced::ArgmaxFinal,
        Reduced::TopkPart,
        Reduced::TopkFinal,
    ] {
        out.push(Kernel::Sample(which));
    }
    out
}

/// Products with many rows. What happens to the result is a part of its own, so all of them appear
/// with one tile only, and all tiles with one of them.
fn many(out: &mut Vec<Kernel>, w: TensorType) {
    for put in [Put::Store, Put::Add, Put::Glu(0), Put::Glu(1)] {
        for tile in [FLOAT_TILES[0], FLOAT_TILES[1]] {
            out.push(Kernel::MatMul { w, put, tile });
        }
    }
    let put = Put::Glu(0);
    let others = FLOAT_TILES[2..].iter().chain(&INT_TILES).filter(|tile| tile.suits(w));
    out.extend(others.map(|&tile| Kernel::MatMul { w, put, tile }));
    for dot in [Dot::Float, Dot::Int].into_iter().filter(|dot| dot.suits(w)) {
        out.extend(FEW.map(|n| Kernel::MatFew { w, put, dot, n }));
    }
}

fn attention(out: &mut Vec<Kernel>) {
    for kv in [KvType::F32, KvType::F16, KvType::Q8_0] {
        for head_dim in [32, 64, 96, 128, 256] {
            for (halves, qk_norm) in [(false, false), (true, false), (true, true)] {
                out.push(Kernel::RopeKv { kv, head_dim, halves, qk_norm });
            }
            for group in [1, 4, 7] {
                out.push(Kernel::AttnSplit { kv, head_dim, group, span: 128 });
            }
            out.push(Kernel::AttnTile { kv, head_dim, group: 4 });
        }
    }
    for head_dim in [32, 80, 128, 256] {
        out.push(Kernel::AttnMerge { head_dim, span: 128 });
    }
}

/// A variant with its text in both dialects.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Unique name.
    pub name: String,
    /// The device forms it is for.
    pub forms: Forms,
    /// Text for naga, natively.
    pub native: String,
    /// Text for browsers.
    pub browser: String,
}

/// All variants in all forms, without repeating texts that a form does not change.
pub fn all_variants() -> impl Iterator<Item = Result<Variant, ComposeError>> {
    let mut seen = std::collections::HashSet::new();
    let forms = [(false, false), (true, false), (false, true), (true, true)]
        .map(|(subgroups, f16)| Forms { subgroups, f16 });
    all_kernels().into_iter().flat_map(move |kernel| forms.map(|f| (kernel, f))).filter_map(
        move |(kernel, forms)| {
            let texts = kernel
                .wgsl(forms, Dialect::Native)
                .and_then(|native| Ok((native, kernel.wgsl(forms, Dialect::Browser)?)));
            match texts {
                Err(error) => Some(Err(error)),
                Ok((native, _)) if !seen.insert(native.clone()) => None,
                Ok((native, browser)) => {
                    Some(Ok(Variant { name: kernel.name(forms), forms, native, browser }))
                }
            }
        },
    )
}
