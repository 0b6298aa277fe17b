// Steps through a recorded run. All steps travel once; moving between them asks nothing of the server.
const PACE = 700; // milliseconds a step at speed 1
const SAID = 16; // how many numbers a screen reader is told of each panel
const walks = new WeakMap(); // the place and the timer of each walk on the page, kept while its data stays

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".walk");
  const find = (name) => root.querySelector("." + name);
  const last = data.steps.length - 1;
  const old = walks.get(parentElement);
  if (old) clearInterval(old.timer);
  const walk = { at: old && old.id === data.id ? Math.min(old.at, last) : 0, timer: null, id: data.id };
  walks.set(parentElement, walk);

  const word = (text) => data.words[text];
  root.setAttribute("aria-label", word("Walk through the run: arrow keys step, space plays"));
  const named = { back: "One step back", on: "One step on", step: "Step", speed: "Speed", code: "The code that runs" };
  for (const [name, text] of Object.entries(named)) find(name).setAttribute("aria-label", word(text));
  const titled = { back: "One step back (left arrow)", play: "Play or pause (space)", on: "One step on (right arrow)" };
  for (const [name, text] of Object.entries(titled)) find(name).title = word(text);
  find("speed-word").textContent = word("Speed");

  find("step").max = last;
  const lines = data.source.map((text, number) => {
    const line = document.createElement("span");
    line.textContent = (text || " ") + (data.folded.includes(number + 1) && !data.folded.includes(number) ? " …" : "");
    line.hidden = data.folded.includes(number);
    return line;
  });
  find("code").replaceChildren(...lines);

  const panelsAt = (step) => {
    const panels = {};
    for (const { changes } of data.steps.slice(0, step + 1))
      for (const [name, change] of Object.entries(changes)) {
        if (change.shape) panels[name] = { shape: change.shape, at: change.at, size: change.size, cells: [] };
        for (const [place, text, colour] of change.cells) panels[name].cells[place] = [text, colour];
      }
    return panels;
  };

  const drawPanel = (name, panel, step) => {
    const [rows, columns] = panel.shape;
    const longest = Math.max(...panel.cells.map(([text]) => text.length));
    const side = Math.max(16, Math.min(44, Math.floor(480 / columns), Math.floor(360 / rows)));
    const figure = document.createElement("figure");
    figure.className = "panel";
    const caption = document.createElement("figcaption");
    caption.textContent = panel.size ? `${name} (${panel.size})` : name;
    const grid = document.createElement("div");
    grid.className = "grid";
    grid.setAttribute("role", "img");
    grid.style.cssText = `grid-template-columns: repeat(${columns}, minmax(0, ${side}px)); --side: ${side}px;` +
      `--size: ${Math.min(15, Math.floor(side / Math.max(2, 0.62 * longest)))}px`;
    const reads = new Set(step.reads[name]), writes = new Set(step.writes[name]);
    const said = (places) => [...places].slice(0, SAID).map((place) => panel.cells[place]?.[0]).join(", ");
    grid.setAttribute("aria-label", `${name}: ${said(panel.cells.keys())}` +
      (reads.size ? `; read: ${said(reads)}` : "") + (writes.size ? `; written: ${said(writes)}` : ""));
    panel.cells.forEach(([text, colour], place) => {
      const cell = document.createElement("div");
      cell.className = "cell" + (writes.has(place) ? " writes" : reads.has(place) ? " reads" : "");
      if (colour === "transparent") cell.classList.add("empty");
      cell.style.background = colour;
      if (panel.at) [cell.style.gridRow, cell.style.gridColumn] = panel.at[place];
      cell.textContent = text;
      grid.append(cell);
    });
    figure.append(caption, grid);
    return figure;
  };

  const draw = () => {
    const step = data.steps[walk.at];
    const panels = panelsAt(walk.at);
    find("panels").replaceChildren(
      ...data.panels.filter((name) => panels[name]).map((name) => drawPanel(name, panels[name], step)));
    lines.forEach((line, number) => line.classList.toggle("now", number === step.line));
    find("step").value = walk.at;
    find("step").setAttribute("aria-valuetext", `${walk.at + 1} / ${last + 1}: ${data.source[step.line]}`);
    find("where").textContent = `${walk.at + 1} / ${last + 1}`;
    find("note").textContent = step.note + (walk.at === last && data.cut ? " " + word("The run goes on; it is cut here.") : "");
  };

  const go = (step) => { walk.at = Math.max(0, Math.min(last, step)); draw(); };
  const pause = () => {
    clearInterval(walk.timer);
    walk.timer = null;
    find("play").textContent = `▶ ${word("Play")}`;
    find("play").setAttribute("aria-label", word("Play"));
  };
  const play = () => {
    if (walk.at === last) go(0);
    find("play").textContent = `❚❚ ${word("Pause")}`;
    find("play").setAttribute("aria-label", word("Pause"));
    walk.timer = setInterval(() => {
      if (walk.at < last) go(walk.at + 1);
      if (walk.at === last) pause();
    }, PACE / Number(find("speed").value));
  };

  find("back").onclick = () => { pause(); go(walk.at - 1); };
  find("on").onclick = () => { pause(); go(walk.at + 1); };
  find("play").onclick = () => (walk.timer ? pause() : play());
  find("step").oninput = (event) => { pause(); go(Number(event.target.value)); };
  find("speed").onchange = () => { if (walk.timer) { pause(); play(); } };
  root.onkeydown = (event) => {
    if (event.target.matches("select, .step, .code")) return;
    const moves = { ArrowRight: walk.at + 1, ArrowLeft: walk.at - 1, Home: 0, End: last };
    if (event.key in moves) { pause(); go(moves[event.key]); }
    else if (event.key === " " && event.target === root) find("play").onclick();
    else return;
    event.preventDefault();
  };
  pause();
  draw();
  return () => clearInterval(walk.timer);
}
