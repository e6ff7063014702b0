// Units of rows of x, in floats.
//@use lib/x16
//@use lib/unit_float

fn unit_of_row(row: u32, u: u32) -> Unit {
    let at = row * P.x_stride + 8u * u;
    return unit_of(x16(at), x16(at + 4u), 0.0);
}
