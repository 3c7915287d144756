# Two stages: build with the whole toolchain, ship the program alone. With podman or buildah add `--format docker`: their
# own format has no HEALTHCHECK.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# The commit, because there is no repository in here: docker build --build-arg TMKMS_COMMIT=$(git rev-parse --short=12 HEAD) .
ARG TMKMS_COMMIT=unknown
COPY Cargo.toml Cargo.lock build.rs tmkms.toml.example ./
COPY .cargo ./.cargo
COPY src ./src
COPY benches ./benches
COPY examples ./examples
COPY docs/operations.md ./docs/operations.md
RUN cargo build --release --locked --bin tmkms

FROM debian:bookworm-slim
RUN groupadd --gid 10001 tmkms \
    && useradd --uid 10001 --gid 10001 --no-log-init --create-home --skel /dev/null --shell /usr/sbin/nologin tmkms
COPY --from=build /src/target/release/tmkms /usr/local/bin/tmkms
# Mount the home with tmkms.toml, secrets/ and state/ here. State must lie on a volume: in the container's own layer
# it is refused, because it would be lost with the container.
# In numbers, so that a host or cluster that wants no root can see that it is none.
USER 10001:10001
WORKDIR /home/tmkms
# Healthy while every chain is armed. Not `--ready`, which needs a node: one that waits for this check would wait forever.
# Asks over the control socket, so no port is needed.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["/usr/local/bin/tmkms", "status", "--armed", "-c", "/home/tmkms/tmkms.toml"]
ENTRYPOINT ["/usr/local/bin/tmkms"]
CMD ["start", "-c", "/home/tmkms/tmkms.toml"]
