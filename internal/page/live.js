// The live part: what a run that is going on tells (internal/live).

(() => {
  const place = document.getElementById('live'), most = 240, rows = 12;
  let progress, samples, done, charts, failures = 0, drawn = 0;
  const begin = () => { progress = null; samples = []; done = []; charts = {latency: {hidden: new Set()}, cpu: {hidden: new Set()}}; };
  const parts = {head: h('h2', {}, 'Waiting for the first trial'), bar: h('progress', {max: 1, value: 0}), cell: h('p', {}), now: h('p', {class: 'now'}),
    latency: h('div', {class: 'chart'}), cpu: h('div', {class: 'chart'}), done: h('div', {})};
  place.append(...Object.values(parts));
  begin();

  // lines is a chart of what was sampled: a line for each name, one step a sample.
  function lines(title, unit, names, of) {
    const step = 0.5, x = samples.map((_, i) => (i - samples.length + 1) * step), bands = [];
    samples.forEach((s, i) => {
      const last = bands[bands.length - 1];
      if (last && last.name === s.trial) last.to = x[i] + step; else bands.push({name: s.trial, from: x[i], to: x[i] + step});
    });
    return {kind: 'timeline', title, x: {label: 'seconds from now'}, y: {label: unit}, panels: [{cats: x.map(v => v.toFixed(1)), x, bands,
      series: names.map((name, i) => ({name, color: i, y: samples.map(s => { const v = of(s, name); return v === undefined ? null : v; })}))}]};
  }

  // usage is the CPU of the busiest processes, the others together.
  function usage() {
    const sums = new Map(), own = 6;
    for (const s of samples) for (const u of s.cpu) sums.set(u.name, (sums.get(u.name) || 0) + u.cores);
    const names = [...sums.keys()].sort((a, b) => sums.get(b) - sums.get(a)).slice(0, own).sort(), rest = 'others';
    return lines('CPU now', 'cores', sums.size > own ? [...names, rest] : names, (s, n) => n === rest ?
      s.cpu.reduce((sum, u) => names.includes(u.name) ? sum : sum + u.cores, 0) : (s.cpu.find(u => u.name === n) || {}).cores);
  }

  function paint() {
    drawn = 0;
    if (progress) {
      const p = progress;
      parts.head.textContent = `${p.experiment}: trial ${Math.min(p.done + 1, p.total)} of ${p.total}, block ${p.block} of ${p.blocks}, ${p.left} left`;
      parts.bar.max = p.total; parts.bar.value = p.done;
      parts.cell.textContent = `${p.cell} — ${p.valid} valid, ${p.invalid} invalid, ${p.unknown} unknown, ${p.errors} without a result` + (p.again ? '; again: ' + p.again : '');
    }
    const s = samples[samples.length - 1];
    if (s) {
      const cores = s.cpu.reduce((n, u) => n + u.cores, 0), l = s.live;
      parts.now.replaceChildren(...[...(l ? [[num(l.ok / l.s), 'OK/s'], [num(l.p50_ms), 'ms p50'], [num(l.p99_ms), 'ms p99']] : []), ...(s.cpu.length ? [[cores.toFixed(2), 'cores']] : [])]
        .map(([v, what]) => h('span', {}, h('b', {}, v), what)));
      draw(parts.latency, lines('Latency now', 'ms', ['p50', 'p99'], (s, n) => s.live ? s.live[n + '_ms'] : null), charts.latency);
      if (samples.some(s => s.cpu.length)) draw(parts.cpu, usage(), charts.cpu); // what other machines use is known at the end
    }
    if (done.length) {
      const table = h('table', {}, h('thead', {}, h('tr', {}, ...['trial', 'cell', 'verdict', 'took (s)'].map(c => h('th', {}, c)))), h('tbody', {}, ...[...done].reverse().map(t =>
        h('tr', {}, h('td', {}, t.id), h('td', {}, t.cell), h('td', {}, h('b', {class: 'v-' + t.status.split(/\W/)[0].toLowerCase()}, t.status), (t.why || []).map(w => ' ' + w).join(';')), h('td', {class: 'r'}, num(t.took))))));
      parts.done.replaceChildren(h('p', {class: 'quiet'}, 'Looked at while it runs, and held against nothing: figures are made from the trials when they end.'), table);
    }
  }
  const soon = () => { drawn = drawn || requestAnimationFrame(paint); };

  addEventListener('resize', soon);

  const events = new EventSource('events');
  const on = (name, f) => events.addEventListener(name, e => { failures = 0; f(JSON.parse(e.data)); soon(); });
  on('begin', begin);
  on('progress', p => { progress = p; });
  on('sample', s => { samples.push(s); if (samples.length > most) samples.shift(); });
  on('trial', t => { done.push(t); if (done.length > rows) done.shift(); });
  on('data', e => {
    known.set(e.name, Promise.resolve(e));
    document.querySelectorAll('.plot').forEach(p => { if (p.dataset.of === e.name && p.state) show(p, e); });
    document.querySelectorAll('[data-ask]').forEach(p => { if (p.dataset.ask === e.name && !p.querySelector('[open]')) everything(p); });
  });
  on('end', word => { events.close(); progress = null; parts.head.textContent = word; parts.bar.value = parts.bar.max; });
  events.onerror = () => { if (++failures > 5 || events.readyState === EventSource.CLOSED) { events.close(); parts.head.textContent = 'dyno is gone'; } };
})();
