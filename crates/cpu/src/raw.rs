//! GGUF blocks taken apart into integer codes and scales, without computing values.
//!
//! `quant::decode` gives floats; packing needs the integers behind them. The tests pin both to each
//! other: a packed row gathered back must equal `quant::decode` bit for bit.

use crate::format::FormatId;

/// One block of a row: up to 256 columns.
pub struct RawBlock {
    pub codes: [u8; 256],
    /// f16 bits (bf16 bits for MXFP4).
    pub d: u16,
    /// f16 bits of `m` or `dmin`; 0 where there is none.
    pub m: u16,
    /// Sub-scales of super types, one per `sub` columns.
    pub scales: [i8; 16],
    pub mins: [u8; 16],
}

impl RawBlock {
    /// All zeros: what padding is made of.
    pub fn zero() -> Self {
        RawBlock { codes: [0; 256], d: 0, m: 0, scales: [0; 16], mins: [0; 16] }
    }

    /// Takes one block apart. `bytes` is one whole block of `format`'s tensor type.
    #[inline(always)]
    pub fn read(&mut self, format: FormatId, bytes: &[u8]) {
        match format {
            FormatId::Q4_0 | FormatId::IQ4_NL => {
                self.d = word(bytes, 0);
                nibbles(&bytes[2..18], &mut self.codes);
            }
            FormatId::Q4_1 => {
                (self.d, self.m) = (word(bytes, 0), word(bytes, 2));
                nibbles(&bytes[4..20], &mut self.codes);
            }
            FormatId::Q5_0 => {
                self.d = word(bytes, 0);
                nibbles(&bytes[6..22], &mut self.codes);
                fifth_bits(&bytes[2..6], &mut self.codes);
            }
            FormatId::Q5_1 => {
                (self.d, self.m) = (word(bytes, 0), word(bytes, 2));
                nibbles(&bytes[8..24], &mut self.codes);
                fifth_bits(&bytes[4..8], &mut self.codes);
            }
            FormatId::Q8_0 => {
                self.d = word(bytes, 0);
                for (code, byte) in self.codes.iter_mut().zip(&bytes[2..34]) {
                    *code = byte ^ 0x80;
                }
            }
            FormatId::MXFP4 => {
                self.d = power_of_two(bytes[0]);
                nibbles(&bytes[1..17], &mut self.codes);
            }
            FormatId::Q4_K => {
                (self.d, self.m) = (word(bytes, 0), word(bytes, 2));
                self.six_bit_pairs(&bytes[4..16]);
                for (chunk, qs) in self.codes.chunks_exact_mut(64).zip(bytes[16..].chunks(32)) {
                    for (i, q) in qs.iter().enumerate() {
                        chunk[i] = q & 15;
                        chunk[32 + i] = q >> 4;
                    }
                }
            }
            FormatId::Q5_K => self.q5_k(bytes),
            FormatId::Q6_K => self.q6_k(bytes),
            FormatId::Q3_K => self.q3_k(bytes),
            FormatId::Q2_K => self.q2_k(bytes),
            FormatId::IQ4_XS => self.iq4_xs(bytes),
        }
    }

    fn q5_k(&mut self, bytes: &[u8]) {
        (self.d, self.m) = (word(bytes, 0), word(bytes, 2));
        self.six_bit_pairs(&bytes[4..16]);
        let (high, low) = (&bytes[16..48], &bytes[48..176]);
        for (j, (chunk, qs)) in self.codes.chunks_exact_mut(64).zip(low.chunks(32)).enumerate() {
            for (i, q) in qs.iter().enumerate() {
                chunk[i] = q & 15 | (high[i] >> (2 * j) & 1) << 4;
                chunk[32 + i] = q >> 4 | (high[i] >> (2 * j + 1) & 1) << 4;
            }
        }
    }

    fn q6_k(&mut self, bytes: &[u8]) {
        let (low, high) = (&bytes[..128], &bytes[128..192]);
        for (half, chunk) in self.codes.chunks_exact_mut(128).enumerate() {
            let (low, high) = (&low[64 * half..][..64], &high[32 * half..][..32]);
            for i in 0..32 {
                chunk[i] = low[i] & 15 | (high[i] & 3) << 4;
                chunk[32 + i] = low[32 + i] & 15 | (high[i] >> 2 & 3) << 4;
                chunk[64 + i] = low[i] >> 4 | (high[i] >> 4 & 3) << 4;
                chunk[96 + i] = low[32 + i] >> 4 | (high[i] >> 6) << 4;
            }
        }
        for (scale, byte) in self.scales.iter_mut().zip(&bytes[192..208]) {
            *scale = *byte as i8;
        }
        self.d = word(bytes, 208);
    }

    fn q3_k(&mut self, bytes: &[u8]) {
        let (mask, qs, scales) = (&bytes[..32], &bytes[32..96], &bytes[96..108]);
        for (block, codes) in self.codes.chunks_exact_mut(32).enumerate() {
            let (half, j) = (block / 4, block % 4);
            let qs = &qs[32 * half..][..32];
            for (i, code) in codes.iter_mut().enumerate() {
                *code = qs[i] >> (2 * j) & 3 | (mask[i] >> block & 1) << 2;
            }
        }
        for (i, scale) in self.scales.iter_mut().enumerate() {
            let low = if i < 8 { scales[i] & 15 } else { scales[i - 8] >> 4 };
            let high = scales[8 + i % 4] >> (2 * (i / 4)) & 3;
            *scale = (low | high << 4) as i8 - 32;
        }
        self.d = word(bytes, 108);
    }

    fn q2_k(&mut self, bytes: &[u8]) {
        let (scales, qs) = (&bytes[..16], &bytes[16..80]);
        for (i, byte) in scales.iter().enumerate() {
            self.scales[i] = (byte & 15) as i8;
            self.mins[i] = byte >> 4;
        }
        for (block, codes) in self.codes.chunks_exact_mut(32).enumerate() {
            for (code, q) in codes.iter_mut().zip(&qs[block / 4 * 32..]) {
                *code = q >> (2 * (block % 4)) & 3;
            }
        }
        (self.d, self.m) = (word(bytes, 80), word(bytes, 82));
    }

    fn iq4_xs(&mut self, bytes: &[u8]) {
        self.d = word(bytes, 0);
        let high = word(bytes, 2);
        for i in 0..8 {
            let low = bytes[4 + i / 2] >> (4 * (i % 2)) & 15;
            self.scales[i] = (low | ((high >> (2 * i) & 3) as u8) << 4) as i8 - 32;
        }
        for (chunk, qs) in self.codes.chunks_exact_mut(32).zip(bytes[8..].chunks(16)) {
            nibbles(qs, chunk);
        }
    }

    /// Eight 6-bit scales and eight 6-bit minimums in 12 bytes.
    fn six_bit_pairs(&mut self, q: &[u8]) {
        for j in 0..8 {
            let (scale, min) = if j < 4 {
                (q[j] & 63, q[j + 4] & 63)
            } else {
                (q[j + 4] & 15 | (q[j - 4] >> 6) << 4, q[j + 4] >> 4 | (q[j] >> 6) << 4)
            };
            self.scales[j] = scale as i8;
            self.mins[j] = min;
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// 16 bytes: low nibbles are columns 0-15, high nibbles 16-31.
fn nibbles(qs: &[u8], codes: &mut [u8]) {
    for (i, q) in qs.iter().enumerate() {
        codes[i] = q & 15;
        codes[16 + i] = q >> 4;
    }
}

fn fifth_bits(bits: &[u8], codes: &mut [u8]) {
    for (i, code) in codes.iter_mut().take(32).enumerate() {
        *code |= (bits[i / 8] >> (i % 8) & 1) << 4;
    }
}

/// `2^(e − 128)` as bf16 bits: half of E8M0's value, since the code table is doubled.
fn power_of_two(e: u8) -> u16 {
    match e {
        0 => 0x0020,
        1 => 0x0040,
        e => u16::from(e - 1) << 7,
    }
}
