//! A body that is sent piece by piece: the next piece is asked for only when the one before has left, so that no more
//! than a few are ever held, however large the whole is.

use std::fmt;
use std::fmt::Write;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha512};

/// Where the pieces come from.
pub type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// What has been sent so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    inner: Arc<Mutex<Sent>>,
}

#[derive(Debug, Default)]
struct Sent {
    bytes: u64,
    hash: Sha512,
    trouble: Option<String>,
}

/// What was sent, when all of it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-512, as hex.
    pub sha512: String,
}

impl Progress {
    fn with<T>(&self, act: impl FnOnce(&mut Sent) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many bytes have left.
    pub(crate) fn bytes(&self) -> u64 {
        self.with(|sent| sent.bytes)
    }

    /// Why no more pieces came, if that is why it ended.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.with(|sent| sent.trouble.clone())
    }

    /// What was sent.
    pub(crate) fn receipt(&self) -> Receipt {
        self.with(|sent| {
            let hash = sent.hash.clone().finalize();
            let sha512 = hash.iter().fold(String::with_capacity(128), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            Receipt { bytes: sent.bytes, sha512 }
        })
    }
}

/// A body that is made of pieces.
pub struct Upload {
    /// Only the one who sends it looks at it; the lock makes that visible to the compiler.
    pieces: Mutex<Pieces>,
    length: Option<u64>,
    progress: Progress,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Upload {
    /// A body of `pieces`; with its length, one that is cut short is told from a whole one.
    pub fn new(pieces: Pieces, length: Option<u64>) -> Self {
        Self { pieces: Mutex::new(pieces), length, progress: Progress::default() }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let pieces = self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
        let piece = ready!(pieces.as_mut().poll_next(context));
        Poll::Ready(piece.map(|piece| match piece {
            Ok(piece) => {
                self.progress.with(|sent| {
                    sent.bytes += piece.len() as u64;
                    sent.hash.update(&piece);
                });
                Ok(Frame::data(piece))
            }
            Err(error) => {
                self.progress.with(|sent| sent.trouble = Some(error.to_string()));
                Err(error)
            }
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
