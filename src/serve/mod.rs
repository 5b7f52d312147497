//! The site, and the personal library behind it, for browsers: HTTP/1.1 by hyper.
//!
//! Requests that no page of this server makes are refused ([`guard`]). Pages are served from memory, by their exact paths, so
//! that no path leads out of them; music by the number that the library gave a track, and only as long as the file is what
//! the library heard. Nobody is waited for: a connection that says nothing is closed, and where there are too many, or the
//! system has no room for more, the oldest gives way.

mod api;
mod error;
mod guard;
mod range;
mod reply;
mod shelf;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

pub use error::ServeError;
pub use shelf::Shelf;

use guard::API;
use reply::{Content, Refusal, Reply, Source, finish, not_allowed};

use crate::files::hash_bytes;
use crate::site::Site;

/// How long a connection may take to say what it wants, also between two requests.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);

/// How long what is sent may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of the longest that is sent.
const LONGEST_BODY: usize = 64 << 10;

/// Bytes of the longest head of a request.
const LONGEST_HEAD: usize = 32 << 10;

/// Connections that are open at a time. A browser opens six; each may have a file open as well, and some systems let a process
/// open 256 in all.
const CONNECTIONS: usize = 64;

/// How often it is looked whether to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// A port that is listened to.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// What is served.
#[derive(Debug)]
struct Served {
    files: HashMap<String, File>,
    library: Option<Arc<Shelf>>,
    /// Whether others than this machine may ask.
    public: bool,
}

/// A file of the site.
#[derive(Debug)]
struct File {
    bytes: Bytes,
    hash: String,
    kind: &'static str,
}

impl Server {
    /// Listens to a port of an address; to any that is free for 0.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn bind(address: IpAddr, port: u16) -> Result<Self, ServeError> {
        // The system takes these, and nobody can reach them.
        let to_many = match address.to_canonical() {
            IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_multicast(),
        };
        if to_many {
            return Err(ServeError::OtherMachine(address));
        }
        let listener =
            TcpListener::bind((address, port)).map_err(|e| ServeError::of(address, port, e))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where a browser finds it.
    pub fn url(&self) -> String {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}/")
    }

    /// Whether it listens at all addresses of this machine.
    pub fn is_everywhere(&self) -> bool {
        self.address.ip().is_unspecified()
    }

    /// Whether other machines can ask it.
    pub fn is_public(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Answers until `stop` is set. What is being done then is done to its end.
    ///
    /// # Errors
    /// [`ServeError::System`].
    pub fn run(
        self,
        site: &Site,
        library: Option<Shelf>,
        stop: &AtomicBool,
    ) -> Result<(), ServeError> {
        let files = site.files().iter().map(|(path, file)| {
            let file = File {
                hash: hash_bytes(&file.bytes),
                bytes: Bytes::from_owner(file.bytes.clone()),
                kind: file.kind,
            };
            (format!("/{path}"), file)
        });
        let served = Arc::new(Served {
            files: files.collect(),
            library: library.map(Arc::new),
            public: self.is_public(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(accept(self.listener, &served, stop))?;
        Ok(())
    }
}

async fn accept(listener: TcpListener, served: &Arc<Served>, stop: &AtomicBool) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        match timeout(GLANCE, listener.accept()).await {
            Err(_) => {}
            Ok(Ok((stream, _))) => {
                make_room(&mut open, CONNECTIONS);
                open.push_back(tokio::spawn(converse(stream, served.clone())).abort_handle());
            }
            // Whoever asked has gone again.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Those that are open may hold what is missing for ever.
            Ok(Err(_)) => {
                make_room(&mut open, 0);
                sleep(GLANCE).await;
            }
        }
    }
    Ok(())
}

/// Ends the oldest connection where as many as these are open.
fn make_room(open: &mut VecDeque<AbortHandle>, most: usize) {
    open.retain(|connection| !connection.is_finished());
    if open.len() >= most
        && let Some(oldest) = open.pop_front()
    {
        oldest.abort();
    }
}

/// Answers the requests of a connection.
async fn converse(stream: TcpStream, served: Arc<Served>) {
    let answer = |request| {
        let served = served.clone();
        async move { Ok::<_, Infallible>(finish(served.answer(request).await)) }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    // What it breaks off by concerns no one else.
    let _ = connection.await;
}

impl Served {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let answer = match guard::check(&head, self.public) {
            Err(refusal) => Err(refusal),
            Ok(()) if head.uri.path().starts_with(API) => self.of_library(head, body).await,
            Ok(()) => match head.method {
                Method::GET | Method::HEAD => self.file(&head),
                _ => Ok(not_allowed("GET, HEAD")),
            },
        };
        answer.unwrap_or_else(|refusal| refusal.reply())
    }

    /// Something of the library, which may take a while: others are answered meanwhile.
    async fn of_library(&self, head: Parts, body: Incoming) -> Result<Reply, Refusal> {
        let body = Limited::new(body, LONGEST_BODY).collect();
        let body = timeout(BODY_PATIENCE, body).await;
        let body = body.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "what is sent does not arrive")
        })?;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "what is sent is too long"),
            false => Refusal::bad("what is sent breaks off"),
        })?;
        let body = body.to_bytes();
        let library = self.library.clone();
        let answer = spawn_blocking(move || api::answer(library.as_ref(), &head, &body)).await;
        answer.unwrap_or_else(|_| {
            let text = "the answer failed: this is a fault of gamaka";
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        })
    }

    /// A file of the site, by its exact path.
    fn file(&self, head: &Parts) -> Result<Reply, Refusal> {
        let path = match head.uri.path() {
            "/" => "/index.html",
            path => path,
        };
        let file = self.files.get(path);
        let file = file.ok_or_else(|| Refusal::not_found("there is no such page"))?;
        let content = Content {
            hash: file.hash.clone(),
            kind: file.kind,
            source: Source::Memory(file.bytes.clone()),
        };
        Ok(content.reply(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_addresses_that_of_this_machine_is_told() {
        for (host, told) in [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")] {
            // Not every machine has both kinds.
            if let Ok(server) = Server::bind(host.parse().unwrap(), 0) {
                assert!(server.url().starts_with(told), "{}", server.url());
            }
        }
    }
}
