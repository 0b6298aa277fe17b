// One action of the reader is one entry in the browser's history: what changes the address first after an action makes
// the entry, what follows from the same action (the settings of the page that is entered, a corrected value) amends it.
export default function () {
  if (window.oneEntryAnAction) return;
  window.oneEntryAnAction = true;
  const push = history.pushState.bind(history);
  let acted = false;
  const act = () => { acted = true; };
  for (const kind of ["pointerdown", "keydown", "drop"]) addEventListener(kind, act, true);
  addEventListener("click", (event) => { if (event.detail === 0) act(); }, true);  // made by a key or by a script
  addEventListener("change", (event) => { if (event.target.type === "file") act(); }, true);
  addEventListener("popstate", () => { acted = false; }, true);
  history.pushState = (state, unused, url) => {
    if (acted) push(state, unused, url);
    else history.replaceState(state, unused, url);
    acted = false;
  };
}
