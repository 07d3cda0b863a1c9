// What must not compile: each line below an `@ts-expect-error` is wrong, and `tsc` fails if it is taken.

import { type NewEvent, ok, Tandem } from "../src/index.js";

export async function misuse(tandem: Tandem): Promise<void> {
    const slate = await tandem.recommend("u1", { k: 5, exclude: ["i1", 52], profile: { age: 41, segment: "student", plan: null } });
    const names: (string | undefined)[] = slate.items.map((item) => item.name);
    const event: NewEvent = { visitorid: "u1", itemid: 52, event: "view", timestamp: "2026-01-31T12:00:00Z" };
    await tandem.send(event, { event: "impression", visitorid: "u1", recommendation_id: slate.recommendation_id, items: ["i1"] });
    const item = await ok(tandem.api.GET("/items/{item_id}", { params: { path: { item_id: "i1" } } }));
    const about = (await ok(tandem.api.POST("/home", { body: { user_id: "u1" } }))).rows[0]?.about;
    console.log(names, item.price, about && "category" in about ? about.category : about?.item_id);

    // @ts-expect-error a slate is for somebody
    await tandem.recommend();
    // @ts-expect-error k is a number
    await tandem.recommend("u1", { k: "5" });
    // @ts-expect-error there is no such parameter
    await tandem.recommend("u1", { colour: "red" });
    // @ts-expect-error an event has an item
    await tandem.send({ visitorid: "u1", event: "view" });
    // @ts-expect-error there is no such call
    await ok(tandem.api.GET("/nowhere"));
    // @ts-expect-error nothing is deleted there
    await ok(tandem.api.DELETE("/popular"));
    // @ts-expect-error which item?
    await ok(tandem.api.GET("/items/{item_id}"));
    // @ts-expect-error a list to rank has items
    await ok(tandem.api.POST("/rank", { body: { user_id: "u1" } }));
    // @ts-expect-error a price may be unknown
    const price: number = item.price;
    // @ts-expect-error an answer has no such field
    console.log(price, slate.products);
}
