// Plots, drawn as SVG from a chart (page.Chart).

// The colours of the PNG (Okabe and Ito); the colour that means nothing is last.
const palette = ['#0072b2', '#e69f00', '#009e73', '#56b4e9', '#d55e00', '#f0e442', '#cc79a7'];
const dashes = ['', '7 3', '2 3', '9 3 2 3', '4 2'];
const colour = i => i < 0 ? '#9aa5b1' : palette[i % palette.length];
const hollow = i => i >= palette.length;

function make(ns, tag, attrs, kids) {
  const e = ns ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else if (v !== undefined && v !== false) e.setAttribute(k, v);
  }
  e.append(...kids);
  return e;
}
const h = (tag, attrs, ...kids) => make(false, tag, attrs, kids);
const g = (tag, attrs, ...kids) => make(true, tag, attrs, kids);

// draw shows a chart in an element. State says which series are hidden; pick is
// called with the number of the cell that was chosen.
function draw(box, chart, state, pick) {
  const shown = s => !state.hidden.has(s.name);
  const legend = new Map();
  for (const p of chart.panels) for (const s of p.series) if (s.name && !legend.has(s.name)) legend.set(s.name, s);
  const tip = h('div', {class: 'tip', hidden: ''});
  const keys = h('div', {class: 'keys'}, chart.legend ? chart.legend + ': ' : '', ...[...legend.values()].map(s => h('button', {
    'aria-pressed': shown(s), onclick: () => {
      state.hidden.has(s.name) ? state.hidden.delete(s.name) : state.hidden.add(s.name);
      draw(box, chart, state, pick);
    },
  }, g('svg', {width: 22, height: 12}, ...({lines: [dash(s), mark(11, 6, s.color)], timeline: [dash(s)]}[chart.kind] || [bar(s.color, {x: 1, y: 1, width: 20, height: 10})])), s.name)));
  if (chart.panels.some(p => p.series.some(s => s.theory))) keys.append(h('span', {}, '▬ theory'));
  const wide = box.clientWidth || 640, stacked = wide < 600 || chart.panels.length < 2 || chart.kind === 'members' || chart.kind === 'timeline' ||
    chart.kind === 'bars' && chart.panels.some(p => p.cats.length * p.series.length > 14);
  const y = yAxis(chart, shown), each = stacked ? wide : Math.floor(wide / 2);
  const panels = chart.panels.map(p => panel(chart, p, y, each, p.series.filter(shown), tip, pick));
  box.replaceChildren(keys, h('div', {class: 'panels'}, ...panels), tip);
}

function mark(x, y, color) {
  return g('circle', {cx: x, cy: y, r: 4, fill: hollow(color) ? 'var(--paper)' : colour(color), stroke: hollow(color) ? colour(color) : 'var(--ink)', 'stroke-width': hollow(color) ? 2 : 0.7});
}

const dash = s => g('line', {x1: 1, x2: 21, y1: 6, y2: 6, stroke: colour(s.color), 'stroke-width': 3, 'stroke-dasharray': dashes[Math.max(0, s.color) % 5]});

function bar(color, at) {
  return g('rect', {...at, fill: colour(color), 'fill-opacity': hollow(color) ? 0.45 : 1, stroke: hollow(color) ? colour(color) : 'var(--ink)', 'stroke-width': hollow(color) ? 2 : 0.5});
}

const letter = 7.4; // how wide one is, nearly

// fold breaks a name after joints into lines of at most so many letters; a longer
// part has its own.
function fold(name, letters) {
  const lines = [''];
  for (const part of name.split(/(?<=[_\- \/,@])(?!>)/)) {
    const last = lines.length - 1;
    if (lines[last] && (lines[last] + part).trimEnd().length > letters) lines.push(part); else lines[last] += part;
  }
  return lines.map(l => l.trimEnd());
}

function panel(chart, p, y, wide, series, tip, pick) {
  const right = 10, top = p.title ? 24 : 10, high = wide < 500 ? 190 : 230, says = fold(chart.y.label, Math.floor((high + 20) / letter));
  const left = 53 + 15 * says.length, inner = wide - left - right;
  const x = xAxis(chart, p), slots = p.x ? 0 : inner / p.cats.length, letters = Math.floor((slots - 4) / letter);
  const names = x.ticks.map(t => slots ? fold(t[1], letters) : [t[1]]), turn = slots && names.some(n => n.length > 5 || n.some(l => l.length > letters));
  const cut = s => s.length > 18 ? s.slice(0, 17) + '…' : s;
  const bottom = 42 + (turn ? Math.max(...x.ticks.map(t => cut(t[1]).length)) * letter * 0.65 : 13 * (Math.max(...names.map(n => n.length)) - 1)), tall = top + high + bottom;
  const px = v => left + x.at(v) * inner, py = v => top + (1 - y.at(v)) * high;
  const svg = g('svg', {viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: 'img', 'aria-label': chart.title + (p.title ? ', ' + p.title : '')});
  const text = (s, at, attrs) => svg.append(g('text', {x: at[0], y: at[1], ...attrs}, s));
  for (const [v, label] of y.ticks) {
    svg.append(g('line', {class: label ? 'grid' : 'grid faint', x1: left, x2: left + inner, y1: py(v), y2: py(v)}));
    if (label) text(label, [left - 6, py(v) + 4], {'text-anchor': 'end'});
  }
  bands(chart, p, svg, text, px, left, inner, top, high);
  let free = -1e9;
  for (const [i, [v, label]] of x.ticks.entries()) {
    const at = px(v), half = label.length * letter / 2 + 2;
    if (turn) text(cut(label), [at + 4, top + high + 14], {'text-anchor': 'end', transform: `rotate(-40 ${at + 4} ${top + high + 14})`});
    else if (slots || at - half > free) { names[i].forEach((l, k) => text(l, [at, top + high + 16 + 13 * k], {'text-anchor': 'middle'})); free = at + half; }
  }
  text(chart.x.label, [left + inner / 2, tall - 6], {'text-anchor': 'middle', class: 'label'});
  says.forEach((l, k) => text(l, [13 + 15 * k, top + high / 2], {'text-anchor': 'middle', class: 'label', transform: `rotate(-90 ${13 + 15 * k} ${top + high / 2})`}));
  if (p.title) text(p.title, [left, 15], {class: 'label'});
  const marks = [], clip = 'c' + (panel.n = (panel.n || 0) + 1), area = g('g', {'clip-path': `url(#${clip})`});
  svg.append(g('clipPath', {id: clip}, g('rect', {x: left, y: 0, width: inner, height: top + high})), area);
  const foot = y.log || y.lo > 0 ? y.lo : Math.min(0, y.hi);
  svg.append(g('line', {class: 'foot', x1: left, x2: left + inner, y1: py(foot), y2: py(foot)}));
  const place = {px, py, x, y, foot, slots, n: series.length, area, marks};
  series.forEach((s, i) => ({bars, members: bars, lines, timeline: steps})[chart.kind](p, s, i, place));
  ask(svg, p, chart, marks, tip, pick);
  return svg;
}

function bands(chart, p, svg, text, px, left, inner, top, high) {
  let reach = left;
  (p.bands || []).forEach((b, i) => {
    const from = Math.max(left, px(b.from)), to = Math.min(left + inner, px(b.to));
    if (from >= to) return;
    svg.append(g('rect', {class: i % 2 ? 'band odd' : 'band', x: from, y: top, width: to - from, height: high}));
    if (from + 3 >= reach && from + 3 + b.name.length * 6 < left + inner) { text(b.name, [from + 3, top + 12], {class: 'quiet'}); reach = from + 6 + b.name.length * 6; }
  });
}

function whisker(d, at, k, s, half) {
  if (!s.lo || s.lo[k] === null || s.lo[k] === undefined) return;
  const a = d.py(s.lo[k]), b = d.py(s.hi[k]), cap = (s.bare || []).includes(k) ? 0 : half;
  d.area.append(g('path', {class: 'whisker', d: `M${at} ${a}V${b}M${at - cap} ${a}h${2 * cap}M${at - cap} ${b}h${2 * cap}`}));
}

function theory(d, at, k, s, half, rim) {
  if (!s.theory || s.theory[k] === null) return;
  const path = `M${at - half} ${d.py(s.theory[k])}h${2 * half}`;
  if (rim) d.area.append(g('path', {d: path, stroke: colour(s.color), 'stroke-width': 7}));
  d.area.append(g('path', {class: 'theory', d: path}));
}

function bars(p, s, i, d) {
  const wide = Math.min(70, d.slots * 0.8 / d.n);
  s.y.forEach((v, k) => {
    const at = d.px(k) + (i - (d.n - 1) / 2) * wide, foot = d.py(d.foot);
    const why = (s.why || {})[k];
    if (v !== null) {
      const top = d.py(v), zero = d.y.log && v <= 0 || v === 0 && !(s.hi && s.hi[k]);
      if (zero) d.area.append(g('text', {x: at, y: foot - 4, 'text-anchor': 'middle'}, num(v)));
      else d.area.append(bar(s.color, {x: at - wide * 0.46, y: Math.min(top, foot), width: wide * 0.92, height: Math.abs(foot - top)}));
      whisker(d, at, k, s, Math.min(wide * 0.25, 5));
      d.marks.push({x: at, y: zero ? foot : top, s, k, v});
    } else if (why) {
      d.area.append(g('text', {class: 'quiet', x: at + 4, y: foot - 4, transform: `rotate(-90 ${at + 4} ${foot - 4})`}, why));
      d.marks.push({x: at, y: foot - 8, s, k, why});
    }
    theory(d, at, k, s, wide * 0.55);
  });
}

function lines(p, s, i, d) {
  const step = d.slots ? Math.min(14, d.slots * 0.8 / d.n) : Math.min(3.5, 16 / d.n), off = (i - (d.n - 1) / 2) * step;
  const at = k => d.px(d.x.of(k)) + off;
  let path = '', open = false;
  s.y.forEach((v, k) => {
    if (v === null && !(s.why || {})[k]) return; // never planned: the line goes on
    if (v === null || d.y.log && v <= 0) { open = false; return; }
    path += `${open ? 'L' : 'M'}${at(k)} ${d.py(v)}`;
    open = true;
  });
  if (!d.slots) d.area.append(g('path', {class: 'line', d: path, stroke: colour(s.color), 'stroke-dasharray': dashes[Math.max(0, s.color) % 5]}));
  s.y.forEach((v, k) => {
    const why = (s.why || {})[k], foot = d.py(d.foot);
    theory(d, at(k), k, s, 11, d.n > 1);
    if (v !== null) {
      whisker(d, at(k), k, s, 4);
      if (d.y.log && v <= 0) d.area.append(g('path', {class: 'whisker', d: `M${at(k)} ${foot - 1}l-5 -8h10z`}));
      else d.area.append(mark(at(k), d.py(v), s.color));
      d.marks.push({x: at(k), y: d.py(v), s, k, v});
    } else if (why) {
      d.area.append(g('path', {class: 'line', d: `M${at(k) - 4} ${foot - 9}l8 8m0 -8l-8 8`, stroke: colour(s.color)}));
      d.marks.push({x: at(k), y: foot - 5, s, k, why});
    }
  });
}

function steps(p, s, i, d) {
  let path = '', open = false;
  s.y.forEach((v, k) => {
    if (v === null) { open = false; if ((s.why || {})[k]) d.area.append(g('text', {class: 'quiet', x: d.px(d.x.of(k)), y: d.py(d.foot) - 8, 'text-anchor': 'middle'}, s.why[k])); return; }
    const from = d.x.of(k);
    path += `${open ? 'L' : 'M'}${d.px(from)} ${d.py(v)}H${d.px(from + d.x.step)}`;
    open = true;
    d.marks.push({x: d.px(from + d.x.step / 2), y: d.py(v), s, k, v});
  });
  d.area.append(g('path', {class: 'line', d: path, stroke: colour(s.color), 'stroke-dasharray': dashes[Math.max(0, s.color) % 5]}));
}

// ask says what the mark under the pointer is, and hands on its cell.
function ask(svg, p, chart, marks, tip, pick) {
  const ring = g('circle', {class: 'ring', r: 7, hidden: ''});
  svg.append(ring);
  const nearest = e => {
    const r = svg.getBoundingClientRect(), x = e.clientX - r.left, y = e.clientY - r.top;
    let best = null, least = 60;
    for (const m of marks) { const d = Math.hypot(2 * (m.x - x), Math.max(0, Math.abs(m.y - y) - 20) / 2); if (d < least) { least = d; best = m; } }
    return best;
  };
  const hide = () => { tip.hidden = true; ring.setAttribute('hidden', ''); };
  const show = e => {
    const m = nearest(e);
    if (!m) { hide(); return null; }
    ring.setAttribute('cx', m.x); ring.setAttribute('cy', m.y); ring.removeAttribute('hidden');
    const lo = m.s.lo && m.s.lo[m.k], theory = m.s.theory && m.s.theory[m.k];
    tip.replaceChildren(h('b', {}, [m.s.name, p.cats[m.k], p.title].filter(Boolean).join(' · ')), h('br'), m.why || `${chart.y.label}: ${num(m.v)}`,
      typeof lo === 'number' ? ` [${num(lo)}, ${num(m.s.hi[m.k])}]` : '', typeof theory === 'number' ? `; theory ${num(theory)}` : '');
    tip.hidden = false;
    const box = tip.parentElement.getBoundingClientRect(), own = svg.getBoundingClientRect();
    tip.style.left = Math.max(0, Math.min(own.left - box.left + m.x - 60, box.width - tip.offsetWidth)) + 'px';
    tip.style.top = own.top - box.top + m.y - tip.offsetHeight - 12 + 'px';
    return m;
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('click', e => { const m = show(e); if (m && m.s.cells && m.s.cells[m.k] && pick) pick(m.s.cells[m.k]); });
}
