//! The page of `gamaka explain` as its readers use it.

use std::process::Command;

use crate::chromium::Browser;
use crate::{PHONE, WINDOW, started};

/// What the page says of the chosen curve.
fn told(browser: &mut Browser) -> String {
    let told = browser.says("document.querySelector('.chooser .told').textContent");
    told.as_str().unwrap().to_owned()
}

/// Picks the closest form at this place of the list, 0 for all.
fn pick(browser: &mut Browser, place: usize) -> u64 {
    let script = format!(
        "(() => {{ const list = document.querySelector('.chooser select'); list.selectedIndex = {place};
         list.dispatchEvent(new Event('change')); return +document.querySelector('.chooser input').max + 1; }})()"
    );
    browser.says(&script).as_u64().unwrap()
}

#[test]
fn a_page_of_curves_in_a_browser() {
    let Some(mut browser) = started() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let song = format!(
        "{}/tests/fixtures/audio/vorbis.ogg",
        env!("CARGO_MANIFEST_DIR")
    );
    let explained = Command::new(env!("CARGO_BIN_EXE_gamaka"))
        .args(["explain", "--quiet", "--data", &song, "-o"])
        .arg(&page)
        .output()
        .unwrap();
    assert!(explained.status.success(), "{explained:?}");

    browser.open(&page, WINDOW, "light");
    assert!(told(&mut browser).contains("number 1 of 82944"));
    let button = |place: usize| format!("document.querySelectorAll('.chooser button')[{place}]");
    assert_eq!(browser.says(&format!("{}.disabled", button(0))), true);
    browser.says(&format!("{}.click()", button(1)));
    assert!(told(&mut browser).contains("number 2 of 82944"));
    // The curves of each form together are all that there are to choose among, and each has its form.
    let forms = browser.says("document.querySelectorAll('.chooser option').length");
    let all = pick(&mut browser, 0);
    let mut sum = 0;
    for place in 1..forms.as_u64().unwrap() as usize {
        sum += pick(&mut browser, place);
        let name =
            format!("document.querySelectorAll('.chooser option')[{place}].text.split(' (')[0]");
        let name = browser.says(&name);
        let form = format!("simple form: {}", name.as_str().unwrap());
        assert!(told(&mut browser).contains(&form), "{form}");
    }
    assert_eq!(sum, all);
    // On a phone nothing is wider than the window.
    browser.open(&page, PHONE, "dark");
    let wide = browser.says("document.documentElement.scrollWidth");
    assert_eq!(wide, PHONE[0]);
    browser.was_quiet();
}
