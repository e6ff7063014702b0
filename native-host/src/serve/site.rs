//! Everything behind one address: the router, and what is not its business (a page, a registry).
//!
//! Who may ask is the router's decision for all of it: its rules are applied to the rest by the
//! same function, and whatever they do not let pass goes to the router, which refuses in its words.

use std::path::Path;

use api::Router;
use api::host::Host;
use api::http::access::{AccessSettings, Verdict, judge};
use api::http::{Request, Response};

use super::http::Handler;
use super::mirror::{Mirror, is_registry};
use super::page::{Page, PageError};

/// See the module's header.
pub struct Site<H: Host> {
    router: Router<H>,
    access: AccessSettings,
    page: Page,
    /// Who may have the page.
    page_access: AccessSettings,
    mirror: Option<Mirror>,
}

impl<H: Host> Site<H> {
    /// A site around a router, whose settings of access are these, with the program's page.
    pub fn new(router: Router<H>, access: AccessSettings) -> Site<H> {
        // A page is public and a browser cannot send a token for it; what it asks then needs one.
        let page_access = AccessSettings { token: None, ..access.clone() };
        Site { router, access, page: Page::of_program(), page_access, mirror: None }
    }

    /// The page in a folder instead of the program's own.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn with_page(self, folder: &Path) -> Result<Site<H>, PageError> {
        Ok(Site { page: Page::open(folder)?, ..self })
    }

    /// Adds a registry below `/v2/`.
    pub fn with_mirror(self, mirror: Mirror) -> Site<H> {
        Site { mirror: Some(mirror), ..self }
    }

    async fn page(&self, request: &Request) -> Option<Response> {
        match judge(&self.page_access, request) {
            Verdict::Pass(_) => self.page.answer(request).await,
            _ => None,
        }
    }
}

impl<H: Host> Handler for Site<H> {
    fn cut(&self) {
        self.router.cut();
    }

    async fn handle(&self, request: Request) -> Response {
        if let Some(mirror) = &self.mirror
            && is_registry(&request.path)
            && let Verdict::Pass(cors) = judge(&self.access, &request)
        {
            let mut response = mirror(request).await;
            for (name, value) in cors.iter() {
                response.headers.set(name, value);
            }
            return response;
        }
        match self.page(&request).await {
            Some(response) => response,
            None => self.router.handle(request).await,
        }
    }
}
