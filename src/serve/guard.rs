//! Who is answered: a page of this server, and no other. Other web pages can make a browser ask this machine, and can have a
//! name of theirs lead to it (DNS rebinding); both show in what the browser says of itself.

use std::net::IpAddr;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::reply::Refusal;

/// What the paths of the interface to the library begin with.
pub(super) const API: &str = "/api/";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that no page of this server makes. `public` is whether others than this machine may ask.
pub(super) fn check(head: &Parts, public: bool) -> Result<(), Refusal> {
    let host = only(&head.headers, &HOST)?.ok_or(Refusal::bad("the request names no host"))?;
    let named: Authority = host.parse().map_err(|_| foreign_host(public))?;
    // A request may name the host twice.
    let twice = head.uri.authority();
    if host.contains('@') || !is_ours(named.host(), public) || twice.is_some_and(|a| a != &named) {
        return Err(foreign_host(public));
    }
    let own = format!("http://{host}");
    let origin = only(&head.headers, &ORIGIN)?;
    if origin.is_some_and(|origin| !origin.eq_ignore_ascii_case(&own)) {
        return Err(Refusal::forbidden(
            "the request comes from another web page",
        ));
    }
    let site = only(&head.headers, &SEC_FETCH_SITE)?;
    if head.uri.path().starts_with(API) && !matches!(site, None | Some("same-origin" | "none")) {
        return Err(Refusal::forbidden(
            "the request comes from another web page",
        ));
    }
    if head.method != Method::POST {
        return Ok(());
    }
    if origin.is_none() {
        return Err(Refusal::forbidden("the request names no origin"));
    }
    let kind = only(&head.headers, &CONTENT_TYPE)?.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::kind("what is sent must be JSON")),
    }
}

fn foreign_host(public: bool) -> Refusal {
    let number = if public { "192.168.1.2" } else { "127.0.0.1" };
    Refusal::forbidden(format!(
        "the request is for another host, or by a name, and names are refused, for they may be another page's: put this machine's number, as {number}, in the place of its name"
    ))
}

/// A header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match (first.map(|value| value.to_str()).transpose(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(Refusal::bad("a header of the request cannot be understood")),
    }
}

/// Whether a host is this machine, told without asking for names: a name that leads here may be anyone's.
fn is_ours(host: &str, public: bool) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(address) => public || address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use hyper::{Request, StatusCode};

    use super::*;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)], public: bool) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let refused = check(&head, public).map_err(|refusal| refusal.status);
        refused.err().unwrap_or(StatusCode::OK).as_u16()
    }

    #[test]
    fn only_this_machine_is_a_host() {
        let hosts = [
            "127.0.0.1:80",
            "127.0.0.1",
            "localhost:9",
            "LOCALHOST",
            "[::1]:7",
            "127.8.8.8:1",
        ];
        for host in hosts {
            assert_eq!(asked("GET", "/", &[("host", host)], false), 200, "{host}");
        }
        let hosts = [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "192.168.1.2",
            "[2001:db8::1]:80",
            "user@127.0.0.1",
            "2130706433",
            "0x7f.1",
            "localhost.",
            "127.0.0.1:80:80",
            "a b",
        ];
        for host in hosts {
            assert_eq!(asked("GET", "/", &[("host", host)], false), 403, "{host}");
        }
        assert_eq!(asked("GET", "/", &[], false), 400);
        assert_eq!(
            asked(
                "GET",
                "/",
                &[("host", "localhost"), ("host", "localhost")],
                false
            ),
            400
        );
        assert_eq!(asked("GET", "/", &[("host", "192.168.1.2:80")], true), 200);
        assert_eq!(asked("GET", "/", &[("host", "evil.example")], true), 403);
        assert_eq!(
            asked(
                "GET",
                "http://evil.example/",
                &[("host", "127.0.0.1")],
                false
            ),
            403
        );
        assert_eq!(
            asked("GET", "http://127.0.0.1/", &[("host", "127.0.0.1")], false),
            200
        );
    }

    #[test]
    fn only_a_page_of_this_server_may_ask_and_change() {
        let host = ("host", "127.0.0.1:4265");
        let json = ("content-type", "application/json; charset=utf-8");
        let own = ("origin", "http://127.0.0.1:4265");
        assert_eq!(asked("POST", "/api/x", &[host, own, json], false), 200);
        assert_eq!(asked("POST", "/api/x", &[host, json], false), 403);
        assert_eq!(asked("POST", "/api/x", &[host, own], false), 415);
        let form = ("content-type", "text/plain");
        assert_eq!(asked("POST", "/api/x", &[host, own, form], false), 415);
        let origins = [
            "http://evil.example",
            "null",
            "http://127.0.0.1:4266",
            "https://127.0.0.1:4265",
            "http://localhost:4265",
            "http://127.0.0.1:4265.evil.example",
            "",
        ];
        for origin in origins {
            let origin = ("origin", origin);
            assert_eq!(asked("POST", "/api/x", &[host, origin, json], false), 403);
            assert_eq!(asked("GET", "/page.js", &[host, origin], false), 403);
        }
        for (site, status) in [
            ("cross-site", 403),
            ("same-site", 403),
            ("same-origin", 200),
            ("none", 200),
        ] {
            let site = ("sec-fetch-site", site);
            assert_eq!(asked("GET", "/api/library", &[host, site], false), status);
            assert_eq!(asked("GET", "/", &[host, site], false), 200);
        }
    }
}
