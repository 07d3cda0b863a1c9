// Gorse's own Node client (gorsejs) against a running service: node gorsejs.mjs URL KEY; the key needs all scopes
import { deepStrictEqual } from "node:assert"
import { randomUUID } from "node:crypto"
import gorse from "gorsejs"

const [endpoint, secret] = process.argv.slice(2)
const client = new gorse.Gorse({ endpoint, secret })
const own = "js-" + randomUUID().slice(0, 8)
const [user, item, other] = ["-u", "-a", "-b"].map(end => own + end)
const check = (call, got, expected) => {
  deepStrictEqual(got, expected, call)
  console.log("ok  ", call)
}
const refused = async (call, status, asked) => {
  const error = await asked.then(got => new Error(`${call}: ${JSON.stringify(got)}, not an error`), error => error)
  check(`${call}: ${error.code} ${error.message}`, error.code, status)
}

const Timestamp = "2022-08-07T00:26:46Z"
const stored = { ItemId: item, IsHidden: false, Labels: ["a", "b"], Categories: ["d", "e"], Timestamp, Comment: "comment" }
check("upsertItem", await client.upsertItem(stored), 1)
check("getItem", await client.getItem(item), stored)
check("upsertItems", await client.upsertItems([{ ItemId: other, IsHidden: false, Timestamp: new Date() }]), 1)
check("updateItem", await client.updateItem(item, { IsHidden: true }), 1)
check("getItem, updated", await client.getItem(item), { ...stored, IsHidden: true })
check("updateItem, shown again", await client.updateItem(item, { IsHidden: false }), 1)
check("insertItemCategory", await client.insertItemCategory(item, "f"), 1)
check("deleteItemCategory", await client.deleteItemCategory(item, "d"), 1)
check("getItem, other categories", (await client.getItem(item)).Categories, ["e", "f"])
const first = await client.getItems({ n: 2 })
const next = await client.getItems({ n: 2, Cursor: first.Cursor })
check("getItems", [first.Items.length, next.Items.length, first.Items[1].ItemId < next.Items[0].ItemId], [2, 2, true])

const told = { UserId: user, Labels: ["a", "b"], Comment: "comment" }
check("insertUser", await client.insertUser(told), 1)
check("getUser", await client.getUser(user), told)
check("updateUser", await client.updateUser(user, { Labels: ["a"] }), 1)
check("getUser, updated", await client.getUser(user), { ...told, Labels: ["a"] })
check("insertUsers", await client.insertUsers([{ UserId: own + "-1" }, { UserId: own + "-2" }]), 2)
check("getUsers", (await client.getUsers({ n: 2 })).Users.length, 2)
await refused("getUserNeighbors", 501, client.getUserNeighbors({ userId: user }))

const feedback = [["like", item], ["read", item], ["cart", other]].map(([FeedbackType, ItemId]) =>
  ({ FeedbackType, UserId: user, ItemId, Timestamp }))
check("insertFeedbacks", await client.insertFeedbacks(feedback), 3)
check("upsertFeedbacks", await client.upsertFeedbacks(feedback), 3)
check("getFeedback", (await client.getFeedback({ type: "like", userId: user, itemId: item })).Timestamp, Timestamp)
check("getFeedback of none", await client.getFeedback({ type: "like", userId: user, itemId: other }), {})
check("getUserFeedback", (await client.getUserFeedback(user)).length, 3)
check("getUserFeedbackByType", (await client.getUserFeedbackByType(user, "read")).map(each => each.ItemId), [item])
check("deleteFeedback", await client.deleteFeedback({ type: "cart", userId: user, itemId: other }), { RowAffected: 1 })
check("getUserFeedback, taken back", (await client.getUserFeedback(user)).length, 2)
await refused("getFeedbacks", 501, client.getFeedbacks())
await refused("getFeedbacks of a type", 501, client.getFeedbacks("like"))
await refused("getItemFeedback", 501, client.getItemFeedback(item))
await refused("getItemFeedbackByType", 501, client.getItemFeedbackByType(item, "like"))
await refused("insertFeedbacks of no kind", 400, client.insertFeedbacks([{ ...feedback[0], FeedbackType: "gaze" }]))

const ids = await client.getRecommend({ userId: own + "-new", cursorOptions: { n: 3 } })
check("getRecommend", [ids.length, typeof ids[0]], [3, "string"])
check("getRecommend, offset", await client.getRecommend({ userId: own + "-new", cursorOptions: { n: 2, offset: 1 } }), ids.slice(1))
const films = await client.getRecommend({ userId: own + "-new", category: "e", writeBackType: "read", writeBackDelay: "1m" })
check("getRecommend of a category", films.includes(item), true)
const session = await client.getSessionRecommend([{ ...feedback[1], ItemId: ids[0] }], { cursorOptions: { n: 4 } })
check("getSessionRecommend", [session.length, session.some(each => each.Id === ids[0])], [4, false])
check("getItemNeighbors", (await client.getItemNeighbors({ itemId: ids[0], cursorOptions: { n: 2 } })).length, 2)
check("getPopular", (await client.getPopular({ cursorOptions: { n: 2 } })).map(each => Object.keys(each).join()), ["Id,Score", "Id,Score"])
check("getPopular of no category", await client.getPopular({ category: own }), [])
check("getLatest", (await client.getLatest({ cursorOptions: { n: 1 } }))[0].Id, other)
check("getLatest of a category", (await client.getLatest({ category: "f" })).map(each => each.Id).includes(item), true)

check("deleteItem", await client.deleteItem(item), 1)
check("getItem, withdrawn", (await client.getItem(item)).IsHidden, true)
check("deleteUser", await client.deleteUser(user), 1)
await refused("getUser, erased", 404, client.getUser(user))
