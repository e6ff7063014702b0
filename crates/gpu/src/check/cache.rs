//! A cache layer as the kernels store it, and the values it stands for.

use kernels::KvType;

/// Elements that share a scale.
const BLOCK: usize = 32;

/// Rows of `width` elements, stored and read back.
pub struct CacheLayer {
    pub bytes: Vec<u8>,
    pub values: Vec<f32>,
}

/// f16 bits of a value of the normal range, rounded to nearest even.
fn half_bits(v: f32) -> u16 {
    let bits = v.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude < 0x3880_0000 {
        // Below the smallest normal f16: a multiple of 2^-24.
        let units = (f32::from_bits(magnitude) * 16_777_216.0).round_ties_even();
        return sign | units as u16;
    }
    let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    sign | ((rounded - 0x3800_0000) >> 13) as u16
}

fn half_value(bits: u16) -> f32 {
    let mut value = [0.0];
    // Two bytes are one F16 number.
    let decoded = quant::decode(quant::TensorType::F16, &bits.to_le_bytes(), &mut value);
    if decoded.is_ok() { value[0] } else { f32::NAN }
}

/// What a value becomes in f16.
pub fn to_half(v: f32) -> f32 {
    half_value(half_bits(v))
}

impl CacheLayer {
    /// Stores `rows`, all of them.
    pub fn new(kv: KvType, rows: &[f32]) -> Self {
        match kv {
            KvType::F32 => {
                CacheLayer { bytes: bytemuck::cast_slice(rows).to_vec(), values: rows.to_vec() }
            }
            KvType::F16 => CacheLayer {
                bytes: rows.iter().flat_map(|&v| half_bits(v).to_le_bytes()).collect(),
                values: rows.iter().map(|&v| to_half(v)).collect(),
            },
            KvType::Q8_0 => {
                let (mut bytes, mut scales, mut values) = (Vec::new(), Vec::new(), Vec::new());
                for block in rows.chunks(BLOCK) {
                    let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                    let scale = to_half(largest / 127.0);
                    for v in block {
                        let q = if largest > 0.0 { (v * (127.0 / largest)).round() } else { 0.0 };
                        bytes.push(q as i8 as u8);
                        values.push(q * scale);
                    }
                    scales.extend(scale.to_le_bytes());
                }
                bytes.extend(scales);
                CacheLayer { bytes, values }
            }
        }
    }

    /// What the bytes of a layer of `n` elements mean.
    pub fn read(kv: KvType, bytes: &[u8], n: usize) -> Vec<f32> {
        let float = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        match kv {
            KvType::F32 => bytes.chunks_exact(4).take(n).map(float).collect(),
            KvType::F16 => {
                let halves = bytes.chunks_exact(2).take(n);
                halves.map(|b| half_value(u16::from_le_bytes([b[0], b[1]]))).collect()
            }
            KvType::Q8_0 => {
                let scales: Vec<f32> = bytes[n..].chunks_exact(4).map(float).collect();
                let scale = |i: usize| scales.get(i / BLOCK).copied().unwrap_or(f32::NAN);
                bytes[..n].iter().enumerate().map(|(i, &q)| f32::from(q as i8) * scale(i)).collect()
            }
        }
    }
}
