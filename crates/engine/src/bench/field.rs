//! A row as names and values; see [`Row`].

use kernels::{KvType, OpTime};

use super::row::{Outcome, Row};

/// A value of a field. Hosts turn it into what their format has.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Not known, or it does not apply.
    None,
    /// Text, as the file or the device has it: escape it before showing it.
    Text(String),
    /// A count: bytes, tokens, runs.
    Count(u64),
    /// A measured number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Several numbers.
    Numbers(Vec<f64>),
    /// Several texts.
    Texts(Vec<String>),
    /// Objects with these fields.
    Objects(Vec<Vec<(&'static str, Field)>>),
}

fn text(text: impl Into<String>) -> Field {
    Field::Text(text.into())
}

fn count(n: impl TryInto<u64>) -> Field {
    n.try_into().map_or(Field::None, Field::Count)
}

fn number(value: impl Into<Option<f64>>) -> Field {
    value.into().filter(|value| value.is_finite()).map_or(Field::None, Field::Number)
}

/// `None` for zero: not measured.
fn positive(value: f64) -> Field {
    number(Some(value).filter(|value| *value > 0.0))
}

impl Row {
    /// Every name with its value. Units are in the names: `_ts` tokens per second, `_ms`, `_bytes`,
    /// `_s` a second.
    pub fn fields(&self) -> Vec<(&'static str, Field)> {
        let mut fields = self.subject_fields();
        fields.extend(self.result_fields());
        fields.extend(self.roofline_fields());
        fields
    }

    fn subject_fields(&self) -> Vec<(&'static str, Field)> {
        let subject = &self.subject;
        let (asked, model, player) = (&subject.asked, &subject.model, &subject.player);
        let bytes = |n: Option<u64>| n.map_or(Field::None, Field::Count);
        let player_bytes = |pick: fn(&kernels::PlayerInfo) -> u64| bytes(player.as_ref().map(pick));
        vec![
            ("model", text(subject.model_name())),
            ("type", text(subject.model_type())),
            ("size_bytes", bytes(model.as_ref().map(|model| model.weight_bytes))),
            ("n_params", bytes(model.as_ref().map(|model| model.n_params))),
            ("device", text(subject.device())),
            ("name", player.as_ref().map_or(Field::None, |player| text(&player.name))),
            ("test", text(self.test.name())),
            ("n_prompt", count(self.test.n_prompt)),
            ("n_gen", count(self.test.n_gen)),
            ("n_depth", count(self.test.depth)),
            ("file", text(&asked.file)),
            ("n_threads", if asked.n_threads > 0 { count(asked.n_threads) } else { Field::None }),
            ("gpu_layers", asked.gpu_layers.map_or(Field::None, count)),
            ("kv_type", text(kv_name(asked.kv))),
            ("n_batch", count(self.n_batch)),
            ("weight_bytes", player_bytes(|player| player.weight_bytes)),
            ("kv_bytes", player_bytes(|player| player.kv_bytes)),
            ("scratch_bytes", player_bytes(|player| player.scratch_bytes)),
            ("peak_memory_bytes", bytes(self.peak_memory)),
            ("load_ms", number(subject.load_ms)),
        ]
    }

    fn result_fields(&self) -> Vec<(&'static str, Field)> {
        let stats = self.stats();
        let is_measured = !self.seconds.is_empty();
        let measured = |value: f64| number(Some(value).filter(|_| is_measured));
        let first = super::Stats::of(&self.first_token_ms);
        let outcome = match self.outcome {
            Outcome::Done => "done",
            Outcome::Interrupted => "interrupted",
            Outcome::Failed { .. } => "failed",
        };
        vec![
            ("outcome", text(outcome)),
            ("error", self.error().map_or(Field::None, text)),
            ("error_code", self.error_code().map_or(Field::None, text)),
            ("n_warmup", count(self.n_warmup)),
            ("avg_ts", measured(stats.mean)),
            ("stddev_ts", measured(stats.sd)),
            ("median_ts", measured(stats.median)),
            ("samples_ts", Field::Numbers(self.samples())),
            ("first_token_ms", positive(first.median)),
            ("host_us_per_token", number(self.host_us_per_token)),
            ("is_steady", Field::Flag(self.is_steady())),
            ("notes", Field::Texts(self.notes())),
        ]
    }

    fn roofline_fields(&self) -> Vec<(&'static str, Field)> {
        let (roofline, peaks) = (&self.roofline, self.peaks.as_ref());
        let op = |time: &OpTime| {
            vec![
                ("op", text(time.op)),
                ("kernel", text(&time.kernel)),
                ("calls", count(time.calls)),
                ("ms", number(time.seconds * 1000.0)),
            ]
        };
        vec![
            ("bytes_per_token", positive(roofline.bytes_per_token)),
            ("kv_bytes_per_token", count(self.kv_bytes_per_token)),
            ("ops_per_token", positive(roofline.ops_per_token)),
            ("read_bytes_per_s", positive(roofline.read_bytes_per_s)),
            ("op_per_s", positive(roofline.op_per_s)),
            ("peak_read_bytes_per_s", peaks.map_or(Field::None, |p| positive(p.read_bytes_per_s))),
            ("peak_op_per_s", peaks.map_or(Field::None, |p| positive(p.op_per_s))),
            ("peak_op_kind", peaks.map_or(Field::None, |p| text(&p.op_kind))),
            ("peak_drift", peaks.map_or(Field::None, |_| number(self.drift))),
            ("limit_ts", number(roofline.limit_ts)),
            ("bound", roofline.bound.map_or(Field::None, |bound| text(bound.name()))),
            ("limit_share", number(roofline.share)),
            ("read_share", number(roofline.read_share)),
            ("op_share", number(roofline.op_share)),
            ("profile", Field::Objects(self.profile.iter().map(op).collect())),
        ]
    }
}

/// "f32", "f16", "q8_0".
pub fn kv_name(kv: KvType) -> &'static str {
    match kv {
        KvType::F32 => "f32",
        KvType::F16 => "f16",
        KvType::Q8_0 => "q8_0",
    }
}
