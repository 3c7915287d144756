# Recipes; `just` lists them.

# What must pass before a change lands.
ci:
    .ci/run

# Each fuzz target for ten minutes.
fuzz seconds="600":
    fuzz/smoke {{seconds}}

# What a vote costs.
bench:
    cargo bench --bench vote

# Known weaknesses of dependencies; needs the advisory database from the network.
advisories:
    cargo deny check advisories

# Our speed against others', through one meter in turns; TMKMS_OLDER=path adds an older tmkms, e.g. `just compare -rounds 500`.
compare *flags:
    cargo build --release --locked --quiet
    cd interop/compare && go build -o ../../target/compare . && TMKMS=../../target/release/tmkms ../../target/compare {{flags}}

# The systemd unit under a systemd of its own; needs root, a minute and a half.
unit:
    cargo build --release --locked --quiet
    deploy/systemd/try target/release/tmkms

# 10,000 reconnects and 1,000,000 votes: nothing may grow; some ten minutes.
long-run:
    cargo build --release --locked
    cargo run --release --locked --example long_run
