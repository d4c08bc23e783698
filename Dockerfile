# One image for every service; docker-compose.yml says which command it runs.
FROM python:3.12-slim AS build
WORKDIR /app
COPY .ci/uv.txt .ci/uv.txt
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r .ci/uv.txt \
    && python -m venv --without-pip /opt/venv
ENV VIRTUAL_ENV=/opt/venv UV_NO_CACHE=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY requirements.lock ./
RUN /opt/uv/bin/uv pip sync --require-hashes requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY adapters adapters
COPY agents agents
COPY api api
COPY cli cli
COPY config config
COPY interfaces interfaces
COPY lending lending
COPY mcp_servers mcp_servers
COPY orchestrator orchestrator
COPY quant quant
COPY schemas schemas
COPY trading trading
COPY examples examples
RUN /opt/uv/bin/uv pip install --no-deps --no-build-isolation -e .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /home/alphashield alphashield \
    && install --directory --owner alphashield --mode 700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    ALPHASHIELD_HOME=/data \
    ALPHASHIELD_LOG_FORMAT=json
# Everything runs from the repository's root.
WORKDIR /app
USER alphashield
VOLUME /data
EXPOSE 8000
CMD ["alphashield", "serve", "--host", "0.0.0.0", "--port", "8000"]
