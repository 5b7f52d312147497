// The map: reads the data of the page, draws the points (by WebGL2 where there is a GPU, else pixel by pixel), and answers
// pointer and keys. Names are only ever set as text.
'use strict';
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const bytesOf = name => Uint8Array.from(atob(data[name]), c => c.charCodeAt(0));
// Little-endian, as the page is written and as all that run browsers are.
const at = new Uint16Array(bytesOf('at').buffer);
const genreOf = new Uint32Array(bytesOf('genre').buffer);
const artistOf = new Uint32Array(bytesOf('artist').buffer);
const folderOf = new Uint32Array(bytesOf('folder').buffer);
const near = new Uint32Array(bytesOf('near').buffer);
const sure = bytesOf('sure');
const count = data.count, NONE = 0xffffffff, GRID = 65535;
const genres = data.genres.map(genre => ({...genre, count: 0, shown: true}));
genres.push({name: data.none, light: '', dark: '', shape: 0, count: 0, shown: true});
const kind = track => genreOf[track] === NONE ? genres.length - 1 : genreOf[track];
for (let track = 0; track < count; track++) genres[kind(track)].count++;

// ---- words

const plain = text => text.replace(/\p{Surrogate}/gu, '\ufffd');
const stem = file => file.replace(/(.)\.[^.]*$/, '$1');
const title = track => plain(data.titles[track] || stem(data.files[track]));
const artist = track => plain(data.artists[artistOf[track]]);
const path = track => data.folders[folderOf[track]] + data.files[track];
const number = value => value.toLocaleString('en');
const tracks = value => value === 1 ? '1 track' : number(value) + ' tracks';
const probability = track => sure[track] === 255 ? '' : Math.round(100 * sure[track] / data.surest) + ' %';
function genreText(track) {
  const genre = genres[kind(track)], words = genre.name;
  return probability(track) ? words + ', ' + probability(track) : words;
}
const say = words => { $('said').textContent = words; };

// A path's own bytes: lone surrogates stand for those that are not UTF-8.
const encoder = new TextEncoder();
function bytesOfPath(text) {
  if (!/\p{Surrogate}/u.test(text)) return encoder.encode(text);
  return Uint8Array.from([...text].flatMap(c => {
    const code = c.codePointAt(0);
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...encoder.encode(c)];
  }));
}
function url(track) {
  let text = path(track);
  const drive = /^[A-Za-z]:[\\/]/.test(text), share = /^\\\\/.test(text);
  if (drive || share) text = text.replaceAll('\\', '/');
  const escaped = Array.from(bytesOfPath(text), byte => {
    const c = String.fromCharCode(byte);
    return /[A-Za-z0-9\-._~\/]/.test(c) ? c : '%' + byte.toString(16).toUpperCase().padStart(2, '0');
  }).join('');
  if (drive) return 'file:///' + escaped.replace('%3A', ':');
  if (share) return 'file:' + escaped;
  return text.startsWith('/') ? 'file://' + escaped : './' + escaped;
}

// ---- looks

const order = Uint32Array.from({length: count}, (_, i) => i);
// Shuffled, always alike, so that no folder covers the others.
for (let i = count - 1, seed = 1; i > 0; i--) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  const j = Math.floor(seed / 2 ** 32 * (i + 1));
  [order[i], order[j]] = [order[j], order[i]];
}
const NORMAL = 0, DIM = 1, LISTED = 2;
const state = new Uint8Array(count);
const listed = new Set();
let matches = null; // what the search found, or null
let drawn = order;  // the visible points, those on top last
const isShown = track => genres[kind(track)].shown;

const dark = matchMedia('(prefers-color-scheme:dark)');
let colours, ink, card, soft, accent;
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const value = name => style.getPropertyValue(name).trim();
  [ink, card, soft, accent] = ['--ink', '--card', '--soft', '--accent'].map(value);
  colours = genres.map(genre => (dark.matches ? genre.dark : genre.light) || value('--none'));
}
const rgb = hex => {
  const full = hex.length === 4 ? hex.replace(/[^#]/g, '$&$&') : hex;
  return [1, 3, 5].map(i => parseInt(full.slice(i, i + 2), 16));
};

function arrange() {
  for (let track = 0; track < count; track++) {
    state[track] = listed.has(track) ? LISTED : matches && !matches.has(track) ? DIM : NORMAL;
  }
  const layers = [[], [], [], []];
  for (const track of order) {
    if (!isShown(track)) continue;
    const layer = state[track] === DIM ? 0 : state[track] === LISTED ? 3 : genreOf[track] === NONE ? 1 : 2;
    layers[layer].push(track);
  }
  drawn = Uint32Array.from(layers.flat());
  renderer.look();
  redraw();
}

// ---- where things are: pixels of the map = (grid - centre) * scale + half its size

const view = {x: GRID / 2, y: GRID / 2, scale: 1};
let width = 1, height = 1, ratio = 1, fitting = 1;
const bounds = {left: 0, right: GRID, top: 0, bottom: GRID};
if (count) {
  bounds.left = bounds.top = GRID;
  bounds.right = bounds.bottom = 0;
  for (let i = 0; i < at.length; i += 2) {
    bounds.left = Math.min(bounds.left, at[i]); bounds.right = Math.max(bounds.right, at[i]);
    bounds.top = Math.min(bounds.top, at[i + 1]); bounds.bottom = Math.max(bounds.bottom, at[i + 1]);
  }
}
const toX = x => (x - view.x) * view.scale + width / 2;
const toY = y => (y - view.y) * view.scale + height / 2;
const fromX = x => (x - width / 2) / view.scale + view.x;
const fromY = y => (y - height / 2) / view.scale + view.y;
const zoom = () => view.scale / fitting;
const radius = () => Math.min(9, Math.max(1.3, 8 - 1.3 * Math.log10(count + 1)) * Math.pow(Math.max(zoom(), 0.5), 0.4));
function whole() {
  return {x: (bounds.left + bounds.right) / 2, y: (bounds.top + bounds.bottom) / 2, scale: fitting};
}
function clamp() {
  view.scale = Math.min(Math.max(view.scale, fitting / 2), fitting * 64);
  view.x = Math.min(Math.max(view.x, bounds.left), bounds.right);
  view.y = Math.min(Math.max(view.y, bounds.top), bounds.bottom);
}
function zoomAt(x, y, factor) {
  const [worldX, worldY] = [fromX(x), fromY(y)];
  view.scale *= factor;
  clamp();
  view.x = worldX - (x - width / 2) / view.scale;
  view.y = worldY - (y - height / 2) / view.scale;
  clamp();
  redraw();
}
let flight = 0;
function fly(target, then) {
  cancelAnimationFrame(flight);
  const from = {...view}, began = performance.now();
  const time = matchMedia('(prefers-reduced-motion:reduce)').matches ? 0 : 260;
  const step = now => {
    const part = time ? Math.min(1, Math.max(0, now - began) / time) : 1, eased = 1 - (1 - part) ** 3;
    view.scale = from.scale * (target.scale / from.scale) ** eased;
    view.x = from.x + (target.x - from.x) * eased;
    view.y = from.y + (target.y - from.y) * eased;
    clamp();
    redraw();
    if (part < 1) flight = requestAnimationFrame(step);
    else then?.();
  };
  step(began);
}

// ---- which track is at a place: a grid of cells, each with its tracks in a row

const side = Math.max(1, Math.min(512, Math.round(Math.sqrt(count) / 2)));
const cellOf = v => Math.min(side - 1, Math.floor(v / (GRID + 1) * side));
const cellStarts = new Uint32Array(side * side + 1), inCells = new Uint32Array(count);
const cell = track => cellOf(at[2 * track + 1]) * side + cellOf(at[2 * track]);
for (let track = 0; track < count; track++) cellStarts[cell(track) + 1]++;
for (let i = 0; i < side * side; i++) cellStarts[i + 1] += cellStarts[i];
{
  const next = cellStarts.slice();
  for (let track = 0; track < count; track++) inCells[next[cell(track)]++] = track;
}
function tracksIn(left, top, right, bottom, visit) {
  const [x0, x1, y0, y1] = [left, right, top, bottom].map(v => cellOf(Math.max(0, v)));
  for (let y = y0; y <= y1; y++) {
    for (let i = cellStarts[y * side + x0]; i < cellStarts[y * side + x1 + 1]; i++) visit(inCells[i]);
  }
}
function trackAt(x, y, reach) {
  const [worldX, worldY, far] = [fromX(x), fromY(y), reach / view.scale];
  let best = -1, nearest = far * far;
  tracksIn(worldX - far, worldY - far, worldX + far, worldY + far, track => {
    const distance = (at[2 * track] - worldX) ** 2 + (at[2 * track + 1] - worldY) ** 2;
    if (distance <= nearest && isShown(track) && state[track] !== DIM) [best, nearest] = [track, distance];
  });
  return best;
}

// ---- drawing the points

const VERTEX = `#version 300 es
in vec2 place; in uvec4 look;
uniform vec2 centre, scale; uniform float radius; uniform vec3 ink, card;
out vec4 fill; out vec4 edge; flat out float size; flat out float rim; flat out uint shape;
void main() {
  bool listed = look.a >> 4 == 2u, dim = look.a >> 4 == 1u;
  shape = look.a & 15u;
  bool none = shape == 7u;
  size = radius * (listed ? 1.4 : none ? 0.8 : 1.0);
  fill = vec4(vec3(look.rgb) / 255.0, dim ? 0.12 : none ? 0.75 : 0.9);
  edge = listed ? vec4(ink, 1.0) : vec4(card, fill.a);
  rim = listed ? 1.7 : size < 3.0 ? -1e3 : 1.2;
  gl_PointSize = 2.8 * size + 2.0;
  gl_Position = vec4((place * 65535.0 - centre) * scale, 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float; precision highp int;
in vec4 fill; in vec4 edge; flat in float size; flat in float rim; flat in uint shape;
out vec4 colour;
void main() {
  vec2 p = (gl_PointCoord - 0.5) * (2.8 * size + 2.0) / size;
  vec2 a = abs(p);
  float y = shape == 4u ? -p.y : p.y, out_by = length(p) - 1.0;
  if (shape == 1u) out_by = max(a.x, a.y) - 0.9;
  if (shape == 2u || shape == 4u) out_by = max(y - 0.9, (2.15 * a.x - 1.2 * (y + 1.25)) / 2.462);
  if (shape == 3u) out_by = (1.3 * a.x + 1.2 * a.y - 1.56) / 1.769;
  float d = out_by * size, cover = clamp(0.5 - d, 0.0, 1.0);
  if (cover <= 0.0) discard;
  vec4 c = mix(fill, edge, clamp(d + rim, 0.0, 1.0));
  colour = vec4(c.rgb, 1.0) * c.a * cover;
}`;
const lookByte = track => (genreOf[track] === NONE ? 7 : genres[genreOf[track]].shape) | state[track] << 4;

function webgl(canvas) {
  const gl = canvas.getContext('webgl2', {antialias: false, failIfMajorPerformanceCaveat: true});
  if (!gl) return null;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const device = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  if (/swiftshader|llvmpipe|lavapipe|softpipe|software|basic render/i.test(device)) return null;
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  const uniform = Object.fromEntries(['centre', 'scale', 'radius', 'ink', 'card'].map(name => [name, gl.getUniformLocation(program, name)]));
  const [place, look] = ['place', 'look'].map(name => gl.getAttribLocation(program, name));
  const [places, looks, indices] = [0, 0, 0].map(() => gl.createBuffer());
  gl.bindBuffer(gl.ARRAY_BUFFER, places);
  gl.bufferData(gl.ARRAY_BUFFER, at, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 2, gl.UNSIGNED_SHORT, true, 0, 0);
  gl.bindBuffer(gl.ARRAY_BUFFER, looks);
  gl.enableVertexAttribArray(look);
  gl.vertexAttribIPointer(look, 4, gl.UNSIGNED_BYTE, 0, 0);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const bytes = new Uint8Array(4 * count);
  return {
    name: 'webgl2',
    look() {
      const palette = colours.map(rgb);
      for (let track = 0; track < count; track++) {
        const colour = palette[kind(track)];
        bytes[4 * track] = colour[0]; bytes[4 * track + 1] = colour[1]; bytes[4 * track + 2] = colour[2];
        bytes[4 * track + 3] = lookByte(track);
      }
      gl.bindBuffer(gl.ARRAY_BUFFER, looks);
      gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indices);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, drawn, gl.DYNAMIC_DRAW);
      gl.uniform3fv(uniform.ink, rgb(ink).map(v => v / 255));
      gl.uniform3fv(uniform.card, rgb(card).map(v => v / 255));
    },
    draw() {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(uniform.centre, view.x, view.y);
      gl.uniform2f(uniform.scale, 2 * view.scale / width, -2 * view.scale / height);
      gl.uniform1f(uniform.radius, radius() * ratio);
      gl.drawElements(gl.POINTS, drawn.length, gl.UNSIGNED_INT, 0);
    },
  };
}

// The same without WebGL, or where it would be computed by the processor, which takes longer than this does.
function software(canvas) {
  const context = canvas.getContext('2d', {alpha: false, willReadFrequently: true});
  const looks = new Uint8Array(count), kinds = Uint16Array.from({length: count}, (_, track) => kind(track));
  let palette = [], image = null, masks = [];
  // How far a place is out of a shape of size 1.
  function outBy(shape, x, y) {
    const [ax, ay, down] = [Math.abs(x), Math.abs(y), shape === 4 ? -y : y];
    if (shape === 1) return Math.max(ax, ay) - .9;
    if (shape === 2 || shape === 4) return Math.max(down - .9, (2.15 * ax - 1.2 * (down + 1.25)) / 2.462);
    if (shape === 3) return (1.3 * ax + 1.2 * ay - 1.56) / 1.769;
    return Math.hypot(x, y) - 1;
  }
  // The pixels that a look covers around the one that it is in, by half pixels.
  function mask(look, half) {
    const shape = look & 15, on = look >> 4 === LISTED, none = shape === 7;
    const size = radius() * ratio * (on ? 1.4 : none ? .8 : 1);
    const strength = look >> 4 === DIM ? .12 : none && !on ? .75 : .9;
    const reach = Math.ceil(1.4 * size + 1), pixels = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const [dx, dy] = [x + .25 - .5 * (half & 1), y + .25 - .5 * (half >> 1)];
        const d = outBy(shape, dx / size, dy / size) * size, cover = Math.min(1, Math.max(0, .5 - d));
        const rim = on || size >= 3 ? Math.min(1, Math.max(0, d + (on ? 1.7 : 1.2))) : 0;
        if (cover > 0) pixels.push(x, y, cover * (on ? 1 : strength), rim);
      }
    }
    return {reach, pixels: Float32Array.from(pixels)};
  }
  return {
    name: 'software',
    look() {
      palette = Uint8Array.from(colours.flatMap(rgb));
      for (const track of drawn) looks[track] = lookByte(track);
    },
    draw() {
      const [wide, tall] = [canvas.width, canvas.height];
      if (image?.width !== wide || image.height !== tall) image = context.createImageData(wide, tall);
      const out = image.data, [red, green, blue] = rgb(card), strong = rgb(ink);
      new Uint32Array(out.buffer).fill((0xff000000 | blue << 16 | green << 8 | red) >>> 0);
      masks = [];
      const [scale, left, top] = [view.scale * ratio, width / 2 * ratio - view.x * view.scale * ratio, height / 2 * ratio - view.y * view.scale * ratio];
      for (let i = 0; i < drawn.length; i++) {
        const track = drawn[i], x = at[2 * track] * scale + left, y = at[2 * track + 1] * scale + top;
        if (x < -60 || y < -60 || x > wide + 60 || y > tall + 60) continue;
        const px = Math.floor(x), py = Math.floor(y), half = (x - px >= .5 ? 1 : 0) | (y - py >= .5 ? 2 : 0);
        const key = looks[track] << 2 | half, {reach, pixels} = masks[key] ??= mask(looks[track], half);
        const inside = px >= reach && py >= reach && px + reach < wide && py + reach < tall;
        const which = 3 * kinds[track], r = palette[which], g = palette[which + 1], b = palette[which + 2];
        const listed = looks[track] >> 4 === LISTED;
        const edgeR = listed ? strong[0] : red, edgeG = listed ? strong[1] : green, edgeB = listed ? strong[2] : blue;
        for (let j = 0; j < pixels.length; j += 4) {
          const ox = px + pixels[j], oy = py + pixels[j + 1];
          if (!inside && (ox < 0 || oy < 0 || ox >= wide || oy >= tall)) continue;
          const to = 4 * (oy * wide + ox), cover = pixels[j + 2], rim = pixels[j + 3];
          out[to] += (r + (edgeR - r) * rim - out[to]) * cover;
          out[to + 1] += (g + (edgeG - g) * rim - out[to + 1]) * cover;
          out[to + 2] += (b + (edgeB - b) * rim - out[to + 2]) * cover;
        }
      }
      context.putImageData(image, 0, 0);
    },
  };
}
let renderer = webgl($('points'));
if (!renderer) {
  // One that was asked for WebGL draws nothing else.
  $('points').replaceWith($('points').cloneNode());
  renderer = software($('points'));
}
document.documentElement.dataset.renderer = renderer.name;
$('points').addEventListener('webglcontextlost', event => event.preventDefault());
$('points').addEventListener('webglcontextrestored', () => {
  renderer = webgl($('points')) || renderer;
  arrange();
});

// ---- what lies over the points: names of genres, the chosen track, the lasso

const SHAPES = [null, [-.9, -.9, .9, -.9, .9, .9, -.9, .9], [0, -1.25, 1.2, .9, -1.2, .9], [0, -1.3, 1.2, 0, 0, 1.3, -1.2, 0], [0, 1.25, 1.2, -.9, -1.2, -.9]];
function trace(context, shape, x, y, r) {
  const corners = SHAPES[shape];
  if (!corners) {
    context.moveTo(x + r, y);
    context.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  context.moveTo(x + corners[0] * r, y + corners[1] * r);
  for (let i = 2; i < corners.length; i += 2) context.lineTo(x + corners[i] * r, y + corners[i + 1] * r);
  context.closePath();
}
const over = $('over'), pen = over.getContext('2d');
let hovered = -1, chosen = -1, outline = null;
const labels = genres.slice(0, -1).map((genre, which) => {
  if (genre.count < Math.max(4, count / 200)) return null;
  // The middle of the fullest of its cells, with those beside it.
  const cells = new Map(), coarse = v => Math.floor(v / (GRID + 1) * 16);
  for (let track = 0; track < count; track++) {
    if (genreOf[track] !== which) continue;
    const [column, row] = [coarse(at[2 * track]), coarse(at[2 * track + 1])];
    for (let key = 0; key < 9; key++) {
      const near = column + key % 3 + 18 * (row + Math.floor(key / 3));
      const sum = cells.get(near) || [0, 0, 0];
      cells.set(near, [sum[0] + 1, sum[1] + at[2 * track], sum[2] + at[2 * track + 1]]);
    }
  }
  const [number, x, y] = [...cells.values()].reduce((a, b) => b[0] > a[0] ? b : a);
  return {which, x: x / number, y: y / number};
}).filter(Boolean);

function drawOver() {
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const place = track => [toX(at[2 * track]), toY(at[2 * track + 1])];
  const r = radius();
  if (chosen >= 0) {
    pen.strokeStyle = accent;
    pen.lineWidth = 1.2;
    pen.beginPath();
    for (let i = 0; i < data.nearest; i++) {
      const other = near[data.nearest * chosen + i];
      if (other === NONE) continue;
      pen.moveTo(...place(chosen));
      pen.lineTo(...place(other));
    }
    pen.stroke();
  }
  for (const [track, lineWidth] of [[hovered, 2], [chosen, 3]]) {
    if (track < 0) continue;
    pen.beginPath();
    trace(pen, genres[kind(track)].shape, ...place(track), Math.max(r * 1.35, 5));
    pen.fillStyle = colours[kind(track)];
    pen.fill();
    pen.strokeStyle = ink;
    pen.lineWidth = lineWidth;
    pen.stroke();
  }
  pen.font = '600 13px Inter,system-ui,sans-serif';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.lineJoin = 'round';
  const taken = [];
  for (const label of labels) {
    if (!genres[label.which].shown || matches || taken.length >= (width < 600 ? 8 : 16)) continue;
    const [x, y] = [toX(label.x), toY(label.y)];
    let name = plain(genres[label.which].name);
    if (name.length > 24) name = [...name].slice(0, 23).join('') + '…';
    const half = pen.measureText(name).width / 2 + 6;
    if (x < half || x > width - half || y < 14 || y > height - 14) continue;
    if (taken.some(t => Math.abs(t.x - x) < t.half + half && Math.abs(t.y - y) < 20)) continue;
    taken.push({x, y, half});
    pen.strokeStyle = card;
    pen.lineWidth = 4;
    pen.globalAlpha = .85;
    pen.strokeText(name, x, y);
    pen.globalAlpha = 1;
    pen.fillStyle = ink;
    pen.fillText(name, x, y);
  }
  if (outline) {
    pen.beginPath();
    outline.forEach(([x, y], i) => pen[i ? 'lineTo' : 'moveTo'](toX(x), toY(y)));
    pen.closePath();
    pen.fillStyle = accent;
    pen.globalAlpha = .12;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = accent;
    pen.lineWidth = 2;
    pen.stroke();
  }
}

let asked = 0;
function redraw() {
  asked ||= requestAnimationFrame(() => {
    asked = 0;
    renderer.draw();
    drawOver();
  });
}
function resize() {
  const was = zoom();
  width = over.clientWidth || 1;
  height = over.clientHeight || 1;
  ratio = Math.min(devicePixelRatio || 1, 2);
  for (const canvas of [over, $('points')]) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const [wide, tall] = [bounds.right - bounds.left, bounds.bottom - bounds.top].map(v => Math.max(v, 1));
  // All points equal are one point in the middle, at a scale as good as any.
  fitting = wide + tall > 2 ? Math.min((width - 48) / wide, (height - 48) / tall) : 1;
  fitting = Math.max(fitting, 1e-6);
  view.scale = fitting * was;
  redraw();
}

// ---- pointer

const pointers = new Map();
let gesture = null, lassoing = false;
const spot = event => {
  const box = over.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const reach = event => event.pointerType === 'touch' ? 24 : Math.max(10, radius() + 4);
function setLasso(on) {
  lassoing = on;
  $('lasso').setAttribute('aria-pressed', on);
  over.classList.toggle('lasso', on);
  say(on ? 'Lasso: draw around tracks to list them' : 'Lasso put away');
}
over.addEventListener('pointerdown', event => {
  if (event.button > 0) return;
  cancelAnimationFrame(flight);
  over.setPointerCapture(event.pointerId);
  const [x, y] = spot(event);
  pointers.set(event.pointerId, [x, y]);
  hover(-1);
  if (pointers.size === 1) {
    gesture = {lasso: lassoing || event.shiftKey, x, y, far: false};
    if (gesture.lasso) outline = [[fromX(x), fromY(y)]];
  } else {
    outline = null;
    gesture = {pinch: true};
  }
  redraw();
});
over.addEventListener('pointermove', event => {
  const [x, y] = spot(event);
  if (!pointers.has(event.pointerId)) {
    const track = trackAt(x, y, reach(event));
    over.classList.toggle('hit', track >= 0 && !lassoing);
    return hover(track, x, y);
  }
  const before = [...pointers.values()];
  pointers.set(event.pointerId, [x, y]);
  const after = [...pointers.values()];
  if (gesture?.pinch && after.length >= 2) {
    const middle = p => [(p[0][0] + p[1][0]) / 2, (p[0][1] + p[1][1]) / 2];
    const apart = p => Math.max(8, Math.hypot(p[0][0] - p[1][0], p[0][1] - p[1][1]));
    const [from, to] = [middle(before), middle(after)];
    view.x -= (to[0] - from[0]) / view.scale;
    view.y -= (to[1] - from[1]) / view.scale;
    return zoomAt(...to, apart(after) / apart(before));
  }
  if (!gesture || gesture.pinch) return;
  gesture.far ||= Math.hypot(x - gesture.x, y - gesture.y) > 4;
  if (gesture.lasso) {
    // Where frames are slow, several moves come as one event.
    const moves = event.getCoalescedEvents?.() || [];
    for (const [x, y] of (moves.length ? moves : [event]).map(spot)) {
      const last = outline[outline.length - 1];
      if (Math.hypot(toX(last[0]) - x, toY(last[1]) - y) > 3) outline.push([fromX(x), fromY(y)]);
    }
  } else if (gesture.far) {
    over.classList.add('drag');
    const [oldX, oldY] = before[0];
    view.x -= (x - oldX) / view.scale;
    view.y -= (y - oldY) / view.scale;
    clamp();
  }
  redraw();
});
function released(event) {
  if (!pointers.delete(event.pointerId)) return;
  over.classList.remove('drag');
  const done = gesture;
  if (pointers.size === 0) gesture = null;
  if (done && !done.pinch && event.type === 'pointerup') {
    const polygon = outline;
    outline = null;
    if (done.lasso && done.far) gather(polygon, event.altKey);
    else {
      const track = trackAt(...spot(event), reach(event));
      if (done.lasso) track >= 0 && toggle(track);
      else choose(track, true);
    }
  } else outline = null;
  redraw();
}
over.addEventListener('pointerup', released);
over.addEventListener('pointercancel', released);
over.addEventListener('pointerleave', () => hover(-1));
over.addEventListener('wheel', event => {
  event.preventDefault();
  cancelAnimationFrame(flight);
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? height : 1;
  zoomAt(...spot(event), Math.exp(-event.deltaY * lines * (event.ctrlKey ? .01 : .0016)));
}, {passive: false});
over.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = {ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60]};
  if (moves[event.key]) {
    view.x += moves[event.key][0] / view.scale;
    view.y += moves[event.key][1] / view.scale;
    clamp();
    redraw();
  } else if (event.key === '+' || event.key === '=') zoomAt(width / 2, height / 2, 1.4);
  else if (event.key === '-') zoomAt(width / 2, height / 2, 1 / 1.4);
  else if (event.key === '0') fly(whole());
  else if (event.key.toLowerCase() === 'l') setLasso(!lassoing);
  else return;
  event.preventDefault();
});
addEventListener('keydown', event => {
  if (event.key !== 'Escape' || event.target.type === 'search') return;
  if (outline) outline = gesture = null;
  else if (lassoing) setLasso(false);
  else choose(-1);
  redraw();
});

function hover(track, x, y) {
  const tip = $('tip');
  if (track !== hovered) {
    hovered = track;
    tip.hidden = track < 0;
    if (track >= 0) {
      tip.replaceChildren(line('b', title(track)));
      if (artist(track)) tip.append(line('span', artist(track)));
      const genre = line('span', genreText(track));
      genre.prepend(swatch(kind(track)));
      tip.append(genre, line('span', plain(data.files[track])));
    }
    redraw();
  }
  if (track < 0) return;
  const left = x + 16 + tip.offsetWidth > width ? x - 16 - tip.offsetWidth : x + 16;
  const top = y + 16 + tip.offsetHeight > height ? y - 12 - tip.offsetHeight : y + 16;
  tip.style.transform = `translate(${Math.max(4, Math.min(left, width - tip.offsetWidth - 4))}px,${Math.max(4, top)}px)`;
}
function line(tag, text) {
  const element = document.createElement(tag);
  element.dir = 'auto';
  element.textContent = text;
  return element;
}
function swatch(which) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '-1.5 -1.5 3 3');
  svg.setAttribute('class', 'swatch');
  svg.setAttribute('aria-hidden', 'true');
  const corners = SHAPES[genres[which].shape];
  const mark = document.createElementNS(svg.namespaceURI, corners ? 'polygon' : 'circle');
  if (corners) mark.setAttribute('points', corners.join(' '));
  else mark.setAttribute('r', 1.1);
  mark.setAttribute('fill', colours[which]);
  svg.append(mark);
  return svg;
}

// ---- the chosen track

const KINDS = {mp3: 'audio/mpeg', ogg: 'audio/ogg', oga: 'audio/ogg', opus: 'audio/ogg; codecs=opus', flac: 'audio/flac', m4a: 'audio/mp4', mp4: 'audio/mp4', m4b: 'audio/mp4', aac: 'audio/aac', wav: 'audio/wav', webm: 'audio/webm'};
const audio = $('audio');
function choose(track, byPerson) {
  chosen = track;
  $('card').hidden = track < 0;
  audio.pause();
  if (track < 0) {
    audio.removeAttribute('src');
    return redraw();
  }
  $('card-title').textContent = title(track);
  $('card-artist').textContent = artist(track);
  $('card-artist').hidden = !artist(track);
  $('card-genre').replaceChildren(swatch(kind(track)), line('bdi', genreText(track)));
  $('card-path').replaceChildren(line('bdi', plain(path(track))));
  sayInCard('');
  cardList();
  const others = [...near.subarray(data.nearest * track, data.nearest * (track + 1))].filter(other => other !== NONE);
  $('card-near').hidden = !others.length;
  $('near').replaceChildren(...others.map(other => entry(other)));
  const ending = /\.([^.]+)$/.exec(data.files[track])?.[1].toLowerCase();
  audio.src = url(track);
  if (!KINDS[ending] || !audio.canPlayType(KINDS[ending])) {
    sayInCard(ending ? `Most browsers do not play .${plain(ending)} files: open it in a player.` : 'A browser may not play this file: open it in a player.');
  }
  if (byPerson) audio.play().catch(() => {});
  say(title(track));
  uncover();
  redraw();
}
// Moves the map if the card hides the chosen track.
function uncover() {
  const box = $('card').getBoundingClientRect(), map = over.getBoundingClientRect(), room = 24;
  const [left, right, top] = [box.left - map.left - room, box.right - map.left + room, box.top - map.top - room];
  const [x, y] = [toX(at[2 * chosen]), toY(at[2 * chosen + 1])];
  if (x < left || x > right || y < top) return;
  // Beside the card where there is room, else above it.
  const [newX, newY] = right < width / 2 + 60 ? [(right + width) / 2, y] : [x, top / 2];
  fly({x: view.x + (x - newX) / view.scale, y: view.y + (y - newY) / view.scale, scale: view.scale});
}
function sayInCard(words) {
  $('card-sound').textContent = words;
  $('card-sound').hidden = !words;
}
audio.addEventListener('error', () => {
  if (chosen < 0 || !audio.getAttribute('src')) return;
  sayInCard(location.protocol === 'file:'
    ? 'This browser cannot play the file: it may have been moved, or be of a kind that the browser does not know.'
    : 'A browser plays files of this computer only for a page that is opened from the computer too: save the map as a file and open that.');
});
audio.addEventListener('playing', () => sayInCard(''));
function show(track) {
  const [x, y] = [at[2 * track], at[2 * track + 1]];
  const inside = toX(x) > 60 && toX(x) < width - 60 && toY(y) > 60 && toY(y) < height - 60;
  choose(track, true);
  if (!inside || zoom() < 2) fly({x, y, scale: Math.max(view.scale, fitting * 3)}, uncover);
}
function entry(track, leave) {
  const item = document.createElement('li'), button = document.createElement('button');
  button.type = 'button';
  button.append(line('b', title(track)), line('small', [artist(track), genreText(track)].filter(Boolean).join(' · ')));
  button.addEventListener('click', () => show(track));
  item.append(button);
  if (leave) {
    const out = line('button', '×');
    out.type = 'button';
    out.className = 'out';
    out.setAttribute('aria-label', 'Take ' + title(track) + ' off the list');
    out.addEventListener('click', () => toggle(track));
    item.append(out);
  }
  return item;
}

// ---- the list of examples

const MOST_ENTRIES = 100;
function inside(polygon, x, y) {
  let odd = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [ax, ay] = polygon[i], [bx, by] = polygon[j];
    if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}
function gather(polygon, takeOff) {
  const xs = polygon.map(p => p[0]), ys = polygon.map(p => p[1]);
  const before = listed.size;
  tracksIn(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), track => {
    if (!isShown(track) || state[track] === DIM || !inside(polygon, at[2 * track], at[2 * track + 1])) return;
    if (takeOff) listed.delete(track); else listed.add(track);
  });
  changed();
  const difference = listed.size - before;
  say(`${tracks(Math.abs(difference))} ${difference < 0 ? 'taken off' : 'added'}, ${tracks(listed.size)} in the list`);
}
function toggle(track) {
  if (!listed.delete(track)) listed.add(track);
  changed();
  say(`${tracks(listed.size)} in the list`);
}
function cardList() {
  $('card-list').textContent = listed.has(chosen) ? 'Take off the list' : 'Add to the list';
}
function changed() {
  const any = listed.size > 0;
  $('list-all').hidden = $('clear').hidden = !any;
  $('list-help').hidden = any;
  $('list-count').textContent = tracks(listed.size);
  const first = [...listed].slice(0, MOST_ENTRIES);
  $('list').replaceChildren(...first.map(track => entry(track, true)));
  if (listed.size > MOST_ENTRIES) {
    const rest = line('li', `and ${number(listed.size - MOST_ENTRIES)} more`);
    rest.className = 'rest';
    $('list').append(rest);
  }
  const broken = [...listed].filter(track => /[\r\n]/.test(path(track))).length;
  $('list-note').hidden = !broken;
  $('list-note').textContent = `${tracks(broken)} cannot be in a list: a line break is in the name.`;
  cardList();
  command();
  arrange();
}
const paths = () => [...listed].map(path).filter(text => !/[\r\n]/.test(text));
const genreName = () => $('name').value.trim();
const fileName = () => (genreName().toLowerCase().replace(/[^\p{L}\p{N}_.]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 60) || 'examples') + '.txt';
function command() {
  const windows = data.folders.some(folder => /^([A-Za-z]:|\\\\)/.test(folder));
  const quote = word => /^[\w.\/+-]+$/.test(word) && !word.startsWith('-') ? word
    : windows ? `"${word.replaceAll('"', '')}"` : `'${word.replaceAll("'", "'\\''")}'`;
  $('command').textContent = `gamaka genre add ${quote(genreName() || 'NAME')} --list ${quote(fileName())}`;
}
function listBytes() {
  const parts = paths().map(text => bytesOfPath(text + '\n'));
  return new Blob(parts, {type: 'text/plain'});
}
async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where a page from disk may not reach the clipboard.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand('copy');
    area.remove();
    button.focus();
  }
  const words = button.textContent;
  if (button.dataset.words) return;
  button.dataset.words = words;
  button.textContent = done ? 'Copied' : 'The browser does not allow it';
  say(button.textContent);
  setTimeout(() => { button.textContent = button.dataset.words; delete button.dataset.words; }, 1500);
}
$('card-list').addEventListener('click', () => toggle(chosen));
$('card-copy').addEventListener('click', event => copy(plain(path(chosen)), event.currentTarget));
$('close').addEventListener('click', () => { choose(-1); over.focus({preventScroll: true}); });
$('clear').addEventListener('click', () => { listed.clear(); changed(); say('The list is empty'); });
$('copy').addEventListener('click', event => copy(paths().map(text => plain(text) + '\n').join(''), event.currentTarget));
$('copy-command').addEventListener('click', event => copy($('command').textContent, event.currentTarget));
$('download').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(listBytes());
  link.download = fileName();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Saved as ${link.download}`);
});
$('name').addEventListener('input', command);
$('lasso').addEventListener('click', () => setLasso(!lassoing));
$('closer').addEventListener('click', () => fly({...view, scale: view.scale * 1.8}));
$('farther').addEventListener('click', () => fly({...view, scale: view.scale / 1.8}));
$('whole').addEventListener('click', () => fly(whole()));

// ---- search

const fold = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
let haystack = null, foundTracks = [];
const MOST_RESULTS = 50;
function search() {
  haystack ||= Array.from({length: count}, (_, track) => fold(`${title(track)} ${artist(track)} ${path(track)}`));
  const words = fold($('search').value).split(/\s+/).filter(Boolean);
  foundTracks = [];
  if (words.length) {
    for (let track = 0; track < count; track++) {
      if (words.every(word => haystack[track].includes(word))) foundTracks.push(track);
    }
  }
  matches = words.length ? new Set(foundTracks) : null;
  $('found').hidden = !words.length;
  $('found').textContent = foundTracks.length > MOST_RESULTS
    ? `${tracks(foundTracks.length)} found, the first ${MOST_RESULTS} here` : `${tracks(foundTracks.length)} found`;
  $('results').hidden = $('list-found').hidden = !foundTracks.length;
  $('results').replaceChildren(...foundTracks.slice(0, MOST_RESULTS).map(track => entry(track)));
  if (words.length) say($('found').textContent);
  arrange();
}
let waiting = 0;
$('search').addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, count > 20000 ? 200 : 60);
});
$('search').addEventListener('keydown', event => {
  if (event.key !== 'Enter') return;
  clearTimeout(waiting);
  search();
  if (foundTracks.length) show(foundTracks[0]);
});
$('list-found').addEventListener('click', () => {
  foundTracks.forEach(track => listed.add(track));
  changed();
  say(`${tracks(listed.size)} in the list`);
});

// ---- the legend

function legend() {
  $('genres').replaceChildren(...genres.map((genre, which) => {
    const item = document.createElement('li'), label = document.createElement('label'), box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = genre.shown;
    box.addEventListener('change', () => { genre.shown = box.checked; arrange(); });
    const name = line('span', plain(genre.name));
    name.title = plain(genre.name);
    label.append(box, swatch(which), name, line('small', number(genre.count)));
    item.append(label);
    return genre.count ? item : '';
  }));
}
for (const [id, shown] of [['all', true], ['none', false]]) {
  $(id).addEventListener('click', () => {
    genres.forEach(genre => { genre.shown = shown; });
    legend();
    arrange();
  });
}

// ---- the beginning

const named = genres.slice(0, -1).filter(genre => genre.count).length;
$('title').textContent = data.title;
$('lead').textContent = count ? `${tracks(count)}, ${named === 1 ? '1 genre' : number(named) + ' genres'}. Those that sound alike lie together.` : '';
$('source').textContent = data.source;
$('placing').textContent = (data.placing === 'neighbours'
  ? 'Placed by t-SNE: a track’s neighbours in the picture are, as far as a plane allows, those nearest by sound. Far distances, and which way is up, mean little.'
  : 'Placed on the two axes along which the tracks differ most: near in the picture is not always near by sound.')
  + (data.leftOut ? ` ${tracks(data.leftOut)} left out: without a place.` : '');
$('empty').hidden = count > 0;
$('empty').textContent = 'No tracks yet.\nScan a folder of music, and make the map anew.';
if (!count) $('lasso').disabled = $('search').disabled = true;
readColours();
legend();
dark.addEventListener('change', () => { readColours(); legend(); arrange(); if (chosen >= 0) choose(chosen); });
Object.assign(view, whole());
view.scale = 1;
fitting = 1;
resize();
Object.assign(view, whole());
new ResizeObserver(resize).observe(over);
document.fonts?.ready.then(redraw);
command();
arrange();
})();
