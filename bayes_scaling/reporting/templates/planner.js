// What the planner computes: the law's loss on a grid of log N and log D for each draw, interpolated by cubics.
// The page calls these functions, and so do the tests.

function unpack(page) {
  const read = (name) => page[name]
    ? new Float32Array(Uint8Array.from(atob(page[name]), c => c.charCodeAt(0)).buffer) : null;
  return { ...page, loss: read("surface"), drifted: read("drifted_surface") };
}

function weights(at, low, high, count) {
  // Of the four nodes around a point, Catmull-Rom; at the edge of the grid the last slope goes on.
  const x = Math.min(Math.max((at - low) / (high - low) * (count - 1), 0), count - 1);
  const i = Math.min(Math.floor(x), count - 2), t = x - i, t2 = t * t, t3 = t2 * t;
  const w = [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
  if (i === 0) { w[1] += 2 * w[0]; w[2] -= w[0]; w[0] = 0; }
  if (i === count - 2) { w[2] += 2 * w[3]; w[1] -= w[3]; w[3] = 0; }
  return { first: i - 1, w };
}

function logLoss(page, table, draw, logN, logD) {
  const a = weights(logN, ...page.logN, page.size), b = weights(logD, ...page.logD, page.size);
  const start = draw * page.size * page.size;
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    if (a.w[i] === 0) continue;
    for (let j = 0; j < 4; j++) {
      if (b.w[j] !== 0) sum += a.w[i] * b.w[j] * table[start + (a.first + i) * page.size + b.first + j];
    }
  }
  return sum;
}

// What a run costs: log C = level + power log N + log D, each in powers of ten.
function compute(page, logN, logD) { return page.cost.level + page.cost.power * logN + logD; }
function tokens(page, logC, logN) { return logC - compute(page, logN, 0); }
function size(page, logC, logD) { return (logC - logD - page.cost.level) / page.cost.power; }

function ends(page, logC) {
  // The sizes for which both N and D lie on the grid.
  return [Math.max(page.logN[0], size(page, logC, page.logD[1])), Math.min(page.logN[1], size(page, logC, page.logD[0]))];
}

function optimum(page, draw, logC) {
  // log10 of the size with the least loss for a budget: the best of even steps, then golden section around it.
  const [low, high] = ends(page, logC), steps = 48;
  const at = (logN) => logLoss(page, page.loss, draw, logN, tokens(page, logC, logN));
  let best = 0, least = Infinity;
  for (let i = 0; i <= steps; i++) {
    const found = at(low + (high - low) * i / steps);
    if (found < least) { least = found; best = i; }
  }
  let a = low + (high - low) * Math.max(best - 1, 0) / steps, b = low + (high - low) * Math.min(best + 1, steps) / steps;
  const g = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 24; i++) {
    const c = b - g * (b - a), d = a + g * (b - a);
    if (at(c) < at(d)) b = d; else a = c;
  }
  return (a + b) / 2;
}

function beyond(page, logN, logD) {
  // Powers of ten beyond the data: the largest of those in compute, N and D.
  const far = (x, [low, high]) => Math.max(low - x, x - high, 0);
  const { flops, params, tokens } = page.extent;
  return Math.max(far(compute(page, logN, logD), flops), far(logN, params), far(logD, tokens));
}

function newRuns(page, logN, logD) {
  // The loss of one more run under each draw.
  const far = beyond(page, logN, logD);
  return Array.from(page.noise, (noise, draw) => Math.exp(noise + (page.drifted
    ? logLoss(page, page.drifted, draw, logN, logD)
    : logLoss(page, page.loss, draw, logN, logD) + page.slope[draw] * far)));
}

function quantile(values, q) {
  const sorted = Float64Array.from(values).sort(), x = q * (sorted.length - 1), i = Math.floor(x);
  return sorted[i] + (x - i) * ((sorted[i + 1] ?? sorted[i]) - sorted[i]);
}

function plan(page, asked) {
  // The median of the draws' best sizes, less data where there are no more, and what a run of it reaches.
  const logC = Math.log10(asked.flops), each = page.noise.map((_, draw) => optimum(page, draw, logC));
  const cap = Math.log10(asked.maxTokens || Infinity);
  const best = quantile(each, 0.5), wanted = tokens(page, logC, best);
  const logD = Math.min(wanted, cap), logN = size(page, logC, logD);
  const losses = newRuns(page, logN, logD);
  // A token that is served costs a third of one that is trained on.
  const serving = 10 ** compute(page, logN, 0) / 3 * (asked.served || 0);
  return {
    params: 10 ** logN, tokens: 10 ** logD, capped: wanted > cap,
    paramsLow: 10 ** quantile(each, 0.05), paramsHigh: 10 ** quantile(each, 0.95),
    loss: quantile(losses, 0.5), low: quantile(losses, 0.05), high: quantile(losses, 0.95),
    chance: losses.filter(loss => loss <= asked.target).length / losses.length,
    beyond: beyond(page, logN, logD),
    serving, total: asked.flops + serving,
  };
}

if (typeof module !== "undefined") module.exports = { unpack, logLoss, optimum, newRuns, quantile, plan, beyond, ends };
