//! The runtime of a bundle in a browser.

use std::collections::BTreeMap;

use crate::site::Site;
use crate::{WINDOW, started, started_with_webgpu};

#[test]
fn a_browser_has_webgpu_where_it_is_asked_for() {
    const ADAPTER: &str =
        "(async () => !!(navigator.gpu && await navigator.gpu.requestAdapter()))()";
    let site = Site::new(BTreeMap::new());
    for (browser, has) in [(started(), false), (started_with_webgpu(), true)] {
        let Some(mut browser) = browser else {
            return;
        };
        browser.visit(site.url(), WINDOW, "light");
        assert_eq!(browser.says(ADAPTER), has);
        browser.was_quiet();
        assert!(browser.complaints().is_empty());
    }
}
