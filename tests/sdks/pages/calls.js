// What every page sends; both SDKs are called alike.

window.sendKinds = () => {
  const { analytics } = window;
  analytics.identify("ann", { email: "ann@acme.com", name: "Ann Ö" });
  analytics.track("Report Exported", { pages: 3, format: null });
  analytics.group("acme", { name: "Acme", employees: 40 });
  analytics.page("Docs", "Home", { plan: "pro" });
  analytics.alias("ann-2", "ann");
  analytics.screen?.("App", "Start", {});
};

window.sendTracks = (count) => {
  for (let number = 0; number < count; number += 1) window.analytics.track("Report Exported", { number });
};
