// How the cells of a board's pictures hang together: pure functions, no page.
//
// Each picture names its axes by letters: A "i k", B "k j", C "i j". A picked cell binds its letters to its index;
// in every other picture the cells that agree with what is bound are its partners: equal letters are equal indices, a
// letter that nothing binds runs free. A relation is a table over some letters, one row for each combination that
// hangs together: (output, kernel, input) positions of a window, or (output cell, cell that won).

const sameLetters = (axes, bound) => axes.filter((letter) => letter in bound);

// The relations' tables as tuples that agree with one picked cell: each gives values for letters yet unbound.
export function bind(relations, axes, index) {
  const bound = Object.fromEntries(axes.map((letter, d) => [letter, new Set([index[d]])]));
  const factors = [{ letters: axes, tuples: [index] }];
  const waiting = [...relations];
  for (let next; (next = waiting.findIndex((r) => sameLetters(r.axes, bound).length)) >= 0; ) {
    const [{ axes: letters, rows }] = waiting.splice(next, 1);
    const tests = letters.map((letter) => bound[letter]);
    const fitting = rows.filter((row) => row.every((value, d) => !tests[d] || tests[d].has(value)));
    const fresh = letters.map((letter, d) => d).filter((d) => !tests[d]);
    if (!fresh.length) { if (!fitting.length) return null; continue; }
    factors.push({ letters: fresh.map((d) => letters[d]), tuples: fitting.map((row) => fresh.map((d) => row[d])) });
    for (const d of fresh) bound[letters[d]] = new Set(fitting.map((row) => row[d]));
  }
  return factors;
}

// All combinations of the letters asked for, as objects letter -> index; letters nothing binds run over their range.
export function combinations(factors, letters, ranges) {
  let found = [{}];
  const open = new Set(letters);
  const cross = (names, tuples) => {
    const seen = new Set(), distinct = [];
    for (const tuple of tuples) {
      const key = tuple.join();
      if (!seen.has(key)) { seen.add(key); distinct.push(tuple); }
    }
    found = found.flatMap((one) => distinct.map((tuple) =>
      ({ ...one, ...Object.fromEntries(names.map((name, d) => [name, tuple[d]])) })));
    names.forEach((name) => open.delete(name));
  };
  for (const factor of factors) {
    const wanted = factor.letters.map((letter, d) => d).filter((d) => open.has(factor.letters[d]));
    if (wanted.length)
      cross(wanted.map((d) => factor.letters[d]), factor.tuples.map((tuple) => wanted.map((d) => tuple[d])));
  }
  for (const letter of letters)
    if (open.has(letter)) {
      const [low, high] = ranges[letter];
      cross([letter], Array.from({ length: high - low + 1 }, (_, i) => [low + i]));
    }
  return found;
}

export const flat = (index, shape) => index.reduce((place, i, d) => place * shape[d] + i, 0);

export function unflat(place, shape) {
  const index = new Array(shape.length);
  for (let d = shape.length - 1; d >= 0; d--) { index[d] = place % shape[d]; place = Math.floor(place / shape[d]); }
  return index;
}

// The index of a cell as the axes count it: a padded picture starts below 0.
export const indexOf = ({ shape, origin }, place) => unflat(place, shape).map((i, d) => i + (origin?.[d] ?? 0));

// The flat place of an index, -1 where the picture has no such cell.
export function placeOf({ axes, shape, origin }, values) {
  const index = axes.map((letter, d) => values[letter] - (origin?.[d] ?? 0));
  return index.every((i, d) => i >= 0 && i < shape[d]) ? flat(index, shape) : -1;
}

// For each letter the smallest and the largest index that any picture has.
export function rangesOf(pictures) {
  const ranges = {};
  for (const { axes, shape, origin } of pictures)
    axes.forEach((letter, d) => {
      const first = origin?.[d] ?? 0, [low, high] = ranges[letter] ?? [first, first];
      ranges[letter] = [Math.min(low, first), Math.max(high, first + shape[d] - 1)];
    });
  return ranges;
}

// The partners in `picture`, as flat places without repetition; [] where nothing ties it to what was picked.
export function partners(factors, picture, ranges) {
  if (!factors || !tied(factors, picture)) return [];
  const { axes, shape, origin } = picture, bound = new Set(factors.flatMap(({ letters }) => letters));
  const free = axes.filter((letter) => !bound.has(letter)).map((letter) => ({ letters: [letter], tuples: range(ranges[letter]) }));
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  // A flat place is a sum with one term for each letter: the terms are added, and no index is ever put together. An
  // image has thousands of partners.
  return [...factors, ...free].reduce((places, { letters, tuples }) => {
    const dims = axes.map((_, d) => d).filter((d) => letters.includes(axes[d]));
    if (!dims.length) return places;
    const at = dims.map((d) => letters.indexOf(axes[d]));
    const terms = tuples.map((tuple) => dims.reduce((sum, d, i) => {
      const index = tuple[at[i]] - (origin?.[d] ?? 0);
      return index >= 0 && index < shape[d] ? sum + index * strides[d] : NaN;
    }, 0));
    const distinct = [...new Set(terms)].filter((term) => term >= 0);
    return places.flatMap((place) => distinct.map((term) => place + term));
  }, [0]);
}

const range = ([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => [low + i]);

// The group of `picture` that what was picked belongs to: all cells that agree in the group's letters. [] where it
// belongs to several.
export function peers(factors, picture, relations, ranges) {
  if (!picture.group?.length || !factors || !tied(factors, picture)) return [];
  const [one, ...more] = combinations(factors, picture.group, ranges);
  return one && !more.length ? partners(bind(relations, picture.group, picture.group.map((letter) => one[letter])), picture, ranges) : [];
}

// A picture of one number has no axes: all of the board hangs together with it.
const tied = (factors, picture) => !picture.axes.length || !factors[0].letters.length ||
  factors.some(({ letters }) => letters.some((letter) => picture.axes.includes(letter)));

// ---- words -----------------------------------------------------------------------------------------------------

// A number as short as it can be said, as the cells do: 19, -0.25, 1.2e-5, nan.
export function spell(value, digits = 4) {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value + 0);
  const short = Number(value.toPrecision(digits)), size = Math.abs(short);
  return size >= 10 ** digits || size < 1e-4 ? short.toExponential().replace("e+", "e") : String(short);
}

const factor = (value) => (typeof value === "number" && (value < 0 || Object.is(value, -0)) ? `(${spell(value)})` : spell(value));
const shortened = (terms, sign, most = 9) => (terms.length <= most ? terms
  : [...terms.slice(0, 4), `… ${terms.length - 6} more …`, ...terms.slice(-2)]).join(sign);

const words = {
  count: ({ cells }) => String(cells.length),
  sum: ({ rows }) => shortened(rows.map((row) => row.map(factor).join("·")), " + ") || "0",
  list: ({ rows }) => shortened(rows.map((row) => spell(row[0])), ", ") || "none",
  max: ({ rows }) => `max(${shortened(rows.map((row) => spell(row[0])), ", ")})`,
  total: ({ rows }) => spell(rows.reduce((sum, row) => sum + row.reduce((a, b) => a * b, 1), 0)),
  mean: ({ rows }) => spell(rows.reduce((sum, row) => sum + row.reduce((a, b) => a * b, 1), 0) / rows.length),
  note: ({ notes }) => notes[0] ?? "",
  at: ({ cells, pictures: [picture] }) => named(picture, cells),
  each: ({ cells, pictures: [picture] }) => shortened(cells.map((place) => named(picture, [place])), ", ") || `none in ${picture.name}`,
};

// x[0, 1]; x[0, :] where a whole axis is meant, x[0, 2…4] for a run.
export function named(picture, cells) {
  if (!picture.shape.length) return picture.name;
  const indices = cells.map((place) => indexOf(picture, place));
  const spans = picture.shape.map((size, d) => {
    const used = [...new Set(indices.map((index) => index[d]))].sort((a, b) => a - b), [first, last] = [used[0], used.at(-1)];
    if (used.length > 1 && used.length === size) return ":";
    if (used.length <= 1) return String(first);
    return last - first === used.length - 1 ? `${first}…${last}` : used.slice(0, 4).join("|");
  });
  return `${picture.name}[${spans.join(", ")}]`;
}

const TOKEN = /\{(?:(\w+):)?([^{}]+)\}/g;

// A sentence with the numbers of the cells that hang together: `C = {sum:A*B} = {C}`.
export function fill(template, factors, pictures, ranges) {
  return template.replace(TOKEN, (whole, word, names) => {
    const meant = names.split("*").map((name) => pictures[name]);
    if (meant.some((picture) => !picture)) return whole;
    const letters = [...new Set(meant.flatMap((picture) => picture.axes))];
    const combos = combinations(factors, letters, ranges)
      .map((one) => meant.map((picture) => placeOf(picture, one)))
      .filter((places) => places.every((place) => place >= 0));
    const facts = {
      pictures: meant, cells: [...new Set(combos.map(([place]) => place))],
      rows: combos.map((places) => places.map((place, p) => meant[p].value(place))).filter((row) => !row.includes("")), // a blank cell has no number
      notes: combos.map(([place]) => meant[0].notes?.[place] ?? ""),
    };
    return (words[word] ?? words.list)(facts);
  });
}
