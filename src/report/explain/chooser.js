(() => {
  "use strict";
  const figure = document.currentScript.previousElementSibling;
  const data = JSON.parse(figure.querySelector("script").textContent);
  const [select, rank] = [figure.querySelector("select"), figure.querySelector("input")];
  const [before, next] = figure.querySelectorAll("button");
  const [picture, told] = [figure.querySelector(".picture"), figure.querySelector(".told")];
  const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
  const signed = (value) => value.toFixed(2).replace("-", "−");
  let chosen = data.edges;

  const counts = data.forms.map((_, form) => data.edges.filter((e) => e.form === form).length);
  const option = (value, text) => select.add(new Option(text, value));
  option("", `all (${data.edges.length})`);
  data.forms.forEach((form, k) => counts[k] && option(k, `${form} (${counts[k]})`));

  const step = (range, most) => {
    const power = 10 ** Math.floor(Math.log10(range / most));
    return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= range / most);
  };
  const ticks = (low, high, most) => {
    const by = step(high - low, most);
    const from = Math.ceil(low / by - 1e-6);
    const count = Math.floor(high / by + 1e-6) - from;
    return Array.from({ length: count + 1 }, (_, k) => (from + k) * by);
  };
  const label = (value) => String(+value.toPrecision(4)).replace("-", "−");

  const draw = (edge) => {
    const width = picture.clientWidth < 560 ? 360 : 720;
    const height = width === 720 ? 330 : 260;
    const [left, right, top, bottom] = [52, width - 16, 48, height - 44];
    const lines = [["base", edge.base], ["fit", edge.fit], ["total", edge.total]].filter(([, v]) => v);
    const values = [...edge.base, ...edge.total].map((v) => v * edge.step);
    let [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const margin = 0.06 * (high - low || 1);
    [low, high] = [low - margin, high + margin];
    const [zLow, zHigh] = data.z;
    const x = (z) => left + ((z - zLow) / (zHigh - zLow)) * (right - left);
    const y = (v) => bottom - ((v - low) / (high - low)) * (bottom - top);
    const at = (k, n) => x(zLow + ((zHigh - zLow) * k) / n);
    const bins = edge.inputs.length;
    const bars = edge.inputs.map((share, k) => {
      const tall = (0.3 * (bottom - top) * share) / 99;
      return `<rect class="inputs" x="${at(k, bins).toFixed(1)}" y="${(bottom - tall).toFixed(1)}" width="${((right - left) / bins).toFixed(2)}" height="${tall.toFixed(1)}"/>`;
    });
    // What leaves the frame is left out.
    const path = ([name, v]) => {
      let pen = "M";
      const points = v.map((s, k) => {
        const value = s * edge.step;
        const move = value < low || value > high ? "" : `${pen}${at(k, v.length - 1).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = move ? "L" : "M";
        return move;
      });
      return `<path class="${name}" d="${points.join("")}"/>`;
    };
    const legend = [["total", "φ(z)"], ["base", "silu base"], edge.fit && ["fit", data.forms[edge.form]], ["inputs", "inputs"]].filter(Boolean);
    const abreast = width === 720 ? legend.length : 2;
    const signs = legend.map(([name, text], k) => {
      const [from, down] = [left + (k % abreast) * 130, 18 * Math.floor(k / abreast)];
      const sign = name === "inputs" ? `<rect class="inputs" x="${from}" y="${11 + down}" width="20" height="10"/>` : `<path class="${name}" d="M${from} ${16 + down}h20"/>`;
      return `${sign}<text x="${from + 26}" y="${20 + down}">${text}</text>`;
    });
    picture.innerHTML =
      `<svg viewBox="0 0 ${width} ${height}" style="--width:${width}px" role="img" aria-label="The function ${edge.name}">` +
      `<rect class="grid" x="${x(Math.max(data.grid[0], zLow)).toFixed(1)}" y="${top}" width="${(x(Math.min(data.grid[1], zHigh)) - x(Math.max(data.grid[0], zLow))).toFixed(1)}" height="${bottom - top}"/>` +
      bars.join("") +
      ticks(low, high, 6).map((v) => `<path class="rule" d="M${left} ${y(v).toFixed(1)}H${right}"/><text x="${left - 8}" y="${(y(v) + 4).toFixed(1)}" text-anchor="end">${label(v)}</text>`).join("") +
      ticks(zLow, zHigh, width === 720 ? 10 : 6).map((z) => `<path class="tick" d="M${x(z).toFixed(1)} ${bottom}v4"/><text x="${x(z).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${label(z)}</text>`).join("") +
      `<path class="tick" d="M${left} ${bottom}H${right}"/>` +
      lines.map(path).join("") +
      signs.join("") +
      `<text x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">input z</text></svg>`;
  };

  const show = () => {
    const edge = chosen[+rank.value];
    draw(edge);
    const place = data.edges.indexOf(edge) + 1;
    let form = "Its input never varies.";
    if (edge.fit) {
      const where = edge.at === null ? "" : ` at ${signed(edge.at)}`;
      const wide = edge.width === null ? "" : edge.at === null ? `, period ${signed(edge.width)}` : `, width ${signed(edge.width)}`;
      form = `Closest simple form: ${data.forms[edge.form]}${where}${wide}, which explains ${percent(edge.r2)} of its variance; a straight line explains ${percent(edge.linear)}.`;
    }
    told.textContent = `${edge.name}: number ${place} of ${data.of}, with ${percent(edge.share, 3)} of the layer's variance. ${form} Of its inputs ${percent(edge.outside[0])} lie below the grid and ${percent(edge.outside[1])} above it.`;
    before.disabled = +rank.value === 0;
    next.disabled = +rank.value === chosen.length - 1;
  };
  const choose = () => {
    chosen = select.value === "" ? data.edges : data.edges.filter((e) => e.form === +select.value);
    rank.max = chosen.length - 1;
    rank.value = 0;
    show();
  };
  const go = (by) => {
    rank.value = +rank.value + by;
    show();
  };
  select.addEventListener("change", choose);
  rank.addEventListener("input", show);
  before.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  figure.hidden = false;
  addEventListener("resize", show);
  choose();
})();
