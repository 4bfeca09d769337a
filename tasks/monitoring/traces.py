"""Monitoring: where do the spans of a run go? To whom the standard OTEL_* variables name; without them there are none.

pydantic-ai makes them: one for a conversation, for each request to a model and for each tool call, with names, times, tokens
and cost. What was said is left out, unless `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`: it may be private.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
FLUSH_MILLISECONDS: Final = 5000
"""At the end of a process, for what has not been sent yet: a collector that is away keeps no run."""
MISSING: Final = (
    "traces are wanted and cannot be sent: install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
)


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether somebody collects traces."""
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    switched_off = environ.get("OTEL_TRACES_EXPORTER", "").lower() == "none"
    return any(environ.get(name) for name in ENDPOINTS) and not disabled and not switched_off


@asynccontextmanager
async def traced(environ: Mapping[str, str], exporter: SpanExporter | None = None) -> AsyncIterator[None]:
    """Around a life of a run. A fault of the tracing is logged, and is none of the run's.

    Args:
        exporter: takes the spans in place of the collector that the environment names.
    """
    if exporter is None and not wanted(environ):
        yield
        return
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[import-not-found,unused-ignore]  # optional
                OTLPSpanExporter,
            )

            exporter = OTLPSpanExporter()
    except ImportError:
        logging.getLogger("midwatch").warning(MISSING)
        yield
        return
    resource = Resource.create({SERVICE_NAME: environ.get("OTEL_SERVICE_NAME") or "midwatch"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    content = environ.get(CONTENT, "").lower() == "true"
    settings = InstrumentationSettings(
        tracer_provider=provider,
        include_content=content,
        include_binary_content=False,
        include_model_request_parameters=content,
    )
    Agent.instrument_all(settings)
    try:
        yield
    finally:
        Agent.instrument_all(False)
        await asyncio.to_thread(provider.force_flush, FLUSH_MILLISECONDS)
        await asyncio.to_thread(provider.shutdown)
