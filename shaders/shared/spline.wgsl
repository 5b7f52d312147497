// The basis of one edge of a Kolmogorov-Arnold layer.
//
// Slots 0 .. GRID+ORDER-1 span the splines of order ORDER (1 to 3) on GRID cells over
// [CENTRE-RANGE, CENTRE+RANGE]; the last slot is silu, of the input itself. ORDER 0 has a single slot,
// the identity: a plain weight. Outside the grid a spline goes on along its tangent.
//
// The same splines have two bases. Parameters are coefficients of B-splines. On small grids (POWERS)
// the kernels work with the truncated powers around the middle of the grid, a third of the arithmetic,
// and change_basis translates weights and gradients; on large grids those would cancel too badly.

override ORDER: u32; // 0 to 3
override GRID: u32; // 1 to 64
override RANGE: f32;
override CENTRE: f32; // subtracting 0 is exact, so compilers drop it
override POWERS: bool;
override TILE_S: u32; // 1 to MAX_S: slots that kernels work on at a time, all of them where they can

fn slot_count() -> u32 {
  return select(GRID + ORDER + 1u, 1u, ORDER == 0u);
}

const MAX_S = 16u;

fn slot_tiles() -> u32 {
  return (slot_count() + TILE_S - 1u) / TILE_S;
}

// First slot of a tile: a constant where there is one tile only, so that everything that depends on
// the slot is known when the shader is compiled.
fn tile_slot(tile: u32) -> u32 {
  return select(tile * TILE_S, 0u, slot_tiles() == 1u);
}

// Place within the grid in cells from its middle, and how far beyond the grid z lies.
fn grid_place(z: f32) -> vec2<f32> {
  let v = (z - CENTRE) * (f32(GRID) / (2.0 * RANGE));
  let inside = clamp(v, -0.5 * f32(GRID), 0.5 * f32(GRID));
  return vec2<f32>(inside, v - inside);
}

// Truncated power m: 1, v .. v^ORDER, then one for each knot inside the grid, rising away from the middle.
fn power_value(m: u32, z: f32) -> f32 {
  let place = grid_place(z);
  var t = place.x;
  var beyond = place.y;
  var degree = m;
  if (m > ORDER) {
    let knot = f32(m - ORDER) - 0.5 * f32(GRID);
    let side = select(-1.0, 1.0, knot >= 0.0);
    t = max(side * (place.x - knot), 0.0);
    beyond = max(side * place.y, 0.0);
    degree = ORDER;
  }
  // t^degree and its tangent beyond the grid. Branches on m cost nothing: it is a constant once unrolled.
  if (degree == 0u) {
    return 1.0;
  }
  let tangent = fma(f32(degree), beyond, t);
  if (degree == 1u) {
    return tangent;
  }
  return select(t * t, t, degree == 2u) * tangent;
}

// Derivative of power_value with respect to v.
fn power_slope(m: u32, z: f32) -> f32 {
  let inside = grid_place(z).x;
  var t = inside;
  var degree = m;
  var side = 1.0;
  if (m > ORDER) {
    let knot = f32(m - ORDER) - 0.5 * f32(GRID);
    side = select(-1.0, 1.0, knot >= 0.0);
    t = max(side * (inside - knot), 0.0);
    degree = ORDER;
    if (ORDER == 1u) {
      return select(0.0, side, t > 0.0);
    }
  }
  if (degree < 2u) {
    return f32(degree);
  }
  return side * f32(degree) * select(t * t, t, degree == 2u);
}

// B-spline m, the cardinal one centred at m - (ORDER-1)/2 in cells from the lower end of the grid,
// written with truncated powers of the distance to its centre.
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
  // (ORDER 3 has a flat one between them).
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

// Derivative of spline_value with respect to u.
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
  if (m == GRID + ORDER) {
    return z / (1.0 + exp(-z));
  }
  if (POWERS) {
    return power_value(m, z);
  }
  return spline_value(m, (z - CENTRE + RANGE) * (f32(GRID) / (2.0 * RANGE)));
}

// Derivative of slot m with respect to z.
fn edge_basis_slope(m: u32, z: f32) -> f32 {
  if (m == GRID + ORDER) {
    let sigmoid = 1.0 / (1.0 + exp(-z));
    return sigmoid * (1.0 + z * (1.0 - sigmoid));
  }
  let cells = f32(GRID) / (2.0 * RANGE);
  if (POWERS) {
    return cells * power_slope(m, z);
  }
  return cells * spline_slope(m, (z - CENTRE + RANGE) * cells);
}

// Where a tap that is an absent edge reads: all slots but the first and the last of truncated powers are 0 there.
fn tap_input(z: f32, present: bool) -> f32 {
  return select(CENTRE, z, present);
}

// Value of slot m at what tap_input gave, 0 for an absent edge.
fn tap_basis(m: u32, z: f32, present: bool) -> f32 {
  let value = edge_basis(m, z);
  if (POWERS && m > 0u && m < GRID + ORDER) {
    return value;
  }
  return select(0.0, value, present);
}

// Whether slot m has a slope anywhere.
fn has_slope(m: u32) -> bool {
  return !POWERS || m > 0u;
}
