// Our own client for TypeScript against a running service: TANDEM_TEST_CLIENTS=target/clients node tandem.mjs URL KEY README
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [url, key, readme] = process.argv.slice(2);
const module = pathToFileURL(resolve(process.env.TANDEM_TEST_CLIENTS, "typescript/dist/index.js")).href;
const { ok, Tandem, TandemError } = await import(module);
const tandem = new Tandem(url, key);
const item = (await ok(tandem.api.GET("/popular"))).items[0].item_id;

const row = { income: 20.5, colour: "red", at: "2026-03-01T03:00:00", note: null };
const [ofItem, ofUser, ofModel] = [{ path: { item_id: item } }, { path: { id: "u1" } }, { path: { name: "loans" } }];
const session = { session_id: "s1" };
const seen = { event: "impression", visitorid: "u1", recommendation_id: "r", items: [item] };
// Every call, in this order; a number is the status of the refusal that is right.
const CALLS = [
    ["GET", "/health"], ["GET", "/ready"], ["GET", "/metrics", { parseAs: "text" }],
    ["GET", "/recommendations", { params: { query: { user_id: "u1", k: 3, exclude: ["ink", "pen"], seen: "allow" } } }],
    ["POST", "/recommendations", { body: { user_id: "u1", explain: true } }],
    ["POST", "/home", { body: { user_id: "u1" } }],
    ["POST", "/rank", { body: { user_id: "u1", items: ["ink", "rope"] } }],
    ["GET", "/recommendations/why", { params: { query: { user_id: "u1", k: 3, of_items: ["ink", "rope"] } } }],
    ["GET", "/segments", { params: { query: { user_id: "u1", of: "category" } } }],
    ["GET", "/popular", { params: { query: { k: 2 } } }],
    ["GET", "/items/{item_id}/similar", { params: ofItem }], ["GET", "/items/{item_id}/together", { params: ofItem }],
    ["GET", "/items", { params: { query: { limit: 2 } } }], ["GET", "/items/{item_id}", { params: ofItem }],
    ["PUT", "/items/{item_id}", { params: ofItem, body: { price: 5.5, categories: ["fruit"], colour: null } }],
    ["PUT", "/items", { body: [{ item_id: item, price: 6.5 }] }],
    ["DELETE", "/items/{item_id}", { params: { path: { item_id: "nothing" } } }],
    ["POST", "/events", { body: [{ visitorid: "u1", itemid: item, event: "view" }, seen] }],
    ["PUT", "/users/{id}", { params: ofUser, body: { age: 34, plan: null } }],
    ["PUT", "/users", { body: [{ user_id: "u1", city: "Bern" }] }],
    ["GET", "/users/{id}", { params: ofUser }], ["GET", "/users", { params: { query: { limit: 3 } } }],
    ["GET", "/users/{id}/history", { params: ofUser }],
    ["POST", "/users/{id}/merge", { params: ofUser, body: session }],
    ["POST", "/users/{id}/merge/undo", { params: ofUser, body: session }],
    ["DELETE", "/users/{id}", { params: { path: { id: "u2" } } }],
    ["GET", "/model/metadata"], ["GET", "/model/params"], ["GET", "/model/metrics"], ["GET", "/reports"],
    ["GET", "/reports/{name}", { params: { path: { name: "none" } }, parseAs: "text" }, 404],
    ["GET", "/models"],
    ...["", "/metadata", "/params", "/metrics", "/schema", "/drift"].map((of) => ["GET", `/models/{name}${of}`, { params: ofModel }]),
    ["POST", "/models/{name}/predict", { params: { ...ofModel, query: { explain: true } }, body: row }],
    ["POST", "/models/{name}/rows", { params: ofModel, body: [row] }, 400],
];

async function refused(asked, status) {
    await assert.rejects(asked, (error) => error instanceof TandemError && error.status === status && !!error.problem?.detail);
}

async function everyCallOnce() {
    const { paths } = JSON.parse(readFileSync(resolve(dirname(readme), "openapi.json"), "utf8"));
    const described = Object.entries(paths).flatMap(([path, calls]) => Object.keys(calls).map((method) => `${method.toUpperCase()} ${path}`));
    assert.deepEqual(CALLS.map(([method, path]) => `${method} ${path}`).sort(), described.sort(), "some are untried");
    for (const [method, path, init, refusal] of CALLS) {
        const asked = ok(tandem.api[method](path, init));
        if (refusal === undefined) {
            await asked.catch((error) => assert.fail(`${method} ${path}: ${error}`));
        } else {
            await assert.rejects(asked, (error) => error instanceof TandemError && error.status === refusal);
        }
    }
}

async function errors() {
    await refused(ok(tandem.api.GET("/popular", { params: { query: { k: 0 } } })), 400);
    await refused(new Tandem(url, "none").recommend("u1"), 401);
}

/** The service behind a bad line: does to each request what is next in `plan`. */
async function faulty() {
    const line = { plan: [], seen: [] };
    const server = createServer(async (request, response) => {
        const parts = [];
        for await (const part of request) parts.push(part);
        const body = Buffer.concat(parts).toString();
        line.seen.push({ at: performance.now(), method: request.method, body });
        const does = line.plan.shift() ?? "pass";
        if (does === "503" || does === "429") {
            response.writeHead(Number(does), { "retry-after": "1", "content-type": "application/problem+json" });
            response.end(JSON.stringify({ type: "about:blank", title: "", status: Number(does), detail: "a test" }));
            return;
        }
        // Never answered: the client's own deadline ends the try.
        if (does === "hang") return;
        const headers = { "X-API-Key": key, "content-type": "application/json" };
        const answer = await fetch(url + request.url, { method: request.method, headers, body: body === "" ? undefined : body });
        const text = await answer.text();
        // The service has it; who sent it never hears.
        if (does === "drop") return void request.socket.destroy();
        response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") }).end(text);
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    line.url = `http://127.0.0.1:${server.address().port}`;
    line.close = () => (server.closeAllConnections(), server.close());
    line.tried = async (plan, call) => {
        [line.plan, line.seen] = [plan, []];
        return call();
    };
    return line;
}

async function whatPassesIsTriedAgain() {
    const [line, lost] = [await faulty(), `lost-${randomUUID()}`];
    const client = new Tandem(line.url, key, { timeoutMs: 2_000 });
    const historyOf = async (id) => (await ok(tandem.api.GET("/users/{id}/history", { params: { path: { id } } }))).events;
    const accepted = await line.tried(["503", "drop"], () => client.send({ visitorid: lost, itemid: item, event: "view" }));
    const ids = new Set(line.seen.map(({ body }) => JSON.parse(body)[0].event_id));
    assert.deepEqual([line.seen.length, ids.size, accepted.new], [3, 1, 0]);
    assert.match([...ids][0], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(line.seen[1].at - line.seen[0].at >= 1_000, "Retry-After is waited for");
    assert.equal((await historyOf(lost)).length, 1, "the event counts once");
    await line.tried(["drop", "hang", "503"], () => client.recommend("u1"));
    assert.equal(line.seen.length, 4);
    // What may not be sent twice is not, unless it was refused unread; and there is an end of tries.
    const put = () => ok(client.api.PUT("/items/{item_id}", { params: ofItem, body: { price: 7 } }));
    await refused(line.tried(["503"], put), 503);
    assert.equal(line.seen.length, 1);
    await refused(line.tried(["503", "503", "503", "503", "503"], () => ok(client.api.GET("/popular"))), 503);
    assert.equal(line.seen.length, 4);
    await assert.rejects(line.tried(["drop"], put), TypeError);
    assert.equal(line.seen.length, 1);
    await line.tried(["429"], put);
    assert.equal(line.seen.length, 2);
    // Who gives up is not made to wait.
    const end = new AbortController();
    const given = line.tried(["hang"], () => ok(client.api.GET("/popular", { signal: end.signal })));
    end.abort(new Error("enough"));
    await assert.rejects(given, /enough/);
    line.close();
}

async function theExampleRuns() {
    const example = readFileSync(readme, "utf8").match(/```js\n([\s\S]*?)```/)[1];
    const text = example.replace('"tandem-client"', JSON.stringify(module)).replace("http://127.0.0.1:8080", url).replace("KEY", key);
    await import(`data:text/javascript,${encodeURIComponent(text)}`);
}

await everyCallOnce();
await errors();
await whatPassesIsTriedAgain();
await theExampleRuns();
console.log("all of it");
