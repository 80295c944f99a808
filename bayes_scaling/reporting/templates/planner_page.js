
// What the page shows as its sliders move.
const page = unpack(JSON.parse(document.getElementById("page").textContent));
const at = (id) => document.getElementById(id), value = (id) => Number(at(id).value);
const units = [[1e15, "e15"], [1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];
function short(x) { for (const [size, unit] of units) if (x >= 0.9995 * size) return Number((x / size).toPrecision(3)) + unit; return String(Number(x.toPrecision(3))); }
function power(x) { const e = Math.floor(Math.log10(x)); return (x / 10 ** e).toFixed(2) + "e" + e; }
function whole(x) { return short(x < 10 ? x : Math.round(x)); }
const seconds = 86400 * 365.25 / 12;
function fromHardware() { at("flops").value = Math.log10(10 ** value("gpus") * page.peak * 0.4 * value("months") * seconds); show(); }
function fromFlops() { at("gpus").value = Math.log10(10 ** value("flops") / (page.peak * 0.4 * value("months") * seconds)); show(); }
function show() {
  const capped = value("cap") < Number(at("cap").max) - 0.02, served = value("served") > 8 ? 10 ** value("served") : 0;
  const asked = { flops: 10 ** value("flops"), maxTokens: capped ? 10 ** value("cap") : Infinity, target: value("target"), served };
  const found = plan(page, asked);
  at("flops-out").value = power(asked.flops); at("gpus-out").value = whole(asked.flops / (page.peak * 0.4 * value("months") * seconds));
  at("months-out").value = value("months"); at("cap-out").value = capped ? short(asked.maxTokens) : "no limit";
  at("target-out").value = asked.target.toFixed(3); at("served-out").value = served ? short(served) : "none";
  at("answer").textContent = `${short(found.params)} parameters on ${short(found.tokens)} tokens reach a loss of ${found.loss.toFixed(3)} (90%: ${found.low.toFixed(3)} to ${found.high.toFixed(3)}).`;
  at("care").textContent = found.beyond > 2 ? `${found.beyond.toFixed(1)} decades beyond the data: nobody has checked bands this far away.` : "";
  at("params").textContent = `${short(found.params)} (${short(found.paramsLow)} to ${short(found.paramsHigh)})`;
  at("tokens").textContent = short(found.tokens) + (found.capped ? ", all there are" : "") + `, ${Number((found.tokens / found.params).toPrecision(3))} per parameter`;
  at("chance").textContent = `${Math.round(100 * found.chance)}%`;
  at("beyond").textContent = found.beyond < 0.05 ? "inside of the data" : `${found.beyond.toFixed(1)} decades`;
  at("serving").textContent = served ? `${power(found.serving)} FLOPs, with training ${power(found.total)}` : "none";
  draw(asked, found);
}
function draw(asked, found) {
  // As wide as it is shown, so that its words keep their size.
  const width = Math.max(300, Math.min(640, at("picture").clientWidth)), end = width - 20;
  const logC = Math.log10(asked.flops), [low, high] = ends(page, logC), best = Math.log10(found.params);
  const left = Math.max(low, best - 1.7), right = Math.min(high, best + 1.7), points = [];
  for (let i = 0; i <= 40; i++) {
    const logN = left + (right - left) * i / 40, losses = newRuns(page, logN, tokens(page, logC, logN));
    points.push([logN, quantile(losses, 0.05), quantile(losses, 0.5), quantile(losses, 0.95)]);
  }
  const floor = Math.min(...points.map(p => p[1])), top = Math.min(Math.max(...points.map(p => p[3])), floor + 4 * (found.high - found.low) + 0.05);
  const x = (n) => 48 + (end - 48) * (n - left) / (right - left), y = (l) => 280 - 255 * (l - floor) / (top - floor);
  const path = (k, list) => list.map(p => `${x(p[0]).toFixed(1)},${y(p[k]).toFixed(1)}`).join(" ");
  // What is higher than the picture leaves it, rather than running along its edge.
  let marks = `<svg x="48" y="20" width="${end - 48}" height="265" viewBox="48 20 ${end - 48} 265"><polygon class="band" points="${path(1, points)} ${path(3, [...points].reverse())}"/><polyline class="line" points="${path(2, points)}"/></svg>`;
  marks += `<circle cx="${x(best)}" cy="${y(found.loss)}" r="6" fill="var(--edge)"/><line class="axis" x1="48" y1="285" x2="${end}" y2="285"/>`;
  if (asked.target > floor && asked.target < top) marks += `<line class="target" x1="48" x2="${end}" y1="${y(asked.target)}" y2="${y(asked.target)}"/><text class="aim" x="${end}" y="${y(asked.target) - 5}" text-anchor="end">target</text>`;
  for (let decade = Math.floor(left); decade <= right; decade++) for (const times of [1, 2, 5]) {
    const n = decade + Math.log10(times);
    if (n < left || n > right) continue;
    marks += `<line class="axis" x1="${x(n)}" x2="${x(n)}" y1="285" y2="${times === 1 ? 290 : 288}"/>`;
    if (times === 1 || right - left < 1.5) marks += `<text x="${x(n)}" y="303" text-anchor="middle">${short(10 ** n)}</text>`;
  }
  const apart = 10 ** Math.floor(Math.log10((top - floor) / 4)), step = [1, 2, 5, 10].map(k => k * apart).find(s => top - floor <= 5 * s);
  for (let k = Math.ceil(floor / step); k * step <= top; k++) marks += `<text class="loss" x="42" y="${y(k * step) + 4}" text-anchor="end">${(k * step).toFixed(Math.max(0, Math.ceil(-Math.log10(step))))}</text>`;
  at("picture").setAttribute("viewBox", `0 0 ${width} 330`);
  at("picture").innerHTML = marks + `<text x="${(48 + end) / 2}" y="323" text-anchor="middle">model size N (parameters)</text><text x="8" y="14">loss of a new run</text>`;
}
Object.assign(at("flops"), { min: page.budgets[0], max: page.budgets[1], value: page.budgets[2] });
Object.assign(at("cap"), { min: page.logD[0], max: page.logD[1], value: page.logD[1] });
const start = plan(page, { flops: 10 ** page.budgets[2], target: 0 });
Object.assign(at("target"), { min: (start.low * 0.8).toFixed(2), max: (start.high * 1.3).toFixed(2), value: start.loss.toFixed(3) });
at("flops").oninput = fromFlops; at("gpus").oninput = fromHardware; at("months").oninput = fromHardware;
addEventListener("resize", show);
for (const id of ["cap", "target", "served"]) at(id).oninput = show;
fromFlops();
