//! A site on 127.0.0.1, as any file server has it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// After this a request that is held finds nothing: longer than a test waits for anything. A browser tells nothing of a page
/// while another one is to take its place.
const LONGEST: Duration = Duration::from_secs(150);

/// Files by their paths, without a leading `/`. It is served until the test's process ends.
pub(crate) struct Site {
    url: String,
    shelf: Arc<Mutex<Shelf>>,
}

/// What is served now.
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    way: Way,
}

/// How requests are answered.
enum Way {
    /// By the files.
    Files,
    /// Not at all: connections are broken off.
    Broken,
    /// By the files, but for paths that begin so: these have to wait.
    Held(String),
    /// All are sent to this address.
    Elsewhere(String),
}

impl Site {
    /// Serves these files; "" is an empty page where none is given.
    pub(crate) fn new(mut files: BTreeMap<String, Vec<u8>>) -> Self {
        files.entry(String::new()).or_insert_with(|| {
            b"<!doctype html><html lang=en><title>test</title><link rel=icon href=data:,>".to_vec()
        });
        let shelf = Arc::new(Mutex::new(Shelf {
            files,
            way: Way::Files,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let served = Arc::clone(&shelf);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = Arc::clone(&served);
                // A browser may leave before it has all.
                std::thread::spawn(move || drop(answer(&stream, &shelf)));
            }
        });
        Self { url, shelf }
    }

    /// Breaks every connection off from now on, as where there is no network.
    pub(crate) fn stop(&self) {
        self.shelf.lock().unwrap().way = Way::Broken;
    }

    /// Lets requests of paths that begin so wait for their answer, as where a network is there and gives nothing.
    pub(crate) fn hold(&self, under: &str) {
        self.shelf.lock().unwrap().way = Way::Held(under.into());
    }

    /// Sends every request to another address, as a network does where one has to log in.
    pub(crate) fn send_to(&self, url: &str) {
        self.shelf.lock().unwrap().way = Way::Elsewhere(url.into());
    }

    /// Serves again, what has waited too.
    pub(crate) fn go_on(&self) {
        self.shelf.lock().unwrap().way = Way::Files;
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, path: &str) {
        self.shelf.lock().unwrap().files.remove(path);
    }

    /// What a file holds.
    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        self.shelf.lock().unwrap().files[path].clone()
    }

    /// Puts another content into a file.
    pub(crate) fn put(&self, path: &str, bytes: Vec<u8>) {
        let mut shelf = self.shelf.lock().unwrap();
        shelf.files.insert(path.into(), bytes);
    }

    /// Its address, with a `/` at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// All files of a folder, by their paths below it.
pub(crate) fn folder(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(path).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|file| {
            let name = file.path().strip_prefix(path).unwrap();
            let name = name.to_str().unwrap().replace('\\', "/");
            (name, std::fs::read(file.path()).unwrap())
        })
        .collect()
}

/// Answers one request.
fn answer(mut stream: &TcpStream, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // The rest of the request says nothing that matters here.
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = first.split(' ').nth(1).unwrap_or("/");
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches('/');
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        _ if path.is_empty() || path.ends_with('/') => "text/html",
        Some("html") => "text/html",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    };
    let since = Instant::now();
    let file = loop {
        let shelf = shelf.lock().unwrap();
        match &shelf.way {
            Way::Broken => return Ok(()),
            Way::Elsewhere(url) => {
                let head =
                    format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nConnection: close\r\n\r\n");
                return stream.write_all(head.as_bytes());
            }
            Way::Held(under) if path.starts_with(under) => {
                if since.elapsed() > LONGEST {
                    break None;
                }
            }
            _ => break shelf.files.get(path).cloned(),
        }
        drop(shelf);
        std::thread::sleep(Duration::from_millis(20));
    };
    let (status, body) = match &file {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b"not here"[..]),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
