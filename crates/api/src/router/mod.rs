//! From a request to its handler, and what every answer has in common.

mod body;
mod ending;
mod table;

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use crate::error::{ApiError, Family};
use crate::host::{Env, Host};
use crate::http::access::{AccessSettings, Verdict, judge};
use crate::http::{Body, Method, Request, Response, decode};
use crate::limits::MAX_URL_BYTES;
use crate::metrics::Metrics;
use crate::routes;
use crate::scheduler::{Scheduler, SchedulerSettings};
use crate::types::Timestamp;
pub(crate) use body::{body_error, read_body, stream_items};
pub(crate) use ending::Ending;
use table::{Endpoint, Found};

/// How a router behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may ask.
    pub access: AccessSettings,
    /// The answer of `/api/version`: digits and dots, since clients compare it.
    pub version: String,
    /// Sequences at a time per model. `OLLAMA_NUM_PARALLEL`.
    pub num_parallel: usize,
    /// Context where neither request nor model says; `None`: the backend's choice.
    /// `OLLAMA_CONTEXT_LENGTH`.
    pub num_ctx: Option<u32>,
    /// Answer `/metrics`. Off unless an operator asks for it: it is not part of Ollama's surface.
    pub metrics: bool,
    /// How many models, how long.
    pub scheduler: SchedulerSettings,
}

impl Settings {
    /// Ollama's defaults for a server on loopback.
    pub fn new(version: impl Into<String>, access: AccessSettings) -> Settings {
        let scheduler = SchedulerSettings::default();
        let version = version.into();
        Settings { access, version, num_parallel: 1, num_ctx: None, metrics: false, scheduler }
    }
}

/// What handlers work with.
pub(crate) struct Api<H: Host> {
    pub library: Rc<H::Library>,
    pub backend: Rc<H::Backend>,
    pub env: Rc<H::Env>,
    pub scheduler: Scheduler<H::Backend, H::Env>,
    pub settings: Settings,
    pub metrics: Metrics,
    pub ending: Ending,
}

impl<H: Host> Api<H> {
    /// The time, as it is written into answers.
    pub fn env_now(&self) -> Timestamp {
        self.env.now()
    }

    /// Eight characters that nobody can guess, as in Ollama's ids of calls.
    pub fn short_id(&self) -> String {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut rest = self.env.entropy();
        let letter = |_| {
            let letter = LETTERS[(rest % 36) as usize];
            rest /= 36;
            char::from(letter)
        };
        (0..8).map(letter).collect()
    }
}

/// The whole interface. Clones are the same router.
pub struct Router<H: Host> {
    api: Rc<Api<H>>,
}

impl<H: Host> Clone for Router<H> {
    fn clone(&self) -> Self {
        Router { api: Rc::clone(&self.api) }
    }
}

impl<H: Host> Router<H> {
    /// A router over the parts of a host.
    pub fn new(
        library: Rc<H::Library>,
        backend: Rc<H::Backend>,
        env: Rc<H::Env>,
        settings: Settings,
    ) -> Router<H> {
        let limits = settings.scheduler.clone();
        let scheduler = Scheduler::new(Rc::clone(&backend), Rc::clone(&env), limits);
        let (metrics, ending) = (Metrics::default(), Ending::default());
        Router { api: Rc::new(Api { library, backend, env, scheduler, settings, metrics, ending }) }
    }

    /// The scheduler, whose [`run`](Scheduler::run) the host must poll.
    pub fn scheduler(&self) -> Scheduler<H::Backend, H::Env> {
        self.api.scheduler.clone()
    }

    /// Ends all answers that are under way with an error that says so: for a host that stops and
    /// waits no longer.
    pub fn cut(&self) {
        self.api.ending.come();
    }

    /// Answers one request. Dropping the future, or the body of the response, cancels the work.
    pub async fn handle(&self, request: Request) -> Response {
        let active = Active::new(&self.api);
        let (family, ending) = (table::family_of(&request.path), self.api.ending.follow());
        let mut response = match select(pin!(self.answer(request)), ending).await {
            Either::Left((response, _)) => response,
            Either::Right(_) => ApiError::stopping().to_response(family),
        };
        drop(active);
        self.api.metrics.answered(response.status);
        // Pages of other sites can neither guess at the type of an answer nor embed or keep it.
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            response.headers.set(name, value);
        }
        response
    }

    async fn answer(&self, request: Request) -> Response {
        let family = table::family_of(&request.path);
        if request.path.len() + request.query.len() > MAX_URL_BYTES {
            return ApiError::new(414, "the address is too long").to_response(family);
        }
        let (mut response, cors) = match judge(&self.api.settings.access, &request) {
            Verdict::Pass(cors) => (self.route(request, family).await, cors),
            Verdict::Preflight(cors) => (Response::empty(204), cors),
            Verdict::Refuse(status, reason, cors) => {
                (ApiError::new(status, reason).to_response(family), cors)
            }
        };
        for (name, value) in cors.iter() {
            response.headers.set(name, value);
        }
        response
    }

    async fn route(&self, request: Request, family: Family) -> Response {
        let Some(path) = decode(&request.path) else {
            return ApiError::bad("the path is malformed").to_response(family);
        };
        let (endpoint, parameter) = match table::find(request.method, &path) {
            Found::Endpoint(endpoint, parameter) => (endpoint, parameter),
            Found::OtherMethods(allowed) => {
                let mut response = method_not_allowed().to_response(family);
                response.headers.set("allow", allowed);
                return response;
            }
            Found::Redirect(to) => {
                let is_get = request.method == Method::Get;
                let mut response = Response::empty(if is_get { 301 } else { 307 });
                response.headers.set("location", to);
                return response;
            }
            Found::Nothing => return not_found().to_response(family),
        };
        let is_head = request.method == Method::Head;
        let result = self.dispatch(endpoint, parameter, request).await;
        let mut response = result.unwrap_or_else(|error| error.to_response(family));
        if is_head {
            response.body = Body::empty();
        }
        response
    }

    async fn dispatch(
        &self,
        endpoint: Endpoint,
        parameter: Option<String>,
        request: Request,
    ) -> Result<Response, ApiError> {
        let api = &self.api;
        let parameter = parameter.unwrap_or_default();
        match endpoint {
            Endpoint::Root => return Ok(Response::text(200, "Ollama is running")),
            Endpoint::Version => return Ok(routes::meta::version(api)),
            Endpoint::Live => return Ok(routes::meta::live()),
            Endpoint::Ready => return Ok(routes::meta::ready(api)),
            Endpoint::Metrics => return routes::meta::metrics(api),
            Endpoint::Tags => return routes::models::tags(api).await,
            Endpoint::Ps => return routes::models::ps(api).await,
            Endpoint::OpenAiModels => return routes::openai_models::list(api).await,
            Endpoint::OpenAiModel => return routes::openai_models::get(api, &parameter).await,
            Endpoint::HeadBlob => return routes::blobs::head(api, &parameter).await,
            Endpoint::PostBlob => {
                let (headers, body) = (&request.headers, request.body);
                return routes::blobs::post(api, &parameter, headers, body).await;
            }
            _ => {}
        }
        let body = read_body(request.body).await?;
        match endpoint {
            Endpoint::Generate => routes::generate::generate(api, &body).await,
            Endpoint::Chat => routes::chat::chat(api, &body).await,
            Endpoint::Embed => routes::embed::embed(api, &body).await,
            Endpoint::Embeddings => routes::embed::embeddings(api, &body).await,
            Endpoint::Show => routes::models::show(api, &body).await,
            Endpoint::Copy => routes::models::copy(api, &body).await,
            Endpoint::Delete => routes::models::delete(api, &body).await,
            Endpoint::Create => routes::transfer::create(api, &body).await,
            Endpoint::Pull => routes::transfer::pull(api, &body).await,
            Endpoint::Push => routes::transfer::push(api, &body).await,
            Endpoint::ChatCompletions => routes::openai_chat::chat_completions(api, &body).await,
            Endpoint::Completions => routes::openai_completions::completions(api, &body).await,
            Endpoint::OpenAiEmbeddings => routes::openai_embeddings::embeddings(api, &body).await,
            Endpoint::Responses => routes::openai_responses::responses(api, &body).await,
            Endpoint::Messages => routes::anthropic_messages::messages(api, &body).await,
            _ => Err(not_found()),
        }
    }
}

/// In gin's words, which Ollama is made with, but as JSON like every other error.
pub(crate) fn not_found() -> ApiError {
    ApiError::new(404, "404 page not found")
}

fn method_not_allowed() -> ApiError {
    ApiError::new(405, "405 method not allowed")
}

/// Counts a request while its handler runs, also one that is dropped.
struct Active<'a, H: Host>(&'a Api<H>);

impl<H: Host> Active<'_, H> {
    fn new(api: &Api<H>) -> Active<'_, H> {
        api.metrics.request_started();
        Active(api)
    }
}

impl<H: Host> Drop for Active<'_, H> {
    fn drop(&mut self) {
        self.0.metrics.request_left();
    }
}
