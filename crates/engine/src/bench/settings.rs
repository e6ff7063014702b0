//! What a bench measures.

use super::cost::{Cost, Work};
use super::roofline::Part;

/// Runs of each test when nothing is said, as other tools do.
pub const DEFAULT_RUNS: u32 = 5;

/// One test: read `n_prompt` tokens, then write `n_gen`, with `depth` tokens in the cache before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Test {
    /// Tokens of the prompt; 0 for none.
    pub n_prompt: usize,
    /// Tokens written one by one; 0 for none.
    pub n_gen: usize,
    /// Tokens that are in the cache already. They are read before, and not timed.
    pub depth: usize,
    /// Sequences that are written together, each with `n_gen` tokens; prompts are read in one.
    pub n_slots: usize,
}

impl Default for Test {
    fn default() -> Test {
        Test { n_prompt: 0, n_gen: 0, depth: 0, n_slots: 1 }
    }
}

impl Test {
    /// "pp512", "tg128", "pp512+tg128", of several sequences "tg128x4", and with a depth
    /// "tg128@d2048".
    pub fn name(&self) -> String {
        let mut name = match (self.n_prompt, self.n_gen) {
            (p, 0) => format!("pp{p}"),
            (0, n) => format!("tg{n}"),
            (p, n) => format!("pp{p}+tg{n}"),
        };
        if self.n_slots > 1 {
            name += &format!("x{}", self.n_slots);
        }
        if self.depth > 0 {
            name += &format!("@d{}", self.depth);
        }
        name
    }

    /// Tokens that are timed, of all sequences.
    pub fn n_tokens(&self) -> usize {
        self.n_prompt + self.n_gen.saturating_mul(self.n_slots.max(1))
    }

    /// Tokens the context of a sequence must hold.
    pub fn n_ctx(&self) -> usize {
        self.depth.saturating_add(self.n_prompt).saturating_add(self.n_gen)
    }

    /// What it costs a model, reading `rows` tokens at a time.
    pub fn parts(&self, cost: &Cost, rows: usize) -> Vec<Part> {
        let (prompt, gen_) = self.works(cost, rows);
        let read = (self.n_prompt > 0).then_some(Part::Read(prompt));
        let write = (self.n_gen > 0).then_some(Part::Write(gen_));
        read.into_iter().chain(write).collect()
    }

    /// The prompt's work, and the writing's.
    pub fn works(&self, cost: &Cost, rows: usize) -> (Work, Work) {
        let prompt = cost.prompt(self.depth, self.n_prompt, rows);
        (prompt, cost.together(self.n_slots, self.depth + self.n_prompt, self.n_gen))
    }
}

/// Every test of these lists at every depth: prompts, then writing, then prompts followed by
/// writing. Zeros leave a test out; nothing is measured twice.
pub fn tests(
    prompts: &[usize],
    gens: &[usize],
    pairs: &[(usize, usize)],
    depths: &[usize],
) -> Vec<Test> {
    let mut tests: Vec<Test> = Vec::new();
    let none = [0];
    let depths = if depths.is_empty() { &none[..] } else { depths };
    let prompts = prompts.iter().map(|&p| (p, 0));
    let gens = gens.iter().map(|&n| (0, n));
    for (n_prompt, n_gen) in prompts.chain(gens).chain(pairs.iter().copied()) {
        for &depth in depths {
            let test = Test { n_prompt, n_gen, depth, n_slots: 1 };
            if test.n_tokens() > 0 && !tests.contains(&test) {
                tests.push(test);
            }
        }
    }
    tests
}

/// The tests, with those that only write once for each number of sequences.
pub fn with_slots(tests: &[Test], n_slots: &[usize]) -> Vec<Test> {
    let mut all: Vec<Test> = Vec::new();
    for test in tests {
        let is_writing = test.n_prompt == 0 && !n_slots.is_empty();
        let n_slots = if is_writing { n_slots } else { &[1][..] };
        for &n_slots in n_slots {
            let test = Test { n_slots, ..*test };
            if !all.contains(&test) {
                all.push(test);
            }
        }
    }
    all
}

/// How the tests of one loaded model are run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What is measured, in this order.
    pub tests: Vec<Test>,
    /// Timed runs of each test; at least 1.
    pub n_runs: u32,
    /// Runs before them that are not timed.
    pub n_warmup: u32,
    /// Tokens of a prompt that are computed together, at most; the device's own limit counts too.
    pub n_batch: Option<usize>,
    /// Tokens the device may choose in one go while writing, as in a request.
    pub tokens_per_job: usize,
    /// Measures the device's peaks before and after each row, for the roofline.
    pub peaks: bool,
    /// One more run of each test with every kernel timed.
    pub profile: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tests: tests(&[512], &[128], &[], &[0]),
            n_runs: DEFAULT_RUNS,
            n_warmup: 1,
            n_batch: None,
            tokens_per_job: 1,
            peaks: true,
            profile: false,
        }
    }
}

impl Settings {
    /// Sequences that any test writes together.
    pub fn n_slots(&self) -> usize {
        self.tests.iter().map(|test| test.n_slots).max().unwrap_or(1).max(1)
    }

    /// Tokens of context that the largest test needs (a model has at least 2).
    pub fn n_ctx(&self) -> usize {
        self.tests.iter().map(Test::n_ctx).max().unwrap_or(0).max(2)
    }
}

#[cfg(test)]
mod tests_of_settings {
    use super::*;

    #[test]
    fn names_and_sizes() {
        let test = |n_prompt, n_gen, depth| Test { n_prompt, n_gen, depth, n_slots: 1 };
        let table = [
            (test(512, 0, 0), "pp512", 512),
            (test(0, 32, 2048), "tg32@d2048", 2080),
            (test(64, 16, 0), "pp64+tg16", 80),
            (test(64, 16, 5), "pp64+tg16@d5", 85),
        ];
        for (test, name, n_ctx) in table {
            assert_eq!((test.name().as_str(), test.n_ctx()), (name, n_ctx));
        }
    }

    #[test]
    fn lists_are_crossed_in_order_without_repeats() {
        let all = tests(&[128, 0, 512], &[32, 32], &[(64, 16)], &[0, 2048]);
        let names: Vec<String> = all.iter().map(Test::name).collect();
        let wanted = "pp128 pp128@d2048 pp512 pp512@d2048 tg32 tg32@d2048 pp64+tg16 \
                      pp64+tg16@d2048";
        assert_eq!(names.join(" "), wanted);
        let slots = with_slots(&tests(&[8], &[4], &[(8, 4)], &[0, 9]), &[1, 4]);
        let names: Vec<String> = slots.iter().map(Test::name).collect();
        let wanted = "pp8 pp8@d9 tg4 tg4x4 tg4@d9 tg4x4@d9 pp8+tg4 pp8+tg4@d9";
        assert_eq!(names.join(" "), wanted);
        assert_eq!((slots[3].n_tokens(), slots[3].n_ctx()), (16, 4));
        assert_eq!(tests(&[0], &[0], &[], &[]), []);
        let settings = Settings { tests: all, ..Settings::default() };
        assert_eq!(settings.n_ctx(), 2048 + 512);
    }
}
