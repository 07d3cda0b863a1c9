//! A store that fails once: at the n-th call, before or after it did what it was asked.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// When the failing call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// Nothing was done.
    Before,
    /// It was done, and the answer was lost.
    After,
}

/// The store.
#[derive(Debug)]
pub struct Flaky {
    inner: Arc<InMemory>,
    calls: AtomicUsize,
    at: usize,
    fails: Fails,
}

impl Flaky {
    /// A store that fails at one call.
    pub fn new(inner: Arc<InMemory>, at: usize, fails: Fails) -> Arc<Self> {
        Arc::new(Self { inner, calls: AtomicUsize::new(0), at, fails })
    }

    /// Whether it came to the failing call.
    pub fn has_failed(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at
    }

    /// Whether this call is the failing one.
    fn is_now(&self) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst) == self.at
    }

    async fn call<T>(&self, done: impl Future<Output = Result<T>>) -> Result<T> {
        match (self.is_now(), self.fails) {
            (false, _) => done.await,
            (true, Fails::Before) => Err(cut()),
            (true, Fails::After) => {
                done.await?;
                Err(cut())
            }
        }
    }
}

fn cut() -> Error {
    Error::Generic { store: "flaky", source: "the line was cut".into() }
}

impl fmt::Display for Flaky {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("flaky")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.call(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.call(self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.call(self.inner.get_opts(path, options)).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.call(self.inner.get_ranges(path, ranges)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match (self.is_now(), self.fails) {
            (false, _) => self.inner.delete_stream(paths),
            (true, Fails::Before) => stream::once(async { Err(cut()) }).boxed(),
            (true, Fails::After) => self.inner.delete_stream(paths).map(|_| Err(cut())).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.is_now() { stream::once(async { Err(cut()) }).boxed() } else { self.inner.list(prefix) }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.call(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.call(self.inner.copy_opts(from, to, options)).await
    }
}
