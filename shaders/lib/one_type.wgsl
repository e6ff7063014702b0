// All matrices of the kernel have the same tensor type.
//@slot quant_a as A
//@use lib/dot as A

fn dot_unit(slot: u32, row: u32, u: u32, x: Unit) -> f32 {
    return dot_A(row, u, x);
}
