//! The best choices of one thing from each of several lists: for every total size the least cost.
//!
//! A knapsack with a choice per tensor. Lists are combined one by one, and of the combinations
//! only those are kept that no other beats in both size and cost, so every budget, of size or of
//! cost, is answered by one table, and exactly as long as the table is not cut. Beyond [`STATES`]
//! of them the cheapest one in each of so many equal steps of size is kept: each list then loses
//! at most one step, 1/4096 of the range of sizes, of which the next lists make use.
//!
//! The usual way, a greedy walk down the convex hulls, misses what lies between two hull points
//! of a large tensor; an embedding is a third of a small model.

/// Combinations that are kept.
const STATES: usize = 4096;

/// One way to have one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// What it takes.
    pub n_bytes: u64,
    /// What it costs; at least 0.
    pub cost: f64,
}

/// A combination: sums, and how it came about.
#[derive(Clone, Copy, Debug)]
struct State {
    n_bytes: u64,
    cost: f64,
    /// Its place among the combinations of the lists before.
    parent: u32,
    /// The place in the last list.
    choice: u32,
}

/// All combinations worth having.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// Combinations of the first list, of the first two, … each by growing size and falling cost.
    layers: Vec<Vec<State>>,
}

impl Frontier {
    /// Of these lists, of which none is empty.
    pub fn new(lists: &[Vec<Choice>]) -> Frontier {
        let mut layers: Vec<Vec<State>> = Vec::new();
        let start = [State { n_bytes: 0, cost: 0.0, parent: 0, choice: 0 }];
        for list in lists {
            let before = layers.last().map_or(&start[..], Vec::as_slice);
            let mut all = Vec::with_capacity(before.len() * list.len());
            for (parent, state) in (0..).zip(before) {
                all.extend((0..).zip(list).map(|(choice, one)| State {
                    n_bytes: state.n_bytes.saturating_add(one.n_bytes),
                    cost: state.cost + one.cost,
                    parent,
                    choice,
                }));
            }
            layers.push(thinned(best(all)));
        }
        Frontier { layers }
    }

    /// Sizes and costs, by growing size.
    pub fn points(&self) -> impl Iterator<Item = (u64, f64)> {
        let last = self.layers.last().map_or(&[][..], Vec::as_slice);
        last.iter().map(|state| (state.n_bytes, state.cost))
    }

    /// The cheapest combination of at most `max` bytes: a place for each list.
    pub fn within_bytes(&self, max: u64) -> Option<Vec<usize>> {
        let last = self.layers.last()?;
        let n = last.partition_point(|state| state.n_bytes <= max);
        Some(self.trace(n.checked_sub(1)?))
    }

    /// The smallest combination that costs at most `max`.
    pub fn within_cost(&self, max: f64) -> Option<Vec<usize>> {
        let found = self.layers.last()?.iter().position(|state| state.cost <= max)?;
        Some(self.trace(found))
    }

    fn trace(&self, mut at: usize) -> Vec<usize> {
        let mut choices: Vec<usize> = Vec::with_capacity(self.layers.len());
        for layer in self.layers.iter().rev() {
            let Some(state) = layer.get(at) else { break };
            choices.push(state.choice as usize);
            at = state.parent as usize;
        }
        choices.reverse();
        choices
    }
}

/// Those that nothing beats, by growing size.
fn best(mut all: Vec<State>) -> Vec<State> {
    all.sort_by(|a, b| a.n_bytes.cmp(&b.n_bytes).then(a.cost.total_cmp(&b.cost)));
    let mut least = f64::INFINITY;
    all.retain(|state| {
        let is_better = state.cost < least;
        least = least.min(state.cost);
        is_better
    });
    all
}

/// At most about [`STATES`] of them: the cheapest of each step of size, and both ends.
fn thinned(all: Vec<State>) -> Vec<State> {
    let (Some(first), Some(last)) = (all.first().copied(), all.last()) else { return all };
    let range = last.n_bytes - first.n_bytes;
    if all.len() <= STATES || range < STATES as u64 {
        return all;
    }
    let width = range / STATES as u64 + 1;
    let step = |state: &State| (state.n_bytes - first.n_bytes) / width;
    let mut kept = vec![first];
    // Costs fall, so the last one of a step is its cheapest.
    for (state, next) in all.iter().zip(all.iter().skip(1).map(Some).chain([None])) {
        if next.is_none_or(|next| step(next) != step(state)) && state.n_bytes > first.n_bytes {
            kept.push(*state);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    /// Sums of a pick.
    fn sums(lists: &[Vec<Choice>], pick: &[usize]) -> (u64, f64) {
        assert_eq!(lists.len(), pick.len());
        lists
            .iter()
            .zip(pick)
            .fold((0, 0.0), |(n, cost), (list, &at)| (n + list[at].n_bytes, cost + list[at].cost))
    }

    /// Every combination there is.
    fn all(lists: &[Vec<Choice>]) -> Vec<(u64, f64)> {
        lists.iter().fold(vec![(0, 0.0)], |all, list| {
            let with = |(n, cost): (u64, f64)| {
                list.iter().map(move |one| (n + one.n_bytes, cost + one.cost))
            };
            all.into_iter().flat_map(with).collect()
        })
    }

    fn lists(n: usize) -> impl Strategy<Value = Vec<Vec<Choice>>> {
        let choice = (1u64..1000, 0.0f64..1.0);
        let choice = choice.prop_map(|(n_bytes, cost)| Choice { n_bytes, cost });
        prop::collection::vec(prop::collection::vec(choice, 1..5), 1..n)
    }

    proptest! {
        #[test]
        fn as_good_as_trying_everything(lists in lists(6), share in 0.0f64..1.2) {
            let every = all(&lists);
            let frontier = Frontier::new(&lists);
            let most = every.iter().map(|(n, _)| *n).max().unwrap();
            let max = (share * most as f64) as u64;
            let want = every.iter().filter(|(n, _)| *n <= max).map(|(_, cost)| *cost);
            let want = want.min_by(f64::total_cmp);
            let got = frontier.within_bytes(max).map(|pick| sums(&lists, &pick));
            prop_assert_eq!(got.is_some(), want.is_some());
            if let (Some((n, cost)), Some(want)) = (got, want) {
                prop_assert!(n <= max && (cost - want).abs() < 1e-12, "{} {}", cost, want);
            }
            let limit = share * lists.len() as f64 / 2.0;
            let want = every.iter().filter(|(_, cost)| *cost <= limit).map(|(n, _)| *n).min();
            let got = frontier.within_cost(limit).map(|pick| sums(&lists, &pick));
            prop_assert_eq!(got.map(|(n, _)| n), want);
            prop_assert!(got.is_none_or(|(_, cost)| cost <= limit + 1e-12));
        }
    }

    /// Sixty tensors with eight types have more combinations than anybody tries; what the table
    /// finds is compared with a bound that no choice can beat.
    #[test]
    fn near_the_bound_where_the_table_is_cut() {
        let lists: Vec<Vec<Choice>> = (0..60u64)
            .map(|i| {
                let size = 10_000 + 7919 * i % 90_000;
                let weight = 1.0 + (i * i % 17) as f64;
                let one = |bits: u64| Choice {
                    n_bytes: size * bits + i,
                    cost: weight * 0.25f64.powi(bits as i32),
                };
                (2..10).map(one).collect()
            })
            .collect();
        let frontier = Frontier::new(&lists);
        for share in [0.3, 0.5, 0.7] {
            let least: u64 = lists.iter().map(|list| list[0].n_bytes).sum();
            let most: u64 = lists.iter().map(|list| list[7].n_bytes).sum();
            let max = least + (share * (most - least) as f64) as u64;
            let (n, cost) = sums(&lists, &frontier.within_bytes(max).unwrap());
            assert!(n <= max);
            let bound = bound(&lists, max);
            assert!(cost >= bound * 0.999 && cost < bound * 1.02, "{share}: {cost}, {bound}");
        }
    }

    /// Lagrange's: for any price of a byte, no choice within the budget costs less.
    fn bound(lists: &[Vec<Choice>], max: u64) -> f64 {
        let at = |price: f64| {
            let least = |list: &Vec<Choice>| {
                let all = list.iter().map(|one| one.cost + price * one.n_bytes as f64);
                all.fold(f64::INFINITY, f64::min)
            };
            lists.iter().map(least).sum::<f64>() - price * max as f64
        };
        (0..4000).map(|i| at(1e-12 * 1.01f64.powi(i))).fold(0.0, f64::max)
    }
}
