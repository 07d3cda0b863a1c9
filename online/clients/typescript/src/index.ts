// A service, and how it is asked: the calls of the description with their types, a key, a timeout and retries.

import createClient, { type Client } from "openapi-fetch";

import { PATIENCE, type Patience, retrying } from "./retries.js";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";
export { PATIENCE, type Patience } from "./retries.js";

type Schemas = components["schemas"];
export type NewEvent = Schemas["NewEvent"];
export type NewImpression = Schemas["NewImpression"];
export type Problem = Schemas["Problem"];

/** The service refused; `problem` says what is wrong, if it told. */
export class TandemError extends Error {
    constructor(readonly status: number, readonly problem?: Problem) {
        super(`${status}: ${problem?.detail ?? "no reason given"}`);
    }
}

/** What a call gives. */
interface Given<T> {
    data?: T;
    error?: unknown;
    response: Response;
}

/** The answer of a call; a TandemError if it was refused. */
export async function ok<T>(asked: Promise<Given<T>>): Promise<T> {
    const { data, error, response } = await asked;
    if (!response.ok) {
        const told = typeof error === "object" && error !== null && "detail" in error;
        throw new TandemError(response.status, told ? (error as Problem) : undefined);
    }
    return data as T;
}

/** A service at a URL. */
export class Tandem {
    /** Every call: `ok(tandem.api.GET("/items/{item_id}/similar", { params: { path: { item_id: "i7" } } }))`. */
    readonly api: Client<paths>;

    constructor(url: string, key?: string, patience: Partial<Patience> = {}) {
        const headers: Record<string, string> = key === undefined ? {} : { "X-API-Key": key };
        this.api = createClient<paths>({ baseUrl: url, headers, fetch: retrying({ ...PATIENCE, ...patience }) });
    }

    /** A slate for a user. */
    recommend(user_id: string, query: Omit<Schemas["RecommendationQuery"], "user_id"> = {}): Promise<Schemas["Recommendations"]> {
        return ok(this.api.POST("/recommendations", { body: { ...query, user_id } }));
    }

    /** Tells of events and impressions; they are on disk when this returns. */
    send(...events: (NewEvent | NewImpression)[]): Promise<Schemas["Accepted"]> {
        return ok(this.api.POST("/events", { body: events }));
    }
}
