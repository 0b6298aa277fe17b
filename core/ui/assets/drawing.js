// A 28×28 drawing with a soft round brush; each finished stroke goes to the server as 784 bytes.
const SIDE = 28, ZOOM = 10;
const STROKE = 1.9; // pixels from the brush's middle to where its ink ends
const SHADES = 15; // fewer shades travel in a shorter link
const drawings = new WeakMap(); // the ink of each pad on the page

export default function ({ parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".drawing");
  const canvas = root.querySelector("canvas");
  const paint = canvas.getContext("2d");
  if (!drawings.has(parentElement)) drawings.set(parentElement, new Float32Array(SIDE * SIDE));
  const ink = drawings.get(parentElement);
  let last = null;

  const shade = (value) => Math.round((Math.round(value * SHADES) / SHADES) * 255);

  const show = () => {
    ink.forEach((value, i) => {
      const grey = shade(value);
      paint.fillStyle = `rgb(${grey},${grey},${grey})`;
      paint.fillRect((i % SIDE) * ZOOM, Math.floor(i / SIDE) * ZOOM, ZOOM, ZOOM);
    });
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

  const stroke = (event) => {
    const [x, y] = place(event);
    const [fromX, fromY] = last || [x, y];
    const dabs = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let i = 1; i <= dabs; i++) dab(fromX + ((x - fromX) * i) / dabs, fromY + ((y - fromY) * i) / dabs);
    last = [x, y];
    show();
  };

  const send = () => setTriggerValue("drawn", btoa(String.fromCharCode(...ink.map(shade))));

  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    stroke(event);
  };
  canvas.onpointermove = (event) => {
    if (last) stroke(event);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (last) send();
    last = null;
  };
  root.querySelector(".clear").onclick = () => {
    ink.fill(0);
    show();
  };
  show();
}
