// A process with Segment's SDK for Node that stays: a track for each line of its input.
// Prints, as a JSON list for each line, what the SDK reported as failed.

import { createInterface } from "node:readline";
import { Analytics } from "@segment/analytics-node";

const [writeKey, host, options] = process.argv.slice(2);
const client = new Analytics({ writeKey, host, ...JSON.parse(options) });
let failed = [];
client.on("error", (error) => failed.push(String(error.reason ?? error)));

for await (const line of createInterface({ input: process.stdin })) {
  client.track({ userId: "ann", event: line });
  await client.flush({ timeout: 60000 });
  console.log(JSON.stringify(failed));
  failed = [];
}
process.exit();
