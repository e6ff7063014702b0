//! Files of blobs in IndexedDB: a row per file, a row per blob.
//!
//! A file's row has a number under which its blobs lie, so that giving it another name moves one
//! row and no bytes. Writing does not wait (the store's writing is a plain call); changes go to the
//! database in their order, and [`Saved::settle`] waits for them and says what went wrong.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Array, Date, Math, Object, Reflect};
use store::{Entry, IoError, Stat, StorePath};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Blob, IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbTransaction, IdbTransactionMode,
};

use super::request::{Ending, result};
use super::turns::{Turn, Turns};
use crate::store::scope::{io_error, name_of};

const NAME: &str = "ingle";
const VERSION: u32 = 1;
const FILES: &str = "files";
const CHUNKS: &str = "chunks";

/// A file's row.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub struct Row {
    /// Its blobs' number.
    pub id: f64,
    pub len: f64,
    pub modified_ms: f64,
}

impl Row {
    /// A new empty file.
    pub fn new() -> Row {
        let id = (Math::random() * (1u64 << 52) as f64).floor();
        Row { id, len: 0.0, modified_ms: Date::now() }
    }

    fn stat(&self) -> Stat {
        Stat { len: self.len as u64, modified_ms: self.modified_ms as u64 }
    }
}

/// The blob that shows whether this browser keeps any.
const PROBE: (f64, usize) = (-1.0, 0);

/// The database. Browsers may close it behind a page's back; it is opened again then.
pub struct Disk {
    database: RefCell<IdbDatabase>,
    turns: Turns,
}

async fn open() -> Result<IdbDatabase, JsValue> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into())?;
    let factory: IdbFactory = factory.dyn_into()?;
    let request = factory.open_with_u32(NAME, VERSION)?;
    let asked = request.clone();
    let upgrade = Closure::once(move |_: JsValue| -> Result<(), JsValue> {
        let database: IdbDatabase = asked.result()?.unchecked_into();
        database.create_object_store(FILES)?;
        database.create_object_store(CHUNKS)?;
        Ok(())
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    Ok(result(&request).await?.unchecked_into())
}

fn chunk_key(id: f64, index: usize) -> JsValue {
    Array::of2(&id.into(), &(index as f64).into()).into()
}

fn chunk_range(id: f64, from: usize) -> Result<IdbKeyRange, JsValue> {
    let end = Array::of2(&id.into(), &f64::INFINITY.into());
    IdbKeyRange::bound(&chunk_key(id, from), &end)
}

impl Disk {
    /// Opens the database and tries whether it keeps blobs: some browsers do not, in private
    /// windows.
    pub async fn open() -> Result<Disk, JsValue> {
        let disk = Disk { database: RefCell::new(open().await?), turns: Turns::default() };
        let key = chunk_key(PROBE.0, PROBE.1);
        let known =
            disk.read(async |t| result(&t.object_store(CHUNKS)?.count_with_key(&key)?).await);
        if known.await? == 0 {
            let blob = Blob::new_with_str_sequence(&Array::of1(&"x".into()))?;
            let put = async |t: &IdbTransaction| t.object_store(CHUNKS)?.put_with_key(&blob, &key);
            disk.write(put).await?;
        }
        Ok(disk)
    }

    /// Does what only reads.
    async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&IdbTransaction) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        self.run(self.turns.next(), IdbTransactionMode::Readonly, work).await
    }

    /// Makes changes: all of them or none.
    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&IdbTransaction) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        self.run(self.turns.next(), IdbTransactionMode::Readwrite, work).await
    }

    /// Waits for its turn, and keeps it until the transaction is over.
    async fn run<T>(
        &self,
        turn: impl Future<Output = Turn>,
        mode: IdbTransactionMode,
        work: impl AsyncFnOnce(&IdbTransaction) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        let _turn = turn.await;
        let transaction = self.begin(mode).await?;
        let ending = Ending::of(&transaction);
        let done = work(&transaction).await;
        if done.is_err() {
            // It may be over already, by the same error.
            let _ = transaction.abort();
        }
        let ended = ending.wait().await;
        let value = done?;
        ended.map(|()| value)
    }

    async fn begin(&self, mode: IdbTransactionMode) -> Result<IdbTransaction, JsValue> {
        match self.begin_now(mode) {
            Err(error) if name_of(&error) == "InvalidStateError" => {
                let database = open().await?;
                *self.database.borrow_mut() = database;
                self.begin_now(mode)
            }
            begun => begun,
        }
    }

    fn begin_now(&self, mode: IdbTransactionMode) -> Result<IdbTransaction, JsValue> {
        let stores = Array::of2(&FILES.into(), &CHUNKS.into());
        self.database.borrow().transaction_with_str_sequence_and_mode(&stores, mode)
    }

    /// A file's row, if there is one.
    pub async fn row(&self, path: &StorePath) -> Result<Option<Row>, JsValue> {
        self.read(async |t| row_at(&t.object_store(FILES)?, path).await).await
    }

    /// A file's blobs, in their order.
    pub async fn chunks(&self, row: &Row) -> Result<Vec<Blob>, JsValue> {
        let range = chunk_range(row.id, 0)?;
        let all =
            self.read(async |t| result(&t.object_store(CHUNKS)?.get_all_with_key(&range)?).await);
        Ok(Array::from(&all.await?).iter().map(JsCast::unchecked_into).collect())
    }

    /// Makes a file.
    pub async fn make(&self, path: &StorePath, row: &Row) -> Result<(), JsValue> {
        self.write(async |t| put_row(t, path, row)).await
    }

    /// What lies in a folder: files with their rows, and folders.
    pub async fn list(&self, folder: &StorePath) -> Result<Vec<Entry>, JsValue> {
        let start = format!("{}/", folder.as_str());
        let range = IdbKeyRange::bound(
            &JsValue::from_str(&start),
            &JsValue::from_str(&format!("{start}\u{ffff}")),
        )?;
        let both = self.read(async |t| {
            let files = t.object_store(FILES)?;
            let keys = files.get_all_keys_with_key(&range)?;
            let rows = files.get_all_with_key(&range)?;
            Ok((result(&keys).await?, result(&rows).await?))
        });
        let (keys, rows) = both.await?;
        let mut found: Vec<Entry> = Vec::new();
        for (key, row) in Array::from(&keys).iter().zip(Array::from(&rows).iter()) {
            let key = key.as_string().unwrap_or_default();
            let Some(rest) = key.strip_prefix(&start) else { continue };
            let (name, file) = match rest.split_once('/') {
                Some((name, _)) => (name, None),
                None => (rest, row_of(&row)?.map(|row| row.stat())),
            };
            if found.last().is_none_or(|last| last.name != name) {
                found.push(Entry { name: name.to_owned(), file });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Gives a file another name, replacing what had it.
    pub async fn rename(&self, from: &StorePath, to: &StorePath) -> Result<(), JsValue> {
        self.write(async |t| {
            let files = t.object_store(FILES)?;
            let row = row_at(&files, from).await?.ok_or_else(|| gone(from))?;
            if let Some(old) = row_at(&files, to).await? {
                t.object_store(CHUNKS)?.delete(&chunk_range(old.id, 0)?.into())?;
            }
            put_row(t, to, &row)?;
            files.delete(&from.as_str().into())?;
            Ok(())
        })
        .await
    }

    /// Removes a file; false where there was none.
    pub async fn remove(&self, path: &StorePath) -> Result<bool, JsValue> {
        self.write(async |t| {
            let files = t.object_store(FILES)?;
            let Some(row) = row_at(&files, path).await? else { return Ok(false) };
            files.delete(&path.as_str().into())?;
            t.object_store(CHUNKS)?.delete(&chunk_range(row.id, 0)?.into())?;
            Ok(true)
        })
        .await
    }
}

async fn row_at(files: &IdbObjectStore, path: &StorePath) -> Result<Option<Row>, JsValue> {
    row_of(&result(&files.get(&path.as_str().into())?).await?)
}

fn gone(path: &StorePath) -> JsValue {
    js_sys::Error::new(&format!("{} is gone", path.as_str())).into()
}

fn row_of(value: &JsValue) -> Result<Option<Row>, JsValue> {
    match value.is_undefined() {
        true => Ok(None),
        false => Ok(Some(serde_wasm_bindgen::from_value(value.clone())?)),
    }
}

fn put_row(transaction: &IdbTransaction, path: &StorePath, row: &Row) -> Result<(), JsValue> {
    let object: Object = serde_wasm_bindgen::to_value(row)?.unchecked_into();
    transaction.object_store(FILES)?.put_with_key(&object, &path.as_str().into())?;
    Ok(())
}

/// The kept side of one open file.
pub struct Saved {
    disk: Rc<Disk>,
    row: Cell<Row>,
    n_pending: Cell<usize>,
    failure: RefCell<Option<JsValue>>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Saved {
    pub fn new(disk: Rc<Disk>, row: Row) -> Rc<Saved> {
        let (n_pending, failure, waiting) = Default::default();
        Rc::new(Saved { disk, row: Cell::new(row), n_pending, failure, waiting })
    }

    /// Begins to keep a chunk, the last one of a file of that length if there is none behind it.
    pub fn put(
        self: &Rc<Self>,
        path: &StorePath,
        index: usize,
        chunk: Option<&Blob>,
        len: u64,
    ) -> Result<(), IoError> {
        self.check(path)?;
        let row = Row { len: len as f64, modified_ms: Date::now(), ..self.row.get() };
        self.row.set(row);
        let behind = if chunk.is_some() { index + 1 } else { index };
        let is_last = (behind as u64).saturating_mul(super::content::CHUNK_BYTES) >= len;
        let (path, chunk) = (path.clone(), chunk.cloned());
        let work = async move |t: &IdbTransaction| {
            let chunks = t.object_store(CHUNKS)?;
            if is_last {
                chunks.delete(&chunk_range(row.id, behind)?.into())?;
            }
            if let Some(chunk) = chunk {
                chunks.put_with_key(&chunk, &chunk_key(row.id, index))?;
            }
            put_row(t, &path, &row)
        };
        self.n_pending.set(self.n_pending.get() + 1);
        let (this, turn) = (self.clone(), self.disk.turns.next());
        spawn_local(async move {
            if let Err(error) = this.disk.run(turn, IdbTransactionMode::Readwrite, work).await {
                this.failure.borrow_mut().get_or_insert(error);
            }
            this.n_pending.set(this.n_pending.get() - 1);
            if this.n_pending.get() == 0 {
                this.waiting.take().into_iter().for_each(|waiter| _ = waiter.send(()));
            }
        });
        Ok(())
    }

    fn check(&self, path: &StorePath) -> Result<(), IoError> {
        match &*self.failure.borrow() {
            Some(error) => Err(io_error("write", path, error)),
            None => Ok(()),
        }
    }

    /// Waits until everything is kept.
    pub async fn settle(&self, path: &StorePath) -> Result<(), IoError> {
        if self.n_pending.get() > 0 {
            let (tell, told) = oneshot::channel();
            self.waiting.borrow_mut().push(tell);
            let _ = told.await;
        }
        self.check(path)
    }
}
