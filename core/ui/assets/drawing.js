// A 28×28 drawing with a soft round brush; each finished stroke goes to the server as 784 bytes.
const SIDE = 28, ZOOM = 10;
const STROKE = 1.9; // pixels from the brush's middle to where its ink ends
const SHADES = 15; // fewer shades travel in a shorter link
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const pads = new WeakMap(); // the ink of each pad on the page, and the brush that the keys move

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".drawing");
  const canvas = root.querySelector("canvas");
  const paint = canvas.getContext("2d");
  const where = root.querySelector(".where");
  canvas.setAttribute("aria-label", data.words.label);
  root.querySelector(".keys").textContent = data.words.keys;
  root.querySelector(".clear").textContent = data.words.clear;
  if (!pads.has(parentElement))
    pads.set(parentElement, { ink: new Float32Array(SIDE * SIDE), brush: { x: SIDE / 2, y: SIDE / 2, down: false } });
  const { ink, brush } = pads.get(parentElement);
  let last = null;

  const shade = (value) => Math.round((Math.round(value * SHADES) / SHADES) * 255);

  const show = () => {
    ink.forEach((value, i) => {
      const grey = shade(value);
      paint.fillStyle = `rgb(${grey},${grey},${grey})`;
      paint.fillRect((i % SIDE) * ZOOM, Math.floor(i / SIDE) * ZOOM, ZOOM, ZOOM);
    });
    if (!canvas.matches(":focus-visible")) return;
    paint.lineWidth = 2;
    paint.strokeStyle = brush.down ? "#FF8A5B" : "#9CC3E4";
    paint.setLineDash(brush.down ? [] : [4, 3]);
    paint.beginPath();
    paint.arc(brush.x * ZOOM, brush.y * ZOOM, STROKE * ZOOM, 0, 2 * Math.PI);
    paint.stroke();
  };

  const dab = (x, y) => {
    for (let row = 0; row < SIDE; row++)
      for (let column = 0; column < SIDE; column++) {
        const far = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const i = row * SIDE + column;
        ink[i] = Math.max(ink[i], Math.min(1, Math.max(0, STROKE - far)));
      }
  };

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };

  const strokeTo = (x, y) => {
    const [fromX, fromY] = last || [x, y];
    const dabs = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let i = 1; i <= dabs; i++) dab(fromX + ((x - fromX) * i) / dabs, fromY + ((y - fromY) * i) / dabs);
    last = [x, y];
    show();
  };

  const lift = () => {
    if (last) setTriggerValue("drawn", btoa(String.fromCharCode(...ink.map(shade))));
    brush.down = false;
    last = null;
    show();
  };

  const press = () => {
    brush.down = true;
    strokeTo(brush.x, brush.y);
  };

  const move = ([across, down]) => {
    brush.x = Math.max(0.5, Math.min(SIDE - 0.5, brush.x + across));
    brush.y = Math.max(0.5, Math.min(SIDE - 0.5, brush.y + down));
    if (brush.down) strokeTo(brush.x, brush.y);
    else show();
  };

  canvas.onpointerdown = (event) => {
    lift();
    canvas.setPointerCapture(event.pointerId);
    strokeTo(...place(event));
  };
  canvas.onpointermove = (event) => {
    if (last && event.buttons) strokeTo(...place(event));
  };
  canvas.onpointerup = canvas.onpointercancel = canvas.onblur = lift;
  canvas.onfocus = show;
  canvas.onkeydown = (event) => {
    if (event.key in MOVES) move(MOVES[event.key]);
    else if (event.key === " " && !event.repeat) (brush.down ? lift : press)();
    else return;
    event.preventDefault();
    where.textContent = data.words[brush.down ? "down" : "up"]
      .replace("{row}", Math.floor(brush.y)).replace("{column}", Math.floor(brush.x));
  };
  root.querySelector(".clear").onclick = () => {
    ink.fill(0);
    show();
  };
  show();
}
