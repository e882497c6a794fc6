'use strict';
// Axes: what internal/figure does for the PNG, for whatever series are shown.

const thousands = s => { const [w, r] = s.split('.'); return (w.replace('-', '').length < 5 ? w : w.replace(/\B(?=(\d{3})+$)/g, ',')) + (r ? '.' + r : ''); };

// num writes a value with about four digits.
function num(v) {
  if (v === null || v === undefined) return '–';
  const a = Math.abs(v);
  if (v === 0) return '0';
  if (a >= 1e9 || a < 1e-3) return v.toExponential(2);
  return thousands(String(+v.toFixed(Math.max(0, 3 - Math.floor(Math.log10(a))))));
}

function tick(v, step) {
  if (v === 0) return '0';
  if (Math.abs(v) >= 1e9 || step < 1e-4) return v.toExponential(1);
  let d = 0;
  while (d < 6 && Math.abs(step - +step.toFixed(d)) > step * 1e-6) d++;
  return thousands(v.toFixed(d));
}

// linear puts ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
function linear(lo, hi, most = 6) {
  const m = 10 ** Math.floor(Math.log10((hi - lo) / most));
  const step = ([1, 2, 2.5, 5].find(f => (hi - lo) / (f * m) <= most) || 10) * m;
  const ticks = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + 1e-9 * step; i++) ticks.push([i * step, tick(i * step, step)]);
  return {lo, hi, ticks, at: v => (v - lo) / (hi - lo)};
}

// logarithmic puts labels at powers of ten, and at 2 and 5 when there are few.
// What has no logarithm stands at the foot.
function logarithmic(least, greatest, bars, zeros) {
  let lo = least / 1.25, hi = greatest * 1.25;
  if (zeros && !bars) lo /= 3; // so that what stands at the foot touches no value
  const first = Math.floor(Math.log10(lo)), last = Math.ceil(Math.log10(hi));
  if (bars) lo = 10 ** first;
  const few = last - first <= 2, labels = [];
  for (let e = first - 1; few && e <= last; e++) labels.push(...[1, 2, 5, 10].map(m => m * 10 ** e));
  if (few && !bars) { // reach the next label on both sides
    lo = Math.max(...labels.filter(v => v <= lo)); hi = Math.min(...labels.filter(v => v >= hi));
  }
  const every = Math.max(1, Math.ceil((last - first) / 7)), ticks = [];
  for (let e = first; e <= last; e++) for (let m = 1; m < 10; m++) {
    const v = m * 10 ** e;
    if (v < lo * (1 - 1e-9) || v > hi * (1 + 1e-9)) continue;
    ticks.push([v, m === 1 && (e - first) % every === 0 || few && (m === 2 || m === 5) ? tick(v, v) : '']);
  }
  return {lo, hi, log: true, ticks, at: v => Math.log(Math.max(v, lo) / lo) / Math.log(hi / lo)};
}

// yAxis holds every value, whisker and theory mark of the series that are shown.
function yAxis(chart, shown) {
  const all = [];
  for (const p of chart.panels) for (const s of p.series) if (shown(s))
    for (const c of [s.y, s.lo, s.hi, s.theory]) if (c) for (const v of c) if (v !== null) all.push(v);
  if (!all.length) return linear(0, 1);
  let lo = Math.min(...all), hi = Math.max(...all);
  const fromZero = chart.kind !== 'lines', positive = all.filter(v => v > 0);
  if (chart.y.log && positive.length) return logarithmic(Math.max(Math.min(...positive), hi / 1e15), hi, fromZero, lo <= 0);
  if (fromZero || lo < 0 || lo < 0.8 * hi) { lo = Math.min(lo, 0); hi = Math.max(hi, 0); }
  if (lo === hi) hi += Math.max(1, Math.abs(hi) * 0.1);
  const room = (hi - lo) * (chart.kind === 'timeline' ? 0.19 : 0.07);
  return linear(lo === 0 ? 0 : lo - room, hi > 0 ? hi + room : hi);
}

// xAxis is of positions; none means that categories stand side by side.
function xAxis(chart, p) {
  const n = p.cats.length;
  if (!p.x) return {at: k => (k + 0.5) / n, ticks: p.cats.map((c, k) => [k, c]), of: k => k};
  let lo = Math.min(...p.x), hi = Math.max(...p.x), a;
  if (chart.kind === 'timeline') {
    const step = n > 1 ? p.x[1] - p.x[0] : 1;
    a = linear(lo, hi + step, 8);
    a.step = step;
  } else if (chart.x.log && lo > 0) {
    const f = Math.max((hi / lo) ** 0.05, 1.1);
    lo /= f; hi *= f;
    a = {at: v => Math.log(v / lo) / Math.log(hi / lo), ticks: p.x.map((x, k) => [x, p.cats[k]])};
  } else {
    const r = (hi - lo) * 0.05 || Math.max(1, Math.abs(lo) * 0.05);
    lo -= r; hi += r;
    a = {at: v => (v - lo) / (hi - lo), ticks: p.x.map((x, k) => [x, p.cats[k]])};
  }
  a.of = k => p.x[k];
  return a;
}
