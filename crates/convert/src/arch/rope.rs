//! Rope: its base, and how positions beyond the training context are reached.
//!
//! Configurations say it in two ways: `rope_theta` and `rope_scaling` (until 2025), or both in
//! `rope_parameters`. GGUF has keys for linear scaling and YaRN; Llama 3's scheme and Phi's are
//! divisors per pair of elements, which become tensors.
//!
//! Source: Peng et al. 2023 (arXiv:2309.00071) for YaRN; the wavelengths of Llama 3.1 are those of
//! its published configuration; Ding et al. 2024 (arXiv:2402.13753) for LongRoPE.

use super::{Keys, Made, Sizes};
use crate::config::Config;
use crate::error::{Error, shown};

/// Base where nothing is said.
const DEFAULT_THETA: f64 = 10_000.0;

/// What a configuration says of rope.
pub(super) struct Rope {
    pub theta: f64,
    scaling: Option<Config>,
    /// Where the original context stands if not with the scaling.
    original: Option<u32>,
}

impl Rope {
    pub fn read(config: &Config) -> Result<Rope, Error> {
        let parameters = config.object("rope_parameters");
        Rope::of(config, parameters.or_else(|| config.object("rope_scaling")))
    }

    /// With these parameters.
    pub fn of(config: &Config, scaling: Option<Config>) -> Result<Rope, Error> {
        let inner = match &scaling {
            Some(scaling) => scaling.number_if("rope_theta")?,
            None => None,
        };
        let theta = match inner {
            Some(theta) => theta,
            None => config.number_if("rope_theta")?.unwrap_or(DEFAULT_THETA),
        };
        if theta <= 0.0 {
            return Err(config.error("rope_theta", theta.to_string(), "a positive number"));
        }
        let original = config.count_if("original_max_position_embeddings")?;
        Ok(Rope { theta, scaling, original })
    }

    /// Writes its keys; gives tensors for what has no key. `n_rot` elements of a head are turned.
    pub fn write(
        &self,
        sizes: &Sizes,
        n_rot: u32,
        keys: &mut Keys<'_>,
    ) -> Result<Vec<Made>, Error> {
        keys.set("rope.dimension_count", n_rot);
        keys.set("rope.freq_base", self.theta as f32);
        let Some(scaling) = &self.scaling else { return Ok(Vec::new()) };
        let kind = scaling.text("rope_type").or_else(|| scaling.text("type")).unwrap_or("default");
        match kind {
            // Dynamic scaling begins beyond the training context, where no result is promised.
            "default" | "dynamic" => Ok(Vec::new()),
            "linear" => {
                keys.set("rope.scaling.type", "linear");
                keys.set("rope.scaling.factor", factor(scaling)? as f32);
                Ok(Vec::new())
            }
            "yarn" => self.write_yarn(scaling, sizes, keys),
            "llama3" => Ok(vec![("rope_freqs.weight", self.llama3(scaling, n_rot)?)]),
            "longrope" | "su" => self.write_long(scaling, sizes, n_rot, keys),
            other => Err(Error::Unsupported {
                what: format!("rope scaling of the type \"{}\"", shown(other)),
                advice: "GGUF has no way to say it",
            }),
        }
    }

    fn original(&self, scaling: &Config, sizes: &Sizes) -> Result<u32, Error> {
        let inner = scaling.count_if("original_max_position_embeddings")?;
        Ok(inner.or(self.original).unwrap_or(sizes.n_ctx))
    }

    fn write_yarn(
        &self,
        scaling: &Config,
        sizes: &Sizes,
        keys: &mut Keys<'_>,
    ) -> Result<Vec<Made>, Error> {
        let factor = factor(scaling)?;
        keys.set("rope.scaling.type", "yarn");
        keys.set("rope.scaling.factor", factor as f32);
        keys.set("rope.scaling.original_context_length", self.original(scaling, sizes)?);
        let kept = [
            ("beta_fast", "rope.scaling.yarn_beta_fast"),
            ("beta_slow", "rope.scaling.yarn_beta_slow"),
        ];
        for (name, key) in kept {
            if let Some(number) = scaling.number_if(name)? {
                keys.set(key, number as f32);
            }
        }
        // The key is a factor of what the paper gives.
        if let Some(magnitude) = scaling.number_if("attention_factor")? {
            let usual = 1.0 + 0.1 * factor.ln();
            keys.set("rope.scaling.attn_factor", (magnitude / usual) as f32);
        }
        Ok(Vec::new())
    }

    /// Divisors of Llama 3.1: none for short waves, all for long ones, a ramp between.
    fn llama3(&self, scaling: &Config, n_rot: u32) -> Result<Vec<f32>, Error> {
        let factor = factor(scaling)?;
        let low = scaling.number_if("low_freq_factor")?.unwrap_or(1.0);
        let high = scaling.number_if("high_freq_factor")?.unwrap_or(4.0);
        let original = f64::from(scaling.count("original_max_position_embeddings")?);
        let divisor = |i: u32| {
            let exponent = 2.0 * f64::from(i) / f64::from(n_rot);
            let wave = 2.0 * std::f64::consts::PI * self.theta.powf(exponent);
            if wave < original / high {
                1.0
            } else if wave > original / low {
                factor
            } else {
                let smooth = (original / wave - low) / (high - low);
                1.0 / ((1.0 - smooth) / factor + smooth)
            }
        };
        Ok((0..n_rot / 2).map(|i| divisor(i) as f32).collect())
    }

    fn write_long(
        &self,
        scaling: &Config,
        sizes: &Sizes,
        n_rot: u32,
        keys: &mut Keys<'_>,
    ) -> Result<Vec<Made>, Error> {
        let original = self.original(scaling, sizes)?;
        let factor = f64::from(sizes.n_ctx) / f64::from(original);
        let magnitude = match scaling.number_if("attention_factor")? {
            Some(magnitude) => magnitude,
            None if factor <= 1.0 => 1.0,
            None => (1.0 + factor.ln() / f64::from(original).ln()).sqrt(),
        };
        keys.set("rope.scaling.original_context_length", original);
        keys.set("rope.scaling.attn_factor", magnitude as f32);
        let mut made = Vec::new();
        for (name, key) in [
            ("rope_factors_long.weight", "long_factor"),
            ("rope_factors_short.weight", "short_factor"),
        ] {
            let numbers = scaling.numbers(key)?;
            if numbers.len() != n_rot as usize / 2 {
                let want = "one number for each pair of a head's elements";
                return Err(scaling.error(key, format!("{} numbers", numbers.len()), want));
            }
            made.push((name, numbers.into_iter().map(|x| x as f32).collect()));
        }
        Ok(made)
    }
}

fn factor(scaling: &Config) -> Result<f64, Error> {
    let factor = scaling.number("factor")?;
    match factor > 0.0 {
        true => Ok(factor),
        false => Err(scaling.error("factor", factor.to_string(), "a positive number")),
    }
}
