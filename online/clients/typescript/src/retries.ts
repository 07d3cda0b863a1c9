// Tries again what passes: 429, 503, and connections that break. In front of every request, whichever call makes it.
//
// Only what may be sent twice is: questions, and events, each of which gets an `event_id` before the first try, so that it
// counts once. A 429 is given before anything is read, so that any request may come again.

/** How often, how long after each other, and how long one try may take. */
export interface Patience {
    retries: number;
    firstMs: number;
    longestMs: number;
    timeoutMs: number;
}

export const PATIENCE: Patience = { retries: 3, firstMs: 100, longestMs: 30_000, timeoutMs: 5_000 };

const QUESTIONS = /\/(recommendations|home|rank)\/?$/;
const EVENTS = /\/events\/?$/;

/** A `fetch` with patience. */
export function retrying(patience: Patience): (request: Request) => Promise<Response> {
    return async (request) => {
        const path = new URL(request.url).pathname;
        const isPost = request.method === "POST";
        const isRepeatable = ["GET", "HEAD"].includes(request.method) || (isPost && (QUESTIONS.test(path) || EVENTS.test(path)));
        // Read once, since a body can't be read again.
        const body = request.body === null ? null : await request.text();
        const sent = body !== null && isPost && EVENTS.test(path) ? withEventIds(body) : body;
        for (let retry = 0; ; retry++) {
            // One deadline a try; the caller's own signal ends it, too.
            const timeout = AbortSignal.timeout(patience.timeoutMs);
            const end = new AbortController();
            const stop = () => end.abort(request.signal.aborted ? request.signal.reason : timeout.reason);
            timeout.addEventListener("abort", stop);
            request.signal.addEventListener("abort", stop);
            let response: Response | undefined;
            let asked = 0;
            try {
                response = await fetch(new Request(request.url, { method: request.method, headers: request.headers, body: sent, signal: end.signal }));
                const passes = response.status === 429 || (response.status === 503 && isRepeatable);
                asked = 1000 * (Number(response.headers.get("retry-after")) || 0);
                if (!passes || retry >= patience.retries || asked > patience.longestMs) return response;
                await response.body?.cancel();
            } catch (error) {
                if (!isRepeatable || retry >= patience.retries || request.signal.aborted) throw error;
            } finally {
                request.signal.removeEventListener("abort", stop);
            }
            const most = Math.min(patience.firstMs * 2 ** retry, patience.longestMs);
            await new Promise((resolve) => setTimeout(resolve, asked + Math.random() * most));
        }
    };
}

/** The body, every event of which has an id. */
function withEventIds(body: string): string {
    const given: unknown = JSON.parse(body);
    for (const event of Array.isArray(given) ? given : [given]) {
        // Impressions have items, and no id: what was seen twice counts once.
        if (typeof event === "object" && event !== null && !("items" in event)) event.event_id ??= uuid();
    }
    return JSON.stringify(given);
}

/** A random UUID, also where a page came by plain HTTP, which has no `randomUUID`, and in Node 18, which has no `crypto`. */
function uuid(): string {
    const random = () => Uint8Array.from({ length: 16 }, () => Math.random() * 256);
    const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(16)) ?? random();
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
