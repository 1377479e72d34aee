# The image of daypart: every verb, and everything that a task on a cluster needs.
#
#   make image                                  for this machine's architecture
#   make image PLATFORMS=linux/amd64,linux/arm64   for both (docker buildx)
#
# Two optional build secrets let pip reach an index of your own: `pip`, a pip.conf, and `ca`, a
# bundle of certificates. The image does not contain them.
ARG PYTHON=python:3.11-slim

# Kernels are compiled for a common kind of processor, not for that of the host that builds. So a
# task compiles nothing, and gives the same result to the bit on every host of an architecture. x86-64-v3 is every x86 server since 2015 (AVX2, FMA), neoverse-n1 every Graviton
# since the second.
FROM ${PYTHON} AS base-amd64
ENV NUMBA_CPU_NAME=x86-64-v3
FROM ${PYTHON} AS base-arm64
ENV NUMBA_CPU_NAME=neoverse-n1

FROM base-${TARGETARCH} AS base
ENV NUMBA_CPU_FEATURES="" PATH=/opt/daypart/bin:$PATH

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/image.txt requirements/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    /usr/local/bin/python -m venv --without-pip /opt/daypart \
    && /usr/local/bin/python -m venv --without-pip tools \
    && /usr/local/bin/python -m pip --python tools/bin/python install --quiet --require-hashes -r requirements/build.txt \
    && /usr/local/bin/python -m pip --python /opt/daypart/bin/python install --quiet --no-compile --require-hashes \
       -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN tools/bin/python -m hatchling build -t wheel -d wheel \
    && /usr/local/bin/python -m pip --python /opt/daypart/bin/python install --quiet --no-compile --no-deps --no-index wheel/*.whl

# Remove files that daypart never loads: tests and headers of libraries, and Arrow Flight.
RUN cd /opt/daypart/lib/python3*/site-packages \
    && rm -rf pyarrow/tests pyarrow/include pyarrow/src numpy/*/tests numpy/tests numba/tests \
       numba/cuda/tests pyarrow/libarrow_flight* pyarrow/_flight* \
       pyarrow/libarrow_python_flight* pyarrow/flight.py pyarrow/*.pyx pyarrow/*.pxi \
    && find . -name '*.lib' -delete

# Layers keep times in whole seconds and numba compares them, so set such times before it compiles.
# numba reads kernels only from a folder that it can write to, so the user must own those folders.
RUN find /opt/daypart -exec touch -h -d '2026-01-01T00:00:00Z' {} + \
    && python -c 'from daypart.models.negbin.model import compile_kernels; compile_kernels(every=True)' \
    && find /opt/daypart/lib/python3*/site-packages/daypart -name __pycache__ -exec chown -R 10001:10001 {} +

FROM base
RUN echo 'daypart:x:10001:10001:daypart:/home/daypart:/bin/sh' >> /etc/passwd \
    && echo 'daypart:x:10001:' >> /etc/group \
    && mkdir -p /home/daypart /work \
    && chown 10001:10001 /home/daypart /work
COPY --from=build /opt/daypart /opt/daypart
ENV HOME=/home/daypart PYTHONUNBUFFERED=1
USER daypart
WORKDIR /work
# There is no entry point: a job's command is the whole command, as in other images with daypart.
# There is no shell in between: SIGTERM reaches the process that saves results.
CMD ["daypart", "--help"]
