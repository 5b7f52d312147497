//! The page for whoever has songs: whole sessions by mouse and by keyboard, what goes wrong, what stays from visit to visit.
//! Its sources have to be built (`make web`) before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gamaka::internals::genres::SharedGenres;
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::site::{Site, folder};
use crate::{PHONE, WINDOW, started, started_with_webgpu};

/// Keeps every device that the page opens, so that a test can lose it.
const KEEP_DEVICES: &str = "const open = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (...of) {
    const device = await open.apply(this, of);
    (window.devices ??= []).push(device);
    return device;
};";

/// Devices tell of their loss later than what failed by it, as they may.
const LATE_LOSS: &str = "const lost = Object.getOwnPropertyDescriptor(GPUDevice.prototype, 'lost').get;
Object.defineProperty(GPUDevice.prototype, 'lost', {
    get() {
        return this.late ??= lost.call(this).then((info) => new Promise((done) => setTimeout(done, 2000, info)));
    },
});";

/// Nothing is being done.
const IDLE: &str =
    "!document.querySelector('#work-area').hidden && document.querySelector('.work').hidden";

/// The choosers of files of the two drop zones.
const GENRES: &str = "#genres .zone input:not([webkitdirectory])";
const SONGS: &str = "#songs .zone input:not([webkitdirectory])";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn clip(style: &str, number: usize) -> PathBuf {
    root(&format!("assets/corpus/{style}/{style}-{number:03}.ogg"))
}

/// The page with the bundle of the included model, below `under`, and a demo of two genres.
fn files(under: &str) -> BTreeMap<String, Vec<u8>> {
    let exported = tempfile::tempdir().unwrap();
    let bundle = exported.path().join("bundle");
    let done = Command::new(env!("CARGO_BIN_EXE_gamaka"))
        .args(["export", "-o"])
        .arg(&bundle)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let mut files = folder(&root("web/dist"));
    files.insert(String::new(), files["index.html"].clone());
    files.extend(
        folder(&bundle)
            .into_iter()
            .map(|(path, bytes)| (format!("bundle/{path}"), bytes)),
    );
    let demo = json!({
        "licence": "rendered, free",
        "genres": [{"name": "Metal", "files": ["metal-000.ogg"]}, {"name": "Dance/Techno", "files": ["techno-000.ogg"]}],
        "songs": ["metal-001.ogg"],
    });
    files.insert("demo/demo.json".into(), demo.to_string().into());
    for (style, number) in [("metal", 0), ("metal", 1), ("techno", 0)] {
        let path = clip(style, number);
        let name = path.file_name().unwrap().to_str().unwrap();
        files.insert(format!("demo/{name}"), std::fs::read(&path).unwrap());
    }
    files
        .into_iter()
        .map(|(path, bytes)| (format!("{under}{path}"), bytes))
        .collect()
}

/// A browser at the page, once it is ready to listen.
fn opened(site: &str, window: [u32; 2], scheme: &str) -> Option<Browser> {
    let mut browser = started_with_webgpu()?;
    browser.before_pages(KEEP_DEVICES);
    browser.before_pages(LATE_LOSS);
    browser.visit(site, window, scheme);
    browser.until(IDLE);
    Some(browser)
}

/// The trimmed texts of all elements of a selector that are shown.
fn texts(browser: &mut Browser, selector: &str) -> Vec<String> {
    let script = format!(
        "[...document.querySelectorAll({})].filter(e => e.checkVisibility()).map(e => e.innerText.trim())",
        json!(selector)
    );
    serde_json::from_value(browser.says(&script)).unwrap()
}

/// Waits until the shown elements of a selector have these texts.
fn reads(browser: &mut Browser, selector: &str, expected: &[&str]) {
    let script = format!(
        "JSON.stringify([...document.querySelectorAll({})].filter(e => e.checkVisibility()).map(e => e.innerText.trim())) === {}",
        json!(selector),
        json!(json!(expected).to_string())
    );
    let start = std::time::Instant::now();
    while browser.says(&script) != true {
        let now = texts(browser, selector);
        assert!(
            start.elapsed().as_secs() < 120,
            "{selector}: {now:?}, not {expected:?}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Presses the mouse in the middle of the first shown element of a selector.
fn press(browser: &mut Browser, selector: &str) {
    browser.press(&format!(
        "[...document.querySelectorAll({})].find(e => e.checkVisibility())",
        json!(selector)
    ));
}

/// Drops files and folders on the first element of a selector, as a file manager does.
fn drop_on(browser: &mut Browser, selector: &str, paths: &[PathBuf]) {
    let element = format!("document.querySelector({})", json!(selector));
    let [x, y] = browser.place(&element, "5");
    for kind in ["dragEnter", "dragOver", "drop"] {
        let data = json!({"items": [], "files": paths, "dragOperationsMask": 1});
        browser.call(
            "Input.dispatchDragEvent",
            &json!({"type": kind, "x": x, "y": y, "data": data}),
        );
    }
    browser.frame();
}

fn choose(browser: &mut Browser, selector: &str, paths: &[PathBuf]) {
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    browser.choose_files(selector, &paths);
}

/// Gives songs without a folder to a new genre of a name.
fn genre(browser: &mut Browser, name: &str, songs: &[PathBuf]) {
    choose(browser, GENRES, songs);
    browser.until("document.activeElement.matches('.naming input')");
    browser.write(name);
    browser.key("Enter");
    reads(browser, ".genre h3", &[name]);
    browser.until(IDLE);
}

/// Presses Tab until an element of a selector has the focus.
fn tab_to(browser: &mut Browser, selector: &str) {
    for _ in 0..80 {
        browser.key("Tab");
        if browser.says(&format!(
            "document.activeElement.matches({})",
            json!(selector)
        )) == true
        {
            let seen = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()";
            assert_eq!(
                browser.says(seen),
                true,
                "the focus on {selector} is not seen"
            );
            return;
        }
    }
    panic!("no Tab leads to {selector}");
}

/// axe-core finds nothing wrong with what is shown, and nothing is wider than the window.
fn accessible(browser: &mut Browser, state: &str) {
    let axe = std::fs::read_to_string(root("tests/fixtures/axe/axe.min.js")).unwrap();
    browser.says(&format!("void (window.axe ?? (0, eval)({}))", json!(axe)));
    let found = browser.says(
        "axe.run().then(all => all.violations.map(one => [one.id, one.help, ...one.nodes.map(node => node.html)].join(' | ')))",
    );
    assert_eq!(found, json!([]), "{state}");
    let wider = browser.says("document.documentElement.scrollWidth > innerWidth");
    assert_eq!(wider, false, "{state} is wider than the window");
    if std::env::var_os("GAMAKA_PICTURES").is_some() {
        browser.picture();
    }
}

/// The page has complained of nothing, but for the library that a server of files has not.
fn quiet(browser: &mut Browser) {
    browser.was_quiet();
    let complaints = browser.complaints();
    let complaints = complaints
        .iter()
        .filter(|complaint| !complaint.contains("api/library"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_session_by_mouse() {
    // Below a folder, as on a shared host.
    let site = Site::new(files("some/where/"));
    let url = format!("{}some/where/", site.url());
    let Some(mut browser) = opened(&url, WINDOW, "light") else {
        return;
    };
    accessible(&mut browser, "empty, light");
    assert!(texts(&mut browser, ".private")[0].contains("Nothing is uploaded"));

    // A folder of folders: each becomes a genre; what is no music in it is passed over.
    let music = tempfile::tempdir().unwrap();
    let music = music.path().join("Music");
    for style in ["salsa", "techno"] {
        let folder = music.join(style);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..3 {
            let clip = clip(style, number);
            std::fs::copy(&clip, folder.join(clip.file_name().unwrap())).unwrap();
        }
        std::fs::write(folder.join("cover.jpg"), "no picture").unwrap();
    }
    drop_on(&mut browser, "#genres .zone", &[music]);
    reads(&mut browser, ".genre h3", &["salsa", "techno"]);
    reads(&mut browser, ".genre-head .soft", &["3 songs", "3 songs"]);
    browser.until(IDLE);
    assert_eq!(texts(&mut browser, ".lines li"), Vec::<String>::new());

    // More for one genre, by a drop on its card.
    drop_on(&mut browser, ".genre:nth-child(2)", &[clip("techno", 3)]);
    reads(&mut browser, ".genre-head .soft", &["3 songs", "4 songs"]);
    browser.until(IDLE);

    // Songs to ask about: the answer is right, opens, and has its reasons.
    drop_on(
        &mut browser,
        "#songs .zone",
        &[clip("techno", 5), clip("salsa", 5)],
    );
    browser.until("document.querySelectorAll('.song').length === 2");
    browser.until(IDLE);
    let verdicts = texts(&mut browser, ".verdict");
    assert!(
        verdicts[0].starts_with("salsa") && verdicts[1].starts_with("techno"),
        "{verdicts:?}"
    );
    reads(&mut browser, ".bars .name", &["techno", "salsa"]);
    assert_eq!(texts(&mut browser, ".song-body .examples li").len(), 3);
    browser.until("document.querySelectorAll('.song-body .spectrogram canvas').length > 0");
    browser.until("document.querySelectorAll('#map .point').length === 9");
    accessible(&mut browser, "answers, light");

    // What is not heard yet can be called off.
    let many: Vec<PathBuf> = (0..8).map(|number| clip("polka", number)).collect();
    drop_on(&mut browser, "#songs .zone", &many);
    browser.until("!document.querySelector('.work').hidden");
    press(&mut browser, ".work .quiet");
    browser.until(IDLE);
    let left = browser
        .says("document.querySelectorAll('.song').length")
        .as_u64()
        .unwrap();
    assert!((2..10).contains(&left), "{left}");
    browser.says("[...document.querySelectorAll('.song .name')].filter(e => e.innerText.startsWith('polka')).forEach(e => e.closest('.song').querySelector('[title^=Remove]').click())");
    browser.until("document.querySelectorAll('.song').length === 2 && document.querySelectorAll('#map .point').length === 9");

    // What was heard can be played: a song, and an example.
    press(&mut browser, ".song .play");
    reads(&mut browser, ".player .words", &["salsa-005"]);
    browser.until("document.querySelector('.player input').value > 0");
    let nearest = texts(&mut browser, ".song-body .examples .name").remove(0);
    press(&mut browser, ".song-body .examples .play");
    reads(&mut browser, ".player .words", &[&nearest]);
    accessible(&mut browser, "playing, light");
    press(&mut browser, ".player .bare");

    // An answer that cannot be computed is told, until one can.
    let full = "void (GPUDevice.prototype.popErrorScope = ((whole) => async function () {
        await whole.call(this);
        return window.full ? new GPUOutOfMemoryError('full') : null;
    })(GPUDevice.prototype.popErrorScope), window.full = true)";
    browser.says(full);
    let rename = |browser: &mut Browser, name: &str| {
        press(browser, ".genre [title^=Rename]");
        browser.until("document.activeElement.matches('.naming input')");
        browser.write(name);
        browser.key("Enter");
    };
    rename(&mut browser, "Salsa");
    let told = "document.querySelector('.notice')?.innerText ?? ''";
    browser.until(&format!("({told}).includes('could not be compared')"));
    browser.says("window.full = false");
    rename(&mut browser, "salsa");
    browser.until(&format!("!({told}).includes('could not be compared')"));

    // A right answer becomes an example; then a genre goes, and comes back.
    press(&mut browser, ".correct button");
    reads(&mut browser, ".genre-head .soft", &["3 songs", "5 songs"]);
    press(&mut browser, ".genre:nth-child(2) [title^=Remove]");
    reads(&mut browser, ".genre h3", &["salsa"]);
    reads(
        &mut browser,
        "#undo .words",
        &["Removed techno with 5 songs."],
    );
    accessible(&mut browser, "undo, light");
    press(&mut browser, "#undo .quiet");
    reads(&mut browser, ".genre-head .soft", &["3 songs", "5 songs"]);

    // The file of genres is one that the library reads, and the page reads it too.
    browser.says("void (URL.createObjectURL = blob => { blob.text().then(text => { window.saved = text; }); return 'blob:none'; })");
    press(&mut browser, "#genres .tools button:nth-child(3)");
    browser.until("typeof window.saved === 'string'");
    let saved = browser.says("window.saved");
    let shared = tempfile::tempdir().unwrap();
    let shared = shared.path().join("genres.json");
    std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
    std::fs::write(&shared, saved.as_str().unwrap()).unwrap();
    let mut read = SharedGenres::read(&shared).unwrap();
    let counts = read
        .genres
        .iter()
        .map(|genre| (genre.name.as_str(), genre.examples.len()));
    assert_eq!(counts.collect::<Vec<_>>(), [("salsa", 3), ("techno", 5)]);
    press(&mut browser, ".genre [title^=Remove]");
    reads(&mut browser, ".genre h3", &["techno"]);
    choose(&mut browser, "#genres .tools input", &[shared]);
    reads(&mut browser, ".genre h3", &["salsa", "techno"]);
    reads(&mut browser, ".genre-head .soft", &["3 songs", "5 songs"]);

    // Nothing is taken of one from which no genre could be learned.
    read.genres[0].name = "huge".into();
    read.genres[0].examples[0].embedding[0] = 1e30;
    let huge = tempfile::tempdir().unwrap();
    let huge = huge.path().join("huge.json");
    std::fs::create_dir_all(huge.parent().unwrap()).unwrap();
    read.write(&huge).unwrap();
    choose(&mut browser, "#genres .tools input", &[huge]);
    browser.until("document.querySelector('.lines li')?.innerText.includes('cannot be compared')");
    reads(&mut browser, ".genre h3", &["salsa", "techno"]);

    // All but the songs is there at the next visit; also the sounds that were given.
    browser.visit(&url, WINDOW, "dark");
    reads(&mut browser, ".genre-head .soft", &["3 songs", "5 songs"]);
    press(&mut browser, ".genre:nth-child(2) .opens");
    press(&mut browser, ".genre:nth-child(2) .examples .play");
    browser.until("document.querySelector('.player input').value > 0");
    accessible(&mut browser, "next visit, dark");
    quiet(&mut browser);
}

#[test]
fn a_session_by_keyboard_on_a_phone() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), PHONE, "dark") else {
        return;
    };
    accessible(&mut browser, "empty, dark, narrow");
    let small = "[...document.querySelectorAll('button, nav a, select')].filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML)";
    assert_eq!(browser.says(small), json!([]));

    tab_to(&mut browser, ".offer button");
    browser.key("Enter");
    browser.until("document.querySelectorAll('.song').length === 1");
    browser.until(IDLE);
    reads(&mut browser, ".genre h3", &["Metal", "Dance/Techno"]);

    // A name that cannot be, another genre's, and one that can.
    tab_to(&mut browser, "[title='Rename Metal']");
    for (name, refused) in [
        ("unknown", true),
        ("Dance/Techno", true),
        ("Loud/Metal", false),
    ] {
        if browser.says("document.activeElement.tagName") != "INPUT" {
            browser.key("Enter");
        }
        browser.says("document.activeElement.select()");
        browser.write(name);
        browser.key("Enter");
        browser.until(&format!(
            "document.querySelectorAll('.wrong:not([hidden])').length === {}",
            u32::from(refused)
        ));
        if refused {
            accessible(&mut browser, "refused name, dark, narrow");
        }
    }
    reads(&mut browser, ".genre h3", &["Loud/Metal", "Dance/Techno"]);
    assert_eq!(
        browser.says("document.activeElement.title"),
        "Rename Loud/Metal"
    );

    // The answer closes and opens; the song becomes an example of the other genre.
    tab_to(&mut browser, ".song .opens");
    browser.key("Enter");
    assert_eq!(texts(&mut browser, ".says"), Vec::<String>::new());
    browser.key("Space");
    assert_eq!(texts(&mut browser, ".says").len(), 1);
    accessible(&mut browser, "answer, dark, narrow");
    tab_to(&mut browser, ".correct select");
    browser.key("ArrowDown");
    tab_to(&mut browser, ".correct button");
    browser.key("Enter");
    reads(&mut browser, ".genre-head .soft", &["1 song", "2 songs"]);

    // An example goes and comes back; the focus stays near.
    tab_to(&mut browser, "#dock button, .genre .opens");
    browser.says("document.querySelector('.genre:nth-child(2) .opens').focus()");
    browser.key("Enter");
    tab_to(&mut browser, ".examples .bare");
    browser.key("Enter");
    reads(&mut browser, ".genre-head .soft", &["1 song", "1 song"]);
    assert_eq!(
        browser.says("document.activeElement.closest('.genre') !== null"),
        true
    );
    tab_to(&mut browser, "#undo .quiet");
    browser.key("Enter");
    reads(&mut browser, ".genre-head .soft", &["1 song", "2 songs"]);
    quiet(&mut browser);
}

#[test]
fn bad_files_cost_a_line_each() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "dark") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = std::fs::read(clip("salsa", 0)).unwrap();
    let huge = write("huge.avi", b"RIFF");
    std::fs::File::options()
        .write(true)
        .open(&huge)
        .unwrap()
        .set_len(3 << 30)
        .unwrap();
    let given = [
        write("<img src=x onerror='window.bitten = 1'>.ogg", &good),
        write("broken.mp3", &[0x5a; 5000]),
        write("empty.flac", b""),
        write("silent.wav", &wav(100_000, |_| 0)),
        huge,
        write("twice.ogg", &good),
        clip("salsa", 1),
    ];
    genre(&mut browser, "Salsa", &given);
    browser.until("document.querySelectorAll('.lines li').length === 5");
    browser.until(IDLE);
    reads(&mut browser, ".genre-head .soft", &["2 songs"]);
    let lines = texts(&mut browser, ".lines li");
    let expected = [
        ("broken.mp3", "damaged"),
        ("empty.flac", "empty"),
        ("silent.wav", "silent"),
        ("huge.avi", "too large"),
        ("twice.ogg", "already"),
    ];
    for (line, (name, reason)) in lines.iter().zip(expected) {
        assert!(line.starts_with(name) && line.contains(reason), "{line}");
    }
    assert_eq!(
        browser.says("window.bitten === undefined && document.images.length"),
        1
    );
    accessible(&mut browser, "problems, dark");
    quiet(&mut browser);
}

/// Samples of a channel at 44.1 kHz.
fn wav(samples: u32, value: impl Fn(u32) -> i16) -> Vec<u8> {
    let bytes = 2 * samples;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(44_100u32.to_le_bytes());
    wav.extend(88_200u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    wav.extend((0..samples).flat_map(|at| value(at).to_le_bytes()));
    wav
}

#[test]
fn a_lost_device_is_replaced() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    choose(&mut browser, SONGS, &[clip("metal", 0), clip("metal", 1)]);
    browser.until("!document.querySelector('.work').hidden");
    browser.says("window.devices.at(-1).destroy()");
    browser.until("document.querySelector('.notice')?.innerText.includes('went away')");
    accessible(&mut browser, "a lost device");
    browser.until("document.querySelectorAll('.song').length === 2");
    assert_eq!(browser.says("window.devices.length"), 2);
    // One that goes while nothing is done is replaced too; after some in a row a person is asked.
    for opened in [3, 4, 5] {
        browser.until(IDLE);
        browser.says("window.devices.at(-1).destroy()");
        if opened == 5 {
            browser.until("document.querySelector('.notice button')?.innerText === 'Try again'");
            assert_eq!(
                texts(&mut browser, ".notice button"),
                ["Try again"],
                "it cannot be closed"
            );
            // Until then no song opens one either.
            choose(&mut browser, SONGS, &[clip("metal", 3)]);
            browser.until("document.querySelectorAll('.lines li').length === 1");
            assert_eq!(browser.says("window.devices.length"), 4);
            press(&mut browser, "[title='Close this list']");
            press(&mut browser, ".notice button");
        }
        browser.until(&format!("window.devices.length === {opened}"));
        browser
            .until("document.querySelector('.notice')?.innerText.includes('A new one was opened')");
    }
    choose(&mut browser, SONGS, &[clip("metal", 2)]);
    browser.until("document.querySelectorAll('.song').length === 3");
    assert_eq!(texts(&mut browser, ".lines li"), Vec::<String>::new());
    quiet(&mut browser);
}

/// While the page is made ready or while it listens. A Chromium without a graphics card does not get over two.
#[test]
fn a_driver_that_crashes_costs_nothing() {
    let site = Site::new(files(""));
    for early in [true, false] {
        let Some(mut browser) = started_with_webgpu() else {
            return;
        };
        browser.before_pages(KEEP_DEVICES);
        browser.visit(site.url(), WINDOW, "light");
        if early {
            browser.until("window.devices?.length === 1");
            browser.crash_gpu();
        }
        browser.until(IDLE);
        choose(&mut browser, SONGS, &[clip("metal", 0), clip("metal", 1)]);
        if !early {
            browser.until("!document.querySelector('.work').hidden");
            browser.crash_gpu();
        }
        browser.until("document.querySelectorAll('.song').length === 2");
        browser.until("window.devices.length === 2");
        assert_eq!(texts(&mut browser, ".lines li"), Vec::<String>::new());
        quiet(&mut browser);
    }
}

/// Does something with the stores of what the browser keeps, `examples` and `sounds`; the value is what it sets `told` to.
fn stores(browser: &mut Browser, work: &str) -> Value {
    browser.says(&format!(
        "indexedDB.databases().then(([{{ name }}]) => new Promise(done => {{ indexedDB.open(name).onsuccess = ({{ target: {{ result }} }}) => {{
            const all = result.transaction(['examples', 'sounds'], 'readwrite');
            const [examples, sounds] = ['examples', 'sounds'].map(one => all.objectStore(one));
            let told = null;
            {work};
            all.oncomplete = () => {{ result.close(); done(told); }};
        }}; }}))"
    ))
}

/// Waits until so many examples are kept, and as many sounds.
fn keeps(browser: &mut Browser, expected: usize) {
    let count = "told = []; for (const one of [examples, sounds]) one.count().onsuccess = ({ target }) => told.push(target.result)";
    let start = std::time::Instant::now();
    loop {
        let kept = stores(browser, count);
        if kept == json!([expected, expected]) {
            return;
        }
        assert!(
            start.elapsed().as_secs() < 120,
            "{kept} are kept, not {expected}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A genre that goes while its songs are heard or kept leaves nothing behind, and comes back whole.
#[test]
fn what_is_removed_while_it_is_heard_or_kept_stays_away_until_it_is_brought_back() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    // Between an example and its sound the browser is asked for room.
    browser.says(
        "void (navigator.storage.estimate = async () => {
            await new Promise(done => setTimeout(done, 1500));
            return StorageManager.prototype.estimate.call(navigator.storage);
        })",
    );
    choose(&mut browser, GENRES, &[clip("metal", 0)]);
    browser.until("document.activeElement.matches('.naming input')");
    browser.key("Escape");
    browser.until("document.querySelectorAll('.thumb').length === 1");
    press(&mut browser, ".genre [title^=Remove]");
    browser.until("document.querySelectorAll('.genre').length === 0");
    browser.until(IDLE);
    keeps(&mut browser, 0);
    browser.says("delete navigator.storage.estimate");
    press(&mut browser, "#undo .quiet");
    reads(&mut browser, ".genre-head .soft", &["1 song"]);
    keeps(&mut browser, 1);

    let more = [clip("metal", 1), clip("metal", 2), clip("metal", 3)];
    choose(&mut browser, ".genre-head input", &more);
    browser.until("!document.querySelector('.work').hidden");
    press(&mut browser, ".genre [title^=Remove]");
    browser.until("document.querySelectorAll('.genre').length === 0");
    browser.until(IDLE);
    keeps(&mut browser, 0);
    press(&mut browser, "#undo .quiet");
    reads(&mut browser, ".genre-head .soft", &["4 songs"]);
    keeps(&mut browser, 4);
    assert_eq!(texts(&mut browser, ".lines li"), Vec::<String>::new());

    // What another tab kept of a genre that is gone is forgotten; what another model heard is not saved, which is told.
    stores(
        &mut browser,
        "examples.getAll().onsuccess = ({ target: { result: [one, other] } }) => {
            examples.put({ ...one, id: 'lost', genre: 'gone' });
            examples.put({ ...other, model: 'another', sound: false });
            sounds.put(new Blob(['sound']), 'lost');
        }",
    );
    browser.visit(site.url(), WINDOW, "light");
    browser.until(IDLE);
    keeps(&mut browser, 4);
    press(&mut browser, "#genres .tools button:nth-child(3)");
    browser.until("[...document.querySelectorAll('.notice')].some(one => one.innerText.includes('1 song is not in the file'))");
    accessible(&mut browser, "a file without a song");
    quiet(&mut browser);
}

#[test]
fn without_webgpu_the_page_says_which_browsers_have_it() {
    let Some(mut browser) = started() else {
        return;
    };
    let site = Site::new(files(""));
    browser.before_pages("delete Navigator.prototype.gpu");
    for (window, scheme) in [(WINDOW, "light"), (PHONE, "dark")] {
        browser.visit(site.url(), window, scheme);
        reads(
            &mut browser,
            ".closed h2",
            &["This browser cannot listen to songs yet"],
        );
        for name in ["Chrome", "Safari", "Firefox"] {
            assert!(texts(&mut browser, ".closed")[0].contains(name));
        }
        assert_eq!(
            browser.says("document.getElementById('work-area').hidden"),
            true
        );
        accessible(&mut browser, "no WebGPU");
    }
    quiet(&mut browser);
}

#[test]
fn without_a_network_the_page_works_and_with_one_it_is_new() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    genre(&mut browser, "Loud", &[clip("metal", 0)]);
    kept(&mut browser);

    site.stop();
    browser.visit(site.url(), WINDOW, "light");
    reads(&mut browser, ".genre h3", &["Loud"]);
    choose(&mut browser, SONGS, &[clip("metal", 1)]);
    reads(&mut browser, ".song .opens .name", &["metal-001"]);
    site.go_on();

    // A newer page is seen at once, and so is another model: what it has to hear again, it hears from the kept sounds.
    let changed = |path: &str, from: &str, to: &str| {
        let text = String::from_utf8(site.file(path)).unwrap();
        assert!(text.contains(from), "{path}");
        site.put(path, text.replacen(from, to, 1).into_bytes());
    };
    let manifest: Value = serde_json::from_slice(&site.file("bundle/bundle.json")).unwrap();
    let hash = manifest["model"]["hash"].as_str().unwrap();
    changed("bundle/bundle.json", hash, &"a".repeat(64));
    // What is kept already needs no room anew.
    let used = browser.says("navigator.storage.estimate().then(all => all.usage)");
    let origin = site.url().trim_end_matches('/');
    let quota = used.as_f64().unwrap() * 1.1;
    browser.call(
        "Storage.overrideQuotaForOrigin",
        &json!({"origin": origin, "quotaSize": quota}),
    );
    changed("", "<title>", "<title>new ");
    browser.visit(site.url(), WINDOW, "light");
    assert!(
        browser
            .says("document.title")
            .as_str()
            .unwrap()
            .starts_with("new ")
    );
    reads(&mut browser, ".genre-head .soft", &["1 song"]);
    browser.until(IDLE);
    press(&mut browser, ".genre .opens");
    reads(&mut browser, ".genre .examples .time", &["0:05"]);
    let silent = "indexedDB.databases().then(([{ name }]) => new Promise(done => { indexedDB.open(name).onsuccess = ({ target }) => { \
         const asked = target.result.transaction('examples').objectStore('examples').getAll(); \
         asked.onsuccess = () => { target.result.close(); done(asked.result.filter(one => !one.sound).length); }; }; }))";
    assert_eq!(browser.says(silent), 0);
    browser.call(
        "Storage.overrideQuotaForOrigin",
        &json!({ "origin": origin }),
    );

    // A damaged one is not taken, and says so.
    changed("bundle/bundle.json", "\"bands\"", "\"hands\"");
    browser.visit(site.url(), WINDOW, "light");
    reads(
        &mut browser,
        ".closed h2",
        &["The page could not be made ready"],
    );
    accessible(&mut browser, "a damaged model");

    // What came damaged, or was damaged where it was kept, is fetched once more.
    let kept = "caches.open('gamaka bundle /bundle/')";
    let tensors = site.file("bundle/tensors.safetensors");
    let mut damaged = tensors.clone();
    *damaged.last_mut().unwrap() ^= 1;
    changed("bundle/bundle.json", "\"hands\"", "\"bands\"");
    browser.says(&format!("{kept}.then(async cache => {{ for (const one of await cache.keys()) await cache.put(one, new Response('no')); }})"));
    site.put("bundle/tensors.safetensors", damaged);
    browser.visit(site.url(), WINDOW, "light");
    browser.until("document.querySelector('.closed')?.innerText.includes('is damaged')");
    site.put("bundle/tensors.safetensors", tensors);
    browser.visit(site.url(), WINDOW, "light");
    reads(&mut browser, ".genre h3", &["Loud"]);
}

#[test]
fn where_there_is_no_room_sounds_stay_away() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    let used = browser.says("navigator.storage.estimate().then(all => all.usage)");
    // Room for what was heard, not for the sound.
    let quota = used.as_f64().unwrap() + 1e6;
    let origin = site.url().trim_end_matches('/');
    browser.call(
        "Storage.overrideQuotaForOrigin",
        &json!({"origin": origin, "quotaSize": quota}),
    );
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.wav");
    std::fs::write(
        &long,
        wav(1_500_000, |at| (at % 20_011 * 97 % 20_011) as i16),
    )
    .unwrap();
    genre(&mut browser, "Loud", &[long]);
    browser.until("document.querySelector('.notice')?.innerText.includes('no more room')");
    browser.until(IDLE);
    accessible(&mut browser, "no room");
    browser.visit(site.url(), WINDOW, "light");
    reads(&mut browser, ".genre-head .soft", &["1 song"]);
    press(&mut browser, ".genre .opens");
    assert_eq!(
        browser.says("document.querySelector('.examples .play').disabled"),
        true
    );
    quiet(&mut browser);
}

#[test]
fn two_pages_share_what_is_kept() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    genre(&mut browser, "Loud", &[clip("metal", 0)]);
    browser.until("document.querySelectorAll('.thumb').length === 1");
    // A second page of the same address, in a frame of the first.
    browser.says("void document.body.append(Object.assign(document.createElement('iframe'), { src: location.href, id: 'second' }))");
    let second = "document.getElementById('second').contentDocument";
    browser.until(&format!(
        "{second}?.querySelector('.genre h3')?.textContent === 'Loud'"
    ));
    browser.says(&format!(
        "{second}.querySelector('.genre [title^=Remove]').click()"
    ));
    browser.until("document.querySelectorAll('.genre').length === 0");
    browser.says(&format!("{second}.querySelector('#undo .quiet').click()"));
    reads(&mut browser, ".genre h3", &["Loud"]);
    reads(&mut browser, ".genre-head .soft", &["1 song"]);

    // What cannot be kept stays on the page that knows it, whatever the other one does.
    browser.says("void (IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError'); })");
    choose(&mut browser, ".genre-head input", &[clip("metal", 1)]);
    reads(&mut browser, ".genre-head .soft", &["2 songs"]);
    browser.until("document.querySelector('.notice')?.innerText.includes('no room left')");
    reads(&mut browser, "#genres-told", &[""]);
    browser.says(&format!(
        "{second}.querySelector('#genres .tools button').click()"
    ));
    reads(&mut browser, ".genre h3", &["Loud", "New genre"]);
    reads(&mut browser, ".genre-head .soft", &["2 songs", "0 songs"]);
    quiet(&mut browser);
}

/// Sets out for an address, and does not wait: the server may not answer.
fn set_out(browser: &mut Browser, to: &str) {
    browser.says(&format!(
        "void (window.before = true, setTimeout(() => location.href = {}))",
        json!(to)
    ));
}

/// Waits until what was set out for is there and can listen.
fn arrived(browser: &mut Browser) {
    browser.until("window.before === undefined && document.readyState === 'complete'");
    browser.until(IDLE);
}

/// Waits until the page is kept.
fn kept(browser: &mut Browser) {
    browser.until("navigator.serviceWorker.controller !== null && caches.keys().then(names => names.length >= 2)");
}

/// One that answers nothing or that late, that lacks a file as in the middle of an update, or that sends elsewhere.
#[test]
fn a_server_that_is_of_no_use_holds_nothing_up() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    genre(&mut browser, "Loud", &[clip("metal", 0)]);
    kept(&mut browser);
    let again = |browser: &mut Browser| {
        set_out(browser, site.url());
        arrived(browser);
        reads(browser, ".genre h3", &["Loud"]);
    };

    // What a person has does not wait for the demo.
    site.hold("demo/");
    again(&mut browser);
    site.go_on();
    browser.until("!!document.querySelector('.offer')");
    assert_eq!(texts(&mut browser, ".offer"), Vec::<String>::new());

    site.hold("");
    again(&mut browser);
    choose(&mut browser, SONGS, &[clip("metal", 1)]);
    reads(&mut browser, ".song .opens .name", &["metal-001"]);
    for path in ["page.js", "bundle/bundle.json"] {
        site.hold(path);
        again(&mut browser);
    }
    site.go_on();
    for path in ["", "page.js"] {
        let file = site.file(path);
        site.remove(path);
        again(&mut browser);
        site.put(path, file);
    }
    let other = Site::new(BTreeMap::new());
    site.send_to(other.url());
    again(&mut browser);
    assert_eq!(browser.says("location.href"), site.url());
}

#[test]
fn a_visit_never_mixes_versions_of_the_page() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    kept(&mut browser);
    let page = String::from_utf8(site.file("")).unwrap();
    let page = page.replacen("<title>", "<title>new ", 1);
    for path in ["", "index.html"] {
        site.put(path, page.clone().into_bytes());
    }
    let script = [b"window.fresh = true;".as_slice(), &site.file("page.js")].concat();
    site.put("page.js", script);
    let fresh = "[document.title.startsWith('new '), window.fresh === true]";

    // Where the first file is one that was kept, so are all others, though the server has them.
    site.hold("index.html");
    set_out(&mut browser, "index.html");
    arrived(&mut browser);
    assert_eq!(browser.says(fresh), json!([false, false]));

    // Where it is a new one, the others are waited for, longer than where there is a choice.
    site.hold("page.js");
    set_out(&mut browser, site.url());
    browser.until("window.before === undefined && document.title.startsWith('new ')");
    std::thread::sleep(std::time::Duration::from_secs(6));
    let hidden = "document.getElementById('work-area').hidden";
    assert_eq!(browser.says(hidden), true);
    site.go_on();
    arrived(&mut browser);
    assert_eq!(browser.says(fresh), json!([true, true]));
}

#[test]
fn a_map_of_thousands_shows_some_and_one_that_fails_is_not_tried_without_end() {
    let site = Site::new(files(""));
    let Some(mut browser) = opened(site.url(), WINDOW, "light") else {
        return;
    };
    browser.says(
        "window.tries = 0;
        window.Whole = ResizeObserver;
        window.ResizeObserver = class { constructor() { tries += 1; throw new Error('no map'); } };",
    );
    browser.says(
        "(async () => {
            const { writeShared } = await import('/gamaka.js');
            const { model } = await (await fetch('/bundle/bundle.json')).json();
            const example = (at) => ({
                name: `${at}.ogg`, hash: at.toString(16).padStart(64, '0'), seconds: 5,
                embedding: Float32Array.from({ length: model.width }, (_, k) => Math.sin((at + 1) * (k + 1))),
            });
            const genres = ['Loud', 'Soft'].map((name, number) =>
                ({ name, examples: Array.from({ length: 1000 }, (_, at) => example(1000 * number + at)) }));
            const given = new DataTransfer();
            given.items.add(new File([writeShared(genres, model)], 'genres.json'));
            const input = document.querySelector('#genres .tools input');
            input.files = given.files;
            input.dispatchEvent(new Event('change', { bubbles: true }));
        })()",
    );
    reads(
        &mut browser,
        ".genre-head .soft",
        &["1,000 songs", "1,000 songs"],
    );
    browser.until("tries > 0");
    browser.until(IDLE);
    let moment = std::time::Duration::from_secs(2);
    std::thread::sleep(moment);
    let tries = browser.says("tries");
    press(&mut browser, ".notice .bare");
    std::thread::sleep(moment);
    assert_eq!(browser.says("tries"), tries);

    // Other songs are tried.
    browser.says("window.ResizeObserver = Whole");
    press(&mut browser, ".genre [title^=Remove]");
    browser.until("document.querySelectorAll('#map .point').length === 900");
    let told = texts(&mut browser, "#map .help").remove(0);
    assert!(told.starts_with("900 of 1,000 songs are drawn"), "{told}");
    // How many songs a genre has, beside the first of them, makes it no wider than its place.
    let wide = "[...document.querySelectorAll('.genre')].filter(one => one.getBoundingClientRect().right > one.parentElement.getBoundingClientRect().right + 0.5).length";
    assert_eq!(texts(&mut browser, ".more"), ["+992"]);
    assert_eq!(browser.says(wide), 0);
}
