# List the recipes
default:
    @just --list --unsorted

# Everything that must hold before a change is merged
check: fmt-check lint deny test

# Format the code
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all -- --check

# Warnings are errors here and nowhere else, so that work in progress still compiles
lint:
    cargo clippy --locked --all-targets --all-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Licences, bans and sources of every crate
deny:
    cargo deny check bans licenses sources

# Everything, against real servers of our own
test *args:
    cargo test --locked {{ args }}

# The log contract against servers in containers; needs a Docker engine
test-docker:
    .ci/docker
    cargo test --locked --features docker-tests --test it docker

# Orders from Python and Node, traces through a foreign collector; needs pip and npm
test-foreign:
    cargo test --locked --features foreign-tests --test foreign --test telemetry

# Orders through the whole path, on servers of its own: `just bench --nodes 3 --skus 10000`
bench *args:
    cargo run --locked --release -- bench {{ args }}

# A whole shop on this machine
dev *args:
    cargo run --locked --release -- dev {{ args }}
