// Input of a matrix–vector product: x, or with NORMED rms_norm(x), the norm deferred.
//
//   W·(g ⊙ x / r) = (W·(g ⊙ x)) / r,   r = sqrt(mean x² + eps)
// Every workgroup reads all of x anyway, so it sums the squares on the way and divides at the end:
// no separate norm dispatch.
//@use lib/normed
//@use lib/x16

fn begin(ids: Ids) {}

fn load(u: u32, group: u32) -> Unit {
    let at = S.row * P.x_stride + 8u * u;
    let a = x16(at);
    let b = x16(at + 4u);
    if (NORMED) {
        return normed_unit(a, b, u);
    }
    return unit_of(a, b, 0.0);
}
