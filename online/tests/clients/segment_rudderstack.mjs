// Segment's and RudderStack's own Node clients against a running service: node segment_rudderstack.mjs URL KEY ITEM
import Rudder from "@rudderstack/rudder-sdk-node"
import { Analytics } from "@segment/analytics-node"

const [url, key, item] = process.argv.slice(2)
const segment = new Analytics({ writeKey: key, host: url, maxRetries: 1 })
segment.on("error", error => { console.error(error); process.exit(1) })
segment.track({ userId: "node-1", event: "Product Viewed", properties: { product_id: item } })
segment.track({ anonymousId: "node-a", event: "Product Added", properties: { product_id: item } })
segment.identify({ userId: "node-1", anonymousId: "node-a", traits: { plan: "gold", email: "u@example.org" } })
segment.alias({ userId: "node-1", previousId: "node-old" })
await segment.closeAndFlush()
console.log("segment sent for node-1")
const rudder = new Rudder(key, { dataPlaneUrl: url, flushAt: 1 })
rudder.track({ userId: "node-2", event: "Product Viewed", properties: { product_id: item } }, error => {
  if (error) { console.error(error); process.exit(1) }
  console.log("rudder sent for node-2")
  process.exit(0)
})
rudder.flush()
