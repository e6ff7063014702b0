// The matrices of the kernel have two tensor types (a `Q4_K_M` file has Q4_K beside Q6_K); the
// branch is uniform, for a workgroup stays inside one matrix.
//@slot quant_a as A
//@slot quant_b as B
//@use lib/dot as A
//@use lib/dot as B

fn dot_unit(slot: u32, row: u32, u: u32, x: Unit) -> f32 {
    if (slot == 1u) {
        return dot_B(row, u, x);
    }
    return dot_A(row, u, x);
}
