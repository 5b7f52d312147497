# `make demo` and `make test` work on a machine that has only Rust: they install a software Vulkan
# driver where there is none. On macOS and Windows the plain cargo commands do.

.PHONY: demo test fuzz compiler-report ray-test map-test setup lint

demo: setup
	cargo run --release -- demo

test: setup lint
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

# The library's map in headless Chromium: `make test` passes it over where there is none (Debian: apt-get install chromium).
map-test:
	GAMAKA_BROWSER=required cargo test --features internals --test browser -- --nocapture

# A minimal Rust has neither formatter nor linter.
lint:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "rustfmt is not installed: skipped"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --all-targets --features internals -- -D warnings && cargo clippy --bins --examples -- -D warnings && cargo clippy --no-default-features --lib -- -D warnings; else echo "clippy is not installed: skipped"; fi
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features --document-private-items
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --no-default-features

setup:
	@.ci/setup
