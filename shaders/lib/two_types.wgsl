// The matrices of the kernel have two tensor types (a `Q4_K_M` file has Q4_K beside Q6_K); the
// branch is uniform, for a workgroup stays inside one matrix.
//@slot quant_a as A
//@slot held as A
//@slot quant_b as B
//@slot held as B

fn held(slot: u32, row: u32, u: u32) -> Held {
    if (slot == 1u) {
        return held_B(row, u);
    }
    return held_A(row, u);
}
