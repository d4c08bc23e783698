"""HTTP in and out: it translates, never decides.

Problems are RFC 9457; the OpenAPI description is at /api/v1/openapi.json.
"""
