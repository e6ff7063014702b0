// All matrices of the kernel have the same tensor type.
//@slot quant_a as A
//@slot held as A

fn held(slot: u32, row: u32, u: u32) -> Held {
    return held_A(row, u);
}
