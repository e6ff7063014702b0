//! What the engine asks of its host, answered by the browser: time, chance, a pause.

use engine::{Env, Pause};
use js_sys::{Date, Function, Promise, Uint32Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::js::performance_now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_random(words: &Uint32Array) -> Uint32Array;
}

/// A number that nobody can guess.
pub fn entropy() -> u64 {
    let words = fill_random(&Uint32Array::new_with_length(2));
    u64::from(words.get_index(0)) << 32 | u64::from(words.get_index(1))
}

/// The functions of one engine. `next_task` returns a promise that a fresh task of the event loop
/// resolves; without it a cancel message could not arrive while the model works.
pub fn env(next_task: &Function) -> Env {
    let next_task = next_task.clone();
    Env {
        now_ms: Box::new(performance_now),
        now_local: Box::new(now_local),
        entropy: Box::new(|| entropy() as u32),
        pause: Some(Box::new(move || pause(&next_task))),
    }
}

/// Lets a fresh task of the event loop begin.
pub fn pause(next_task: &Function) -> Pause {
    let promise = next_task.call0(&JsValue::UNDEFINED).and_then(JsCast::dyn_into::<Promise>);
    Box::pin(async move {
        if let Ok(promise) = promise {
            // The promise is only ever resolved.
            let _ = JsFuture::from(promise).await;
        }
    })
}

/// Wall-clock time where the person is, for templates that print the date.
pub fn now_local() -> chat::Moment {
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
