"""Stands in for the real app where only sockets and processes are tested."""

import orjson


def create_app(router):
    async def app(scope, receive, send):
        more, body = True, b""
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"] == "/health":
            status, answer = 200, orjson.dumps(router.describe())
        else:
            variant, role = router.choose()
            status, answer = await variant.respond(body, "application/json", role, "id")
        headers = [(b"content-length", str(len(answer)).encode())]
        if router.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app
