// A process that sends with a real Node SDK: `node traffic.mjs JOB`. What a job is stands in servers.py.
// Prints what the SDK reported as failed, one line each.

import { Analytics as Segment } from "@segment/analytics-node";
import Rudder from "@rudderstack/rudder-sdk-node";

const job = JSON.parse(process.argv[2]);
const failed = (error) => console.log(String(error?.reason ?? error));

const sdks = {
  "segment-node": () => {
    const client = new Segment({ writeKey: job.key, host: job.address, ...job.options });
    client.on("error", failed);
    return { client, close: () => client.closeAndFlush() };
  },
  "rudder-node": () => {
    const options = { dataPlaneUrl: job.address, logLevel: "none", errorHandler: failed, ...job.options };
    const client = new Rudder(job.key, options);
    const close = async () => {
      do await client.flush();
      while (client.queue.length);
    };
    return { client, close };
  },
};

function sendKinds(client) {
  client.identify({ userId: "ann", traits: { email: "ann@acme.com", name: "Ann Ö" } });
  client.track({ userId: "ann", event: "Report Exported", properties: { pages: 3, format: null } });
  client.group({ userId: "ann", groupId: "acme", traits: { name: "Acme", employees: 40 } });
  client.page({ userId: "ann", category: "Docs", name: "Home", properties: { url: "https://acme.com/" } });
  client.screen({ userId: "ann", category: "App", name: "Start", properties: {} });
  client.alias({ userId: "ann", previousId: "anonymous-1" });
}

const { client, close } = sdks[job.sdk]();
if (job.tracks) {
  for (let number = 0; number < job.tracks; number += 1)
    client.track({ userId: "ann", event: "Report Exported", properties: { number } });
} else {
  sendKinds(client);
}
if (!job.leaves) await close();
