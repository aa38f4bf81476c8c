"""One row for each provider's way of saying no."""

import json

import pytest
from batchtop.engine.classify import classify
from batchtop.engine.outcome import Outcome
from hypothesis import given
from hypothesis import strategies as st

RATE_LIMITED, QUOTA_EXHAUSTED, OVERLOADED = Outcome.RATE_LIMITED, Outcome.QUOTA_EXHAUSTED, Outcome.OVERLOADED
TIMEOUT, BAD_ITEM, AUTH, OK = Outcome.TIMEOUT, Outcome.BAD_ITEM, Outcome.AUTH, Outcome.OK
SHORT_REPLY = Outcome.SHORT_REPLY


def openai(message, kind=None, code=None, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def litellm(message, kind, code, param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": str(code)}}


def anthropic(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}}


def mistral(message, kind, code):
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def cloudflare(code, message):
    return {"success": False, "result": None, "messages": [], "errors": [{"code": code, "message": message}]}


def google(code, status, message, reason=None):
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return {"error": {"code": code, "status": status, "message": message, "details": details}}


def page(title):
    """A page as nginx, Envoy's neighbours and Cloudflare send it."""
    return f"<!DOCTYPE html>\r\n<html><head><title>{title}</title></head>\r\n<body><hr>nginx</body></html>".encode()


CONTENT = {"choices": [{"message": {"content": "generate a rate"}}]}

SHAPES = [
    # OpenAI
    (429, openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"), RATE_LIMITED, "Rate limit"),
    (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), QUOTA_EXHAUSTED, ""),
    (429, openai("Your account is not active", "billing_not_active", "billing_not_active"), QUOTA_EXHAUSTED, ""),
    (400, openai("limit", "invalid_request_error", "billing_hard_limit_reached"), QUOTA_EXHAUSTED, ""),
    (401, openai("Incorrect API key provided: sk-abcd1234efgh", None, "invalid_api_key"), AUTH, "provided: ***"),
    (403, openai("Country not supported", "request_forbidden", "unsupported_country"), AUTH, ""),
    (404, openai("The model `x` does not exist", None, "model_not_found"), AUTH, "no such model or URL: The model `x`"),
    (400, openai("maximum context length", None, "context_length_exceeded", "messages"), BAD_ITEM, "maximum"),
    (400, openai("is not supported", "invalid_request_error", None, "model"), AUTH, ""),
    (400, openai("is not supported", "invalid_request_error", "unsupported_parameter", "max_tokens"), BAD_ITEM, ""),
    (500, openai("The server had an error", "server_error"), OVERLOADED, "HTTP 500: The server had"),
    (503, openai("Slow down", "slow_down", "slow_down"), OVERLOADED, ""),
    (400, openai("Invalid parameter", "invalid_request_error", None, "response_format"), BAD_ITEM, ""),
    (409, openai("Try again", "conflict_error"), OVERLOADED, ""),
    # Azure
    (429, {"error": {"code": "429", "message": "exceeded token rate limit"}}, RATE_LIMITED, "exceeded token"),
    (429, {"error": {"code": "RateLimitReached", "message": "x"}}, RATE_LIMITED, ""),
    (404, {"error": {"code": "DeploymentNotFound", "message": "no deployment"}}, AUTH, "no deployment"),
    (400, {"error": {"code": "OperationNotSupported", "message": "not with this model"}}, AUTH, ""),
    (404, {"error": {"code": "404", "message": "Resource not found"}}, AUTH, "Resource not found"),
    (401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}, AUTH, ""),
    (503, {"error": {"code": "NoCapacity", "message": "x"}}, OVERLOADED, ""),
    (408, {"error": {"code": "Timeout", "message": "The operation was timeout."}}, TIMEOUT, ""),
    (429, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 7 seconds."}, RATE_LIMITED, ""),
    (401, {"statusCode": 401, "message": "Access denied"}, AUTH, "Access denied"),
    (400, {"error": {"code": "content_filter", "message": "filtered", "status": 400}}, BAD_ITEM, "filtered"),
    # Anthropic
    (529, anthropic("overloaded_error", "Overloaded"), OVERLOADED, "HTTP 529: Overloaded"),
    (429, anthropic("rate_limit_error", "slow"), RATE_LIMITED, ""),
    (402, anthropic("billing_error", "pay"), QUOTA_EXHAUSTED, ""),
    (401, anthropic("authentication_error", "invalid x-api-key"), AUTH, ""),
    (403, anthropic("permission_error", "no"), AUTH, ""),
    (413, anthropic("request_too_large", "too large"), BAD_ITEM, ""),
    (400, anthropic("invalid_request_error", "prompt is too long"), BAD_ITEM, ""),
    (404, anthropic("not_found_error", "model: x"), AUTH, ""),
    (500, anthropic("api_error", "Internal server error"), OVERLOADED, ""),
    (504, anthropic("timeout_error", "took too long"), TIMEOUT, ""),
    # Mistral
    (400, mistral("Invalid model: x", "invalid_model", "1500"), AUTH, "Invalid model"),
    (429, mistral("Service tier capacity exceeded", "service_tier_capacity_exceeded", "3505"), RATE_LIMITED, ""),
    (429, mistral("Rate limit exceeded", "rate_limited", "1300"), RATE_LIMITED, ""),
    (429, {"message": "Requests rate limit exceeded"}, RATE_LIMITED, "Requests rate limit"),
    (422, {"detail": [{"loc": ["body"], "msg": "Field required"}]}, BAD_ITEM, "Field required"),
    (401, {"detail": "Unauthorized"}, AUTH, "Unauthorized"),
    # Groq
    (413, openai("Request too large: Limit 6000", "tokens", "rate_limit_exceeded"), BAD_ITEM, "too large"),
    (429, openai("Rate limit reached", "tokens", "rate_limit_exceeded"), RATE_LIMITED, ""),
    (498, openai("capacity exceeded", "internal_server_error"), OVERLOADED, ""),
    (400, openai("has been decommissioned", "invalid_request_error", "model_decommissioned"), AUTH, ""),
    (400, openai("accept the terms", "invalid_request_error", "model_terms_required"), AUTH, ""),
    (400, openai("spend limit", "invalid_request_error", "blocked_api_access"), QUOTA_EXHAUSTED, ""),
    (400, openai("Failed to generate JSON", "invalid_request_error", "json_validate_failed"), SHORT_REPLY, ""),
    # Together, DeepSeek, Moonshot, OpenRouter
    (429, openai("rate limit of 60 queries", "credit_limit"), RATE_LIMITED, ""),
    (402, openai("Credit limit exceeded", "credit_limit"), QUOTA_EXHAUSTED, ""),
    (400, {"id": "x", **openai("non-serverless model", "invalid_request_error", "model_not_available")}, AUTH, ""),
    (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), QUOTA_EXHAUSTED, ""),
    (429, {"error": {"message": "quota", "type": "exceeded_current_quota_error"}}, QUOTA_EXHAUSTED, ""),
    (200, {"error": {"code": 502, "message": "Provider down"}}, OVERLOADED, "HTTP 502: Provider down"),
    (200, {"error": {"code": 429, "message": "upstream"}}, RATE_LIMITED, ""),
    # Scaleway: a transient limit in the words of a quota
    (429, openai("INSUFFICIENT QUOTA: wait a minute"), RATE_LIMITED, "INSUFFICIENT"),
    (429, {"status": 429, "type": "INSUFFICIENT QUOTA", "message": "tokens per minute"}, RATE_LIMITED, "tokens per"),
    (422, openai("model not found", "invalid_request_error", None, "model"), AUTH, ""),
    # A bad request that speaks of rates
    (400, openai("cannot generate: sample rate too low"), BAD_ITEM, ""),
    # Google
    (400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid",
                      "details": [{"reason": "API_KEY_INVALID"}]}}], AUTH, "API key not valid"),
    (429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}], RATE_LIMITED, ""),
    (400, google(400, "INVALID_ARGUMENT", "API key not valid", "API_KEY_INVALID"), AUTH, ""),
    (400, google(400, "FAILED_PRECONDITION", "enable billing"), AUTH, ""),
    (403, google(403, "PERMISSION_DENIED", "no"), AUTH, ""),
    (503, [google(503, "UNAVAILABLE", "The model is overloaded")], OVERLOADED, "The model is"),
    (504, google(504, "DEADLINE_EXCEEDED", "x"), TIMEOUT, ""),
    (500, [], OVERLOADED, "HTTP 500"),
    # vLLM, old and new
    (404, mistral("The model `x` does not exist.", "NotFoundError", 404), AUTH, "does not exist"),
    (400, {"error": {"message": "context", "type": "BadRequestError", "param": None, "code": 400}}, BAD_ITEM, ""),
    (404, openai("The model `x` does not exist.", "NotFoundError", 404, "model"), AUTH, "does not exist"),
    (400, mistral("maximum context length is 4096", "BadRequestError", 400), BAD_ITEM, "maximum context"),
    (500, openai("EngineCore encountered an issue", "InternalServerError", 500), OVERLOADED, ""),
    (401, {"error": "Unauthorized"}, AUTH, "Unauthorized"),
    # llama.cpp
    (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, OVERLOADED, "Loading"),
    (400, {"error": {"code": 400, "message": "m", "type": "exceed_context_size_error"}}, BAD_ITEM, ""),
    (401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}, AUTH, ""),
    (501, {"error": {"code": 501, "message": "no embeddings", "type": "not_supported_error"}}, AUTH, "started with"),
    (500, {"error": {"code": 500, "message": "input is too large", "type": "server_error"}}, OVERLOADED, ""),
    # Ollama, TGI: a bare text
    (404, {"error": "model 'x' not found"}, AUTH, "model 'x' not found"),
    (429, {"error": "Model is overloaded", "error_type": "overloaded"}, RATE_LIMITED, "overloaded"),
    # LiteLLM proxy
    (429, litellm("litellm.RateLimitError", "throttling_error", 429), RATE_LIMITED, ""),
    (500, litellm("litellm.RateLimitError", "throttling_error", 429), RATE_LIMITED, "HTTP 429"),
    (401, litellm("Authentication Error", "auth_error", 401), AUTH, ""),
    (400, litellm("Budget has been exceeded", "budget_exceeded", 400), QUOTA_EXHAUSTED, ""),
    (429, litellm("Budget has been exceeded", "budget_exceeded", 429), QUOTA_EXHAUSTED, ""),
    (400, litellm("Authentication Error - Expired Key", "expired_key", 400), AUTH, ""),
    (429, litellm("No deployments available, try again in 60 seconds", "None", 429, "None"), RATE_LIMITED, ""),
    (503, litellm("No connected db.", "no_db_connection", 503), OVERLOADED, ""),
    # nginx and other pages
    (429, page("429 Too Many Requests"), RATE_LIMITED, "HTTP 429: 429 Too Many Requests"),
    (502, page("502 Bad Gateway"), OVERLOADED, "HTTP 502: 502 Bad Gateway"),
    (503, page("503 Service Temporarily Unavailable"), OVERLOADED, "Temporarily"),
    (504, page("504 Gateway Time-out"), TIMEOUT, "Time-out"),
    (413, page("413 Request Entity Too Large"), BAD_ITEM, "Too Large"),
    (502, b"<html><body><h1>502 Server Error</h1></body></html>", OVERLOADED, "HTTP 502: 502 Server Error"),
    # Envoy
    (429, b"local_rate_limited", RATE_LIMITED, "HTTP 429: local_rate_limited"),
    (504, b"upstream request timeout", TIMEOUT, "upstream request timeout"),
    (503, b"no healthy upstream", OVERLOADED, "no healthy upstream"),
    # Cloudflare
    (401, cloudflare(10000, "Authentication error"), AUTH, "HTTP 401: Authentication error"),
    (429, cloudflare(3036, "account limited"), RATE_LIMITED, "account limited"),
    (400, {"errors": ["text is too short"]}, BAD_ITEM, 'HTTP 400: ["text is too short"]'),
    (403, page("Attention Required! | Cloudflare"), AUTH, "Attention Required"),
    (429, b"error code: 1015", RATE_LIMITED, "error code: 1015"),
    (520, page("Web server is returning an unknown error"), OVERLOADED, "unknown error"),
    (522, page("Connection timed out"), OVERLOADED, "timed out"),
    (524, b"error code: 524", TIMEOUT, ""),
    # Other proxies and wires
    (404, b"404 page not found", AUTH, "no such model or URL: 404 page"),
    (503, b"upstream connect error or disconnect/reset before headers", OVERLOADED, "upstream connect error"),
    (408, b"", TIMEOUT, "the body is empty"),
    (503, b"", OVERLOADED, "HTTP 503: the body is empty"),
    (429, b"", RATE_LIMITED, ""),
    (401, b"", AUTH, "HTTP 401: the body is empty"),
    (400, b"", BAD_ITEM, "the body is empty"),
    (400, b'{"error": {"code": "insufficient_quo', BAD_ITEM, "insufficient_quo"),
    (429, b'{"error": {"message": "Rate lim', RATE_LIMITED, "Rate lim"),
    (502, b'{"error": {"mess', OVERLOADED, "mess"),
    (301, b"", AUTH, "redirected to https://elsewhere/v1"),
    (500, b"\xff\xfe\x1b[31m\x00", OVERLOADED, "HTTP 500"),
    # 200, and yet no answer
    (200, b"", OVERLOADED, "the body is empty"),
    (200, b'{"choices": [{"mess', OVERLOADED, "only a part of it"),
    (200, b"<html><title>Sign in</title></html>", OVERLOADED, "Sign in"),
    (200, CONTENT, OK, ""),
    (200, CONTENT | {"errors": [], "error": None}, OK, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "outcome", "told"), SHAPES)
def test_every_shape_of_refusal_has_its_outcome(status, body, outcome, told):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    got, message = classify(status, {"location": "https://elsewhere/v1"}, raw)
    assert got is outcome
    assert told in message
    assert (message == "") == (outcome is Outcome.OK)


@given(st.integers(100, 599), st.one_of(st.binary(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["error", "message", "code", "type", "status", "details", "detail", "reason", "param", "object"]), inner),
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_nothing_a_server_sends_raises(status, body):
    outcome, message = classify(status, {}, body)
    assert (outcome is Outcome.OK) == (message == "")
    assert len(message) <= 500
    assert "\n" not in message


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://elsewhere:8443/v1/chat", "https://elsewhere:8443/v1/chat"),
        ("https://jo:pa55@elsewhere/v1?sig=s3cret&user=jo#t0ken", "https://elsewhere/v1"),
        ("//jo:pa55@elsewhere/v1", "//elsewhere/v1"),
        ("/login?next=/v1", "/login"),
        ("https://[elsewhere/v1?sig=s3cret", "what is no URL"),
        ("?sig=s3cret", "nowhere"),
        ("", "nowhere"),
    ],
)
def test_of_a_redirect_only_the_place_is_told(location, told):
    assert classify(302, {"location": location}, b"") == (AUTH, f"HTTP 302: redirected to {told}: set base_url to that")


def test_a_deep_body_is_no_trap():
    assert classify(200, {}, b"[" * 100_000)[0] is Outcome.OVERLOADED
    assert classify(500, {}, b'{"error":' * 100_000)[0] is Outcome.OVERLOADED


def test_a_secret_is_hidden_even_where_the_cap_or_an_escape_would_split_it():
    key = "swordfish-for-the-server"
    for message in ("x" * 480 + key, f"sword\x1b[0m{key[5:]}"):
        body = json.dumps(openai(message)).encode()
        assert "sword" not in classify(401, {}, body, [key])[1]
