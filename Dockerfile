# The student as a service: no torch, not root, no more than serving needs. The student itself is mounted:
#
#     docker build --tag distil-serve .
#     docker run --rm --publish 127.0.0.1:8080:8080 --volume "$PWD/models/onnx:/model:ro" distil-serve
#
# Everyone who reaches the port may ask. For others than this machine add a token: --env TOKEN=... and, after the image's
# name, --token-env TOKEN. Packages are those of requirements.lock, by their hashes; onnxruntime's wheel for CPUs alone.
FROM python:3.11-slim
ARG PACKAGES="annotated-doc|annotated-types|anyio|click|fastapi|flatbuffers|h11|idna|numpy|onnxruntime|\
opentelemetry-api|platformdirs|prometheus-client|pydantic|pydantic-core|pyyaml|shellingham|starlette|\
tokenizers|typer|typing-extensions|typing-inspection|uvicorn"
WORKDIR /app
COPY requirements.lock ./
RUN sed -nE "/^($PACKAGES)==/,/[^\\\\]\$/p" requirements.lock | sed -E 's/^(onnxruntime==[^ ]+) ;.*/\1 \\/' >serve.lock \
  && pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: --requirement serve.lock
COPY distil ./distil
RUN python -m compileall -q distil && useradd --uid 10001 --no-create-home serve
USER serve
ENV PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=3)"]
ENTRYPOINT ["python", "-m", "distil.cli.serve", "--model", "/model", "--host", "0.0.0.0", "--port", "8080"]
