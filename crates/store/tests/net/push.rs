//! Pushes: to a plain OCI registry, to one that hands chunks to an object store, with cuts; and
//! the mirror, which a push must never reach.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use store::{
    Credentials, Digest, Error, Layer, Manifest, MemoryIo, Method, ModelConfig, Progress,
    RegistryAccess, Request, media,
};

use crate::lab::{Answer, End, Lab, answer, assert_told_nobody_but, make_model, name, weights};

/// A registry that takes uploads.
#[derive(Default)]
struct Uploads {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    current: Vec<u8>,
    /// What an object store got.
    parts: Vec<Vec<u8>>,
    etag: Option<String>,
    mounts: usize,
    /// Hands chunks to an object store.
    redirects: bool,
    /// Breaks the connection at these chunks, after having taken them.
    breaks: Vec<usize>,
    n_chunks: usize,
}

impl Uploads {
    fn answer(&mut self, request: &Request) -> Option<Answer> {
        let path = request.url.path().to_owned();
        let digest = path.rsplit('/').next().unwrap_or("").to_owned();
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        match request.method {
            Method::Head => {
                answer(if self.blobs.contains_key(&digest) { 200 } else { 404 }, &[], b"")
            }
            Method::Post if query.contains_key("mount") => {
                self.mounts += 1;
                self.blobs.insert(query["mount"].clone(), Vec::new());
                answer(201, &[], b"")
            }
            Method::Post => {
                (self.current, self.parts) = (Vec::new(), Vec::new());
                answer(202, &[("Location", "/v2/uploads/1?state=0")], b"")
            }
            Method::Patch => self.chunk(request),
            Method::Get if path.contains("/uploads/") => {
                let last = self.current.len().saturating_sub(1);
                let range = format!("0-{last}");
                answer(204, &[("Range", &range), ("Location", "/v2/uploads/1?state=g")], b"")
            }
            Method::Put if request.url.host_str() == Some("objects.example") => {
                self.parts.push(request.body.clone());
                answer(200, &[], b"")
            }
            Method::Put if path.contains("/manifests/") => {
                self.manifests.insert(path, request.body.clone());
                answer(201, &[], b"")
            }
            Method::Put => {
                let bytes = match self.redirects {
                    true => self.parts.concat(),
                    false => self.current.clone(),
                };
                self.etag = query.get("etag").cloned();
                let right = Digest::of(&bytes).to_string() == query["digest"];
                self.blobs.insert(query["digest"].clone(), bytes);
                let error = b"{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"wrong\"}]}";
                if right { answer(201, &[], b"") } else { answer(400, &[], error) }
            }
            Method::Get => None,
        }
    }

    fn chunk(&mut self, request: &Request) -> Option<Answer> {
        let range = request.headers.get("content-range").unwrap_or("").to_owned();
        let first: usize = range.split('-').next()?.parse().ok()?;
        self.n_chunks += 1;
        if self.redirects {
            let headers = [
                ("Location", "https://objects.example/part"),
                ("Docker-Upload-Location", "/v2/uploads/1?state=r"),
            ];
            return answer(307, &headers, b"");
        }
        if first != self.current.len() {
            return answer(416, &[], b"");
        }
        self.current.extend(&request.body);
        if self.breaks.contains(&self.n_chunks) {
            return answer(503, &[], b"")?.ending(End::Cut);
        }
        let location = format!("https://r.example/v2/uploads/1?state={}", self.n_chunks);
        answer(202, &[("Location", &location)], b"")
    }
}

struct Bench {
    lab: Lab,
    client: crate::lab::LabClient,
    manifest: Manifest,
    uploads: Rc<RefCell<Uploads>>,
}

fn bench(size: usize, uploads: Uploads) -> Bench {
    let (lab, io) = (Lab::new(), MemoryIo::default());
    let client = lab.client(&io);
    let manifest = lab.clock.run(make_model(client.store(), &weights(size, 1)));
    lab.clock.run(client.store().commit(&name("r.example/n/m:t"), &manifest)).unwrap();
    let uploads = Rc::new(RefCell::new(uploads));
    let server = uploads.clone();
    lab.script(move |request| server.borrow_mut().answer(request));
    Bench { lab, client, manifest, uploads }
}

impl Bench {
    fn push(&self, credentials: Credentials) -> Result<Vec<Progress>, Error> {
        let mut lines = Vec::new();
        let access = RegistryAccess { credentials, ..RegistryAccess::default() };
        let model = name("r.example/n/m:t");
        self.lab.clock.run(self.client.push(&model, access, |line| lines.push(line)))?;
        Ok(lines)
    }

    fn assert_arrived(&self) {
        let uploads = self.uploads.borrow();
        for layer in self.manifest.blobs() {
            let arrived = &uploads.blobs[&layer.digest.to_string()];
            assert_eq!(Digest::of(arrived), layer.digest);
        }
        assert_eq!(uploads.manifests["/v2/n/m/manifests/t"], self.manifest.raw());
    }
}

#[test]
fn blobs_go_first_and_the_manifest_last() {
    let bench = bench(20 << 20, Uploads::default());
    let lines = bench.push(Credentials::None).unwrap();
    bench.assert_arrived();
    let words: Vec<&str> = lines.iter().map(|line| line.status.as_str()).collect();
    let ends = (words[0], words[words.len() - 2], words[words.len() - 1]);
    assert_eq!(ends, ("retrieving manifest", "pushing manifest", "success"));
    assert!(words[1].starts_with("pushing "));
    let largest = bench.lab.log.borrow().iter().map(|request| request.body.len()).max();
    assert_eq!(largest, Some(8 << 20));
    // Again: nothing but questions.
    let before = bench.uploads.borrow().n_chunks;
    bench.push(Credentials::None).unwrap();
    assert_eq!(bench.uploads.borrow().n_chunks, before);
}

#[test]
fn an_object_store_gets_chunks_and_the_registry_a_sum_of_sums() {
    let uploads = Uploads { redirects: true, ..Uploads::default() };
    let bench = bench(17 << 20, uploads);
    bench.push(Credentials::Token("secret".into())).unwrap();
    bench.assert_arrived();
    assert_told_nobody_but(&bench.lab, "r.example");
    // The last blob is the small config: one part.
    let etag = bench.uploads.borrow().etag.clone().unwrap();
    assert!(etag.ends_with("-1") && etag.len() == 34, "{etag}");
}

#[test]
fn a_cut_upload_goes_on_where_the_registry_is() {
    let uploads = Uploads { breaks: vec![1, 2, 4], ..Uploads::default() };
    let bench = bench(20 << 20, uploads);
    let lines = bench.push(Credentials::None).unwrap();
    bench.assert_arrived();
    let waits = lines.iter().filter_map(|line| line.retry);
    let waits: Vec<_> = waits.map(|retry| (retry.attempt, retry.of, retry.wait_ms)).collect();
    assert_eq!(waits, [(2, 6, 1000), (3, 6, 2000), (2, 6, 1000)]);
    // Three chunks of the weights, one each of three small blobs: none was sent twice.
    assert_eq!(bench.uploads.borrow().n_chunks, 6);
}

#[test]
fn layers_of_another_repository_are_mounted() {
    let bench = bench(1000, Uploads::default());
    let store = bench.client.store();
    let digest = bench.lab.clock.run(store.put_bytes(b"from elsewhere")).unwrap();
    let from = Some("r.example/other/base".to_owned());
    let layer = Layer { from, ..Layer::new(media::MODEL, digest, 14) };
    let manifest = bench.lab.clock.run(store.manifest_of(ModelConfig::default(), vec![layer]));
    bench.lab.clock.run(store.commit(&name("r.example/n/m:t"), &manifest.unwrap())).unwrap();
    bench.push(Credentials::None).unwrap();
    assert_eq!((bench.uploads.borrow().mounts, bench.uploads.borrow().n_chunks), (1, 1));
}

#[test]
fn pushes_that_fail_say_why() {
    let bench = bench(1000, Uploads::default());
    let missing = name("r.example/n/other");
    let push = bench.client.push(&missing, RegistryAccess::default(), |_| ());
    let error = bench.lab.clock.run(push).unwrap_err();
    assert_eq!(error.to_string(), "model 'r.example/n/other:latest' not found");
    type Case = (u16, &'static [(&'static str, &'static str)], fn(&Error) -> bool);
    let rows: [Case; 4] = [
        (403, &[], |e| matches!(e, Error::Status { status: 403, .. })),
        (202, &[], |e| matches!(e, Error::Protocol { .. })),
        (202, &[("Location", "http://r.example/x")], |e| matches!(e, Error::Unsafe { .. })),
        (202, &[("Location", "https://10.0.0.1/x")], |e| matches!(e, Error::Unsafe { .. })),
    ];
    for (status, headers, is_kind) in rows {
        bench.lab.script(move |request| match request.method {
            Method::Head => answer(404, &[], b""),
            _ => answer(status, headers, b""),
        });
        let error = bench.push(Credentials::None).unwrap_err();
        assert!(is_kind(&error), "{status} {headers:?}: {error}");
    }
}

#[test]
fn a_mirror_answers_reads_and_refuses_writes() {
    let lab = Lab::new();
    let manifest = lab.publish("hf.co/owner/repo:Q8_0", &weights(3000, 1));
    let ask = |method: &str, path: &str, range: Option<&str>| {
        lab.clock.run(lab.registry.registry_reply(method, path, range)).unwrap()
    };
    let digest = manifest.layers()[0].digest;
    let blob = format!("/v2/owner/repo/blobs/{digest}");
    let rows = [
        ("GET", "/v2/", 200),
        ("GET", "/v2/owner/repo/manifests/Q8_0", 200),
        ("GET", "/v2/hf.co/owner/repo/manifests/q8_0", 200),
        ("HEAD", "/v2/owner/repo/manifests/Q8_0", 200),
        ("GET", "/v2/x.example/owner/repo/manifests/Q8_0", 404),
        ("GET", "/v2/owner/repo/manifests/latest", 404),
        ("GET", "/v2/owner/repo/tags/list", 200),
        ("GET", "/v2/owner/none/tags/list", 404),
        ("GET", "/v2/_catalog", 200),
        ("GET", &blob, 200),
        ("HEAD", &blob, 200),
        ("GET", "/v2/owner/repo/blobs/sha256:../../x", 404),
        ("GET", "/v2/a/b/c/d/e", 404),
        ("PUT", "/v2/owner/repo/manifests/Q8_0", 405),
        ("POST", "/v2/owner/repo/blobs/uploads/", 405),
        ("DELETE", &blob, 405),
    ];
    for (method, path, status) in rows {
        assert_eq!(ask(method, path, None).status, status, "{method} {path}");
    }
    assert_eq!(ask("GET", &blob, Some("bytes=0-9")).status, 206);
    assert_eq!(ask("GET", &blob, Some("bytes=9999-")).status, 416);
    let by_digest = format!("/v2/owner/repo/manifests/{}", manifest.digest());
    assert_eq!(ask("GET", &by_digest, None).headers.get("content-type"), Some(media::MANIFEST));
}
