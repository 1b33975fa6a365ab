"""Two applications that do the same, one for each interface, as people write them: nothing in them knows of Aether."""

import textwrap
from pathlib import Path

from e2e.projects import write_project

STARLETTE = """
    import hashlib
    from starlette.applications import Starlette
    from starlette.responses import (
        JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse,
    )
    from starlette.routing import Route

    async def echo(request):
        body = await request.body()
        told = {
            "method": request.method,
            "query": request.query_params.multi_items(),
            "custom": request.headers.getlist("x-custom"),
            "length": len(body),
            "digest": hashlib.sha256(body).hexdigest(),
            "scheme": request.url.scheme,
            "host": request.headers["host"],
        }
        return JSONResponse(told, headers={"x-method": request.method})

    async def lines(request):
        async def counted():
            for number in range(int(request.path_params["count"])):
                yield f"line {number}\\n"
        return StreamingResponse(counted(), media_type="text/plain")

    async def large(request):
        return Response(b"0123456789abcdef" * (int(request.path_params["kib"]) * 64))

    async def status(request):
        code = int(request.path_params["code"])
        return Response(status_code=code) if code in (204, 304) else PlainTextResponse("said", code)

    async def moved(request):
        return RedirectResponse(request.url_for("echo"), 307)

    async def cookies(request):
        response = JSONResponse(dict(request.cookies))
        response.set_cookie("first", "1")
        response.set_cookie("second", "2", path="/")
        return response

    async def path(request):
        return JSONResponse({"path": request.path_params["rest"]})

    ALL = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(routes=[
        Route("/echo", echo, methods=ALL, name="echo"),
        Route("/lines/{count:int}", lines),
        Route("/large/{kib:int}", large),
        Route("/status/{code:int}", status),
        Route("/moved", moved, methods=["GET", "POST"]),
        Route("/cookies", cookies),
        Route("/path/{rest:path}", path),
    ])
"""
FLASK = """
    import hashlib
    from urllib.parse import parse_qsl
    from flask import Flask, Response, jsonify, redirect, request, url_for

    app = Flask(__name__)
    ALL = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    @app.route("/echo", methods=ALL, provide_automatic_options=False)
    def echo():
        body = request.get_data()
        told = {
            "method": request.method,
            "query": parse_qsl(request.query_string.decode()),
            "custom": request.headers.getlist("x-custom"),
            "length": len(body),
            "digest": hashlib.sha256(body).hexdigest(),
            "scheme": request.scheme,
            "host": request.host,
        }
        return jsonify(told), {"x-method": request.method}

    @app.route("/lines/<int:count>")
    def lines(count):
        return Response((f"line {number}\\n" for number in range(count)), mimetype="text/plain")

    @app.route("/large/<int:kib>")
    def large(kib):
        return Response(b"0123456789abcdef" * (kib * 64))

    @app.route("/status/<int:code>")
    def status(code):
        return Response("" if code in (204, 304) else "said", code)

    @app.route("/moved", methods=["GET", "POST"])
    def moved():
        return redirect(url_for("echo", _external=True), 307)

    @app.route("/cookies")
    def cookies():
        response = jsonify(dict(request.cookies))
        response.set_cookie("first", "1")
        response.set_cookie("second", "2", path="/")
        return response

    @app.route("/path/<path:rest>")
    def path(rest):
        return jsonify({"path": rest})
"""
BLUEPRINT = """
    id = "org.example:suite-app:1.0.0"

    [[slices]]
    artifact = "org.example:suite-starlette:1.0.0"
    instances = 2

    [[slices]]
    artifact = "org.example:suite-flask:1.0.0"
    instances = 2
"""
APPLICATIONS = {"starlette": STARLETTE, "flask": FLASK}
REQUIRES = {"starlette": "starlette>=1.0,<2", "flask": "flask>=3.1,<4"}


def write_application(folder: Path, name: str) -> Path:
    """Write the project of one application below `folder` and return it."""
    package = f"suite_{name}"
    table = {"id": f"org.example:suite-{name}", "app": f"{package}:app", "prefix": f"/{name}"}
    code = textwrap.dedent(APPLICATIONS[name])
    return write_project(folder / name, package, code, table, requires=[REQUIRES[name]])


def write_blueprint(folder: Path) -> Path:
    """Write the blueprint that has both applications served."""
    file = folder / "blueprint.toml"
    file.write_text(textwrap.dedent(BLUEPRINT))
    return file
