//! Random requests, in random order, with random failures: nobody is forgotten, nothing is
//! exceeded.

use std::cell::RefCell;
use std::rc::Rc;

use api::host::{LoadError, LoadSpec, Memory};
use api::scheduler::{Lease, SchedulerError, SchedulerSettings};
use api::types::KeepAlive;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::task::LocalSpawnExt;
use proptest::prelude::*;

use crate::fake::{FakeBackend, FakeEnv, Server};

const FILES: [&str; 4] = ["a", "b", "c", "d"];
const GIB: u64 = 1 << 30;
const MAX_LOADED: usize = 3;
const MAX_QUEUE: usize = 6;
const SLOTS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Ask { file: usize, num_ctx: Option<u32>, keep_s: Option<i64> },
    Drop(prop::sample::Index),
    Wait(u64),
    Hold(usize),
    Go(usize),
    Fail(usize, bool),
    Unload(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let num_ctx = prop_oneof![Just(None), Just(Some(1024)), Just(Some(8192))];
    let keep_s = prop_oneof![Just(None), (-1i64..20).prop_map(Some)];
    let ask = (0..4usize, num_ctx, keep_s);
    prop_oneof![
        6 => ask.prop_map(|(file, num_ctx, keep_s)| Step::Ask { file, num_ctx, keep_s }),
        5 => any::<prop::sample::Index>().prop_map(Step::Drop),
        2 => (0..400u64).prop_map(Step::Wait),
        1 => (0..4usize).prop_map(Step::Hold),
        2 => (0..4usize).prop_map(Step::Go),
        1 => (0..4usize, any::<bool>()).prop_map(|(file, memory)| Step::Fail(file, memory)),
        1 => (0..4usize).prop_map(Step::Unload),
    ]
}

type Answer = Result<Lease<FakeBackend, FakeEnv>, SchedulerError>;

/// A request: waiting, then answered; dropping it cancels it or gives the slot back.
struct Asked {
    answer: Rc<RefCell<Option<Answer>>>,
    _cancel: oneshot::Sender<()>,
}

struct World {
    server: Server,
    asked: Vec<Asked>,
}

impl World {
    fn new() -> World {
        let scheduler = SchedulerSettings {
            max_loaded: MAX_LOADED,
            max_queue: MAX_QUEUE,
            ..SchedulerSettings::default()
        };
        let server = Server::with(api::Settings { scheduler, ..crate::fake::settings() });
        server.backend.budget.set(Memory { host: 4 * GIB, device: 0 });
        let needs = [("a", 1), ("b", 2), ("c", 3), ("d", 1)];
        for (file, gib) in needs {
            let need = Memory { host: gib * GIB, device: 0 };
            server.backend.needs.borrow_mut().insert(file.into(), need);
        }
        World { server, asked: Vec::new() }
    }

    fn ask(&mut self, file: usize, num_ctx: Option<u32>, keep_alive: Option<KeepAlive>) {
        let name = FILES[file].to_owned();
        let files = vec![name.clone()];
        let spec = LoadSpec { name, files, num_ctx, slots: SLOTS, ..LoadSpec::default() };
        let scheduler = self.server.router.scheduler();
        let (cancel, cancelled) = oneshot::channel();
        let answer = Rc::new(RefCell::new(None));
        let slot = Rc::downgrade(&answer);
        let work = async move {
            let acquire = std::pin::pin!(scheduler.acquire(spec, keep_alive));
            if let Either::Left((got, _)) = select(acquire, cancelled).await
                && let Some(slot) = slot.upgrade()
            {
                *slot.borrow_mut() = Some(got);
            }
        };
        self.server.pool.spawner().spawn_local(work).unwrap();
        self.asked.push(Asked { answer, _cancel: cancel });
    }

    fn step(&mut self, step: &Step) {
        let backend = Rc::clone(&self.server.backend);
        match step {
            Step::Ask { file, num_ctx, keep_s } => {
                let keep = keep_s.map(|s| KeepAlive::parse(&s.to_string()).unwrap());
                self.ask(*file, *num_ctx, keep);
            }
            Step::Drop(index) if !self.asked.is_empty() => {
                self.asked.swap_remove(index.index(self.asked.len()));
            }
            Step::Drop(_) => {}
            Step::Wait(s) => self.server.env.advance_ms(s * 1000),
            Step::Hold(file) => backend.hold(FILES[*file]),
            Step::Go(file) => backend.let_go(FILES[*file]),
            Step::Fail(file, memory) => {
                let error = match memory {
                    true => LoadError::Memory("short".into()),
                    false => LoadError::Failed("broken".into()),
                };
                backend.failures.borrow_mut().insert(FILES[*file].into(), (1, error));
            }
            Step::Unload(file) => {
                self.server.router.scheduler().unload(FILES[*file]);
            }
        }
        self.server.pool.run_until_stalled();
    }

    /// Bounds that hold at every moment.
    fn check(&self) {
        let scheduler = self.server.router.scheduler();
        let loaded = scheduler.loaded();
        assert!(loaded.len() <= MAX_LOADED);
        assert!(loaded.iter().map(|model| model.size).sum::<u64>() <= 4 * GIB);
        assert!(loaded.iter().all(|model| model.in_use <= SLOTS));
        assert!(scheduler.waiting() <= MAX_QUEUE);
        let leases = self.asked.iter().filter(|a| matches!(*a.answer.borrow(), Some(Ok(_))));
        let in_use: usize = loaded.iter().map(|model| model.in_use).sum();
        assert_eq!(leases.count(), in_use, "every lease is a slot in use");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_forgotten(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        // Everything may go on, and whoever has an answer leaves: all the others get theirs.
        for file in 0..4 {
            world.step(&Step::Go(file));
        }
        while !world.asked.is_empty() {
            let n_before = world.asked.len();
            world.asked.retain(|asked| asked.answer.borrow().is_none());
            world.server.pool.run_until_stalled();
            world.check();
            prop_assert!(world.asked.len() < n_before, "{} requests wait for ever", n_before);
        }
        prop_assert_eq!(world.server.router.scheduler().waiting(), 0);
    }
}
