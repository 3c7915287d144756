# Recipes; `just` lists them.

# The quick check before each commit: no root, Rust and gcc only.
check:
    .ci/check

# All tests; those that need Prometheus, systemd or a device's maker's client are in `just ci`.
test *arguments:
    cargo test --locked {{arguments}}

# What must pass before a change lands; as root, because it installs Debian packages.
ci:
    .ci/run

# No backend, and each one alone.
features:
    .ci/features

# The oldest Rust that Cargo.toml promises.
rust-version:
    .ci/rust-version

# For musl; `just musl build` makes a static binary.
musl verb="check":
    .ci/musl {{verb}}

# The fallbacks of src/os on systems other than Linux; needs their standard libraries from the network.
other-systems:
    .ci/other-systems

# Spelling; `just typos -w` corrects it.
typos *flags:
    .ci/typos {{flags}}

# Dependencies that nobody imports.
unused:
    cargo machete

# The gate, changed in every small way: some test has to notice each (.cargo/mutants.toml); an hour and more.
mutants *flags:
    nice cargo mutants --output target {{flags}}

# Writes the texts anew that tests compare: sessions of the command line, messages of broken configurations.
bless:
    SESSIONS_UPDATE=1 cargo test --locked --test it sessions::
    CONFIG_UPDATE=1 cargo test --locked --test it config::

# Each fuzz target for ten minutes.
fuzz seconds="600":
    fuzz/smoke {{seconds}}

# What a vote costs; `just bench cosign` one of several members.
bench what="vote":
    cargo bench --bench {{what}}

# Known weaknesses of dependencies; needs the advisory database from the network.
advisories:
    cargo deny check advisories

# Our speed against others', through one meter in turns; TMKMS_OLDER=path adds an older tmkms, TMKMS_BEFORE=path an earlier build of this one, e.g. `just compare -rounds 500`.
compare *flags:
    cargo build --release --locked --quiet
    cd interop/compare && go build -o ../../target/compare . && TMKMS=../../target/release/tmkms ../../target/compare {{flags}}

# SIGKILL at every system call of `state move out` and `state move in`; needs strace, three minutes.
kill-moves:
    cargo build --release --locked --quiet --example kill_at_every_syscall_of_a_move
    target/release/examples/kill_at_every_syscall_of_a_move

# A million questions of two lying coordinators to members with a share each, and members with a mistake; some minutes.
lying-coordinators requests="1000000":
    cargo build --release --locked --quiet --example lying_coordinators
    target/release/examples/lying_coordinators --requests {{requests}}

# A hundred chains vote beside a thousand reloads; seventeen minutes, and nothing else should run.
reload-load:
    cargo test --locked --test it reload_load:: -- --ignored --nocapture

# Forty chains vote beside nodes of `rpc` that hang, drip and flood; a minute and a half, and nothing else should run.
rpc-load:
    cargo test --locked --test it rpc_load:: -- --ignored --nocapture

# The systemd unit under a systemd of its own; needs root, a minute and a half.
unit:
    cargo build --release --locked --quiet
    deploy/systemd/try target/release/tmkms

# 10,000 reconnects and 1,000,000 votes: nothing may grow; some ten minutes.
long-run:
    cargo build --release --locked
    cargo run --release --locked --example long_run
