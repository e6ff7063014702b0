//! Time per op, taken by the first thread between the barriers that end ops anyway.
//!
//! So an op's time is that of its slowest thread, waiting included, and the sum over ops is the
//! time of the pass. Switched off it costs one relaxed load per op. Numbers are atomics because
//! threads share the machine; only the first thread writes them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kernels::{KvType, Op, OpTime, Plan, WeightId};

use crate::clock;
use crate::pool::Team;

/// Calls and nanoseconds.
#[derive(Default)]
struct Timer {
    calls: AtomicU64,
    nanos: AtomicU64,
}

/// Timers of a Plan's ops: one for passes of a single row, one for larger ones.
pub struct Profile {
    is_on: AtomicBool,
    timers: Vec<[Timer; 2]>,
}

impl Profile {
    /// For this Plan, switched off.
    pub fn new(plan: &Plan) -> Profile {
        let timers = plan.ops.iter().map(|_| Default::default()).collect();
        Profile { is_on: AtomicBool::new(false), timers }
    }

    /// Starts from zero, or stops.
    pub fn set(&self, is_on: bool) {
        if is_on {
            for timer in self.timers.iter().flatten() {
                timer.calls.store(0, Ordering::Relaxed);
                timer.nanos.store(0, Ordering::Relaxed);
            }
        }
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// The time, on the first thread of a profiled pass.
    pub fn mark(&self, team: &Team<'_>) -> Option<f64> {
        if team.thread == 0 && self.is_on.load(Ordering::Relaxed) { clock::now() } else { None }
    }

    /// Op number `op` was done between then and now.
    pub fn add(&self, op: usize, n_rows: usize, since: Option<f64>) {
        let (Some(since), Some(timers)) = (since, self.timers.get(op)) else { return };
        let Some(now) = clock::now() else { return };
        let timer = &timers[usize::from(n_rows > 1)];
        timer.calls.fetch_add(1, Ordering::Relaxed);
        timer.nanos.fetch_add(((now - since).max(0.0) * 1e9) as u64, Ordering::Relaxed);
    }

    /// What was measured: ops of one kind and kernel together, in the Plan's order.
    pub fn times(&self, plan: &Plan, kv: KvType, isa: &str) -> Vec<OpTime> {
        let mut times: Vec<OpTime> = Vec::new();
        for (op, timers) in plan.ops.iter().zip(&self.timers) {
            for (timer, is_many) in timers.iter().zip([false, true]) {
                let calls = timer.calls.load(Ordering::Relaxed);
                if calls == 0 {
                    continue;
                }
                let seconds = timer.nanos.load(Ordering::Relaxed) as f64 / 1e9;
                let (name, kernel) = (op.name(), kernel_name(plan, op, kv, is_many, isa));
                match times.iter_mut().find(|time| time.op == name && time.kernel == kernel) {
                    Some(time) => {
                        time.calls += calls;
                        time.seconds += seconds;
                    }
                    None => times.push(OpTime { op: name, kernel, calls, seconds }),
                }
            }
        }
        times
    }
}

/// "Q4_K + Q6_K, one row, AVX2": the matrices' types (or the cache's), the form, the instructions.
fn kernel_name(plan: &Plan, op: &Op, kv: KvType, is_many: bool, isa: &str) -> String {
    let mut types: Vec<&str> = Vec::new();
    let mut add = |id: WeightId| {
        if let Some(weight) = plan.weights.get(id.0) {
            types.push(weight.ty.name());
        }
    };
    match op {
        Op::Embed { table, .. } => add(*table),
        Op::Qkv { q, k, v, .. } => [q, k, v].into_iter().for_each(|linear| add(linear.w)),
        Op::GateUp { gate, up, .. } => {
            gate.iter().chain([up]).for_each(|linear| add(linear.w));
        }
        Op::Output { w, .. } | Op::Down { w, .. } | Op::Head { w, .. } => add(w.w),
        Op::RopeKv { .. } | Op::Attention { .. } => types.push(match kv {
            KvType::F32 => "F32",
            KvType::F16 => "F16",
            KvType::Q8_0 => "Q8_0",
        }),
    }
    let mut distinct: Vec<&str> = Vec::new();
    for ty in types {
        if !distinct.contains(&ty) {
            distinct.push(ty);
        }
    }
    let form = match op {
        // Of a prompt the head is computed for its last row.
        Op::Head { .. } => "",
        _ if is_many => ", several rows",
        _ => ", one row",
    };
    format!("{}{form}, {isa}", distinct.join(" + "))
}
