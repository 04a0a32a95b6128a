// @rudderstack/analytics-js in its bundled build, which loads nothing from elsewhere.

import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

window.start = ({ key, address, options }) => {
  window.analytics = new RudderAnalytics();
  window.analytics.load(key, address, { configUrl: address, ...options });
  window.analytics.ready(() => { window.started = true; });
};
