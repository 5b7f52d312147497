//! A site on 127.0.0.1, as any file server has it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Files by their paths, without a leading `/`. It is served until the test's process ends.
pub(crate) struct Site {
    url: String,
}

impl Site {
    /// Serves these files; "" is an empty page where none is given.
    pub(crate) fn new(mut files: BTreeMap<String, Vec<u8>>) -> Self {
        files.entry(String::new()).or_insert_with(|| {
            b"<!doctype html><html lang=en><title>test</title><link rel=icon href=data:,>".to_vec()
        });
        let files = Arc::new(files);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let files = Arc::clone(&files);
                // A browser may leave before it has all.
                std::thread::spawn(move || drop(answer(&stream, &files)));
            }
        });
        Self { url }
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
fn answer(mut stream: &TcpStream, files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
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
        Some("html" | "") => "text/html",
        _ => "application/octet-stream",
    };
    let (status, body) = match files.get(path) {
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
