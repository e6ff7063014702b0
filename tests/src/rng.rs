//! Numbers by counter: the `i`th number of a stream is a function of the stream's key and `i`.
//!
//! No state means that tensors can be made in any order, in pieces, and still be equal. The mixing
//! function is SplitMix64's (Steele, Lea, Flood 2014).

/// A stream of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The stream of `name` under `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Stream {
        let key = name.bytes().fold(mix(seed), |key, byte| mix(key ^ u64::from(byte)));
        Stream { key }
    }

    /// The `i`th number: 64 uniform bits.
    #[must_use]
    pub fn bits(self, i: u64) -> u64 {
        mix(self.key.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-24.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32 exactly")]
    pub fn unit(self, i: u64) -> f32 {
        (self.bits(i) >> 40) as f32 / (1u32 << 24) as f32
    }

    /// About normal with mean 0 and variance 1: four uniform 16-bit numbers summed (Irwin–Hall),
    /// so that no logarithm or cosine makes machines differ.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the sum stays below 2^24")]
    pub fn normal(self, i: u64) -> f32 {
        let bits = self.bits(i);
        let sum: u64 = (0..4).map(|n| (bits >> (16 * n)) & 0xffff).sum();
        // The sum has mean 2·65535 and variance 4·65536²/12; 37837 is its standard deviation.
        (sum as f32 - 131_070.0) / 37_837.0
    }
}

fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_everywhere() {
        let stream = Stream::new(7, "blk.0.attn_q.weight");
        assert_eq!(stream.bits(0), stream.bits(0));
        assert_ne!(stream.bits(0), stream.bits(1));
        assert_ne!(stream.bits(0), Stream::new(8, "blk.0.attn_q.weight").bits(0));
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let stream = Stream::new(1, "x");
        let n = 100_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..n {
            let x = f64::from(stream.normal(i));
            sum += x;
            squares += x * x;
        }
        let (mean, variance) = (sum / n as f64, squares / n as f64);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
