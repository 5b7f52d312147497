// The basis of one edge of a Kolmogorov-Arnold layer.
//
// Slots 0 .. GRID+ORDER-1 are the uniform B-splines of order ORDER (1 to 3) on GRID cells over
// [-RANGE, RANGE]; the last slot is silu. ORDER 0 has a single slot, the identity: a plain weight.
//
// In units of cells, u = (z + RANGE) * GRID / (2 RANGE), slot m is the cardinal B-spline centred at
// m - (ORDER-1)/2, written with truncated powers of the distance to its centre. Outside the grid a
// spline goes on along its tangent.

override ORDER: u32;
override GRID: u32;
override RANGE: f32;

fn slot_count() -> u32 {
  return select(GRID + ORDER + 1u, 1u, ORDER == 0u);
}

// Kernels work on so many slots at a time.
const SLOT_TILE = 8u;

fn slot_tiles() -> u32 {
  return (slot_count() + SLOT_TILE - 1u) / SLOT_TILE;
}

// First slot of a tile: a constant where there is one tile only, so that everything that depends on
// the slot is known when the shader is compiled.
fn tile_slot(tile: u32) -> u32 {
  return select(tile * SLOT_TILE, 0u, slot_count() <= SLOT_TILE);
}

fn spline_value(m: u32, u: f32) -> f32 {
  let inside = clamp(u, 0.0, f32(GRID));
  let s = abs(inside - (f32(m) - 0.5 * f32(ORDER - 1u)));
  // The truncated powers end at s = (ORDER + 1) / 2 and one cell before.
  let a = max(0.5 * f32(ORDER + 1u) - s, 0.0);
  let b = max(0.5 * f32(ORDER - 1u) - s, 0.0);
  var value = a;
  if (ORDER == 2u) {
    value = 0.5 * (a * a - 3.0 * b * b);
  } else if (ORDER == 3u) {
    value = (a * a * a - 4.0 * b * b * b) * (1.0 / 6.0);
  }
  // At an end of the grid two slots have a slope: the last one there, and the one of opposite slope
  // (ORDER 3 has a flat one between them). Branches on m cost nothing: it is a constant once unrolled.
  let slope = select(1.0, 0.5, ORDER == 3u);
  let partner = select(1u, 2u, ORDER == 3u);
  if (m == 0u) {
    value -= slope * min(u, 0.0);
  }
  if (m == partner) {
    value += slope * min(u, 0.0);
  }
  if (m == GRID + ORDER - 1u) {
    value += slope * max(u - f32(GRID), 0.0);
  }
  if (m + partner == GRID + ORDER - 1u) {
    value -= slope * max(u - f32(GRID), 0.0);
  }
  return value;
}

fn spline_slope(m: u32, u: f32) -> f32 {
  let inside = clamp(u, 0.0, f32(GRID));
  if (ORDER == 1u) {
    let cell = u32(min(inside, f32(GRID) - 1.0));
    return select(select(0.0, 1.0, m == cell + 1u), -1.0, m == cell);
  }
  let d = inside - (f32(m) - 0.5 * f32(ORDER - 1u));
  let s = abs(d);
  let a = max(0.5 * f32(ORDER + 1u) - s, 0.0);
  let b = max(0.5 * f32(ORDER - 1u) - s, 0.0);
  var slope = 3.0 * b - a;
  if (ORDER == 3u) {
    slope = 2.0 * b * b - 0.5 * a * a;
  }
  return select(slope, -slope, d < 0.0);
}

// Value of slot m at the edge's input z.
fn edge_basis(m: u32, z: f32) -> f32 {
  if (ORDER == 0u) {
    return z;
  }
  if (m == GRID + ORDER) {
    return z / (1.0 + exp(-z));
  }
  return spline_value(m, (z + RANGE) * (f32(GRID) / (2.0 * RANGE)));
}

// Derivative of slot m with respect to z.
fn edge_basis_slope(m: u32, z: f32) -> f32 {
  if (ORDER == 0u) {
    return 1.0;
  }
  if (m == GRID + ORDER) {
    let sigmoid = 1.0 / (1.0 + exp(-z));
    return sigmoid * (1.0 + z * (1.0 - sigmoid));
  }
  let cells = f32(GRID) / (2.0 * RANGE);
  return cells * spline_slope(m, (z + RANGE) * cells);
}
