"""The pages and their static files."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Cookie, Header, Response

from target_app.problems import Problem
from target_app.services import Use
from target_app.settings import Settings
from target_app.web import language, pages
from target_app.web.assets import Content

IMMUTABLE: Final = "public, max-age=31536000, immutable"
SITE: Final = pages.build()
router = APIRouter(include_in_schema=False)


def content_security_policy(settings: Settings) -> str:
    """Only what is served here, and files to and from the object store. Text can never become markup."""
    store = _origin(settings.object_store.public_endpoint) if settings.object_store else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {store}".strip(),
            f"connect-src 'self' {store}".strip(),
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@router.api_route("/static/{name}", methods=["GET", "HEAD"])
async def static(name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """A file whose name changes with its content."""
    found = SITE.assets.contents.get(name)
    if found is None:
        raise Problem(404, "not-found", "There is no such file")
    return _sent(found, accept_encoding, {"cache-control": IMMUTABLE, "vary": "Accept-Encoding"})


def _shell(page: str) -> Callable[..., Awaitable[Response]]:
    async def shell(
        services: Use,
        chosen: Annotated[str | None, Cookie(alias=language.COOKIE)] = None,
        accept_language: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        content = SITE.shells[page, language.chosen(chosen, accept_language)]
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": content_security_policy(services.settings),
            "etag": f'W/"{content.digest}"',
            "vary": "Accept-Encoding, Accept-Language, Cookie",
        }
        if headers["etag"] in if_none_match:
            return Response(status_code=304, headers=headers)
        return _sent(content, accept_encoding, headers)

    return shell


def _sent(content: Content, accept_encoding: str, headers: dict[str, str]) -> Response:
    if "gzip" in accept_encoding:
        return Response(content.gzipped, headers=headers | {"content-encoding": "gzip"}, media_type=content.media_type)
    return Response(content.body, headers=headers, media_type=content.media_type)


for _page in pages.PAGES:
    router.add_api_route(_page.path, _shell(_page.name), methods=["GET", "HEAD"], name=_page.name)
