// The page: data, plots that answer, raw trials, tables that sort.

const known = new Map(); // experiments by name, as promises
function load(name) {
  if (!known.has(name)) known.set(name, (async () => {
    const packed = document.querySelector(`script[data-of="${name}"]`).textContent;
    const bytes = Uint8Array.from(atob(packed), c => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
  })());
  return known.get(name);
}

const statName = s => s === 'p999' ? 'p99.9' : s;

// show draws a plot with its buttons, and keeps what the reader chose.
function show(place, e) {
  const f = e.figures.find(f => f.name === place.dataset.plot);
  if (!f) return;
  const state = place.state || (place.state = {hidden: new Set(), stat: f.stat, cell: 0});
  if (!f.charts[state.stat]) state.stat = f.stat;
  const chart = f.charts[state.stat], box = h('div', {class: 'chart'}), below = h('div', {});
  const order = ['mean', 'p50', 'p90', 'p95', 'p99', 'p999'].filter(s => f.charts[s]);
  if (order.length && !order.includes(f.stat)) order.push(f.stat);
  const bar = h('div', {class: 'stats'}, ...(order.length > 1 ? order : []).map(s => h('button', {
    'aria-pressed': s === state.stat, onclick: () => { state.stat = s; show(place, e); },
  }, statName(s))), h('button', {class: 'raw', 'aria-pressed': state.cell !== 0, onclick: () => { state.cell = state.cell ? 0 : -1; show(place, e); }}, 'raw trials'));
  place.replaceChildren(h('b', {class: 'title'}, chart.title), bar, box, h('p', {class: 'quiet note', hidden: !chart.note}, chart.note || ''), below);
  const pick = cell => { state.cell = cell; list(); bar.lastChild.setAttribute('aria-pressed', true); };
  const list = () => {
    if (!state.cell) return;
    const cells = new Set(chart.panels.flatMap(p => p.series.flatMap(s => s.cells || [])));
    below.replaceChildren(trials(e, t => state.cell < 0 ? cells.has(t.cell) : t.cell === state.cell));
  };
  draw(box, chart, state, pick);
  list();
  place.redraw = () => draw(box, chart, state, pick);
}

// trials lists those that a filter keeps, with verdicts, reasons and flags.
function trials(e, keep) {
  const rows = e.trials.filter(keep), more = [...new Set(rows.map(t => t.cell))].reduce((n, c) => n + ((e.more || {})[c] || 0), 0);
  if (!rows.length) return h('p', {class: 'quiet'}, 'No trial of this is stored.');
  const columns = e.columns.map((c, i) => ({...c, i})).filter(c => rows.some(t => t.values[c.i] !== null));
  const head = ['trial', 'cell', 'block', 'verdict', 'flags', 'took (s)'].map(c => h('th', {}, c))
    .concat(columns.map(c => h('th', {title: c.help}, c.unit ? `${c.name} (${c.unit})` : c.name)));
  const body = rows.map(t => h('tr', {class: t.status === 'valid' ? '' : 'bad'}, h('td', {title: 'dyno replay ' + t.id}, t.id), h('td', {}, e.cells[t.cell - 1]),
    h('td', {class: 'r'}, String(t.block)), h('td', {}, h('b', {class: 'v-' + t.status.replace(' ', '-')}, t.status), (t.why || []).map(w => ' ' + w).join(';')),
    h('td', {}, ...(t.flags || []).map(f => h('span', {class: 'flag', title: f}, f.split(':')[0]))), h('td', {class: 'r'}, num(t.took)),
    ...columns.map(c => h('td', {class: 'r'}, num(t.values[c.i])))));
  const table = h('table', {class: 'trials'}, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...body));
  sortable(table);
  const flags = [...new Set(rows.flatMap(t => t.flags || []))];
  return h('div', {}, h('p', {class: 'quiet'}, `${rows.length} trials${more ? ` (and ${more} more in trials.jsonl)` : ''}; figures of a trial that is not valid prove nothing and are not shown. Again: dyno replay TRIAL`),
    table, flags.length ? h('details', {}, h('summary', {}, 'what the flags say'), h('ul', {}, ...flags.map(f => h('li', {}, f)))) : '');
}

// everything is what stands below an experiment's own section.
function everything(place) {
  const d = h('details', {}, h('summary', {}, 'All trials of ' + place.dataset.ask + ', and the machine'));
  d.addEventListener('toggle', async () => {
    if (!d.open || d.children.length > 1) return;
    const e = await load(place.dataset.ask);
    d.append(h('dl', {}, ...e.facts.flatMap(([k, v]) => [h('dt', {}, k), h('dd', {}, v)])), trials(e, () => true));
  });
  place.replaceChildren(d);
}

// sortable makes a table's heads sort it: numbers by value, the rest by letters;
// what is none of both comes last.
function sortable(table) {
  const heads = [...table.querySelectorAll('thead th')], body = table.tBodies[0];
  if (!body || body.rows.length < 2) return;
  const key = row => i => row.cells[i] ? row.cells[i].textContent.trim() : '';
  const number = s => /^[-+]?[\d.,]+(e[-+]?\d+)?($|[\s%×\[(*†])/i.test(s) ? parseFloat(s.replace(/,/g, '')) : NaN;
  heads.forEach((th, i) => {
    th.tabIndex = 0;
    const sort = () => {
      const down = th.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      heads.forEach(o => o.removeAttribute('aria-sort'));
      th.setAttribute('aria-sort', down > 0 ? 'ascending' : 'descending');
      const rows = [...body.rows].map(r => [key(r)(i), r]);
      rows.sort(([a], [b]) => {
        const x = number(a), y = number(b);
        if (!isNaN(x) && !isNaN(y)) return down * (x - y);
        if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
        return down * a.localeCompare(b, 'en', {numeric: true});
      });
      body.append(...rows.map(r => r[1]));
    };
    th.addEventListener('click', sort);
    th.addEventListener('keydown', e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); sort(); } });
  });
}

// Plots are drawn when they come near the screen, and again when it changes its width.
const seen = new IntersectionObserver(entries => {
  for (const {isIntersecting, target} of entries) if (isIntersecting && !target.state)
    load(target.dataset.of).then(() => load(target.dataset.of)).then(e => show(target, e)); // newer data may have come meanwhile
}, {rootMargin: '600px'});
let width = innerWidth, timer;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  clearTimeout(timer);
  timer = setTimeout(() => { width = innerWidth; document.querySelectorAll('.plot').forEach(p => p.redraw && p.redraw()); }, 150);
});
document.querySelectorAll('.plot').forEach(p => seen.observe(p));
document.querySelectorAll('[data-ask]').forEach(everything);
document.querySelectorAll('table').forEach(sortable);
