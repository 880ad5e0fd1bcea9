"""The labeler behind HTTP: ``framing serve``. ``fastapi`` and ``uvicorn`` are imported by this room alone."""
