//! Rope scaling: every scheme becomes one frequency per pair.
//!
//! | key `rope.scaling.type` | frequency of pair `i` (`f = theta^(-2i/n_rot)`)            |
//! |-------------------------|--------------------------------------------------------------|
//! | none                    | `f`                                                          |
//! | linear                  | `f / factor`                                                 |
//! | yarn                    | between `f` and `f / factor`, by its turns while training    |
//!
//! A tensor `rope_freqs.weight` (Llama 3.1 and later) divides each frequency besides; so does
//! `rope_factors_short.weight` (Phi 3), or `rope_factors_long.weight` where the context is longer
//! than `rope.scaling.original_context_length`.
//!
//! Source: Peng et al. 2023 (arXiv:2309.00071); the corner dimensions and the magnitude
//! `1 + 0.1·ln(factor)` follow the paper's reference code, as llama.cpp does.

use kernels::{LongRope, RopeStyle, RopeTable};

use crate::Error;
use crate::hyper::{HyperParams, Keys};

/// Turns in the training context above which YaRN keeps a frequency, and below which it divides.
const BETA_FAST: f64 = 32.0;
const BETA_SLOW: f64 = 1.0;

/// How positions beyond the training context are reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    None,
    Linear { factor: f64 },
    Yarn { factor: f64, n_ctx_original: f64, beta_fast: f64, beta_slow: f64 },
}

impl Scaling {
    pub fn read(keys: Keys<'_>, hyper: &HyperParams) -> Result<Self, Error> {
        let kind = keys.metadata.str(&keys.name("rope.scaling.type"))?;
        let factor_key = "rope.scaling.factor";
        let factor = match keys.number(factor_key)? {
            Some(factor) => Some(factor),
            None => keys.number("rope.scale_linear")?,
        };
        let factor = match factor {
            Some(f) if f < 0.0 => return Err(keys.bad(factor_key, f, "it must be positive")),
            Some(f) if f > 0.0 => f64::from(f),
            _ => 1.0, // absent, or 0 as some converters write for "none"
        };
        match kind {
            // LongRoPE is in the factors alone.
            Some("none" | "longrope") => Ok(Scaling::None),
            None | Some("linear") if factor == 1.0 => Ok(Scaling::None),
            None | Some("linear") => Ok(Scaling::Linear { factor }),
            Some("yarn") => {
                let original =
                    keys.optional("rope.scaling.original_context_length", 1, u32::MAX)?;
                let key = |name, default: f64| -> Result<f64, Error> {
                    Ok(keys.number(name)?.map_or(default, f64::from))
                };
                Ok(Scaling::Yarn {
                    factor,
                    n_ctx_original: original.unwrap_or(hyper.n_ctx_train) as f64,
                    beta_fast: key("rope.scaling.yarn_beta_fast", BETA_FAST)?,
                    beta_slow: key("rope.scaling.yarn_beta_slow", BETA_SLOW)?,
                })
            }
            Some(other) => Err(Error::Unsupported {
                what: format!("rope scaling of the type '{}'", other.escape_debug()),
            }),
        }
    }
}

/// Divisors of the frequencies, one per pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Factors {
    /// `rope_freqs.weight` or `rope_factors_short.weight`.
    pub usual: Option<Vec<f32>>,
    /// `rope_factors_long.weight`, and the tokens of context above which it holds.
    pub long: Option<(usize, Vec<f32>)>,
}

/// Builds the table. `magnitude` is `rope.scaling.attn_factor`, 1 where the file has none.
pub(crate) fn table(
    style: RopeStyle,
    n_rot: usize,
    theta: f64,
    (scaling, magnitude): (Scaling, f64),
    factors: &Factors,
) -> RopeTable {
    let of = |factors: Option<&[f32]>| frequencies(n_rot, theta, scaling, factors);
    let temperature = match scaling {
        Scaling::Yarn { factor, .. } => 1.0 + 0.1 * factor.ln(),
        _ => 1.0,
    };
    RopeTable {
        style,
        inv_freq: of(factors.usual.as_deref()),
        magnitude: (magnitude * temperature) as f32,
        long: factors
            .long
            .as_ref()
            .map(|(above, factors)| LongRope { above: *above, inv_freq: of(Some(factors)) }),
    }
}

fn frequencies(n_rot: usize, theta: f64, scaling: Scaling, factors: Option<&[f32]>) -> Vec<f64> {
    let frequency = |i: usize| {
        let divisor = factors.map_or(1.0, |f| f64::from(f[i]));
        let base = theta.powf(-2.0 * i as f64 / n_rot as f64) / divisor;
        match scaling {
            Scaling::None => base,
            Scaling::Linear { factor } => base / factor,
            Scaling::Yarn { factor, n_ctx_original, beta_fast, beta_slow, .. } => {
                let corner = |turns: f64| {
                    let wavelength = n_ctx_original / (turns * 2.0 * std::f64::consts::PI);
                    n_rot as f64 * wavelength.ln() / (2.0 * theta.ln())
                };
                let low = corner(beta_fast).floor().max(0.0);
                let high = corner(beta_slow).ceil().min(n_rot as f64 - 1.0);
                let ramp = ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
                base / factor * ramp + base * (1.0 - ramp)
            }
        }
    };
    (0..n_rot / 2).map(frequency).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freqs(scaling: Scaling, factors: Option<&[f32]>) -> Vec<f64> {
        let factors = Factors { usual: factors.map(<[f32]>::to_vec), long: None };
        table(RopeStyle::Halves, 8, 10_000.0, (scaling, 1.0), &factors).inv_freq
    }

    #[test]
    fn plain_frequencies_are_powers_of_theta() {
        let want = [1.0, 0.1, 0.01, 0.001];
        for (got, want) in freqs(Scaling::None, None).iter().zip(want) {
            assert!((got - want).abs() < 1e-15);
        }
    }

    #[test]
    fn linear_scaling_and_factors_divide() {
        let got = freqs(Scaling::Linear { factor: 4.0 }, Some(&[1.0, 1.0, 2.0, 8.0]));
        for (got, want) in got.iter().zip([0.25, 0.025, 0.00125, 0.001 / 32.0]) {
            assert!((got - want).abs() < 1e-15);
        }
    }

    #[test]
    fn yarn_keeps_fast_pairs_and_divides_slow_ones() {
        let scaling = Scaling::Yarn {
            factor: 4.0,
            n_ctx_original: 4096.0,
            beta_fast: BETA_FAST,
            beta_slow: BETA_SLOW,
        };
        let table = table(RopeStyle::Halves, 64, 10_000.0, (scaling, 1.0), &Factors::default());
        let plain = |i: i32| 10_000f64.powf(-2.0 * f64::from(i) / 64.0);
        assert_eq!(table.inv_freq[0], plain(0));
        assert!((table.inv_freq[31] - plain(31) / 4.0).abs() < 1e-18);
        assert!(table.inv_freq[15] < plain(15) && table.inv_freq[15] > plain(15) / 4.0);
        assert!((f64::from(table.magnitude) - (1.0 + 0.1 * 4f64.ln())).abs() < 1e-7);
    }

    #[test]
    fn a_long_context_has_frequencies_of_its_own() {
        let long = Some((4096, vec![4.0, 4.0, 8.0, 8.0]));
        let factors = Factors { usual: Some(vec![1.0, 1.0, 2.0, 2.0]), long };
        let table = table(RopeStyle::Halves, 8, 10_000.0, (Scaling::None, 1.19), &factors);
        for (n_ctx, want) in
            [(4096, [1.0, 0.1, 0.005, 0.0005]), (4097, [0.25, 0.025, 0.00125, 0.000125])]
        {
            let mut table = table.clone();
            table.settle(n_ctx);
            assert_eq!((table.long.as_ref(), table.magnitude), (None, 1.19), "{n_ctx}");
            for (got, want) in table.inv_freq.iter().zip(want) {
                assert!((got - want).abs() < 1e-15, "{n_ctx}: {got}");
            }
        }
    }
}
