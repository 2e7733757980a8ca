# Builds with Debian's packages alone:  docker build -t bookstore .
# Runs with a read-only root and no capability; all it writes is in the volume /data.

FROM debian:bookworm-slim AS build
# What is needed to build, by itself: an edited source installs nothing again.
COPY scripts/setup /source/scripts/setup
RUN /source/scripts/setup run

WORKDIR /source
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY migrations migrations
COPY web web
COPY src src
# The cache of compiled files is no part of any image; where there is none, all are compiled.
RUN --mount=type=cache,target=/ccache export CCACHE_DIR=/ccache && \
    cmake --preset release -DBOOKSTORE_TESTS=OFF -DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 && \
    cmake --build build/release --target bookstore && \
    strip -o /bookstore build/release/bookstore

FROM debian:bookworm-slim
# Linked at run time, so that a fix of SQLite is an apt upgrade, which scanners see.
RUN apt-get -q update && \
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
        libboost-json1.81.0 libfmt9 librdkafka1 libspdlog1.10 libsqlite3-0 libssl3 libtcmalloc-minimal4 && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/* /var/log/apt /var/log/*.log && \
    install -d -o 10001 -g 10001 /data
COPY --from=build /bookstore /usr/local/bin/bookstore
RUN ["bookstore", "--version"]

# What is for operators listens within the container alone: docker exec CONTAINER bookstore modules
ENV BOOKSTORE_LISTEN=[::]:8080 \
    BOOKSTORE_OPERATOR_LISTEN=127.0.0.1:8081 \
    BOOKSTORE_URL=http://127.0.0.1:8081 \
    BOOKSTORE_DATA_DIR=/data \
    BOOKSTORE_EXIT_WHEN_UNHEALTHY=30
EXPOSE 8080
VOLUME /data
WORKDIR /data
USER 10001:10001
STOPSIGNAL SIGTERM
# It asks the port that customers use; for another one there is --health-cmd.
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=5 \
    CMD ["bookstore", "healthcheck", "--url", "http://127.0.0.1:8080", "--timeout", "1500"]
ENTRYPOINT ["bookstore"]
CMD ["serve"]

LABEL org.opencontainers.image.title="bookstore" \
      org.opencontainers.image.description="An order-processing backend for an online bookshop" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
