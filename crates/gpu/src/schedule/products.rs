//! Matrix–vector products: which matrices share a dispatch, and its parameters.

use kernels::shader::layout::WORD_BYTES;
use kernels::shader::{Dot, Input, Kernel, Output, VecForm, params};
use kernels::{Linear, PlayerError};
use wgpu::Buffer;

use crate::place::{Matrix, Part};
use crate::schedule::build::Builder;
use crate::schedule::{Dispatch, Grid};

/// One product of a dispatch: its matrix part and where the result goes.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub matrix: &'a Matrix,
    pub part: &'a Part,
    pub out: u32,
    pub bias: u32,
}

impl<'a> Builder<'a> {
    /// The parts of a matrix, whose first row's result goes to `out`.
    pub(super) fn products(&self, linear: Linear, out: u32) -> Vec<Product<'a>> {
        let matrix = self.matrix(linear.w);
        let bias = self.bias(linear);
        let first = |part: &Part| part.first_row as u32;
        let bias_of = |part| {
            if bias == params::NONE { bias } else { bias + first(part) }
        };
        matrix
            .parts
            .iter()
            .map(|part| Product { matrix, part, out: out + first(part), bias: bias_of(part) })
            .collect()
    }

    /// How one row is multiplied with `matrix`.
    pub(super) fn vec_form(&self, matrix: &Matrix) -> VecForm {
        self.choices.vec((matrix.ty, matrix.layout.n_units))
    }

    /// One dispatch of `kernels/matvec.wgsl`; all products lie in one weight buffer.
    pub(super) fn matvec(
        &mut self,
        mut p: params::MatVec,
        input: Input,
        output: Output,
        products: &[Product<'a>],
        buffers: &[(u32, &'a Buffer)],
    ) -> Result<Dispatch, PlayerError> {
        let [first, ..] = products else {
            return Err(self.unsupported("a product without a matrix"));
        };
        let (a, buffer) = (first.matrix.ty, self.weights(first.part));
        let b = products.iter().map(|x| x.matrix.ty).find(|&ty| ty != a);
        let glu = matches!(output, Output::Glu(_));
        let VecForm { mut dot, wg, rows } = self.vec_form(first.matrix);
        if b.is_some_and(|b| !dot.suits(b)) {
            dot = Dot::Float;
        }
        // Two matrices share the registers.
        let rows = if glu { (rows / 2).max(1) } else { rows };
        p.n_units = first.matrix.layout.n_units as u32;
        p.m = [params::Matrix::ABSENT; 3];
        for (m, product) in p.m.iter_mut().zip(products) {
            *m = params::Matrix {
                base: self.base(product.part),
                stride: (product.matrix.layout.row_bytes / WORD_BYTES) as u32,
                n_rows: product.part.n_rows as u32,
                out: product.out,
                bias: product.bias,
                first: if glu { 0 } else { p.n_groups },
                slot: u32::from(product.matrix.ty != a),
                pad: 0,
            };
            let groups = m.n_rows.div_ceil(rows);
            p.n_groups = if glu { groups } else { p.n_groups + groups };
        }
        let mut buffers = buffers.to_vec();
        buffers.extend([(2, buffer), (3, &self.store.vectors)]);
        let grid = Grid::Fixed(self.groups(p.n_groups));
        self.dispatch(Kernel::MatVec { a, b, input, output, dot, wg, rows }, &p, &buffers, grid)
    }
}

/// True if one dispatch can compute all of them: one weight buffer, at most three matrices of at
/// most two tensor types.
pub(super) fn fits_one_dispatch(products: &[Product<'_>]) -> bool {
    let Some(first) = products.first() else {
        return false;
    };
    let mut types: Vec<_> = products.iter().map(|p| p.matrix.ty).collect();
    types.sort_unstable();
    types.dedup();
    products.len() <= 3
        && types.len() <= 2
        && products.iter().all(|p| p.part.buffer == first.part.buffer)
}
