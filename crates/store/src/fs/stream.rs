//! Files outside of the store as streams: archives and exported models, read and written.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::FsIo;
use crate::archive::Sink;
use crate::clock::Clock;
use crate::error::Error;
use crate::fetch::{Body, FetchError};
use crate::limits::COPY_BYTES;
use crate::name::Name;
use crate::progress::Progress;
use crate::store::Store;

/// A file that gets its name when it is complete. Dropped before, it is removed.
pub struct FileSink {
    file: File,
    place: PathBuf,
    temp: PathBuf,
    is_done: bool,
}

impl FileSink {
    /// Begins a file that will lie at `place`, replacing what lies there.
    ///
    /// # Errors
    /// [`Error::Output`] if no file can be made there.
    pub fn create(place: &Path) -> Result<FileSink, Error> {
        let mut temp = place.as_os_str().to_owned();
        temp.push(".incomplete");
        let temp = PathBuf::from(temp);
        let file = File::create(&temp).map_err(|error| output(place, &error))?;
        Ok(FileSink { file, place: place.to_owned(), temp, is_done: false })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn finish(mut self) -> Result<(), Error> {
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.temp, &self.place));
        done.map_err(|error| output(&self.place, &error))?;
        self.is_done = true;
        Ok(())
    }
}

impl Sink for FileSink {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| format!("{}: {error}", self.place.display()))
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if !self.is_done {
            // Where this fails, the name says that it is incomplete.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// A file (or a pipe) that is read from its beginning.
pub struct FileBody<R>(R);

impl<R: Read> FileBody<R> {
    /// A body of what this reads.
    pub fn new(from: R) -> FileBody<R> {
        FileBody(from)
    }
}

impl<R: Read> Body for FileBody<R> {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        let mut bytes = vec![0; COPY_BYTES];
        let n = loop {
            match self.0.read(&mut bytes) {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(FetchError::Connection(error.to_string()))),
            }
        };
        bytes.truncate(n);
        (n > 0).then_some(Ok(bytes))
    }
}

impl<C: Clock> Store<FsIo, C> {
    /// Writes a model's plain GGUF files into a folder, byte for byte, and says where they lie.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BlobMissing`], [`Error::Damage`], [`Error::Output`]; an
    /// incomplete file keeps no name.
    pub async fn export(
        &self,
        name: &Name,
        folder: &Path,
        mut progress: impl FnMut(Progress),
    ) -> Result<Vec<PathBuf>, Error> {
        let model = self.get(name).await?;
        let mut places = Vec::new();
        for file in Self::model_files(&model) {
            let place = folder.join(&file.file_name);
            let mut sink = FileSink::create(&place)?;
            let (digest, size) = (file.digest, file.size);
            let report = |done| progress(Progress::blob("exporting", digest, size, done));
            self.write_out(&digest, size, &mut sink, report).await?;
            sink.finish()?;
            places.push(place);
        }
        Ok(places)
    }
}

fn output(place: &Path, error: &io::Error) -> Error {
    Error::Output { reason: format!("{}: {error}", place.display()) }
}
