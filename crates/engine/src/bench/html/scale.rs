//! Axes: where they end and where their grid lines stand.

/// Grid lines of an axis at most, besides the one at zero.
const MAX_TICKS: f64 = 5.0;

/// Round numbers from 0 to at least `max`, at most six.
pub fn ticks(max: f64) -> Vec<f64> {
    if !(max > 0.0 && max.is_finite()) {
        return vec![0.0, 1.0];
    }
    let rough = max / MAX_TICKS;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let step = steps.iter().map(|step| step * power).find(|step| step * MAX_TICKS >= max * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let n = (max / step - 1e-3).ceil().max(1.0) as usize;
    (0..=n).map(|i| i as f64 * step).collect()
}

/// A tick's number, as short as the step allows.
pub fn tick_label(value: f64, step: f64) -> String {
    if step >= 1.0 && step.fract() == 0.0 {
        return super::super::text::thousands(value);
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    // Steps of 2.5 need one more digit than steps of 2.
    let more = usize::from((step * 10f64.powi(decimals as i32)).fract() > 1e-9);
    format!("{value:.*}", decimals + more)
}

/// Powers of ten around `low..high`, both included.
pub fn decades(low: f64, high: f64) -> (i32, i32) {
    let low = if low > 0.0 { low.log10().floor() as i32 } else { 0 };
    let high = if high > 0.0 { high.log10().ceil() as i32 } else { 1 };
    (low, high.max(low + 1))
}

/// Pushes positions apart until each is `gap` from the next, keeping their order and staying below
/// `max` where there is room.
pub fn spread_out(wanted: &[f64], gap: f64, max: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    for pair in order.windows(2) {
        placed[pair[1]] = placed[pair[1]].max(placed[pair[0]] + gap);
    }
    let mut limit = max;
    for &i in order.iter().rev() {
        placed[i] = placed[i].min(limit);
        limit = placed[i] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let table: &[(f64, &[f64])] = &[
            (61.3, &[0.0, 20.0, 40.0, 60.0, 80.0]),
            (100.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (0.9, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (1234.0, &[0.0, 250.0, 500.0, 750.0, 1000.0, 1250.0]),
            (0.0, &[0.0, 1.0]),
            (f64::NAN, &[0.0, 1.0]),
        ];
        for (max, wanted) in table {
            let ticks = ticks(*max);
            assert_eq!(ticks.len(), wanted.len(), "{max}: {ticks:?}");
            assert!(ticks.iter().zip(*wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{ticks:?}");
        }
        assert_eq!(tick_label(1250.0, 250.0), "1,250");
        assert_eq!(tick_label(0.4, 0.2), "0.4");
        assert_eq!(tick_label(7.5, 2.5), "7.5");
        assert_eq!(tick_label(0.25, 0.25), "0.25");
    }

    #[test]
    fn labels_are_pushed_apart() {
        assert_eq!(spread_out(&[10.0, 12.0, 50.0], 14.0, 100.0), [10.0, 24.0, 50.0]);
        assert_eq!(spread_out(&[98.0, 99.0], 14.0, 100.0), [86.0, 100.0]);
        assert!(spread_out(&[], 14.0, 1.0).is_empty());
        assert_eq!((decades(3.0, 250.0), decades(0.0, 0.0)), ((0, 3), (0, 1)));
    }
}
