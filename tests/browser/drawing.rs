//! The map of songs and the picture of a sound, drawn into an empty page.

use std::collections::{BTreeMap, BTreeSet};

use gamaka::internals::random::Stream;
use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::site::{Site, folder};
use crate::{BITING, PHONE, WINDOW, started};

const GENRES: [&str; 5] = ["Jazz", "Jazz/Swing", BITING[0], "音楽", "🎷 Ünïcode"];
const EXAMPLES: usize = 8;
const WIDTH: usize = 16;

/// An empty page with the module as `g`, the page's style, and two places to draw into.
const PREPARED: &str = "(async () => {
    window.g = await import('/gamaka.js');
    window.picked = [];
    document.head.insertAdjacentHTML('beforeend', '<meta name=viewport content=\"width=device-width\">');
    const styles = ['style.css', 'drawing.css'].map((href) => new Promise((done, failed) => {
        const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href, onload: done, onerror: failed });
        document.head.append(link);
    }));
    const points = await (await fetch('/points.json')).json();
    for (const point of points) point.embedding = Float32Array.from(point.embedding);
    window.points = points;
    document.body.innerHTML = '<main><div id=map></div><div id=sound></div></main>';
    await Promise.all(styles);
    await document.fonts.ready;
    window.map = (points) => { g.drawMap(document.getElementById('map'), points, (id) => picked.push(id)); };
    window.sound = (levels, seconds, decided, hz) => {
        levels.values = Float32Array.from(levels.values, (value) => value ?? NaN);
        window.drawn = g.drawSpectrogram(document.getElementById('sound'), levels, seconds, decided, (second) => picked.push(second), hz);
    };
    window.places = () => [...document.querySelectorAll('#map .point')].map((point) => {
        const box = point.querySelector('.marker').getBoundingClientRect();
        return [point.getAttribute('aria-label'), box.x + box.width / 2, box.y + box.height / 2];
    });
    return 1;
})()";

/// Examples of each genre, close together, and three songs that were asked about, the last of no genre.
fn points() -> Value {
    let mut stream = Stream::new(1, "drawing", 0);
    let mut normals =
        move |spread: f64| -> Vec<f64> { (0..WIDTH).map(|_| spread * stream.normal()).collect() };
    let mut points = Vec::new();
    for (number, genre) in GENRES.iter().enumerate() {
        let middle = normals(1.0);
        let mut near = |name: String, asked: bool| {
            let embedding = middle.iter().zip(normals(0.2)).map(|(a, b)| a + b);
            points.push(json!({
                "id": format!("{genre} {name}"), "name": name, "genre": genre, "number": number, "asked": asked,
                "embedding": embedding.collect::<Vec<_>>(),
            }));
        };
        for example in 0..EXAMPLES {
            let name = BITING.get(example).unwrap_or(&"plain");
            near(format!("{name} {number}-{example}"), false);
        }
        if number < 2 {
            near(format!("asked {number}"), true);
        }
    }
    points.push(json!({
        "id": "of none", "name": BITING[1], "genre": null, "number": null, "asked": true, "embedding": normals(1.0),
    }));
    json!(points)
}

fn opened(window: [u32; 2], scheme: &str) -> Option<Browser> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: BTreeMap<String, Vec<u8>> = folder(&root.join("web/dist"));
    files.retain(|path, _| path != "index.html" && path != "worker.js");
    files.insert("points.json".into(), points().to_string().into_bytes());
    let mut browser = started()?;
    browser.visit(Site::new(files).url(), window, scheme);
    browser.says(PREPARED);
    Some(browser)
}

fn pairs(of: &Value) -> Vec<(String, [f64; 2])> {
    let pair = |point: &Value| {
        let name = point[0].as_str().unwrap().to_owned();
        (name, [1, 2].map(|axis| point[axis].as_f64().unwrap()))
    };
    of.as_array().unwrap().iter().map(pair).collect()
}

fn focused(browser: &mut Browser) -> String {
    let label = browser.says("document.activeElement.getAttribute('aria-label') ?? ''");
    label.as_str().unwrap().to_owned()
}

#[test]
fn a_map_by_mouse_and_by_keys() {
    let Some(mut browser) = opened(WINDOW, "light") else {
        return;
    };
    browser.says("map(points)");
    let places = browser.says("places()");
    browser.says("map(points)");
    assert_eq!(browser.says("places()"), places, "the same every time");
    let places = pairs(&places);
    assert_eq!(places.len(), GENRES.len() * EXAMPLES + 3);
    let apart = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    let field = browser.says("(() => { const b = document.querySelector('#map svg').getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })()");
    let field: Vec<f64> = serde_json::from_value(field).unwrap();
    let (mut own, mut examples) = (0, 0);
    for (at, (name, place)) in places.iter().enumerate() {
        assert!(
            place[0] > field[0]
                && place[0] < field[2]
                && place[1] > field[1]
                && place[1] < field[3]
        );
        let others = places.iter().enumerate().filter(|(other, _)| *other != at);
        let near = others.min_by(|a, b| apart(a.1.1, *place).total_cmp(&apart(b.1.1, *place)));
        let (_, (nearest, there)) = near.unwrap();
        assert!(
            apart(*place, *there) >= 12.0,
            "{name} is hidden by {nearest}"
        );
        let genre = |label: &str| {
            GENRES
                .iter()
                .rposition(|g| label.contains(&format!(" {g}. ")))
        };
        examples += 1;
        own += usize::from(genre(name) == genre(nearest));
    }
    assert!(
        own * 10 >= examples * 9,
        "{own} of {examples} lie beside their own"
    );

    // Names of genres and songs stand apart from one another.
    let labels = browser.says("[...document.querySelectorAll('#map text')].map((text) => { const b = text.getBBox(); return [text.textContent, b.x, b.y, b.x + b.width, b.y + b.height]; })");
    let labels = labels.as_array().unwrap();
    for genre in GENRES {
        let short: String = genre.chars().take(20).collect();
        let has = |label: &Value| label[0].as_str().unwrap().starts_with(&short);
        assert!(labels.iter().any(has), "{genre}");
    }
    for (at, a) in labels.iter().enumerate() {
        for b in &labels[at + 1..] {
            let edge = |label: &Value, side: usize| label[side].as_f64().unwrap();
            let over = edge(a, 1) < edge(b, 3)
                && edge(b, 1) < edge(a, 3)
                && edge(a, 2) + 3.0 < edge(b, 4)
                && edge(b, 2) + 3.0 < edge(a, 4);
            assert!(!over, "{a} {b}");
        }
    }
    // Each genre has a colour and a shape of its own, in the legend too.
    for list in ["#map .point .marker", "#map .legend .marker"] {
        let looks = browser.says(&format!(
            "[...document.querySelectorAll('{list}')].map((sign) => getComputedStyle(sign).fill + (sign.querySelector('path')?.getAttribute('d') ?? ''))"
        ));
        let looks: BTreeSet<&str> = looks
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(looks.len() > GENRES.len(), "{looks:?}");
    }

    // The mouse tells and picks.
    let (label, place) = &places[1];
    browser.hover(*place);
    let tip = browser.says("document.querySelector('#map .tip b').textContent");
    assert!(
        label.starts_with(tip.as_str().unwrap()) && tip.as_str().unwrap().contains(BITING[1]),
        "{tip}"
    );
    assert_eq!(
        browser.says("document.querySelectorAll('#map .lines line').length"),
        3
    );
    browser.drag(&[*place]);
    let id = browser.says("points[1].id");
    assert_eq!(browser.says("picked.splice(0)"), json!([id]));
    browser.hover([2.0, 2.0]);
    assert_eq!(
        browser.says("document.querySelector('#map .tip').hidden"),
        true
    );

    // And so do keys: arrows lead that way, and every point can be reached.
    browser.says("document.activeElement.blur(); map(points)");
    browser.key("Tab");
    let at = |label: &str| places.iter().find(|(name, _)| name == label).unwrap().1;
    let first = focused(&mut browser);
    assert!(
        first.starts_with("asked 0, taken for Jazz. Nearest: "),
        "{first}"
    );
    let directions = [
        ("ArrowRight", 0, 1.0),
        ("ArrowDown", 1, 1.0),
        ("ArrowLeft", 0, -1.0),
        ("ArrowUp", 1, -1.0),
    ];
    browser.key("Home");
    let mut moves = 0;
    for (key, axis, sign) in directions {
        let before = focused(&mut browser);
        browser.key(key);
        let after = focused(&mut browser);
        let way = sign * (at(&after)[axis] - at(&before)[axis]);
        assert!(before == after || way > 0.0, "{key}: {before} {after}");
        moves += usize::from(before != after);
    }
    assert!(moves >= 2, "no point lies at three edges");
    let before = focused(&mut browser);
    browser.says("map(points.toReversed())");
    assert_eq!(
        focused(&mut browser),
        before,
        "a song keeps the focus where all is drawn anew"
    );
    browser.says("map(points)");
    let mut met = BTreeSet::new();
    browser.key("Home");
    for _ in &places {
        met.insert(focused(&mut browser));
        browser.key("PageDown");
    }
    assert_eq!(met.len(), places.len());
    assert_eq!(
        browser.says("document.querySelector('#map .tip').hidden"),
        false
    );
    browser.key("Enter");
    browser.key("Home");
    browser.key("Space");
    assert_eq!(
        browser.says("picked.splice(0)"),
        browser.says("[points.at(-1).id, points[0].id]")
    );
    assert_eq!(
        browser.says("document.querySelectorAll('#map [tabindex=\"0\"]').length"),
        1
    );
    browser.key("Tab");
    assert_eq!(
        browser.says("!!document.activeElement.closest('#map')"),
        false
    );
    assert!(browser.says("window.bitten").is_null());

    // Few, none, all the same, and such as have no direction.
    for script in [
        "map(points.slice(0, 1))",
        "map(points.slice(0, 2))",
        "map(points.slice(0, 17).map((point) => ({ ...point, embedding: points[0].embedding })))",
        "map(points.map((point) => ({ ...point, embedding: new Float32Array(16) })))",
    ] {
        browser.says(script);
        let places = pairs(&browser.says("places()"));
        for (at, (name, a)) in places.iter().enumerate() {
            let seen = places[at + 1..].iter().all(|(_, b)| apart(*a, *b) > 3.0);
            assert!(seen && a.iter().all(|x| x.is_finite()), "{script}: {name}");
        }
    }
    browser.says("map([])");
    assert_eq!(
        browser.says("document.querySelectorAll('#map .point').length"),
        0
    );
    browser.was_quiet();
    assert!(browser.complaints().is_empty());
}

#[test]
fn of_very_many_songs_some_are_drawn() {
    let Some(mut browser) = opened(WINDOW, "light") else {
        return;
    };
    // Two small genres, two large ones, and songs that were asked about.
    browser.says(
        "window.many = [['a', 10], ['b', 20], ['c', 500], ['d', 3000]].flatMap(([genre, size], number) => \
         Array.from({ length: size }, (_, at) => ({ ...points[at % 8 + 9 * number], id: genre + at, name: genre + at, genre, number, asked: false })))
         .concat(Array.from({ length: 30 }, (_, at) => ({ ...points.at(-1), id: 'asked' + at })))",
    );
    let drawn = "[...document.querySelectorAll('#map .point')].map(point => point.dataset.id)";
    browser.says("map(many)");
    let ids = browser.says(drawn);
    let ids: Vec<&str> = ids
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let of = |genre: &str| ids.iter().filter(|id| id.starts_with(genre)).count();
    // The small ones and what was asked about as a whole, the large ones alike.
    assert_eq!(
        ["a", "b", "c", "d"].map(of),
        [10 + 30, 20, 420, 420],
        "of 900 points"
    );
    // From the whole of a genre.
    let late = |id: &&&str| {
        id.strip_prefix('d')
            .is_some_and(|at| at.parse::<u32>().unwrap() >= 1500)
    };
    assert_eq!(ids.iter().filter(late).count(), 210);
    let told = "document.querySelector('#map .help').textContent";
    let said = browser.says(told);
    assert!(
        said.as_str()
            .unwrap()
            .starts_with("900 of 3,560 songs are drawn"),
        "{said}"
    );
    browser.says("map(many)");
    assert_eq!(browser.says(drawn), json!(ids), "the same every time");
    // The few that lie far from all others take no room from them: two genres as clouds, and what is in their middles.
    browser.says(
        "let state = 1;
        const noise = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31 - 0.5;
        const middles = [0, 1].map(() => Array.from({ length: 64 }, () => Math.abs(2 * noise())));
        map(Array.from({ length: 900 }, (_, at) => ({ ...many[at], embedding: Float32Array.from(middles[at % 2], value => at < 4 ? value : value * (1 + noise() / 2)) })))",
    );
    let spread = "(() => { const { width, height } = document.querySelector('#map svg').getBoundingClientRect();
        return [0, 1].map(axis => { const all = places().map(([, ...place]) => place[axis]).sort((a, b) => a - b);
            return (all[880] - all[20]) / [width, height][axis]; }); })()";
    let spread = browser.says(spread);
    assert!(
        [0, 1]
            .iter()
            .all(|&axis| spread[axis].as_f64().unwrap() > 0.6),
        "{spread}"
    );
    browser.says("map(many)");
    // Of more questions than there is room for the first are drawn, and of as many songs as there is room for all.
    browser.says("map(many.concat(many.map(point => ({ ...point, id: 'late', asked: true }))))");
    assert_eq!(
        browser.says(&format!("{drawn}.slice(0, 30)")),
        browser.says("many.slice(-30).map(point => point.id)")
    );
    browser.says("map(many.slice(0, 900))");
    assert_eq!(browser.says(&format!("{drawn}.length")), 900);
    assert_eq!(
        browser.says("document.querySelectorAll('#map .help').length"),
        1
    );
    browser.was_quiet();
    assert!(browser.complaints().is_empty());
}

/// A ramp from the lowest band and first column on, the fourth of ten columns not heard.
fn ramp() -> Value {
    let value = |at: usize| (at % 10 != 3).then_some(at % 10 + 10 * (at / 10));
    json!({"bands": 8, "frames": 10, "values": (0..80).map(value).collect::<Vec<_>>()})
}

#[test]
fn a_sound_by_mouse_and_by_keys() {
    let Some(mut browser) = opened(WINDOW, "dark") else {
        return;
    };
    let hz: Vec<f64> = (0..8).map(|band| 100.0 * 2f64.powi(band)).collect();
    let draw = |levels: &Value| {
        format!(
            "sound({levels}, 100, {{ start: 20, end: 35 }}, {})",
            json!(hz)
        )
    };
    browser.says(&draw(&ramp()));

    // Each pixel has its colour: low tones below, dark where it is quiet, and none where nothing was heard.
    let colour = |browser: &mut Browser, x: f64, y: f64| -> Vec<u8> {
        let pixel = browser.says(&format!(
            "(() => {{ const c = document.querySelector('#sound .field canvas'); \
             return [...c.getContext('2d').getImageData({x} * c.width, {y} * c.height, 1, 1).data]; }})()"
        ));
        serde_json::from_value(pixel).unwrap()
    };
    assert_eq!(colour(&mut browser, 0.01, 0.99), [0, 0, 4, 255]);
    assert_eq!(colour(&mut browser, 0.99, 0.01), [0xfc, 0xfd, 0xbf, 255]);
    assert_eq!(colour(&mut browser, 0.35, 0.5), [0; 4]);
    let brightness = |pixel: Vec<u8>| pixel[..3].iter().map(|c| u32::from(*c)).sum::<u32>();
    let rows: Vec<u32> = (0..8)
        .map(|row| brightness(colour(&mut browser, 0.05, 0.06 + 0.125 * f64::from(row))))
        .collect();
    assert!(rows.is_sorted_by(|a, b| a > b), "{rows:?}");
    assert_eq!(
        browser.says("(() => { const c = document.querySelector('#sound .field canvas'); return [c.width - c.clientWidth, c.height - c.clientHeight]; })()"),
        json!([0, 0])
    );
    let axes = browser.says(
        "[...document.querySelectorAll('#sound .axes text')].map((text) => text.textContent)",
    );
    let axes: Vec<&str> = axes
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for tick in ["Hz", "1k", "10k", "500", "100", "0:00", "0:10", "1:40"] {
        assert!(axes.contains(&tick), "{tick}: {axes:?}");
    }
    let bracket = browser.says(
        "(() => { const f = document.querySelector('#sound .field').getBoundingClientRect(); \
         const b = document.querySelector('#sound rect.decided').getBoundingClientRect(); \
         return [(b.left - f.left) / f.width, (b.right - f.left) / f.width]; })()",
    );
    assert!(
        (bracket[0].as_f64().unwrap() - 0.2).abs() < 0.01
            && (bracket[1].as_f64().unwrap() - 0.35).abs() < 0.01
    );
    let said = browser.says("document.querySelector('#sound .legend').textContent");
    assert!(said.as_str().unwrap().contains("not listened to"));

    // The mouse asks for a second, and the playhead is there.
    let field = browser.says("(() => { const b = document.querySelector('#sound .field').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()");
    let [x, y, width, height] = [0, 1, 2, 3].map(|at| field[at].as_f64().unwrap());
    let middle = |part: f64| [x + part * width, y + height / 2.0];
    browser.drag(&[middle(0.25), middle(0.5)]);
    let picked = browser.says("picked.splice(0)");
    let picked: Vec<f64> = serde_json::from_value(picked).unwrap();
    assert!(
        (picked[0] - 25.0).abs() < 0.2 && (picked[picked.len() - 1] - 50.0).abs() < 0.2,
        "{picked:?}"
    );
    let head = "(() => { const b = document.querySelector('#sound .playhead').getBoundingClientRect(); return b.x + b.width / 2; })()";
    assert!((browser.says(head).as_f64().unwrap() - middle(0.5)[0]).abs() < 1.5);
    let pointer = browser.says("document.querySelector('#sound .pointer').textContent");
    assert!(
        pointer.as_str().unwrap().starts_with("0:50 · 1.6k Hz"),
        "{pointer}"
    );

    // And so do keys; a player moves the playhead without being asked.
    browser.says("document.activeElement.blur(); drawn.at(25)");
    assert!((browser.says(head).as_f64().unwrap() - middle(0.25)[0]).abs() < 1.5);
    let told = "document.querySelector('#sound .field').getAttribute('aria-valuetext')";
    assert_eq!(browser.says(told), "0:25 of 1:40, decided here");
    browser.key("Tab");
    for (key, second) in [
        ("ArrowRight", 26),
        ("ArrowLeft", 25),
        ("PageUp", 35),
        ("PageDown", 25),
        ("End", 100),
        ("ArrowUp", 100),
        ("Home", 0),
        ("ArrowDown", 0),
        ("Enter", 20),
    ] {
        browser.key(key);
        assert_eq!(browser.says("picked.splice(0)"), json!([second]), "{key}");
    }
    let slider = "(() => { const f = document.activeElement; return [f.getAttribute('role'), f.getAttribute('aria-valuenow'), f.getAttribute('aria-valuemax')]; })()";
    assert_eq!(browser.says(slider), json!(["slider", "20", "100"]));
    let label = focused(&mut browser);
    assert!(
        label.contains("100 to 12.8k Hz") && label.contains("0:20 to 0:35"),
        "{label}"
    );
    browser.says("drawn.at(null)");
    assert_eq!(
        browser.says("document.querySelector('#sound .playhead').hidden"),
        true
    );

    // Whatever was heard, something is drawn.
    let one = |values: Value| json!({"bands": 8, "frames": values.as_array().unwrap().len() / 8, "values": values});
    for levels in [
        one(json!([1, 2, 3, 4, 5, 6, 7, 8])),
        one(json!(vec![Value::Null; 80])),
        one(json!(vec![0.5; 80])),
    ] {
        browser.says(&draw(&levels));
        assert_eq!(
            browser.says("document.querySelectorAll('#sound canvas').length"),
            2
        );
    }
    browser.says("sound({ bands: 1, frames: 2, values: [1, 2] }, 0.1, null, [440])");
    assert_eq!(
        browser.says("document.querySelectorAll('#sound rect.decided').length"),
        0
    );
    browser.was_quiet();
    assert!(browser.complaints().is_empty());
}

#[test]
fn both_fit_a_phone() {
    let Some(mut browser) = opened([360, PHONE[1]], "light") else {
        return;
    };
    browser.says(&format!("map(points); sound({}, 7000, {{ start: 20, end: 35 }}, [100, 200, 400, 800, 1600, 3200, 6400, 12800])", ramp()));
    let wide = "[...document.querySelectorAll('html, main *')].filter((e) => Math.max(e.getBoundingClientRect().right, e.scrollWidth) > 360).map((e) => e.outerHTML.slice(0, 80))";
    assert_eq!(browser.says(wide), json!([]));
    let places = pairs(&browser.says("places()"));
    browser.swipe(&[places[3].1]);
    browser.until("picked.length === 1 && picked[0] === points[3].id");
    // A window that grows has them drawn anew.
    let window = json!({"width": 800, "height": 800, "deviceScaleFactor": 2, "mobile": false});
    browser.call("Emulation.setDeviceMetricsOverride", &window);
    browser.until("document.querySelector('#map svg').clientWidth > 600");
    browser.until("(() => { const c = document.querySelector('#sound .field canvas'); return c.clientWidth > 600 && Math.abs(c.width - 2 * c.clientWidth) <= 1; })()");
    browser.was_quiet();
}
