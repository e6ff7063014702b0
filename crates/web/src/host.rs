//! What the engine asks of its host, answered by the browser: time, chance, a pause.

use engine::{Env, Pause};
use js_sys::{Date, Function, Math, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Monotonic milliseconds.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub fn performance_now() -> f64;
}

/// The functions of one engine. `next_task` returns a promise that a fresh task of the event loop
/// resolves; without it a cancel message could not arrive while the model works.
pub fn env(next_task: &Function) -> Env {
    let next_task = next_task.clone();
    Env {
        now_ms: Box::new(performance_now),
        now_local: Box::new(now_local),
        entropy: Box::new(|| (Math::random() * f64::from(u32::MAX)) as u32),
        pause: Some(Box::new(move || pause(&next_task))),
    }
}

fn pause(next_task: &Function) -> Pause {
    let promise = next_task.call0(&JsValue::UNDEFINED).and_then(JsCast::dyn_into::<Promise>);
    Box::pin(async move {
        if let Ok(promise) = promise {
            // The promise is only ever resolved.
            let _ = JsFuture::from(promise).await;
        }
    })
}

/// Wall-clock time where the person is, for templates that print the date.
fn now_local() -> chat::Moment {
    let now = Date::new_0();
    chat::Moment {
        year: now.get_full_year() as i32,
        month: now.get_month() + 1,
        day: now.get_date(),
        hour: now.get_hours(),
        minute: now.get_minutes(),
        second: now.get_seconds(),
    }
}
