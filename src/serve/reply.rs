//! What is sent back.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use tokio::io::{AsyncRead, ReadBuf};

use super::range::{Asked, asked};

pub(super) type Reply = Response<BoxBody<Bytes, io::Error>>;

/// Bytes of a file that are read at a time.
const PIECE: usize = 64 << 10;

/// What every reply says: nothing is loaded from elsewhere, nothing is shown within other pages, nothing is guessed, and no
/// other server is told where a link was.
const ALWAYS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, text }
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn forbidden(text: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, text)
    }

    pub(super) fn kind(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// As the interface tells it.
    pub(super) fn reply(&self) -> Reply {
        json(self.status, &serde_json::json!({ "error": self.text }))
    }
}

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    // Values of this server's own, whose keys are words.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut reply = Response::new(whole(text.into()));
    *reply.status_mut() = status;
    set(&mut reply, CONTENT_TYPE, "application/json");
    set(&mut reply, CACHE_CONTROL, "no-store");
    reply
}

/// What lies there cannot be used by such a method.
pub(super) fn not_allowed(methods: &'static str) -> Reply {
    let text = "this cannot be done with what lies there";
    let mut reply = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text).reply();
    reply
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    reply
}

/// Adds what every reply says.
pub(super) fn finish(mut reply: Reply) -> Reply {
    for (name, value) in ALWAYS {
        let value = HeaderValue::from_static(value);
        reply
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    reply
}

/// A file to be sent, whole or in part.
pub(super) struct Content {
    /// What tells its content from others.
    pub(super) hash: String,
    /// Its media type.
    pub(super) kind: &'static str,
    pub(super) source: Source,
}

/// Where its bytes are.
pub(super) enum Source {
    Memory(Bytes),
    /// With its length.
    Disk(File, u64),
}

impl Content {
    /// The reply to a request for it: what was asked for, or that nothing has changed since.
    pub(super) fn reply(self, head: &Parts) -> Reply {
        let tag = format!("\"{}\"", self.hash);
        let given = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let length = match &self.source {
            Source::Memory(bytes) => bytes.len() as u64,
            Source::Disk(_, length) => *length,
        };
        let known = given(IF_NONE_MATCH).is_some_and(|tags| {
            let mut tags = tags
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"));
            tags.any(|known| known == tag || known == "*")
        });
        // A part is asked for of what is there now, or of what was there before.
        let same = given(IF_RANGE).is_none_or(|of| of == tag);
        let range = given(RANGE).filter(|_| head.method == Method::GET && same);
        let (status, range) = match asked(range, length) {
            _ if known => (StatusCode::NOT_MODIFIED, 0..0),
            Asked::Whole => (StatusCode::OK, 0..length),
            Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Asked::Outside => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
        };
        let content_range = match status {
            StatusCode::PARTIAL_CONTENT => {
                Some(format!("bytes {}-{}/{length}", range.start, range.end - 1))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{length}")),
            _ => None,
        };
        let sent = range.end - range.start;
        let body = match head.method == Method::HEAD || sent == 0 {
            true => Ok(whole(Bytes::new())),
            false => self.source.part(range),
        };
        let mut reply = match body {
            Ok(body) => Response::new(body),
            Err(error) => {
                let text = format!("it cannot be read ({error})");
                return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text).reply();
            }
        };
        *reply.status_mut() = status;
        set(&mut reply, ETAG, &tag);
        set(&mut reply, CACHE_CONTROL, "no-cache");
        set(&mut reply, ACCEPT_RANGES, "bytes");
        if status != StatusCode::NOT_MODIFIED {
            set(&mut reply, CONTENT_TYPE, self.kind);
            set(&mut reply, CONTENT_LENGTH, &sent.to_string());
        }
        if let Some(range) = content_range {
            set(&mut reply, CONTENT_RANGE, &range);
        }
        reply
    }
}

impl Source {
    fn part(self, range: Range<u64>) -> io::Result<BoxBody<Bytes, io::Error>> {
        match self {
            Self::Memory(bytes) => {
                // A range lies within the bytes, which memory holds.
                let at = |place: u64| usize::try_from(place).unwrap_or(bytes.len());
                Ok(whole(bytes.slice(at(range.start)..at(range.end))))
            }
            Self::Disk(mut file, _) => {
                file.seek(SeekFrom::Start(range.start))?;
                Ok(FileBody::new(file.into(), range.end - range.start).boxed())
            }
        }
    }
}

fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    // All values are made here, of characters that a header may hold.
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

fn whole(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Some bytes of a file, read as they are sent.
struct FileBody {
    file: tokio::fs::File,
    left: u64,
    piece: Box<[u8]>,
}

impl FileBody {
    fn new(file: tokio::fs::File, left: u64) -> Self {
        let piece = vec![0; PIECE].into_boxed_slice();
        Self { file, left, piece }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { file, left, piece } = self.get_mut();
        if *left == 0 {
            return Poll::Ready(None);
        }
        let most = usize::try_from(*left).unwrap_or(PIECE).min(PIECE);
        let mut read = ReadBuf::new(&mut piece[..most]);
        ready!(Pin::new(file).poll_read(context, &mut read))?;
        let found = Bytes::copy_from_slice(read.filled());
        *left -= found.len() as u64;
        Poll::Ready(Some(match found.is_empty() {
            // The file has become shorter since.
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(Frame::data(found)),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
