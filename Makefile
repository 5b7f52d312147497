# `make demo` and `make test` work on a machine that has only Rust: they install a software Vulkan
# driver where there is none. On macOS and Windows the plain cargo commands do.

.PHONY: demo test fuzz compiler-report ray-test web web-test setup browser lint

demo: setup
	cargo run --release -- demo

test: setup browser lint
	cargo test --features internals

# Changed inputs for every reader (fuzz/README.md).
fuzz:
	GAMAKA_FUZZ_INPUTS=$${INPUTS:-1000000} cargo test --release --features internals --test fuzz -- --nocapture

# What RADV makes of the kernels for AMD cards, without one (docs/performance.md).
compiler-report:
	cargo run --features internals --example compiler_report

# A catalogue on a local Ray cluster of two nodes, with a worker that dies (scale/README.md). Needs Python 3.10 or later.
ray-test: setup
	cargo build
	test -e scale/.venv/done || { python3 -m venv --clear scale/.venv && scale/.venv/bin/pip install --quiet -r scale/requirements.txt && touch scale/.venv/done; }
	GAMAKA=$(CURDIR)/target/debug/gamaka scale/.venv/bin/python scale/test_ray_embed.py

# The page of web/, built into web/dist, which is part of the repository and of the binary: after every change there. Needs Node.js.
web:
	cd web && npm ci --no-fund --no-audit && npm run check && npm run build

# The page, the library and its map in headless Chromium: `make test` passes them over where it is not and cannot be installed.
web-test: setup browser
	GAMAKA_BROWSER=required cargo test --features internals --test browser -- --nocapture

# A minimal Rust has neither formatter nor linter.
lint:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "rustfmt is not installed: skipped"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --all-targets --features internals -- -D warnings && cargo clippy --bins --examples -- -D warnings && cargo clippy --no-default-features --lib -- -D warnings; else echo "clippy is not installed: skipped"; fi
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features --document-private-items
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features

setup:
	@.ci/setup

browser:
	@.ci/setup-browser
