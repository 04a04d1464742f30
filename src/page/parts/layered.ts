/** What is to be drawn: boxes of one height, and who points at whom. */
export interface Sketch {
  nodes: readonly { id: string; width: number }[];
  edges: readonly { source: string; target: string }[];
}

export interface Point {
  x: number;
  y: number;
}

export interface Drawing {
  width: number;
  height: number;
  /** the left upper corner of each box */
  boxes: Map<string, Point>;
  /** of each edge, in the order given: from the right side of one box to the left side of another */
  lines: Point[][];
}

export interface Spacing {
  boxHeight: number;
  /** between layers, which edges cross */
  gap: number;
  /** between boxes of a layer */
  rowGap: number;
}

/** Rounds of ordering: more of them rarely uncross anything. */
const SWEEPS = 8;
/** What of a line passes a layer where it has no box. */
const PASSING = 10;

interface Place {
  id: string;
  layer: number;
  width: number;
  height: number;
  y: number;
  before: Place[];
  after: Place[];
}

/**
 * Lays out a graph from left to right: sources first, each box right of those that point at it, few crossings. Edges
 * that close a circle run back. The same graph is drawn the same way, so that a map does not jump when figures change.
 */
export function drawLayered({ nodes, edges }: Sketch, { boxHeight, gap, rowGap }: Spacing): Drawing {
  const places = new Map<string, Place>(
    nodes.map(({ id, width }) => [id, { id, layer: 0, width, height: boxHeight, y: 0, before: [], after: [] }]),
  );
  const known = edges.map((edge) => ({ source: places.get(edge.source), target: places.get(edge.target) }));
  const back = closing(places, known);
  const forward = known.map(({ source, target }, i) => (back.has(i) ? [target, source] : [source, target]));
  assignLayers([...places.values()], forward as [Place, Place][]);

  const layers: Place[][] = [];
  for (const place of places.values()) {
    layers[place.layer] ??= [];
    layers[place.layer].push(place);
  }
  const chains = forward.map(([from, to], i) => thread(from as Place, to as Place, `${i}`, layers));
  order(layers);
  const height = align(layers, rowGap);
  const lefts: number[] = [];
  const widths = layers.map((layer) => Math.max(...layer.map(({ width }) => width)));
  let width = 0;
  for (const each of widths) {
    lefts.push(width);
    width += each + gap;
  }

  const [leaving, arriving] = [ports(chains, 0, 1), ports(chains, -1, -2)];
  const lines = chains.map((chain, i) => {
    const line: Point[] = [];
    for (const [at, { layer, y, height, width }] of chain.entries()) {
      const right = lefts[layer] + (width === 0 ? widths[layer] : width);
      const isLast = at === chain.length - 1;
      if (at > 0) line.push({ x: lefts[layer], y: y + height * (isLast ? arriving[i] : 0.5) });
      if (!isLast) line.push({ x: right, y: y + height * (at === 0 ? leaving[i] : 0.5) });
    }
    return back.has(i) ? line.reverse() : line;
  });
  const boxes = new Map([...places.values()].map(({ id, layer, y }) => [id, { x: lefts[layer], y }]));
  return { width: Math.max(0, width - gap), height, boxes, lines };
}

/** Where on the side of its box each line ends, as a share of the height: those that go further up end further up. */
function ports(chains: readonly Place[][], end: 0 | -1, beside: 1 | -2): number[] {
  const byBox = new Map<Place, number[]>();
  for (const [i, chain] of chains.entries()) {
    const box = chain.at(end) as Place;
    byBox.set(box, [...(byBox.get(box) ?? []), i]);
  }
  const at: number[] = [];
  for (const lines of byBox.values()) {
    const wants = (i: number): number => chains[i].at(beside)?.y ?? 0;
    lines.sort((a, b) => wants(a) - wants(b));
    for (const [place, i] of lines.entries()) at[i] = (place + 1) / (lines.length + 1);
  }
  return at;
}

/** The edges that lead back to where a walk came from. */
function closing(
  places: ReadonlyMap<string, Place>,
  edges: { source: Place | undefined; target: Place | undefined }[],
): Set<number> {
  const out = new Map<Place, number[]>();
  for (const [i, { source }] of edges.entries()) if (source) out.set(source, [...(out.get(source) ?? []), i]);
  const isTarget = new Set(edges.map(({ target }) => target));
  const back = new Set<number>();
  const done = new Set<Place>();
  const walk = (root: Place): void => {
    // each step: a place, and how many of its edges were taken; no recursion, for a graph may be one long chain
    const path: { place: Place; next: number }[] = [{ place: root, next: 0 }];
    const onPath = new Set([root]);
    while (path.length > 0) {
      const step = path[path.length - 1];
      const edge = out.get(step.place)?.[step.next++];
      if (edge === undefined) {
        path.pop();
        onPath.delete(step.place);
        done.add(step.place);
        continue;
      }
      const target = edges[edge].target as Place;
      if (onPath.has(target)) back.add(edge);
      else if (!done.has(target)) {
        onPath.add(target);
        path.push({ place: target, next: 0 });
      }
    }
  };
  const all = [...places.values()];
  for (const place of [...all.filter((each) => !isTarget.has(each)), ...all]) if (!done.has(place)) walk(place);
  return back;
}

/** Each right of all that point at it. */
function assignLayers(places: Place[], edges: [Place, Place][]): void {
  const into = new Map(places.map((place) => [place, 0]));
  const out = new Map<Place, Place[]>(places.map((place) => [place, []]));
  for (const [from, to] of edges) {
    if (from === to) continue;
    into.set(to, (into.get(to) as number) + 1);
    out.get(from)?.push(to);
  }
  const free = places.filter((place) => into.get(place) === 0);
  for (const place of free) {
    for (const next of out.get(place) as Place[]) {
      next.layer = Math.max(next.layer, place.layer + 1);
      const left = (into.get(next) as number) - 1;
      into.set(next, left);
      if (left === 0) free.push(next);
    }
  }
}

/** The places that an edge goes through, a narrow one in each layer between its ends. */
function thread(from: Place, to: Place, id: string, layers: Place[][]): Place[] {
  const chain = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer++) {
    const passing: Place = { id: `${id}/${layer}`, layer, width: 0, height: PASSING, y: 0, before: [], after: [] };
    layers[layer].push(passing);
    chain.push(passing);
  }
  if (to !== from) chain.push(to);
  for (let i = 1; i < chain.length; i++) {
    chain[i - 1].after.push(chain[i]);
    chain[i].before.push(chain[i - 1]);
  }
  return chain;
}

/** Each to the middle of those it is joined with, layer by layer, there and back. */
function order(layers: Place[][]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) {
      const at = new Map<Place, number>();
      for (const [i, place] of layer.entries()) {
        const joined = forward ? place.before : place.after;
        const sum = joined.reduce((total, other) => total + layers[other.layer].indexOf(other), 0);
        at.set(place, joined.length === 0 ? i : sum / joined.length);
      }
      layer.sort((a, b) => (at.get(a) as number) - (at.get(b) as number));
    }
  }
}

/** Rows of each layer, pulled towards those they are joined with as far as order and gaps allow. Returns the height. */
function align(layers: Place[][], rowGap: number): number {
  const pack = (layer: Place[]): void => {
    let from = 0;
    for (const place of layer) {
      place.y = Math.max(place.y, from);
      from = place.y + place.height + rowGap;
    }
  };
  for (const layer of layers) pack(layer);
  const middle = (places: Place[]): number =>
    places.reduce((total, { y, height }) => total + y + height / 2, 0) / places.length;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) {
      for (const place of layer) {
        const joined = forward ? place.before : place.after;
        if (joined.length > 0) place.y = middle(joined) - place.height / 2;
      }
      spread(layer, rowGap);
    }
  }
  const top = Math.min(...layers.flat().map(({ y }) => y));
  for (const place of layers.flat()) place.y -= top;
  return Math.max(0, ...layers.flat().map(({ y, height }) => y + height));
}

/**
 * Removes overlaps where each stays as near as can be to where it wants to be: neighbours that overlap become one
 * block around the mean of what they want.
 */
function spread(layer: Place[], rowGap: number): void {
  interface Block {
    places: Place[];
    /** top of the block, as the mean of what its places ask for */
    top: number;
    height: number;
  }
  const blocks: Block[] = [];
  for (const place of layer) {
    let block: Block = { places: [place], top: place.y, height: place.height };
    for (let last = blocks.at(-1); last && last.top + last.height + rowGap > block.top; last = blocks.at(-1)) {
      blocks.pop();
      const shift = last.height + rowGap;
      const [n, m] = [last.places.length, block.places.length];
      block = {
        places: [...last.places, ...block.places],
        top: (last.top * n + (block.top - shift) * m) / (n + m),
        height: shift + block.height,
      };
    }
    blocks.push(block);
  }
  for (const { places, top } of blocks) {
    let y = top;
    for (const place of places) {
      place.y = y;
      y += place.height + rowGap;
    }
  }
}
