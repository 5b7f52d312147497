//! `gamaka serve`: who is answered, what is served and what never is, and the library behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{command, copy_music, fails, fixture, gamaka, studio, succeeds, text};

/// A server, which is killed at the end.
struct Served {
    process: Child,
    url: String,
    address: SocketAddr,
}

/// What came back.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl Served {
    /// Without a library of whoever runs the tests.
    fn new(more: &[&str]) -> Self {
        Self::of(&mut command(&[&["serve", "--port", "0"], more].concat()))
    }

    fn of(command: &mut std::process::Command) -> Self {
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = process
            .env("XDG_DATA_HOME", "/nonexistent")
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut url).unwrap();
        let url = url.trim_end().to_owned();
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("{url}: {}", rest(&mut process)));
        let address = address.parse().unwrap();
        Self {
            process,
            url,
            address,
        }
    }

    fn connection(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Sends bytes, and gives all that comes back.
    fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connection();
        stream.write_all(bytes).unwrap();
        let mut all = Vec::new();
        // A server that refuses what is still being sent may break the connection off.
        let _ = stream.read_to_end(&mut all);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(&all)));
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply {
            status,
            head,
            body: all[end + 4..].to_vec(),
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{request}\r\n{body}").as_bytes())
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "")
    }

    /// As a page of this server does.
    fn post(&self, path: &str, body: &Value) -> Reply {
        let origin = self.url.trim_end_matches('/');
        let headers = [("Origin", origin), ("Content-Type", "application/json")];
        self.ask("POST", path, &headers, &body.to_string())
    }
}

/// What a process that ends says on stderr.
fn rest(process: &mut Child) -> String {
    let mut said = String::new();
    let stderr = process.stderr.take();
    stderr.unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn the_page_is_served_and_nothing_beside_it() {
    let served = Served::new(&[]);
    let page = served.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/page.js?v=1", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/bundle/bundle.json", "application/json"),
        ("/bundle/tensors.safetensors", "application/octet-stream"),
        ("/demo/metal/metal-000.ogg", "audio/ogg"),
    ] {
        let found = served.get(path);
        assert_eq!(found.status, 200, "{path}");
        assert_eq!(found.header("content-type"), Some(kind), "{path}");
        assert_eq!(found.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(found.header("referrer-policy"), Some("no-referrer"));
        assert!(found.head.contains("default-src 'self'"), "{}", found.head);
        // A page that was kept is asked for again.
        let tag = found.header("etag").unwrap();
        let known = served.ask("GET", path, &[("If-None-Match", tag)], "");
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        let head = served.ask("HEAD", path, &[], "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        let length = found.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length), "{path}");
    }
    let demo = served.get("/demo/demo.json").json();
    let clips = demo["genres"].as_array().unwrap().iter();
    let clips = clips.flat_map(|genre| genre["files"].as_array().unwrap());
    let clips: Vec<&Value> = clips.chain(demo["songs"].as_array().unwrap()).collect();
    assert_eq!(clips.len(), 6 * 5 + 7);
    for clip in clips {
        let path = format!("/demo/{}", clip.as_str().unwrap());
        assert_eq!(served.get(&path).status, 200, "{path}");
    }

    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e%2fetc/passwd",
        "//etc/passwd",
        "/bundle/../index.html",
        "/bundle/%2e%2e/index.html",
        "/....//index.html",
        "/..\\index.html",
        "/%5c..%5cindex.html",
        "/%252e%252e/index.html",
        "/index.html/",
        "/bundle",
        "/bundle/",
        "/demo/",
        "/sources",
        "/index.html%00",
        "/etc/passwd",
        "/proc/self/environ",
        "/%c0%ae%c0%ae/index.html",
    ] {
        let found = served.get(path);
        assert!([400, 404].contains(&found.status), "{path}: {}", found.head);
        assert!(!found.text().contains("<html"), "{path}");
    }
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "NONSENSE"] {
        let found = served.ask(method, "/", &[], "");
        assert_eq!(found.status, 405, "{method}");
        assert_eq!(found.header("allow"), Some("GET, HEAD"), "{method}");
    }
    // No library: whoever asks is told so.
    let none = served.get("/api/library");
    assert_eq!(none.status, 404);
    assert!(none.error().contains("no library"), "{}", none.text());
}

#[test]
fn what_is_served_is_what_is_written_for_a_web_server() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let said = succeeds(&["export", "--page", "-o", text(&site)]);
    let served = Served::new(&[]);
    let files = walkdir::WalkDir::new(&site).into_iter().map(Result::unwrap);
    let files: Vec<_> = files.filter(|file| file.file_type().is_file()).collect();
    assert!(said.contains(&format!("{} files", files.len())), "{said}");
    for file in &files {
        let path = file.path().strip_prefix(&site).unwrap();
        let path = format!("/{}", text(path).replace('\\', "/"));
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(served.get(&path).body == bytes, "{path}");
    }
    let names = files.iter().map(|file| file.file_name());
    let names: Vec<&str> = names.map(|name| name.to_str().unwrap()).collect();
    for name in ["index.html", "page.js", "bundle.json", "demo.json"] {
        assert!(names.contains(&name), "{name}");
    }
    // Nothing is written over.
    let said = fails(1, &["export", "--page", "-o", text(&site)]);
    assert!(said.contains("holds something already"), "{said}");
}

#[test]
fn other_pages_and_names_are_refused() {
    let served = Served::new(&[]);
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "192.168.1.2",
        "a@127.0.0.1",
        "[::2]",
    ] {
        let found = served.ask("GET", "/", &[("Host", host)], "");
        assert_eq!(found.status, 403, "{host}");
        assert!(!found.text().contains("<html"));
        let said = found.error();
        assert!(
            said.contains("this machine's number, as 127.0.0.1,"),
            "{said}"
        );
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080"] {
        assert_eq!(
            served.ask("GET", "/", &[("Host", host)], "").status,
            200,
            "{host}"
        );
    }
    assert_eq!(served.raw(b"GET / HTTP/1.0\r\n\r\n").status, 400);
    let other =
        b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    assert_eq!(served.raw(other).status, 403);
    let own = served.url.trim_end_matches('/').to_owned();
    let json = ("Content-Type", "application/json");
    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://localhost",
    ] {
        let headers = [("Origin", origin), json];
        assert_eq!(
            served.ask("POST", "/api/undo", &headers, "{}").status,
            403,
            "{origin}"
        );
        assert_eq!(
            served.ask("GET", "/", &headers[..1], "").status,
            403,
            "{origin}"
        );
    }
    // What a form of another page can send without asking first.
    for headers in [
        &[json][..],
        &[("Origin", &*own)],
        &[("Origin", &*own), ("Content-Type", "text/plain")],
        &[
            ("Origin", &*own),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ],
    ] {
        let found = served.ask("POST", "/api/undo", headers, "{}");
        assert!(
            [403, 415].contains(&found.status),
            "{headers:?}: {}",
            found.head
        );
    }
    let embedded = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(
        served
            .ask("GET", "/api/tracks/1/audio", &embedded, "")
            .status,
        403
    );
    // Without a library even what is its own finds nothing.
    assert_eq!(served.post("/api/undo", &json!({})).status, 404);
}

#[test]
fn bad_half_and_endless_requests_harm_no_one_else() {
    let served = Served::new(&[]);
    for bytes in [
        &b"nonsense\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad header\r\n\r\n",
    ] {
        assert_eq!(
            served.raw(bytes).status,
            400,
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(100_000)
    );
    assert!([414, 431].contains(&served.raw(long.as_bytes()).status));
    let many = "X: y\r\n".repeat(10_000);
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    assert_eq!(served.raw(many.as_bytes()).status, 431);
    let large = json!({"track": 1, "genre": "a".repeat(70_000)});
    assert_eq!(served.post("/api/correct", &large).status, 413);

    // More connections than are open at a time, each of which has begun to ask.
    let half: Vec<TcpStream> = (0..400)
        .map(|k| {
            let mut stream = served.connection();
            let begun = match k % 3 {
                0 => "",
                1 => "GET / HTTP/1.1\r\nHost: loc",
                _ => "POST /api/undo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
            };
            // The oldest are closed while others come.
            let _ = stream.write_all(begun.as_bytes());
            stream
        })
        .collect();
    // Some that ask for much and take nothing.
    let deaf: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = served.connection();
            let wish =
                "GET /bundle/tensors.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
            let _ = stream.write_all(wish.as_bytes());
            stream
        })
        .collect();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(served.get("/").status, 200);
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    drop((half, deaf));
    // Several requests over one connection.
    let twice = "GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let both = served.raw(twice.as_bytes());
    assert_eq!(both.status, 200);
    assert!(both.text().contains("HTTP/1.1 200 OK"));
}

#[test]
fn a_port_that_is_taken_and_addresses_of_others_are_told() {
    let served = Served::new(&[]);
    let port = served.address.port().to_string();
    let said = fails(1, &["serve", "--port", &port]);
    assert!(
        said.contains(&format!("port {port} of 127.0.0.1 is in use")),
        "{said}"
    );
    assert!(said.contains("--port 0"), "{said}");
    let said = fails(1, &["serve", "--port", "0", "--host", "192.0.2.1"]);
    assert!(
        said.contains("192.0.2.1: is no address of this machine"),
        "{said}"
    );
    // What many machines have, none, or this one within a network that is not told.
    for host in ["224.0.0.1", "255.255.255.255", "ff02::1", "fe80::1"] {
        let said = fails(1, &["serve", "--port", "0", "--host", host]);
        assert!(said.contains("choose one that is (--host)"), "{said}");
    }
    assert!(fails(2, &["serve", "--port", "65536"]).contains("--port"));
    assert!(fails(2, &["serve", "--host", "example.com"]).contains("--host"));
    let said = fails(
        1,
        &["serve", "--port", "0", "--library", "/nonexistent/l.sqlite"],
    );
    assert!(said.contains("there is no library yet"), "{said}");
    let said = fails(1, &["serve", "--port", "0", &fixture("s16.wav")]);
    assert!(said.contains("s16.wav"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_its_connections() {
    let mut served = Served::new(&[]);
    let mut open = served.connection();
    open.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        .unwrap();
    crate::interrupted::signal(&served.process, "-INT");
    let start = Instant::now();
    let code = loop {
        if let Some(status) = served.process.try_wait().unwrap() {
            break status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(0));
    let said = rest(&mut served.process);
    assert!(!said.contains("panicked"), "{said}");
    assert!(TcpStream::connect(served.address).is_err());
    // At once again, though the system still remembers old connections.
    let port = served.address.port().to_string();
    let again = Served::of(&mut command(&["serve", "--port", &port]));
    assert_eq!(again.address, served.address);
}

#[test]
fn more_than_this_machine_is_warned_of() {
    let mut served = Served::new(&["--host", "0.0.0.0"]);
    assert_eq!(served.address.ip().to_string(), "127.0.0.1");
    assert_eq!(served.get("/").status, 200);
    let named = [("Host", "192.168.1.2:4265")];
    assert_eq!(served.ask("GET", "/", &named, "").status, 200);
    let other = [("Host", "evil.example")];
    let refused = served.ask("GET", "/", &other, "");
    assert_eq!(refused.status, 403);
    let number = "this machine's number, as 192.168.1.2,";
    assert!(refused.error().contains(number), "{}", refused.text());
    served.process.kill().unwrap();
    let said = rest(&mut served.process);
    assert!(said.contains("over the network"), "{said}");
    assert!(said.contains("this machine's numeric address"), "{said}");
}

#[cfg(unix)]
#[test]
fn where_no_more_can_be_opened_the_oldest_gives_way() {
    let mut limited = std::process::Command::new("bash");
    let script = "ulimit -n 48; exec \"$0\" serve --port 0";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_gamaka")]);
    let served = Served::of(&mut limited);
    // They ask for more than the system keeps for them, and take nothing.
    let deaf: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = served.connection();
            let wish =
                "GET /bundle/tensors.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
            stream.write_all(wish.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(served.get("/").status, 200);
    drop(deaf);
}

/// Music, a library of it with two genres, and a server of it without a driver: nothing has to be heard.
struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        copy_music(&shop.at("music"));
        let (music, model) = (shop.at("music"), studio().model());
        succeeds(&[
            "library",
            "scan",
            text(&music),
            "-m",
            text(&model),
            "--library",
            text(&shop.library()),
        ]);
        for (genre, file) in [("wave", "a/s16.wav"), ("lossless", "b/flac.oga")] {
            let file = shop.at("music").join(file);
            succeeds(&[
                "genre",
                "add",
                genre,
                text(&file),
                "--library",
                text(&shop.library()),
            ]);
        }
        shop
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.at("l.sqlite")
    }

    fn serve(&self) -> Served {
        let library = self.library();
        let mut command = command(&["serve", "--port", "0", "--library", text(&library)]);
        command.env("VK_DRIVER_FILES", "/nonexistent.json");
        command.env("VK_ICD_FILENAMES", "/nonexistent.json");
        Served::of(&mut command)
    }

    /// What the command line says of a genre's examples.
    fn examples(&self, genre: &str) -> Vec<String> {
        let output = gamaka(&[
            "genre",
            "show",
            genre,
            "--json",
            "--library",
            text(&self.library()),
        ]);
        if !output.status.success() {
            return Vec::new();
        }
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let examples = told["examples"].as_array().unwrap().iter();
        let name = |example: &Value| {
            let path = Path::new(example["path"].as_str().unwrap());
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        examples.map(name).collect()
    }
}

/// The number of a track.
fn id_of(served: &Served, file: &str) -> i64 {
    let found = served.get(&format!("/api/tracks?text={file}")).json();
    assert_eq!(found["total"], 1, "{found}");
    found["tracks"][0]["id"].as_i64().unwrap()
}

#[test]
fn a_library_is_browsed_heard_explained_and_corrected() {
    let shop = Shop::new();
    let served = shop.serve();
    let library = served.get("/api/library").json();
    assert_eq!(library["kind"], "gamaka library");
    assert_eq!(library["tracks"], 24, "{library}");
    assert_eq!(library["genres"][0]["name"], "lossless");
    assert_eq!(library["undo"], Value::Null);

    // Every piece of the list, and each track under one genre or none.
    let mut ids = Vec::new();
    for from in (0..30).step_by(7) {
        let piece = served
            .get(&format!("/api/tracks?from={from}&count=7"))
            .json();
        assert_eq!(piece["total"], 24);
        let tracks = piece["tracks"].as_array().unwrap();
        assert!(tracks.len() == 7.min(24_usize.saturating_sub(from)));
        ids.extend(tracks.iter().map(|track| track["id"].as_i64().unwrap()));
    }
    assert_eq!(ids.len(), 24);
    let total = |query: &str| {
        served.get(&format!("/api/tracks?{query}")).json()["total"]
            .as_u64()
            .unwrap()
    };
    let (a, b, unknown) = (
        total("genre=wave"),
        total("genre=lossless"),
        total("unknown="),
    );
    assert_eq!(a + b + unknown, 24);
    let counts = |k: usize| library["genres"][k]["tracks"].as_u64().unwrap();
    assert_eq!([b, a], [counts(0), counts(1)]);
    assert_eq!(unknown, library["unknown"].as_u64().unwrap());
    assert_eq!((total("examples="), &library["examples"]), (2, &json!(2)));
    assert_eq!(total("text=nothing%20has%20this"), 0);
    let by_doubt = served.get("/api/tracks?order=doubt&count=500").json();
    let sure = by_doubt["tracks"].as_array().unwrap().iter();
    let sure: Vec<f64> = sure
        .filter(|t| t["examples"] == json!([]))
        .map(|t| t["probability"].as_f64().unwrap())
        .collect();
    assert!(sure.is_sorted() && sure.len() == 22, "{sure:?}");
    for query in [
        "from=-1",
        "count=many",
        "id=x",
        "id=99999999999999999999",
        "order=fate",
        "genre=none%20such",
        "surprise=1",
    ] {
        let refused = served.get(&format!("/api/tracks?{query}"));
        assert!([400, 404].contains(&refused.status), "{query}");
        assert!(!refused.error().is_empty());
    }

    // One alone, with all that is said of it in a list.
    let all = served.get("/api/tracks?count=500").json();
    let one = &all["tracks"][3];
    let query = format!("/api/tracks?id={}", one["id"]);
    let found = served.get(&query).json();
    assert_eq!(
        (&found["total"], &found["tracks"]),
        (&json!(1), &json!([one]))
    );
    let found = served.get(&format!("{query}&text=nothing%20has%20this"));
    assert_eq!(found.json()["total"], 0);
    for id in ["0", "-1", "999999"] {
        let found = served.get(&format!("/api/tracks?id={id}"));
        assert_eq!((found.status, &found.json()["tracks"]), (200, &json!([])));
    }

    // The same reasons as the command line gives.
    let song = shop.at("music/c/flac.mkv");
    let id = id_of(&served, "flac.mkv");
    let told = served.get(&format!("/api/tracks/{id}")).json();
    let classified = succeeds(&[
        "classify",
        text(&song),
        "--json",
        "--library",
        text(&shop.library()),
    ]);
    let classified: Value = serde_json::from_str(&classified).unwrap();
    assert_eq!(told["answer"]["ranked"], classified["files"][0]["ranked"]);
    assert_eq!(told["answer"]["decided"], classified["files"][0]["decided"]);
    let nearest = &told["answer"]["nearest"][0];
    assert_eq!(
        nearest["distance"],
        classified["files"][0]["nearest"][0]["distance"]
    );
    assert!(ids.contains(&nearest["id"].as_i64().unwrap()));
    let similar = told["similar"].as_array().unwrap();
    assert_eq!(similar.len(), 10);
    assert!(similar.iter().all(|other| other["id"] != id), "{told}");
    let distances: Vec<f64> = similar
        .iter()
        .map(|s| s["distance"].as_f64().unwrap())
        .collect();
    assert!(distances.is_sorted(), "{distances:?}");

    // Corrected: it is an example for the command line too, and what changed is told.
    let before = served.get("/api/tracks?count=500").json();
    let corrected = served.post("/api/correct", &json!({"track": id, "genre": " video "}));
    assert_eq!(corrected.status, 200, "{}", corrected.text());
    let changes = corrected.json()["changes"].clone();
    let after = served.get("/api/tracks?count=500").json();
    let genres = |list: &Value| -> Vec<(i64, Value)> {
        let tracks = list["tracks"].as_array().unwrap().iter();
        tracks
            .map(|track| (track["id"].as_i64().unwrap(), track["genre"].clone()))
            .collect()
    };
    let moved = genres(&before).into_iter().zip(genres(&after));
    let moved: Vec<_> = moved.filter(|(a, b)| a.1 != b.1 && a.0 != id).collect();
    assert_eq!(changes["count"].as_u64().unwrap() as usize, moved.len());
    let named = changes["tracks"].as_array().unwrap().iter();
    let named: Vec<i64> = named.map(|track| track["id"].as_i64().unwrap()).collect();
    assert_eq!(named, moved.iter().map(|(a, _)| a.0).collect::<Vec<_>>());
    let counted = changes["moves"].as_array().unwrap().iter();
    assert_eq!(
        counted.map(|m| m["tracks"].as_u64().unwrap()).sum::<u64>() as usize,
        moved.len()
    );
    assert_eq!(shop.examples("video"), ["flac.mkv"]);
    let told = served.get(&format!("/api/tracks/{id}")).json();
    assert_eq!(
        (&told["genre"], &told["examples"]),
        (&json!("video"), &json!(["video"]))
    );
    let undo = served.get("/api/library").json()["undo"].clone();
    assert_eq!(undo["genre"], "video");

    // An example of a wrong genre is one of the right one afterwards, and of no other.
    let wrong = id_of(&served, "flac.oga");
    assert_eq!(
        served
            .post("/api/correct", &json!({"track": wrong, "genre": "wave"}))
            .status,
        200
    );
    let mut waves = shop.examples("wave");
    waves.sort();
    assert_eq!(waves, ["flac.oga", "s16.wav"]);
    assert_eq!(shop.examples("lossless"), Vec::<String>::new());
    assert_eq!(
        served
            .post("/api/correct", &json!({"track": wrong, "genre": null}))
            .status,
        200
    );
    assert_eq!(shop.examples("wave"), ["s16.wav"]);
    // All of it is taken back, the last first and no other.
    let back = |number: &Value| served.post("/api/undo", &json!({"number": number}));
    let refused = back(&undo["number"]);
    assert_eq!(refused.status, 409);
    assert!(refused.error().contains("only the last"));
    assert_eq!(served.post("/api/undo", &json!({})).status, 400);
    for _ in 0..3 {
        let last = served.get("/api/library").json()["undo"]["number"].clone();
        assert_eq!(back(&last).status, 200);
    }
    assert_eq!(back(&undo["number"]).status, 409);
    assert_eq!(shop.examples("lossless"), ["flac.oga"]);
    assert_eq!(shop.examples("video"), Vec::<String>::new());
    assert_eq!(
        genres(&served.get("/api/tracks?count=500").json()),
        genres(&before)
    );

    // What cannot be done is told, and changes nothing.
    for (body, status) in [
        (json!({"track": id, "genre": "unknown"}), 400),
        (json!({"track": id, "genre": "a//b"}), 400),
        (json!({"track": id, "genre": ""}), 400),
        (json!({"track": -1, "genre": "wave"}), 404),
        (json!({"track": id, "hash": "other", "genre": "wave"}), 404),
        (json!({"track": "x", "genre": "wave"}), 400),
        (json!({"track": id, "name": "wave"}), 400),
        (json!([]), 400),
    ] {
        let refused = served.post("/api/correct", &body);
        assert_eq!(refused.status, status, "{body}: {}", refused.text());
        assert!(!refused.error().is_empty());
    }
    assert_eq!(served.get("/api/correct").status, 405);
    assert_eq!(served.post("/api/library", &json!({})).status, 405);
    assert_eq!(served.get("/api/nothing").status, 404);

    // What another process teaches is seen, and stops what would undo it.
    let video = json!({"track": id, "hash": told["hash"], "genre": "video"});
    let corrected = served.post("/api/correct", &video);
    assert_eq!(corrected.status, 200, "{}", corrected.text());
    let undo = corrected.json()["undo"].clone();
    succeeds(&[
        "genre",
        "remove",
        "video",
        "--library",
        text(&shop.library()),
    ]);
    let refused = back(&undo["number"]);
    assert_eq!(refused.status, 409);
    assert!(
        refused.error().contains("changed since"),
        "{}",
        refused.text()
    );
    let library = served.get("/api/library").json();
    assert_eq!(library["undo"], Value::Null);
    assert_eq!(library["genres"].as_array().unwrap().len(), 2, "{library}");
}

#[test]
fn music_is_sent_in_ranges_by_its_number_and_only_as_it_was_heard() {
    let shop = Shop::new();
    let served = shop.serve();
    let (id, file) = (id_of(&served, "cbr.mp3"), shop.at("music/a/cbr.mp3"));
    let bytes = std::fs::read(&file).unwrap();
    let length = bytes.len();
    let path = format!("/api/tracks/{id}/audio");
    let whole = served.get(&path);
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(whole.header("content-type"), Some("audio/mpeg"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let tag = whole.header("etag").unwrap().to_owned();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=100-299".to_owned(), 100, 300),
        ("bytes=500-".to_owned(), 500, length),
        ("bytes=-7".to_owned(), length - 7, length),
        (format!("bytes=1-{}", 10 * length), 1, length),
    ] {
        let part = served.ask("GET", &path, &[("Range", &range), ("If-Range", &tag)], "");
        assert_eq!(
            (part.status, &part.body[..]),
            (206, &bytes[from..to]),
            "{range}"
        );
        let named = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(&*named));
    }
    let outside = format!("bytes={length}-");
    for range in [&*outside, "bytes=-0"] {
        let none = served.ask("GET", &path, &[("Range", range)], "");
        assert_eq!(none.status, 416, "{range}");
        assert_eq!(
            none.header("content-range"),
            Some(&*format!("bytes */{length}"))
        );
    }
    for headers in [
        &[("Range", "bytes=9-3")][..],
        &[("Range", "bytes=0-1,4-5")],
        &[("Range", "bytes=0-1"), ("If-Range", "\"other\"")],
    ] {
        assert_eq!(
            served.ask("GET", &path, headers, "").body.len(),
            length,
            "{headers:?}"
        );
    }
    let head = served.ask("HEAD", &path, &[("Range", "bytes=0-1")], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*length.to_string()));

    // Nothing but a number names a track.
    for id in [
        "0",
        "999999",
        "-1",
        "1.0",
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "99999999999999999999",
        "",
    ] {
        let found = served.get(&format!("/api/tracks/{id}/audio"));
        assert!([400, 404].contains(&found.status), "{id}: {}", found.head);
    }
    // What has taken the name of a song since is no song; what comes back is.
    let told = |status: u16, words: &str| {
        let found = served.get(&path);
        assert_eq!(found.status, status, "{}", found.text());
        assert!(found.error().contains(words), "{}", found.text());
        let refused = served.post("/api/correct", &json!({"track": id, "genre": "wave"}));
        assert_eq!(refused.status, status, "{}", refused.text());
    };
    let away = shop.at("away.mp3");
    std::fs::rename(&file, &away).unwrap();
    told(410, "is not there any more");
    std::fs::write(&file, "a secret").unwrap();
    told(409, "has changed since");
    std::fs::remove_file(&file).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        told(409, "something else");
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/nowhere", &file).unwrap();
        told(410, "is not there any more");
        std::fs::remove_file(&file).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(pipe.unwrap().success());
        told(409, "something else");
        std::fs::remove_file(&file).unwrap();
    }
    std::fs::create_dir(&file).unwrap();
    told(409, "something else");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(served.get(&path).body, bytes);
    assert_eq!(shop.examples("wave"), ["s16.wav"]);
}

#[test]
fn a_library_that_others_hold_or_that_is_read_only_is_told() {
    let shop = Shop::new();
    let served = shop.serve();
    let id = id_of(&served, "cbr.mp3");
    let wave = json!({"track": id, "genre": "wave"});
    // As a scan that runs.
    let lock = shop.at(".l.sqlite-lock.partial");
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let refused = served.post("/api/correct", &wave);
    assert_eq!(refused.status, 409);
    assert!(
        refused
            .error()
            .contains("another run of gamaka is changing the library"),
        "{}",
        refused.text()
    );
    // Readers are not held up.
    assert_eq!(served.get("/api/library").status, 200);
    drop(held);
    std::fs::remove_file(&lock).unwrap();
    let set = |readonly: bool| {
        let mut permissions = std::fs::metadata(shop.library()).unwrap().permissions();
        permissions.set_readonly(readonly);
        std::fs::set_permissions(shop.library(), permissions).unwrap();
    };
    set(true);
    let refused = served.post("/api/correct", &wave);
    assert_eq!(refused.status, 409);
    assert!(refused.error().contains("read-only"), "{}", refused.text());
    set(false);
    assert_eq!(shop.examples("wave"), ["s16.wav"]);
    assert_eq!(served.post("/api/correct", &wave).status, 200);
    let mut waves = shop.examples("wave");
    waves.sort();
    assert_eq!(waves, ["cbr.mp3", "s16.wav"]);

    // Nor are readers held up by a correction that waits for another program.
    let other = rusqlite::Connection::open(shop.library()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let none = json!({"track": id, "genre": null});
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| served.post("/api/correct", &none));
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        for path in ["/api/library", &format!("/api/tracks/{id}")] {
            assert_eq!(served.get(path).status, 200);
        }
        assert!(start.elapsed() < Duration::from_secs(5));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(waits.join().unwrap().status, 200);
    });
}

/// Elsewhere an open file keeps its name.
#[cfg(unix)]
#[test]
fn nothing_is_corrected_in_a_library_that_was_removed_or_replaced() {
    let shop = Shop::new();
    let served = shop.serve();
    let id = id_of(&served, "cbr.mp3");
    let wave = json!({"track": id, "genre": "wave"});
    let corrected = served.post("/api/correct", &wave);
    let back = json!({"number": corrected.json()["undo"]["number"]});
    let (here, away) = (shop.library(), shop.at("away.sqlite"));
    let refused = || {
        for (path, body) in [("/api/correct", &wave), ("/api/undo", &back)] {
            let refused = served.post(path, body);
            assert_eq!(refused.status, 409, "{}", refused.text());
            let said = refused.error();
            assert!(said.contains("was removed or replaced"), "{said}");
        }
    };
    std::fs::rename(&here, &away).unwrap();
    refused();
    std::fs::copy(&away, &here).unwrap();
    refused();
    // Where it is back all goes on.
    std::fs::rename(&away, &here).unwrap();
    assert_eq!(served.post("/api/undo", &back).status, 200);
    assert_eq!(shop.examples("wave"), ["s16.wav"]);
}

/// Other systems have no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_library_whose_name_is_no_text_is_told_as_it_is_shown() {
    use std::os::unix::ffi::OsStrExt;
    let shop = Shop::new();
    let odd = shop
        .folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"l\xff"));
    std::fs::rename(shop.library(), &odd).unwrap();
    let song = |name: &str| text(&shop.at("music").join(name)).to_owned();
    let (a, b) = (song("a/s16.wav"), song("b/flac.oga"));
    for arguments in [
        &["library", "duplicates"][..],
        &["library", "status"],
        &["similar", &a],
        &["playlist", "--from", &a, "--to", &b],
    ] {
        let mut command = command(&[arguments, &["--json", "--library"]].concat());
        let output = command.arg(&odd).output().unwrap();
        assert!(output.status.success(), "{}", crate::stderr(&output));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = [&told["library"], &told["path"]];
        assert!(found.contains(&&json!(odd.display().to_string())), "{told}");
    }
}
