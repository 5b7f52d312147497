//! A headless Chromium, told what to do by its DevTools protocol over pipes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};

/// A browser with one page; it ends with the value.
pub(crate) struct Browser {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: String,
    number: u64,
    /// What happened that was not asked for.
    events: VecDeque<Value>,
    /// Where the page comes from: it asks for nothing from elsewhere.
    origin: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.send("Browser.close", &json!({}), false);
        let _ = self.child.wait();
    }
}

/// What Debian and others call it.
fn program() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| {
        let version = Command::new(name)
            .arg("--version")
            .stderr(Stdio::null())
            .output();
        version.is_ok_and(|output| output.status.success())
    })
}

/// WebGPU on the processor.
const WEBGPU: &str = "--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader";

impl Browser {
    /// None where there is no Chromium. It has no WebGPU.
    pub(crate) fn start() -> Option<Self> {
        Self::with("")
    }

    /// The same with WebGPU.
    pub(crate) fn with_webgpu() -> Option<Self> {
        Self::with(WEBGPU)
    }

    fn with(flags: &str) -> Option<Self> {
        let program = program()?;
        let profile = tempfile::tempdir().unwrap();
        // Chromium listens at descriptor 3 and answers at 4.
        let script = format!(
            "exec {program} --headless --no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader {flags} \
             --remote-debugging-pipe --hide-scrollbars --user-data-dir=\"$1\" about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1"
        );
        let mut child = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut browser = Self {
            requests: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
            session: String::new(),
            number: 0,
            events: VecDeque::new(),
            origin: "file:".into(),
            _profile: profile,
        };
        let targets = browser.call("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets
            .iter()
            .find(|target| target["type"] == "page")
            .unwrap();
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    fn send(&mut self, method: &str, params: &Value, in_page: bool) -> std::io::Result<()> {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if in_page {
            message["sessionId"] = self.session.as_str().into();
        }
        self.requests.write_all(format!("{message}\0").as_bytes())?;
        self.requests.flush()
    }

    /// Asks the page, once there is one, and waits for the answer.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        let in_page = !self.session.is_empty();
        self.ask(method, params, in_page)
    }

    /// Ends the process that computes for pages, as a fault of a graphics driver does.
    pub(crate) fn crash_gpu(&mut self) {
        self.ask("Browser.crashGpuProcess", &json!({}), false);
    }

    fn ask(&mut self, method: &str, params: &Value, in_page: bool) -> Value {
        self.send(method, params, in_page).unwrap();
        loop {
            let mut message = Vec::new();
            let read = self.answers.read_until(0, &mut message).unwrap();
            assert!(read > 0, "{method}: the browser has ended");
            message.pop();
            let mut message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    /// Opens a file in a window of a size, light or dark, and waits until it is drawn.
    pub(crate) fn open(&mut self, page: &Path, window: [u32; 2], scheme: &str) {
        self.origin = "file:".into();
        self.go(&format!("file://{}", page.display()), window, scheme);
        self.until(
            "!document.getElementById('over') || !!document.documentElement.dataset.renderer",
        );
        self.frame();
    }

    /// Opens an address of a site, as "http://127.0.0.1:8080/", in a window of a size, light or dark, and waits until it is loaded.
    pub(crate) fn visit(&mut self, url: &str, window: [u32; 2], scheme: &str) {
        let host = url.find("://").map_or(0, |at| at + 3);
        let end = url[host..].find('/').map_or(url.len(), |at| host + at);
        self.origin = url[..end].into();
        self.go(url, window, scheme);
    }

    fn go(&mut self, url: &str, [width, height]: [u32; 2], scheme: &str) {
        let window = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &window);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &scheme);
        let touch = json!({"enabled": width < 600});
        self.call("Emulation.setTouchEmulationEnabled", &touch);
        self.events.clear();
        self.call("Page.navigate", &json!({"url": url}));
        self.until("document.readyState === 'complete'");
        self.frame();
    }

    /// Gives files to the `<input type=file>` of a selector, as a reader's choice does.
    pub(crate) fn choose_files(&mut self, selector: &str, files: &[&Path]) {
        let found = format!("document.querySelector({})", json!(selector));
        let found = self.call("Runtime.evaluate", &json!({"expression": found}));
        let object = &found["result"]["objectId"];
        assert!(object.is_string(), "{selector}: {found}");
        let given = json!({"files": files, "objectId": object});
        self.call("DOM.setFileInputFiles", &given);
        self.frame();
    }

    /// Waits for what was asked to be drawn.
    pub(crate) fn frame(&mut self) {
        self.says("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");
    }

    /// The value of an expression in the page.
    pub(crate) fn says(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", &asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].take()
    }

    /// The text of an element, by its id.
    pub(crate) fn text(&mut self, id: &str) -> String {
        let text = self.says(&format!("document.getElementById('{id}').textContent"));
        text.as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true, two minutes at most.
    pub(crate) fn until(&mut self, expression: &str) {
        let start = Instant::now();
        while self.says(expression) != true {
            if start.elapsed() > Duration::from_secs(120) {
                let shown = self.says("document.body.innerText");
                let complaints = self.complaints();
                panic!(
                    "{expression} stays untrue; the page shows {shown}, and complains {complaints:?}"
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn mouse(&mut self, kind: &str, [x, y]: [f64; 2], button: &str) {
        let held = u32::from(button == "left");
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "buttons": held, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Moves the mouse to a place.
    pub(crate) fn hover(&mut self, at: [f64; 2]) {
        self.mouse("mouseMoved", at, "none");
        self.frame();
    }

    /// Presses the mouse at the first place, moves over the others, and lets go at the last.
    pub(crate) fn drag(&mut self, places: &[[f64; 2]]) {
        self.mouse("mouseMoved", places[0], "none");
        self.mouse("mousePressed", places[0], "left");
        for &place in &places[1..] {
            self.mouse("mouseMoved", place, "left");
        }
        self.mouse("mouseReleased", places[places.len() - 1], "left");
        self.frame();
    }

    /// Clicks an element, by its id, in its middle.
    pub(crate) fn click(&mut self, id: &str) {
        self.press(&format!("document.getElementById('{id}')"));
    }

    /// Clicks the element that an expression finds, in its middle.
    pub(crate) fn press(&mut self, element: &str) {
        let middle = self.place(element, "b.height / 2");
        self.drag(&[middle]);
    }

    /// Scrolls the element that an expression finds into view. Where it is, once it stands still: its middle from left to right, and so far below its top.
    pub(crate) fn place(&mut self, element: &str, below: &str) -> [f64; 2] {
        let place = self.says(&format!(
            "(async () => {{
                const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                for (let last = '', k = 0; k < 100; k += 1) {{
                    const e = {element};
                    e.scrollIntoView({{block: 'center', behavior: 'instant'}});
                    await frame();
                    const b = e.getBoundingClientRect(), place = [b.x + b.width / 2, b.y + {below}];
                    if (String(place) === last) return place;
                    last = String(place);
                }}
                throw new Error('it never stands still');
            }})()"
        ));
        [0, 1].map(|axis| place[axis].as_f64().unwrap())
    }

    /// Drags one finger.
    pub(crate) fn swipe(&mut self, places: &[[f64; 2]]) {
        for (at, [x, y]) in places.iter().enumerate() {
            let kind = if at == 0 { "touchStart" } else { "touchMove" };
            let event = json!({"type": kind, "touchPoints": [{"x": x, "y": y}]});
            self.call("Input.dispatchTouchEvent", &event);
        }
        let event = json!({"type": "touchEnd", "touchPoints": []});
        self.call("Input.dispatchTouchEvent", &event);
        self.frame();
    }

    /// Presses a key: a letter, or "Tab", "Shift+Tab", "Enter", "Escape", "Space", "ArrowLeft" and the like.
    pub(crate) fn key(&mut self, key: &str) {
        let (key, modifiers) = match key.strip_prefix("Shift+") {
            Some(key) => (key, 8),
            None => (key, 0),
        };
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            "Space" => (32, Some(" ")),
            "End" => (35, None),
            "Home" => (36, None),
            "ArrowLeft" => (37, None),
            "ArrowUp" => (38, None),
            "ArrowRight" => (39, None),
            "ArrowDown" => (40, None),
            "Delete" => (46, None),
            _ => (0, (key.len() == 1).then_some(key)),
        };
        let name = if key == "Space" { " " } else { key };
        let mut event = json!({"type": "keyDown", "key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers});
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", &event);
        self.frame();
    }

    /// Writes into the element that has the focus.
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Red, green and blue of every pixel, and the width.
    pub(crate) fn picture(&mut self) -> (Vec<u8>, usize) {
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        if let Some(folder) = std::env::var_os("GAMAKA_PICTURES") {
            let name = Path::new(&folder).join(format!("map-{}.png", self.number));
            std::fs::write(name, &bytes).unwrap();
        }
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let channels = info.color_type.samples();
        let rgb = pixels
            .chunks_exact(channels)
            .flat_map(|pixel| pixel[..3].to_vec());
        (rgb.collect(), info.width as usize)
    }

    /// Has run before every page's own script.
    pub(crate) fn before_pages(&mut self, script: &str) {
        self.call(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({"source": script}),
        );
    }

    /// What the page has complained of since it was opened: exceptions that nothing caught, and errors in its console.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        self.frame();
        let complaint = |event: &Value| {
            let params = &event["params"];
            let text = match event["method"].as_str()? {
                "Runtime.exceptionThrown" => &params["exceptionDetails"],
                "Runtime.consoleAPICalled" if params["type"] == "error" => &params["args"],
                "Log.entryAdded" if params["entry"]["level"] == "error" => &params["entry"],
                _ => return None,
            };
            Some(text.to_string())
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Nothing has gone wrong in the page since it was opened, and it has asked for nothing but files, or what its own site has.
    pub(crate) fn was_quiet(&mut self) {
        self.frame();
        for event in &self.events {
            let method = event["method"].as_str().unwrap_or_default();
            assert_ne!(method, "Runtime.exceptionThrown", "{event}");
            let url = event["params"]["request"]["url"]
                .as_str()
                .unwrap_or(&self.origin);
            let own = [&self.origin, "data:", "blob:"]
                .iter()
                .any(|scheme| url.starts_with(*scheme));
            assert!(own, "{event}");
            let refused = event["params"]["entry"]["text"]
                .as_str()
                .unwrap_or_default();
            assert!(!refused.contains("Content Security Policy"), "{event}");
        }
    }
}
