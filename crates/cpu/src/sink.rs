//! Where the rows of a product go: into a buffer, onto a residual stream, through a nonlinearity.

use kernels::Activation;

use crate::format::STRIP;
use crate::isa::Isa;
use crate::memory::Buffer;
use crate::pack::Matrix;

/// What becomes of a product's rows.
#[derive(Clone, Copy)]
pub enum Then {
    Store,
    Add,
    Activate(Activation),
}

/// Where a product's rows go.
pub struct Sink<'a> {
    pub isa: &'a Isa,
    pub w: &'a Matrix,
    pub bias: Option<&'a [f32]>,
    pub out: &'a Buffer<f32>,
    pub then: Then,
}

impl Sink<'_> {
    /// # Safety
    /// No other thread touches these 16 outputs of this row.
    pub unsafe fn put(&self, row: usize, strip: usize, y: &[f32; STRIP]) {
        let first = strip * STRIP;
        let n = STRIP.min(self.w.n_rows - first);
        let at = row * self.w.n_rows + first;
        // SAFETY: the caller's promise.
        let out = unsafe { self.out.slice_mut(at..at + n) };
        for (i, out) in out.iter_mut().enumerate() {
            let value = y[i] + self.bias.map_or(0.0, |bias| bias[first + i]);
            *out = if matches!(self.then, Then::Add) { *out + value } else { value };
        }
        if let Then::Activate(act) = self.then {
            let mut x = [0.0; STRIP];
            x[..n].copy_from_slice(out);
            // SAFETY: any slices will do.
            unsafe {
                match act {
                    Activation::Silu => (self.isa.silu_mul)(&x[..n], &[1.0; STRIP][..n], out),
                    Activation::GeluTanh => (self.isa.gelu_mul)(&x[..n], &[1.0; STRIP][..n], out),
                }
            }
        }
    }
}
