//! The personal library behind `gamaka serve`, as its owner uses it in a browser: browse, hear, correct, and see what changes.
//! The browser has no WebGPU: a library needs none.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::{PHONE, WINDOW, started};

const STYLES: [&str; 4] = ["ballad", "march", "metal", "techno"];
const CLIPS: usize = 16;
/// What a page must not fall for, as the name of a file.
const BITING: &str = "<img src=x onerror='window.bitten = 1'>.ogg";

/// Clips in a library with two genres of two examples each, and a server of it.
struct Shop {
    folder: tempfile::TempDir,
    server: Option<Child>,
    url: String,
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/corpus");
        for style in STYLES {
            let home = folder.path().join("music").join(style);
            std::fs::create_dir_all(&home).unwrap();
            for clip in 0..CLIPS / STYLES.len() {
                let name = format!("{style}-00{clip}.ogg");
                std::fs::copy(corpus.join(style).join(&name), home.join(&name)).unwrap();
            }
        }
        let mut shop = Self {
            folder,
            server: None,
            url: String::new(),
        };
        let ballad = shop.music("ballad/ballad-003.ogg");
        std::fs::rename(&ballad, ballad.with_file_name(BITING)).unwrap();
        shop.gamaka(&["library", "scan", shop.music("").to_str().unwrap()]);
        for style in ["march", "techno"] {
            for clip in 0..2 {
                let clip = shop.music(&format!("{style}/{style}-00{clip}.ogg"));
                shop.gamaka(&["genre", "add", style, clip.to_str().unwrap()]);
            }
        }
        let mut server = shop.command(&["serve", "--port", "0"]);
        let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut shop.url).unwrap();
        shop.server = Some(server);
        shop.url = shop.url.trim_end().to_owned();
        shop
    }

    fn music(&self, name: &str) -> PathBuf {
        self.folder.path().join("music").join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gamaka"));
        command.args(arguments);
        command
            .arg("--library")
            .arg(self.folder.path().join("l.sqlite"));
        command.stderr(Stdio::null());
        command
    }

    fn gamaka(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How many examples each genre has, as the command line tells.
    fn examples(&self) -> Value {
        let told: Value = serde_json::from_str(&self.gamaka(&["genre", "list", "--json"])).unwrap();
        let genres = told["genres"].as_array().unwrap().iter();
        let genres = genres.map(|genre| json!([genre["name"], genre["examples"]]));
        genres.collect()
    }
}

/// Clicks the first element that a selector finds and whose text begins so.
fn click(browser: &mut Browser, selector: &str, begins: &str) {
    let (selector, begins) = (json!(selector), json!(begins));
    browser.press(&format!("[...document.querySelectorAll({selector})].find(one => one.textContent.trim().startsWith({begins}))"));
}

fn texts(browser: &mut Browser, selector: &str) -> Vec<String> {
    let found = browser.says(&format!(
        "[...document.querySelectorAll({})].map(one => one.innerText.trim())",
        json!(selector)
    ));
    serde_json::from_value(found).unwrap()
}

/// axe-core finds nothing wrong with the library, and nothing is wider than the window.
fn is_accessible(browser: &mut Browser, state: &str) {
    browser.frame();
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/axe/axe.min.js");
    browser.says(&format!("{}; 1", std::fs::read_to_string(axe).unwrap()));
    let wrong = browser.says(
        "axe.run('#library').then(all => all.violations.map(one => [one.id, one.help, ...one.nodes.map(node => node.html)].join(' | ')))",
    );
    assert_eq!(wrong, json!([]), "{state}");
    let wide = browser.says("document.documentElement.scrollWidth - innerWidth");
    assert!(wide.as_f64().unwrap() <= 0.0, "{state}: {wide}");
}

const SHOWN: &str = "document.querySelectorAll('#library .tracks > li').length";

/// Opens the page and waits until all of it stands where it will: without WebGPU a part is closed.
fn visit(browser: &mut Browser, shop: &Shop, window: [u32; 2], scheme: &str) {
    browser.visit(&shop.url, window, scheme);
    browser.until("document.querySelector('.closed') !== null");
}

#[test]
fn a_library_is_browsed_heard_and_corrected_in_a_browser() {
    let Some(mut browser) = started() else { return };
    let shop = Shop::new();
    visit(&mut browser, &shop, WINDOW, "light");
    browser.until(&format!("{SHOWN} === {CLIPS}"));
    let shelves = texts(&mut browser, "#library .shelves .name");
    assert_eq!(
        shelves,
        ["All tracks", "march", "techno", "Unknown", "Examples"]
    );
    let numbers = texts(&mut browser, "#library .shelves .number");
    let numbers: Vec<usize> = numbers.iter().map(|n| n.parse().unwrap()).collect();
    assert_eq!((numbers[0], numbers[4]), (CLIPS, 4));
    assert_eq!(numbers[1] + numbers[2] + numbers[3], CLIPS);
    is_accessible(&mut browser, "all tracks");

    // By genre, by being examples, by words.
    click(&mut browser, "#library .shelves button", "march");
    browser.until(&format!("{SHOWN} === {}", numbers[1]));
    let verdicts = texts(&mut browser, "#library .tracks .verdict");
    assert!(
        verdicts.iter().all(|verdict| verdict.starts_with("march")),
        "{verdicts:?}"
    );
    click(&mut browser, "#library .shelves button", "Examples");
    browser.until(&format!("{SHOWN} === 4"));
    click(&mut browser, "#library .shelves button", "All tracks");
    browser.says("document.getElementById('library-search').focus()");
    browser.write("onerror=");
    browser.until(&format!("{SHOWN} === 1"));
    assert_eq!(
        texts(&mut browser, "#library .tracks .called .name"),
        [BITING]
    );
    assert_eq!(browser.says("window.bitten ?? 0"), 0);

    // Why, and how it sounds.
    click(&mut browser, "#library .tracks .opens", "<img");
    browser.until("document.querySelectorAll('#library .track-body .bars li').length === 2");
    assert_eq!(
        texts(&mut browser, "#library .track-body .examples li").len(),
        3 + 10
    );
    is_accessible(&mut browser, "a track's reasons");
    browser.picture();
    // Its deciding seconds by a button that pauses them too, and keeps the focus meanwhile.
    let part = "document.querySelector('#library .decided .play')";
    click(&mut browser, "#library .decided .play", "");
    browser.until(&format!(
        "{part}.ariaLabel.startsWith('Pause') && !{part}.disabled && document.activeElement === {part}"
    ));
    click(&mut browser, "#library .decided .play", "");
    browser.until(&format!("{part}.ariaLabel.startsWith('Play')"));
    click(&mut browser, "#library .track-head .play", "");
    browser.until(
        "document.querySelector('#library .track-head .play').ariaLabel.startsWith('Pause')",
    );

    // A new name, by keyboard alone, makes it an example of that genre.
    browser.says("document.querySelector('#library .track-body form input').focus()");
    browser.write("ballad");
    browser.key("Enter");
    browser.until("document.querySelector('#library .changes:not([hidden])')?.innerText.includes('is an example of ballad now') ?? false");
    assert_eq!(
        shop.examples(),
        json!([["ballad", 1], ["march", 2], ["techno", 2]])
    );
    browser.until("document.querySelectorAll('#library .shelves li').length === 6");
    let verdict = texts(&mut browser, "#library .tracks .track-head .verdict");
    assert_eq!(verdict, ["ballad\nyour example"]);
    let told = texts(&mut browser, "#library .changes p");
    let other = texts(&mut browser, "#library .changes .lines li").len();
    // The other ballads are like it, and unknown or worse before.
    assert!(
        other > 0 && told[1].starts_with(&format!("{other} other track")),
        "{told:?}"
    );
    is_accessible(&mut browser, "a correction");
    click(&mut browser, "#library .changes summary", "Which tracks");
    browser.picture();
    let changed = texts(&mut browser, "#library .changes .lines button")[0].clone();
    click(&mut browser, "#library .changes .lines button", &changed);
    browser.until(&format!(
        "document.querySelector('#library .called .name').textContent === {}",
        json!(changed)
    ));
    browser.until(
        "document.querySelectorAll('#library .track-body:not([hidden]) .bars li').length === 3",
    );

    // And with a click it is what it was.
    click(&mut browser, "#library .changes button", "Take it back");
    browser.until("document.querySelector('#library .changes').innerText.includes('Taken back')");
    assert_eq!(shop.examples(), json!([["march", 2], ["techno", 2]]));
    browser.until("document.querySelectorAll('#library .shelves li').length === 5");
    assert_eq!(
        texts(&mut browser, "#library .shelves .number"),
        numbers.iter().map(usize::to_string).collect::<Vec<_>>()
    );

    // A wrong answer is corrected with one click.
    browser.says("const search = document.getElementById('library-search'); search.value = 'metal-000'; search.dispatchEvent(new Event('input')); 1");
    browser.until(&format!("{SHOWN} === 1 && document.querySelector('#library .called .name').textContent === 'metal-000.ogg'"));
    click(&mut browser, "#library .tracks .opens", "metal-000");
    browser.until(
        "document.querySelectorAll('#library .track-body:not([hidden]) .clicks button').length > 2",
    );
    click(
        &mut browser,
        "#library .track-body .clicks button",
        "techno",
    );
    browser.until("document.querySelector('#library .changes').innerText.includes('is an example of techno now')");
    assert_eq!(shop.examples(), json!([["march", 2], ["techno", 3]]));

    // What another page has corrected since is not taken back by a click that means something else.
    let other = browser.says(
        "fetch('api/tracks?text=metal-001').then(answer => answer.json()).then(({tracks: [{id}]}) => fetch('api/correct', {
            method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({track: id, genre: 'march'}),
        })).then(answer => answer.status)",
    );
    assert_eq!(other, 200);
    click(&mut browser, "#library .changes button", "Take it back");
    let told = "document.querySelector('#library .warn:not([hidden])')?.textContent ?? ''";
    browser.until(&format!("({told}).includes('only the last')"));
    browser.until("document.querySelector('#library .changes').innerText.includes('metal-001.ogg is an example of march now')");
    assert_eq!(shop.examples(), json!([["march", 3], ["techno", 3]]));
    click(&mut browser, "#library .changes button", "Take it back");
    browser.until("document.querySelector('#library .changes').innerText.includes('Take back metal-000.ogg too')");
    assert_eq!(shop.examples(), json!([["march", 2], ["techno", 3]]));

    // While another process writes, and where a file is gone, that is told.
    let lock = shop.folder.path().join(".l.sqlite-lock.partial");
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    browser.until("document.querySelector('#library .track-body:not([hidden]) .clicks button')?.textContent === 'march'");
    click(&mut browser, "#library .track-body .clicks button", "march");
    browser.until(&format!(
        "({told}).includes('another run of gamaka') || ({told}).includes('Another run of gamaka')"
    ));
    drop(held);
    std::fs::remove_file(&lock).unwrap();
    std::fs::remove_file(shop.music("metal/metal-000.ogg")).unwrap();
    click(&mut browser, "#library .track-head .play", "");
    browser.until(&format!("({told}).includes('is not there any more')"));
    is_accessible(&mut browser, "a file that is gone");
    browser.was_quiet();

    for (window, scheme, name) in [
        (WINDOW, "dark", "library-dark"),
        (PHONE, "light", "library-phone"),
        (PHONE, "dark", "library-phone-dark"),
    ] {
        visit(&mut browser, &shop, window, scheme);
        browser.until(&format!("{SHOWN} === {CLIPS}"));
        click(&mut browser, "#library .tracks .opens", "metal-001");
        browser.until("document.querySelectorAll('#library .track-body .bars li').length === 2");
        is_accessible(&mut browser, name);
        browser.picture();
    }
    // That it was scanned by another model since is told, to an open page and to a new one.
    let library = rusqlite::Connection::open(shop.folder.path().join("l.sqlite")).unwrap();
    let switch = |from: &str, to: &str| {
        let sql = "UPDATE setting SET name = ?2 WHERE name = ?1";
        assert_eq!(library.execute(sql, [from, to]).unwrap(), 1);
    };
    switch("model", "no model");
    click(&mut browser, "#library .shelves button", "march");
    browser.until(&format!("({told}).includes('scanned by another model')"));
    visit(&mut browser, &shop, WINDOW, "light");
    browser.until(&format!("({told}).includes('scanned by another model')"));
    switch("no model", "model");
    visit(&mut browser, &shop, WINDOW, "light");
    browser.until(&format!("{SHOWN} === {CLIPS}"));
    drop(library);
    // Reasons that cannot be had are told, and asked for again when they are opened again, not whenever something is drawn.
    browser.says(
        "window.asked = 0; window.whole = window.fetch;
         window.fetch = (url, ...more) => /tracks\\/\\d+$/.test(url) ? (window.asked += 1, Promise.reject(new TypeError('gone'))) : window.whole(url, ...more); 1",
    );
    click(&mut browser, "#library .tracks .opens", "metal-001");
    browser.until("document.querySelector('#library .track-body:not([hidden]) .says')?.innerText.includes('does not answer') ?? false");
    click(&mut browser, "#library .tracks .play", "");
    browser.until("document.querySelector('#library .tracks .play').ariaLabel.startsWith('Pause')");
    browser.frame();
    assert_eq!(browser.says("window.asked"), 1);
    click(&mut browser, "#library .tracks .opens", "metal-001");
    click(&mut browser, "#library .tracks .opens", "metal-001");
    browser.until("window.asked === 2");
    // A server that has ended is told too.
    drop(shop);
    click(&mut browser, "#library .shelves button", "march");
    browser.until(&format!(
        "({told}).includes('is gamaka serve still running')"
    ));
}
