//! The map, and the page of a network's curves, as their readers use them, in headless Chromium (Debian's `chromium`). Without it there is nothing to test;
//! `GAMAKA_BROWSER=required`, which `make web-test` sets, makes that a failure. `GAMAKA_PICTURES=FOLDER` keeps the
//! screenshots.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests panic on purpose, and cast numbers of their own"
)]

mod bundles;
mod chromium;
mod curves;
mod drawing;
mod genres;
mod learn;
mod library;
mod page;
mod runtime;
mod shared;
mod site;
mod sounds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chromium::Browser;
use gamaka::internals::random::Stream;
use gamaka::report::{Map, MapTrack, Places, Placing};

const WINDOW: [u32; 2] = [1280, 800];
const PHONE: [u32; 2] = [400, 800];

/// Names that a page must not fall for.
const BITING: [&str; 6] = [
    "</script><script>window.bitten = 1</script>",
    "<img src=x onerror='window.bitten = 1'>",
    "it's \"quoted\" & \\escaped\\ `${window.bitten = 1}`",
    "موسيقى \u{202e}drawkcab\u{202c}",
    "🎷 #1? 100%",
    "long",
];

/// Tracks in clusters of the same size on a square lattice: where to draw a lasso is known.
struct Shelf {
    paths: Vec<PathBuf>,
    titles: Vec<String>,
    places: Places,
    side: usize,
}

impl Shelf {
    fn new(folder: &Path, side: usize, tracks: usize) -> Self {
        let mut stream = Stream::new(3, "browser", 0);
        let each = tracks / (side * side);
        let mut shelf = Self {
            paths: Vec::new(),
            titles: Vec::new(),
            places: Places {
                points: Vec::new(),
                nearest: Vec::new(),
                placing: Placing::Neighbours,
            },
            side,
        };
        for track in 0..tracks {
            let cluster = track / each.max(1);
            let (column, row) = (cluster % side, cluster / side);
            let mut near = |centre: usize| centre as f32 + 0.5 * (stream.unit() - 0.5) as f32;
            shelf.places.points.push([near(column), near(row)]);
            let others = (1..6).map(|other| (track + other) % tracks);
            shelf.places.nearest.push(others.collect());
            let title = match BITING.get(track) {
                Some(&"long") => "ü".repeat(300),
                Some(name) => (*name).to_owned(),
                None => format!("Title {track}"),
            };
            let file = title.replace('/', "∕").chars().take(60).collect::<String>();
            shelf.paths.push(folder.join(format!("{file} {track}.wav")));
            shelf.titles.push(title);
        }
        shelf
    }

    fn html(&self) -> String {
        let genres: Vec<String> = (0..40).map(|genre| format!("Genre {genre}")).collect();
        let clusters = self.side * self.side;
        let each = self.paths.len() / clusters;
        let tracks: Vec<MapTrack> = (self.paths.iter().zip(&self.titles).enumerate())
            .map(|(track, (path, title))| MapTrack {
                path,
                title,
                artist: BITING[track / each % 5],
                genre: (track % 7 != 6).then_some(track / each % 40),
                probability: Some(0.75),
            })
            .collect();
        let map = Map {
            title: "A library",
            source: "Made up.",
            none: "unknown",
            genres: &genres,
            tracks: &tracks,
            places: &self.places,
        };
        map.html()
    }
}

/// Where the points' square stands in the window, as the page fits it: its left, its top and its side.
fn square(browser: &mut Browser) -> [f64; 3] {
    let shape = browser.says(
        "(() => { const b = document.getElementById('over').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()",
    );
    let [x, y, width, height] = [0, 1, 2, 3].map(|at| shape[at].as_f64().unwrap());
    let side = width.min(height) - 48.0;
    [x + (width - side) / 2.0, y + (height - side) / 2.0, side]
}

/// A rectangle around one cluster, as corners in the window.
fn around(
    [left, top, side]: [f64; 3],
    clusters: usize,
    column: usize,
    row: usize,
) -> Vec<[f64; 2]> {
    // Clusters are half a step wide, so that all together span the steps between and half of one.
    let step = side / (clusters as f64 - 0.5);
    let middle = |at: usize| (at as f64 + 0.25) * step;
    // Rows count upwards.
    let (x, y) = (left + middle(column), top + side - middle(row));
    let reach = 0.4 * step;
    let corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
    corners
        .map(|[dx, dy]| [x + dx * reach, y + dy * reach])
        .to_vec()
}

/// A browser, if there is one.
fn started() -> Option<Browser> {
    required(Browser::start())
}

/// The same with WebGPU.
fn started_with_webgpu() -> Option<Browser> {
    required(Browser::with_webgpu())
}

fn required(browser: Option<Browser>) -> Option<Browser> {
    if browser.is_none() {
        let required = std::env::var_os("GAMAKA_BROWSER").is_some();
        assert!(!required, "chromium is not installed");
        eprintln!("chromium is not installed: skipped");
    }
    browser
}

#[test]
fn a_map_in_a_browser() {
    let Some(mut browser) = started() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("map.html");
    hundred_thousand(&mut browser, &page);
    names_that_bite(&mut browser, &page);
    sound(&mut browser, &page);
    a_phone(&mut browser, &page);
    few(&mut browser, &page);
    webgl(&mut browser, &page);
}

fn hundred_thousand(browser: &mut Browser, page: &Path) {
    const SIDE: usize = 10;
    let shelf = Shelf::new(page.parent().unwrap(), SIDE, 100_000);
    let html = shelf.html();
    println!("page of 100,000 tracks: {:.1} MB", html.len() as f64 / 1e6);
    std::fs::write(page, html).unwrap();
    browser.open(page, WINDOW, "light");
    println!("load: {} ms", browser.says("Math.round(performance.now())"));
    let whole = square(browser);

    // What is under the mouse goes with it.
    let [corner, ..] = around(whole, SIDE, 4, 5)[..] else {
        unreachable!()
    };
    let at = [
        corner[0] + 0.4 * whole[2] / 9.5,
        corner[1] + 0.4 * whole[2] / 9.5,
    ];
    browser.hover(at);
    let title = browser.text("tip");
    assert!(title.starts_with("Title "), "{title}");
    browser.drag(&[
        [at[0] + 8.0, at[1] + 8.0],
        [at[0] + 60.0, at[1] + 20.0],
        [at[0] + 108.0, at[1] - 42.0],
    ]);
    browser.hover([at[0] + 100.0, at[1] - 50.0]);
    assert_eq!(browser.text("tip"), title);
    println!("panning: {}", frames(browser));
    browser.click("whole");
    browser.says("new Promise(done => setTimeout(() => done(1), 500))");

    // A lasso takes one cluster, a second one more, and Alt or the button takes them off.
    browser.click("lasso");
    browser.drag(&around(whole, SIDE, 2, 7));
    assert_eq!(browser.text("list-count"), "1,000 tracks");
    browser.drag(&around(whole, SIDE, 9, 0));
    assert_eq!(browser.text("list-count"), "2,000 tracks");
    assert!(browser.text("said").contains("1,000 tracks added"));
    let listed = saved(browser);
    let cluster = |column, row| (row * SIDE + column) * 1000..(row * SIDE + column + 1) * 1000;
    let expected = cluster(2, 7).chain(cluster(9, 0));
    let expected: BTreeSet<String> = expected
        .map(|track| shelf.paths[track].display().to_string())
        .collect();
    assert_eq!(listed.lines().count(), 2000);
    assert_eq!(
        listed.lines().map(str::to_owned).collect::<BTreeSet<_>>(),
        expected
    );

    // The name goes into the command, as a shell takes it.
    browser.says("document.getElementById('name').focus()");
    browser.write("Ada's Jazz/Swing");
    assert_eq!(
        browser.text("command"),
        "gamaka genre add 'Ada'\\''s Jazz/Swing' --list ada-s-jazz-swing.txt"
    );
    browser.click("clear");
    assert_eq!(
        browser.says("document.getElementById('list-all').hidden"),
        true
    );

    // A hidden genre is neither listed nor found; the cluster of (2, 7) is all of one genre but for the unknown.
    let hide = "[...document.querySelectorAll('#genres label')].find(l => l.querySelector('span').textContent === 'Genre 32').click()";
    browser.says(hide);
    browser.drag(&around(whole, SIDE, 2, 7));
    let unknown = cluster(2, 7).filter(|track| track % 7 == 6).count();
    assert_eq!(browser.text("list-count"), format!("{unknown} tracks"));
    // The list makes the panel longer, not the page.
    let tall = browser.says("document.documentElement.scrollHeight");
    assert_eq!(
        (tall, browser.says("scrollY")),
        (WINDOW[1].into(), 0.into())
    );
    browser.was_quiet();
}

/// Milliseconds from frame to frame while the map is dragged about.
fn frames(browser: &mut Browser) -> String {
    let script = "(async () => {
        const over = document.getElementById('over'), box = over.getBoundingClientRect(), times = [];
        over.setPointerCapture = () => {};
        const send = (type, x, y) => over.dispatchEvent(new PointerEvent(type, {pointerId: 9, pointerType: 'mouse', button: 0, buttons: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true}));
        const frame = () => new Promise(requestAnimationFrame);
        send('pointerdown', 400, 400);
        let last = await frame();
        for (let i = 0; i < 60; i++) {
            send('pointermove', 400 + 80 * Math.sin(i / 8), 400 + 60 * Math.cos(i / 8));
            const now = await frame();
            times.push(now - last);
            last = now;
        }
        send('pointerup', 400, 460);
        document.getElementById('close').click();
        times.sort((a, b) => a - b);
        return [times[30], times[57]];
    })()";
    let times = browser.says(script);
    let [median, late] = [0, 1].map(|at| times[at].as_f64().unwrap());
    let renderer = browser.says("document.documentElement.dataset.renderer");
    format!("{median:.0} ms a frame (95 % within {late:.0} ms), {renderer}")
}

/// What "Download list" saves.
fn saved(browser: &mut Browser) -> String {
    browser.says(
        "void (URL.createObjectURL = blob => { window.saved = undefined; blob.text().then(text => { window.saved = text; }); return 'blob:none'; })",
    );
    browser.says(
        "HTMLAnchorElement.prototype.click = () => {}, document.getElementById('download').click()",
    );
    browser.until("typeof window.saved === 'string'");
    browser.says("window.saved").as_str().unwrap().to_owned()
}

fn names_that_bite(browser: &mut Browser, page: &Path) {
    let shelf = Shelf::new(Path::new("/music/a <b> & 'c'"), 2, 40);
    std::fs::write(page, shelf.html()).unwrap();
    browser.open(page, WINDOW, "dark");
    for (track, title) in shelf.titles.iter().take(6).enumerate() {
        browser.says("document.getElementById('search').select()");
        browser.write(&shelf.paths[track].display().to_string());
        browser.key("Enter");
        browser.until(&format!(
            "document.getElementById('card-title').textContent === {}",
            serde_json::to_string(title).unwrap()
        ));
        assert_eq!(
            browser.text("card-path"),
            shelf.paths[track].display().to_string()
        );
        browser.until("!document.getElementById('card-sound').hidden");
        let source = browser.says("document.getElementById('audio').getAttribute('src')");
        assert_eq!(source, url(&shelf.paths[track]));
    }
    assert_eq!(
        browser.says("window.bitten === undefined && document.scripts.length"),
        2
    );
    assert_eq!(browser.says("document.images.length"), 0);
    assert!(browser.text("card-sound").contains("may have been moved"));
    browser.key("Escape");
    browser.says("document.getElementById('over').focus()");
    browser.key("Escape");
    assert_eq!(browser.says("document.getElementById('card').hidden"), true);
    browser.was_quiet();
}

/// A path as a URL of its file.
fn url(path: &Path) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let bytes = path.to_str().unwrap().bytes();
    let escaped = bytes.map(|byte| match kept(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("file://{}", escaped.collect::<String>())
}

/// A click plays the file.
fn sound(browser: &mut Browser, page: &Path) {
    let shelf = Shelf::new(page.parent().unwrap(), 1, 6);
    std::fs::write(page, shelf.html()).unwrap();
    // Two seconds at 8 kHz.
    let samples = 16_000u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8000u32.to_le_bytes());
    wav.extend(8000u32.to_le_bytes());
    wav.extend(b"\x01\0\x08\0data");
    wav.extend(samples.to_le_bytes());
    wav.extend((0..samples).map(|at| if at / 20 % 2 == 0 { 100 } else { 156 }));
    for path in &shelf.paths {
        std::fs::write(path, &wav).unwrap();
    }
    browser.open(page, WINDOW, "light");
    // The outermost points are at the square's sides: one of them is the highest.
    let [left, top, side] = square(browser);
    for x in 0..=120 {
        browser.hover([left + side * f64::from(x) / 120.0, top + 4.0]);
        if browser.says("document.getElementById('tip').hidden") == false {
            browser.drag(&[[left + side * f64::from(x) / 120.0, top + 4.0]]);
            break;
        }
    }
    browser.until("document.getElementById('audio').currentTime > 0.1");
    assert_eq!(
        browser.says("document.getElementById('card-sound').hidden"),
        true
    );
    assert_eq!(
        browser.says("document.querySelectorAll('#near li').length"),
        5
    );
    browser.was_quiet();
}

fn a_phone(browser: &mut Browser, page: &Path) {
    let shelf = Shelf::new(Path::new("/music"), 4, 1600);
    std::fs::write(page, shelf.html()).unwrap();
    browser.open(page, PHONE, "dark");
    assert_eq!(browser.says("document.documentElement.scrollWidth"), 400);
    let small = "[...document.querySelectorAll('button, input, summary, .genres label')].filter(e => e.offsetParent && e.type !== 'checkbox' && e.getBoundingClientRect().height < 43.9).map(e => e.id)";
    assert_eq!(browser.says(small), serde_json::json!([]));
    browser.click("lasso");
    let whole = square(browser);
    browser.swipe(&around(whole, 4, 1, 2));
    assert_eq!(browser.text("list-count"), "100 tracks");
    browser.click("lasso");
    // A finger that moves the map moves no page.
    browser.swipe(&[[200.0, 300.0], [200.0, 250.0], [200.0, 200.0]]);
    assert_eq!(browser.says("scrollY"), 0);
    assert_eq!(browser.text("list-count"), "100 tracks");
    browser.was_quiet();
}

/// Libraries of no track, one, and all at one place; keys.
fn few(browser: &mut Browser, page: &Path) {
    for tracks in [0, 1, 3] {
        let mut shelf = Shelf::new(Path::new("/music"), 1, tracks);
        shelf.places.points = vec![[2.0, 2.0]; tracks];
        std::fs::write(page, shelf.html()).unwrap();
        browser.open(page, WINDOW, "light");
        let told = browser.says("!document.getElementById('empty').hidden");
        assert_eq!(told, tracks == 0);
        browser.says("document.getElementById('over').focus()");
        for key in ["+", "-", "ArrowLeft", "ArrowRight", "l", "l"] {
            browser.key(key);
        }
        let [left, top, side] = square(browser);
        browser.hover([left + side / 2.0, top + side / 2.0]);
        let shown = browser.says("!document.getElementById('tip').hidden");
        assert_eq!(shown, tracks > 0);
        browser.was_quiet();
    }
}

/// By WebGL the same picture comes out, but for the smoothing of edges.
fn webgl(browser: &mut Browser, page: &Path) {
    let shelf = Shelf::new(Path::new("/music"), 4, 400);
    std::fs::write(page, shelf.html()).unwrap();
    let name = "document.documentElement.dataset.renderer";
    browser.open(page, WINDOW, "light");
    assert_eq!(browser.says(name), "software");
    let (software, _) = browser.picture();
    // A GPU that is none calls itself one.
    browser.before_pages(
        "const old = WebGL2RenderingContext.prototype.getExtension; \
         WebGL2RenderingContext.prototype.getExtension = function (name) { return name.includes('debug') ? null : old.call(this, name); };",
    );
    browser.open(page, WINDOW, "light");
    assert_eq!(browser.says(name), "webgl2");
    let (by_webgl, width) = browser.picture();
    assert_eq!((software.len(), width), (by_webgl.len(), 1280));
    let pixels = || software.chunks_exact(3).zip(by_webgl.chunks_exact(3));
    let differs = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 60);
    let coloured = software
        .chunks_exact(3)
        .filter(|p| p.iter().max().unwrap() - p.iter().min().unwrap() > 60);
    let (coloured, different) = (
        coloured.count(),
        pixels().filter(|&pair| differs(pair)).count(),
    );
    assert!(
        coloured > 5_000 && different < coloured / 5,
        "{different} of {coloured} pixels differ"
    );
    println!("panning 400: {}", frames(browser));
    browser.was_quiet();
}
