"""What the server says of itself: JSON Schema, OpenAPI, and the page that shows it in a browser."""

from __future__ import annotations

import http.server
import re
import shutil
import threading

import httpx
import jsonschema
import pytest
from playwright.sync_api import sync_playwright

from mlops_jupyter.serving.json_schema import DRAFT, answer_schema, request_schema

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_MODEL = "/v2/models/{model}"
_VERSION = f"{_MODEL}/versions/{{version}}"
PATHS = [
    *("/predict", "/feedback", "/invocations"),
    *("/v2", "/v2/health/live", "/v2/health/ready"),
    *(_MODEL, f"{_MODEL}/ready", f"{_MODEL}/infer", _VERSION, f"{_VERSION}/ready", f"{_VERSION}/infer"),
    *("/health", "/ready", "/schema", "/metrics", "/ping", "/version", "/docs"),
]


def test_the_schema_accepts_what_the_server_accepts(client, flight):
    schema = client.get("/schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    accepted = [
        flight,
        [flight, flight | {"distance": None}],
        {"hour": 3, "origin": "a new one"},
        {name: [value] for name, value in flight.items()},
    ]
    for features in accepted:
        jsonschema.validate({"features": features}, schema)
        assert client.post("/predict", json={"features": features}).status_code == 200


@pytest.mark.parametrize("change", [{"hour": "x"}, {"hour": None}, {"origin": 7}])
def test_the_schema_refuses_what_the_server_refuses(client, flight, change):
    request = {"features": flight | change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(request, client.get("/schema").json())
    assert client.post("/predict", json=request).status_code == 422


def test_the_answer_is_as_the_schema_says(client, flight):
    schema = client.get("/schema").json()["$defs"]["answer"]
    answer = client.post("/predict", json={"features": [flight, flight | {"distance": 1e6}]}).json()
    jsonschema.validate(answer, schema)


def test_ranges_and_categories_are_told_in_words_only(client):
    columns = client.get("/schema").json()["properties"]["features"]["oneOf"][0]["properties"]
    assert columns["hour"]["description"] == "5 to 23 in training"
    assert columns["origin"]["description"] == "EWR, JFK, LGA in training"
    assert not {"minimum", "enum"} & (columns["hour"].keys() | columns["origin"].keys())


def test_every_example_of_the_openapi_document_works_as_it_is(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.0")
    assert list(document["paths"]) == PATHS
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        response = client.post("/predict", json=example["value"])
        assert response.status_code == 200
        assert "warnings" not in response.json()


def test_the_examples_of_other_protocols_work_as_they_are(client):
    paths = client.get("/openapi.json").json()["paths"]
    mlflow = paths["/invocations"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in mlflow.values():
        assert client.post("/invocations", json=example["value"]).status_code == 200
    infer = paths[f"{_MODEL}/infer"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/v2/models/delays/infer", json=infer).status_code == 200
    assert client.post("/v2/models/delays/versions/1.0.0/infer", json=infer).status_code == 200


def test_every_reference_of_the_document_leads_somewhere(client):
    text = client.get("/openapi.json").text
    known = client.get("/openapi.json").json()["components"]["schemas"]
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names
    assert names <= known.keys()


@pytest.mark.parametrize("path", ["/v2", "/health", "/v2/models/delays", "/metrics"])
def test_what_is_only_read_says_so_to_other_methods(client, path):
    response = client.post(path)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert response.json()["error"] == f"POST is not for {path}; use GET"


@pytest.mark.parametrize("path", ["/v2/models/a/b/infer", "/v2/models/delays/versions//infer"])
def test_only_the_paths_of_a_model_are_for_inference(client, path):
    assert client.post(path, json={}).status_code == 404


def test_a_regression_of_several_outputs_says_so():
    schema = {
        "input": {"kind": "matrix", "columns": [{"name": "x0", "type": "double", "dtype": "float64"}]},
        "output": {
            "task": "regression",
            "outputs": [{"name": n, "type": "double", "classes": None} for n in ("a", "b")],
            "probabilities": False,
        },
    }
    answer = {
        "predictions": [{"a": 1.5, "b": None}],
        "probabilities": None,
        "confidence": None,
        "version": "1.0.0",
        "variant": "stable",
        "prediction_id": "0",
    }
    jsonschema.validate(answer, answer_schema(schema, DRAFT))
    jsonschema.validate({"features": [[1.0], {"x0": 2}]}, request_schema(schema, DRAFT))


@pytest.mark.parametrize("name", ["../swagger-ui.css", "nothing.js", "index.html"])
def test_only_the_assets_of_the_page_are_given(client, name):
    assert client.get(f"/docs/{name}").status_code == 404


def test_the_root_leads_to_the_page_by_a_relative_address(client):
    response = client.get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "docs")


@pytest.fixture
def prefix(server):
    """A proxy that serves the server under a prefix, as jupyter-server-proxy does; yields its address."""
    inside = "/user/ada/proxy/8000/"

    class Proxy(http.server.BaseHTTPRequestHandler):
        def forward(self):
            if not self.path.startswith(inside):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = httpx.request(
                self.command,
                f"{server.url}/{self.path.removeprefix(inside)}",
                content=body,
                headers={"content-type": self.headers.get("content-type", "")},
                trust_env=False,
            )
            self.send_response(answer.status_code)
            for name in ("content-type", "content-length", "content-security-policy", "location"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = forward  # noqa: N815

        def log_message(self, *arguments):
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}{inside}"
        proxy.shutdown()
        thread.join()


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_in_a_browser_behind_a_prefix_the_page_shows_the_columns_and_executes_its_example(prefix):
    asked, complaints = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(prefix)
        page.wait_for_selector("button.execute")
        assert page.title() == "delays 1.0.0"
        assert "distance" in page.inner_text(".opblock-description table")
        page.click("button.execute")
        page.wait_for_selector(".live-responses-table")
        answer = page.inner_text(".live-responses-table tbody")
        browser.close()
    assert '"variant": "stable"' in answer
    assert complaints == []
    assert all(url.startswith((prefix, "data:")) for url in asked)
