// @segment/analytics-next from its npm build, as an application bundles it.

import { AnalyticsBrowser } from "@segment/analytics-next";

window.start = ({ key, address, options }) => {
  const { host, protocol } = new URL(address);
  const segment = { apiHost: `${host}/v1`, protocol: protocol.slice(0, -1), ...options };
  window.analytics = AnalyticsBrowser.load(
    { writeKey: key, cdnURL: address },
    { integrations: { "Segment.io": segment } },
  );
  window.analytics.ready(() => { window.started = true; });
};
